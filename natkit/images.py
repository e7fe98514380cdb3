"""Image files to arrays without losing bit depth, and the images of a prepared folder as one set."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from natkit import manifest
from natkit.errors import InputError
from natkit.files import writing
from natkit.progress import progress

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
MAX_PIXELS = 178_956_970  # Pillow's own guard against decompression bombs


class UnreadableImage(Exception):
    """A file that can't be decoded. ``reason`` is one word: empty, truncated, not_an_image, too_big."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


def read_image(path: str | Path) -> np.ndarray:
    """Decode a file to (h, w) or (h, w, c) in its own depth: uint8, uint16 or float32.

    Deep images keep their depth (never ``.convert("RGB")``, which saturates 16-bit grey). A palette
    becomes RGB, 1 bit becomes 0/255, CMYK becomes RGB.

    Raises
    ------
    UnreadableImage
        If the file is empty, cut short, no image, or larger than ``MAX_PIXELS``.
    FileNotFoundError
        If there is no such file.
    """
    path = Path(path)
    if path.stat().st_size == 0:
        raise UnreadableImage("empty", "0 bytes")
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            return _read_tiff(path)
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UnreadableImage("too_big", f"{image.width} x {image.height} pixels")
            if image.mode in ("P", "CMYK", "YCbCr", "LAB", "HSV"):
                image = image.convert("RGB")
            elif image.mode == "1":
                image = image.convert("L")
            pixels = np.asarray(image)
    except UnidentifiedImageError as error:
        raise UnreadableImage("not_an_image", str(error)) from error
    except Image.DecompressionBombError as error:
        raise UnreadableImage("too_big", str(error)) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise UnreadableImage("truncated", str(error)) from error
    if pixels.dtype == np.int32:  # how Pillow holds 16-bit grey PNG of some modes
        pixels = pixels.astype(np.uint16)
    return pixels


def _read_tiff(path: Path) -> np.ndarray:
    import tifffile  # 0.1 s; needed for TIFF alone

    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            if page.size > MAX_PIXELS * 4:
                raise UnreadableImage("too_big", f"{page.shape}")
            pixels = page.asarray()
    except tifffile.TiffFileError as error:
        raise UnreadableImage("not_an_image", str(error)) from error
    except (OSError, ValueError, RuntimeError, IndexError) as error:
        raise UnreadableImage("truncated", str(error)) from error
    if pixels.dtype not in (np.uint8, np.uint16):
        pixels = pixels.astype(np.float32)
    return pixels


def resize(pixels: np.ndarray, size: int) -> np.ndarray:
    """Resize (h, w) or (h, w, c) to (size, size, c), smoothed so that nothing aliases; the dtype stays.

    The picture is stretched if it is not square: a crop could cut the defect away.
    """
    planes = pixels[:, :, None] if pixels.ndim == 2 else pixels
    if planes.shape[:2] == (size, size):
        return planes
    out = np.empty((size, size, planes.shape[2]), dtype=pixels.dtype)
    for c in range(planes.shape[2]):
        plane = planes[:, :, c]
        image = Image.fromarray(plane if plane.dtype == np.uint8 else plane.astype(np.float32))
        small = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
        out[:, :, c] = np.rint(small) if np.issubdtype(pixels.dtype, np.integer) else small
    return out


@dataclass(frozen=True)
class ImageSet:
    """The images of a prepared folder.

    ``table`` is the manifest: id, path, split, weight, then the user's own columns. A subset is an
    ImageSet with fewer rows: ``images[images.split == "train"]``.
    """

    prepared: manifest.Prepared
    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return f"ImageSet({len(self)} images from {self.prepared.folder.name})"

    def __getitem__(self, rows: Sequence) -> "ImageSet":
        return ImageSet(self.prepared, self.table.loc[rows].reset_index(drop=True))

    @property
    def split(self) -> np.ndarray:
        """Split of each image, text (n,)."""
        return self.table["split"].to_numpy()

    @property
    def ids(self) -> np.ndarray:
        """int64 (n,): each image's id, which is also the index of its target."""
        return self.table["id"].to_numpy(np.int64)

    @property
    def columns(self) -> list[str]:
        """Names of the user's own columns."""
        return [c for c in self.table.columns if c not in manifest.COLUMNS]

    @property
    def files(self) -> list[Path]:
        """Where each image lies."""
        return [self.prepared.file(path) for path in self.table["path"]]

    def pixels(self, size: int) -> np.ndarray:
        """All images as (n, size, size, c) in their own dtype, from the cache where it exists.

        The first call decodes every file (about 3 ms for 300×300 grey) and keeps the whole set in
        ``cache/`` of the prepared folder; later calls map that file into memory.

        Raises
        ------
        InputError
            If images differ in channels or depth, or a file has gone or changed since the scan.
        """
        cache = self.prepared.folder / "cache" / f"{size}-{self.prepared.data_hash[:16]}.npy"
        if not cache.exists():
            everything = ImageSet(self.prepared, self.prepared.table)
            with writing(cache) as part, open(part, "wb") as file:
                np.save(file, everything._decode(size))
        stored = np.load(cache, mmap_mode="r")
        row_of = pd.Series(np.arange(len(self.prepared.table)), index=self.prepared.table["id"])
        rows = row_of.loc[self.ids].to_numpy()
        return stored if np.array_equal(rows, np.arange(len(stored))) else stored[rows]

    def _decode(self, size: int) -> np.ndarray:
        kinds = self.table[["channels", "bits"]].drop_duplicates()
        if len(kinds) != 1:
            counts = self.table.value_counts(["channels", "bits"]).to_dict()
            raise InputError(
                f"Images of one set need the same channels and depth, but (channels, bits) are {counts}. "
                "Keep one kind, or convert the others, and prepare again."
            )

        def one(file: Path) -> np.ndarray:
            try:
                return resize(read_image(file), size)
            except (OSError, UnreadableImage) as error:
                raise InputError(
                    f"{file.name} could be read when the folder was prepared, but not now ({error}). "
                    "Bring it back, or prepare again."
                ) from error

        out = None
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for row, picture in enumerate(
                progress(pool.map(one, self.files), "read images", len(self))
            ):
                if out is None:
                    out = np.empty((len(self), *picture.shape), picture.dtype)
                if picture.shape != out.shape[1:]:
                    raise InputError(
                        f"{self.files[row].name} has {picture.shape[2]} channels, but the manifest says "
                        f"{out.shape[3]}. It changed after the scan: prepare again."
                    )
                out[row] = picture
        return out


def load(folder: str | Path) -> ImageSet:
    """Open a prepared folder as an ImageSet. Reads the manifest alone; pixels come when asked for."""
    prepared = manifest.read(folder)
    return ImageSet(prepared, prepared.table)
