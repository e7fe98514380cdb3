"""Image files to arrays without losing bit depth, and the images of a prepared folder as one set."""

import io
import math
import os
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from natkit import manifest, marks
from natkit.errors import InputError
from natkit.files import writing
from natkit.progress import progress
from natkit.signals import Signals, of_folder

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
MAX_PIXELS = 178_956_970  # Pillow's own guard against decompression bombs
MAX_BYTES = 4 * MAX_PIXELS  # decoded: what the largest picture of four channels takes
FORMATS = ("PNG", "JPEG", "BMP", "WEBP")  # of Pillow; others start programs or read other files
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # how such a file begins


class UnreadableImage(Exception):
    """A file that can't be decoded. ``reason`` is one word: empty, truncated, not_an_image, too_big."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True)
class Picture:
    """A decoded file: ``pixels`` (h, w) or (h, w, c), its ``format`` ("PNG", "TIFF", …), the number of ``pages``
    (the first is decoded) and when it was ``captured`` (ISO text from EXIF; "" if the file doesn't say)."""

    pixels: np.ndarray
    format: str
    pages: int
    captured: str


def read_image(path: str | Path) -> np.ndarray:
    """Decode a file to (h, w) or (h, w, c) in its own depth; see :func:`open_image`."""
    return open_image(path).pixels


def open_image(path: str | Path) -> Picture:
    """Decode a file in its own depth: uint8, uint16 or float32; of several pages the first.

    Deep images keep their depth (never ``.convert("RGB")``, which saturates 16-bit grey); 12 bits come in uint16. A
    palette becomes RGB, 1 bit becomes 0/255, CMYK becomes RGB. A picture that EXIF calls turned or mirrored is set
    upright. What a file is, its first bytes tell, whatever its name.

    Raises
    ------
    UnreadableImage
        If the file is empty, cut short, no image, or larger than ``MAX_PIXELS`` or ``MAX_BYTES``.
    FileNotFoundError, PermissionError, IsADirectoryError
        If there is no such file, it may not be read, or is a folder.
    """
    facts = Path(path).stat()
    if not stat.S_ISREG(facts.st_mode) and not stat.S_ISDIR(facts.st_mode):
        # opening it could wait for ever
        raise UnreadableImage("not_an_image", "a pipe or a device")
    if facts.st_size == 0 and stat.S_ISREG(facts.st_mode):
        raise UnreadableImage("empty", "0 bytes")
    with open(path, "rb") as file:
        try:
            head = file.read(4)
            file.seek(0)
            return _open_tiff(file) if head in TIFF else _open_pillow(file)
        except UnreadableImage:
            raise
        except UnidentifiedImageError as error:
            raise UnreadableImage("not_an_image", str(error)) from error
        except (MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise UnreadableImage("too_big", str(error)) from error
        except Exception as error:  # broken bytes make decoders raise anything, even AttributeError
            raise UnreadableImage("truncated", str(error)) from error


def _open_pillow(file: BinaryIO) -> Picture:
    with Image.open(file, formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise UnreadableImage("too_big", f"{image.width} x {image.height} pixels")
        kind, pages = image.format or "", getattr(image, "n_frames", 1)
        deep = image.mode in ("RGB", "RGBA", "LA") and "16B" in str(image.tile[:1])
        image.load()
        turned, captured = _exif(image)
        if image.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV"):
            image = image.convert("RGB")
        elif image.mode == "1":
            image = image.convert("L")
        pixels = np.asarray(image)
    if deep:  # Pillow keeps 8 of the 16 bits of a colour PNG
        import imagecodecs  # 0.1 s

        file.seek(0)
        pixels = imagecodecs.png_decode(file.read())
    if pixels.dtype == np.int32:  # how Pillow holds 16-bit grey PNG of some modes
        pixels = pixels.astype(np.uint16)
    return Picture(_upright(pixels, turned), kind, pages, captured)


def _exif(image: Image.Image) -> tuple[object, str]:
    """Orientation and time of capture; a broken EXIF tells nothing, but the picture may be whole."""
    try:
        exif = image.getexif()
        taken = exif.get_ifd(_EXIF).get(_TAKEN) or exif.get(_SAVED)
        return exif.get(_TURNED), _captured(taken)
    except Exception:  # broken bytes again
        return None, ""


def _open_tiff(file: BinaryIO) -> Picture:
    import tifffile  # 0.1 s; needed for TIFF alone

    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages[0]
        _check_size(page)
        if page.compression in tifffile.TIFF.IMAGE_COMPRESSIONS:
            _check_pictures_inside(file, page)
        pixels = page.asarray(maxworkers=1)
        if page.axes not in ("YX", "YXS", "SYX") or pixels.shape != page.shape or not pixels.size:
            raise UnreadableImage("not_an_image", f"an array of {page.axes} {pixels.shape}")
        pixels = _meant(page, pixels)
        turned, saved = page.tags.valueof(_TURNED), page.tags.valueof(_SAVED)
        return Picture(_upright(pixels, turned), "TIFF", len(tiff.pages), _captured(saved))


def _check_size(page) -> None:
    """Refuse a page, before memory is taken for it, that is huge or lacks strips (never written memory would show)."""
    tile = math.prod(page.chunks) * page.dtype.itemsize if page.is_tiled else 0
    # nbytes first: it refuses a width that is a tuple, which the product would repeat
    if max(page.nbytes, tile) > MAX_BYTES or page.imagewidth * page.imagelength > MAX_PIXELS:
        raise UnreadableImage("too_big", f"{page.shape}")
    if not page.is_contiguous and len(page.dataoffsets) < math.prod(page.chunked):
        raise UnreadableImage("truncated", f"{len(page.dataoffsets)} strips of {page.chunked}")


def _check_pictures_inside(file: BinaryIO, page) -> None:
    """Refuse strips that are JPEG, JPEG 2000, … of more pixels than a strip has: they are decoded whole.

    Those that Pillow doesn't know (JPEG XL, JPEG XR, LERC) are refused, for nothing limits their size.
    """
    for start, length in zip(page.dataoffsets, page.databytecounts, strict=False):
        file.seek(start)
        strip = file.read(length)
        if strip:
            with Image.open(io.BytesIO(strip), formats=(*FORMATS, "JPEG2000")) as image:
                if image.width * image.height > math.prod(page.chunks):
                    raise UnreadableImage("too_big", f"a strip of {image.size} in {page.shape}")


def _meant(page, pixels: np.ndarray) -> np.ndarray:
    """Pixels of a TIFF as they are to be seen: planes together, white bright, a palette or CMYK as RGB."""
    if page.axes == "SYX":
        pixels = np.moveaxis(pixels, 0, 2)
    if page.photometric == 0 and pixels.dtype.kind in "bu":  # 0 is white
        pixels = ~pixels if pixels.dtype == bool else 2**page.bitspersample - 1 - pixels
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * np.uint8(255)
    if page.photometric == 3 and page.colormap is not None and pixels.dtype == np.uint8:
        return (page.colormap >> 8).astype(np.uint8).T[pixels]
    if page.photometric == 5 and pixels.dtype == np.uint8 and pixels.shape[2:] == (4,):
        return np.asarray(Image.fromarray(pixels, "CMYK").convert("RGB"))
    if pixels.dtype.kind not in "iuf":
        raise UnreadableImage("not_an_image", f"pixels of type {pixels.dtype}")
    if pixels.dtype not in (np.uint8, np.uint16):
        with np.errstate(over="ignore"):  # a value that float32 can't hold is infinite
            pixels = pixels.astype(np.float32)
    return pixels


_TURNED, _SAVED, _EXIF, _TAKEN = 274, 306, 0x8769, 36867  # tags of TIFF 6.0 and EXIF 2.3


def _upright(pixels: np.ndarray, turned: object) -> np.ndarray:
    """Undo an orientation of TIFF 6.0: 2 mirrored, 3 upside down, 6 a quarter to the left, …"""
    turned = turned if isinstance(turned, int) else 1
    if turned in (2, 4, 5, 7):
        pixels = pixels[:, ::-1]
    quarters = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(turned, 0)
    return np.ascontiguousarray(np.rot90(pixels, quarters))


def _captured(stamp: object) -> str:
    """``2026:04:01 08:30:00`` as EXIF writes it to ``2026-04-01T08:30:00``; anything else to ""."""
    try:
        return datetime.strptime(str(stamp).strip("\0 "), "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        return ""


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


def thumbnail(file: Path, side: int) -> Image.Image | None:
    """A small grey or colour picture of 8 bits, whole; None if the file can't be read."""
    try:
        return shrunk(read_image(file), side)
    except (OSError, UnreadableImage):
        return None


def shrunk(pixels: np.ndarray, side: int) -> Image.Image:
    """A small grey or colour picture of 8 bits of pixels (h, w) or (h, w, c) of any depth, whole.

    Deeper ones are stretched between their 1st and 99th percentile; of other than 1 or 3 channels the first is shown.
    """
    shown = pixels if pixels.ndim == 2 or pixels.shape[2] == 3 else pixels[:, :, 0]
    if shown.dtype != np.uint8:
        shown = np.nan_to_num(shown.astype(np.float32))
        low, high = np.percentile(shown, (1, 99))
        shown = ((shown - low) / max(high - low, 1e-9) * 255).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(shown)
    image.thumbnail((side, side))
    return image


def png(image: Image.Image) -> io.BytesIO:
    """The picture as a file in memory."""
    data = io.BytesIO()
    image.save(data, "PNG")
    return data


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

    def mark(
        self,
        ids: Sequence[int],
        *,
        label: object = None,
        tag: str | None = None,
        set_aside: bool | None = None,
        by: str = "",
    ) -> "ImageSet":
        """Say something of images: it goes into the ledger, and counts at once in the table.

        Parameters
        ----------
        ids
            Which images.
        label
            Their class, of the type that the label column has. Without one it goes to ``label_by_eye``.
        tag
            Free text, in ``tag_by_eye``.
        set_aside
            True: leave it out of the next ``data_prep.prepare(data_prep.replay(...))``; it is only noted here,
            in ``set_aside_by_eye``. False takes that back.
        by
            Who says so.

        Returns
        -------
        ImageSet
            The whole prepared folder, read again. An empty label or tag takes the earlier one away.

        Raises
        ------
        InputError
            For an id that is not there, a label that the column can't hold, or if nothing is said.
        """
        said = {"ids": ids, "label": label, "tag": tag, "set_aside": set_aside, "by": by}
        return self.mark_all([said])

    def mark_all(self, said: Sequence[dict]) -> "ImageSet":
        """Several :meth:`mark` at once, given as dictionaries of its arguments: all of them, or none."""
        table, label = self.prepared.table, self.prepared.info["label"]
        new = [marks.rows(table, label_column=label, **one) for one in said]
        if new:
            marks.record(self.prepared.folder, pd.concat(new, ignore_index=True))
        return load(self.prepared.folder)

    def pixels(self, size: int) -> np.ndarray:
        """All images as (n, size, size, c) in their own dtype, from the cache where it exists.

        The first call decodes every file (about 3 ms for 300×300 grey) and keeps the whole set in
        ``cache/`` of the prepared folder; later calls map that file into memory.

        Raises
        ------
        InputError
            If images differ in channels or depth, or a file has gone or changed since the scan.
        """
        cache = (
            self.prepared.folder
            / "cache"
            / f"{size}-{self.prepared.info['manifest_sha256'][:16]}.npy"
        )
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


def load(folder: str | Path) -> ImageSet | Signals:
    """Open a prepared folder as an ImageSet, or as Signals. Reads the manifest alone; pixels come when asked for."""
    prepared = manifest.read(folder)
    if "signals" in prepared.info:
        return of_folder(prepared)
    return ImageSet(prepared, prepared.table)
