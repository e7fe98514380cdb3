"""The images of a prepared folder as one set, and small pictures of them."""

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
from PIL import Image

from natkit.core import html
from natkit.core.errors import InputError
from natkit.core.files import writing
from natkit.core.progress import progress
from natkit.data import annotations, manifest, shards
from natkit.data.decoding import UnreadableImage, in_channels, read_image, resize
from natkit.data.signals import Signals, of_folder, positions

SHOWN, SIDE = 8, 72  # images in a notebook, and their longest side in pixels


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
    ImageSet with fewer rows: ``images[images.split == "train"]``, ``images[:3]``, ``images[[4, 2]]``; ``images[0]`` is
    one of a single image.
    """

    prepared: manifest.Prepared
    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return f"ImageSet({len(self)} images from {self.prepared.folder.name})"

    def _repr_html_(self) -> str:
        """The set by splits, and some of its images, spread evenly."""
        splits = ", ".join(
            f"{n:,} {split}" for split, n in self.table["split"].value_counts().items()
        )
        some = self[np.unique(np.linspace(0, len(self) - 1, min(SHOWN, len(self))).astype(int))]
        small = [thumbnail(file, SIDE) for file in some.files]
        pictures = [None if picture is None else png(picture).getvalue() for picture in small]
        return html.strip(f"{self!r}: {splits}", zip(some.table["path"], pictures, strict=True))

    def __getitem__(self, rows: int | slice | Sequence) -> "ImageSet":
        table = self.table.iloc[positions(len(self), rows)]
        return ImageSet(self.prepared, table.reset_index(drop=True))

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
        new = [annotations.rows(table, label_column=label, **one) for one in said]
        if new:
            annotations.record(self.prepared.folder, pd.concat(new, ignore_index=True))
        return load(self.prepared.folder)

    def pixels(self, size: int) -> np.ndarray:
        """All images as (n, size, size, c) in their own dtype, from the cache where it exists.

        The first call decodes every file (about 3 ms for 300×300 grey) into ``cache/`` of the prepared folder;
        later calls map that file into memory.

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
                everything._decode(size, file)
        stored = np.load(cache, mmap_mode="r")
        row_of = pd.Series(np.arange(len(self.prepared.table)), index=self.prepared.table["id"])
        rows = row_of.loc[self.ids].to_numpy()
        return stored if np.array_equal(rows, np.arange(len(stored))) else stored[rows]

    def shard(self) -> "ImageSet":
        """Write the files of the whole prepared folder, as they are, into ``shards/`` in it; for sets that don't fit.

        From then on :meth:`natkit.NAT.fit`, ``transform`` and ``embed`` read the shards and no cache, and the
        prepared folder alone can go to another machine. See :func:`natkit.data.shards.write`.
        """
        self._must_be_of_one_kind()
        shards.write(self.prepared)
        return self

    def stream(self, size: int) -> "np.ndarray | shards.Stream":
        """As :meth:`pixels`, but where there are shards the images are decoded from them when they are asked for.

        Raises InputError if a shard is missing, cut short, or belongs to another manifest.
        """
        if not shards.folder_of(self.prepared).exists():
            return self.pixels(size)
        self._must_be_of_one_kind()
        return shards.Stream(self.prepared, self.ids, size)

    def _must_be_of_one_kind(self) -> None:
        kinds = self.table[["channels", "bits"]].drop_duplicates()
        if len(kinds) != 1:
            counts = self.table.value_counts(["channels", "bits"]).to_dict()
            raise InputError(
                f"Images of one set need the same channels and depth, but (channels, bits) are {counts}. "
                "Keep one kind, or convert the others, and prepare again."
            )

    def _decode(self, size: int, file: BinaryIO) -> None:
        """Write all images as an array (n, size, size, c), one after another: a full disk is an error, not a crash."""
        self._must_be_of_one_kind()
        channels = int(self.table["channels"].iloc[0])

        def one(path: Path) -> np.ndarray:
            try:
                return in_channels(resize(read_image(path), size), channels)
            except (OSError, UnreadableImage) as error:
                raise InputError(
                    f"{path.name} could be read when the folder was prepared, but not now ({error}). "
                    "Bring it back, or prepare again."
                ) from error

        first = None
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            pictures = pool.map(one, self.files)
            for row, picture in enumerate(progress(pictures, "read images", len(self))):
                if first is None:
                    first = picture
                    said = {"descr": picture.dtype.str, "fortran_order": False}
                    shape = (len(self), *picture.shape)
                    np.lib.format.write_array_header_1_0(file, {**said, "shape": shape})
                if picture.shape != first.shape:
                    raise InputError(
                        f"{self.files[row].name} has {picture.shape[2]} channels, but the manifest says "
                        f"{first.shape[2]}. It changed after the scan: prepare again."
                    )
                file.write(np.ascontiguousarray(picture, first.dtype).data)


def load(folder: str | Path) -> ImageSet | Signals:
    """Open a prepared folder as an ImageSet, or as Signals. Reads the manifest alone; pixels come when asked for."""
    prepared = manifest.read(folder)
    if "signals" in prepared.info:
        return of_folder(prepared)
    return ImageSet(prepared, prepared.table)
