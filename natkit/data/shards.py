"""The images of a prepared folder in a few large files, read in an order that suits such files.

A shard is a Parquet file of ids and image files, as they are, in groups of 256. Parquet finds a group without
reading what lies before it, and a checksum tells changed bytes. An epoch takes the groups in a random order, 16
together, and shuffles their images: a function of the random numbers alone, so that a run goes on from any step.
"""

import io
import json
import os
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from natkit.core.errors import InputError
from natkit.core.files import write_json, writing
from natkit.core.progress import progress
from natkit.data.decoding import UnreadableImage, decode, in_channels, resize
from natkit.data.manifest import SPLITS, Prepared

FORMAT, VERSION = "natkit-shards", 1
FACTS = "shards.json"
GROUP = 256  # images that are read at once
SHARD = 64  # groups of a file
TOGETHER = 16  # groups whose images are shuffled together; twice as many are in memory
AGAIN = "Copy it again, or move the folder away and write the shards again with natkit.load(folder).shard()."


def folder_of(prepared: Prepared) -> Path:
    """Where its shards lie, if there are any."""
    return prepared.folder / "shards"


def write(prepared: Prepared) -> None:
    """Write the files of all images into ``shards/`` of the prepared folder, whole or not at all.

    Each split has shards of its own, within it the order is that of the manifest. Beside them lies ``shards.json``:
    name, bytes and images of each file, where in it each group ends, and the hash of the manifest.

    Raises
    ------
    InputError
        If there are shards already, or a file has gone since the scan.

    Notes
    -----
    Nothing is decoded: the time is that of copying. Memory for one group.
    """
    folder, facts = folder_of(prepared), []
    if folder.exists():
        raise InputError(
            f"{folder} is there already, and shards are never overwritten. Move it away."
        )
    parts = [
        (split, number, rows)
        for split in SPLITS
        for number, rows in enumerate(_pieces(_rows(prepared, split), SHARD * GROUP))
    ]
    with writing(folder) as part:
        part.mkdir()
        for split, number, rows in progress(parts, "write shards"):
            file = part / f"{split}-{number:05}.parquet"
            _write(prepared, file, rows)
            with parquet.ParquetFile(file) as shard:
                ends = [_end(shard.metadata.row_group(i)) for i in range(shard.num_row_groups)]
            said = {"name": file.name, "bytes": file.stat().st_size, "images": len(rows)}
            facts.append(said | {"ends": ends})
        said = {"format": FORMAT, "version": VERSION, "group": GROUP}
        said |= {"manifest_sha256": prepared.info["manifest_sha256"], "files": facts}
        write_json(part / FACTS, said)


def _rows(prepared: Prepared, split: str) -> np.ndarray:
    return np.flatnonzero((prepared.table["split"] == split).to_numpy())


def _pieces(rows: np.ndarray, most: int) -> list[np.ndarray]:
    return [rows[start : start + most] for start in range(0, len(rows), most)]


def _write(prepared: Prepared, file: Path, rows: np.ndarray) -> None:
    schema = pa.schema([("id", pa.int64()), ("file", pa.large_binary())])
    how = {"compression": "none", "use_dictionary": False, "write_page_checksum": True}
    with parquet.ParquetWriter(file, schema, write_statistics=False, **how) as shard:
        for piece in _pieces(rows, GROUP):
            table = prepared.table.iloc[piece]
            try:
                files = [prepared.file(path).read_bytes() for path in table["path"]]
            except OSError as error:
                raise InputError(
                    f"{error.filename} could be read when the folder was prepared, but not now "
                    f"({error.strerror}). Bring it back, or prepare again."
                ) from error
            columns = [pa.array(table["id"], pa.int64()), pa.array(files, pa.large_binary())]
            shard.write_table(pa.Table.from_arrays(columns, schema=schema))


def _end(group: parquet.RowGroupMetaData) -> int:
    """The byte behind the last of a group."""
    columns = map(group.column, range(group.num_columns))
    return max(c.data_page_offset + c.total_compressed_size for c in columns)


class Stream:
    """Pixels (n, size, size, c) of images in shards, decoded when they are asked for: ``stream[rows]``.

    Reads ahead, in threads, and holds the images of at most 32 groups.

    Parameters
    ----------
    prepared
        With shards; all of them are looked at here, by their size.
    ids
        int64 (n,): which of its images, in the order of the rows.
    size
        Pixels; images are resized to size × size.

    Raises
    ------
    InputError
        If a shard is missing, cut short, changed or of another manifest: here, or when its images are asked for.
    """

    def __init__(self, prepared: Prepared, ids: np.ndarray, size: int):
        self.folder, self.size, self.ids = folder_of(prepared), size, ids
        self.channels = int(prepared.table["channels"].iloc[0])
        self.name = f"{prepared.info['manifest_sha256']} {size}"
        self.groups = _groups(self.folder, prepared)
        written = np.concatenate([_rows(prepared, split) for split in SPLITS])
        place = np.empty(len(written), np.int64)
        place[written] = np.arange(len(written))
        known = prepared.table["id"].to_numpy(np.int64)
        rising = np.argsort(known, kind="stable")
        place = place[
            rising[np.searchsorted(known, ids, sorter=rising)]
        ]  # of each row in the shards
        kind = np.int32 if len(known) < 2**31 else np.int64
        ends = np.cumsum([group["images"] for group in self.groups])
        self.sorted = np.argsort(place, kind="stable").astype(
            kind
        )  # rows in the order of the shards
        self.rank = np.empty(len(ids), kind)
        self.rank[self.sorted] = np.arange(len(ids), dtype=kind)
        cuts = np.concatenate([[0], np.searchsorted(place[self.sorted], ends)])
        starts, used = np.concatenate([[0], ends[:-1]]), np.flatnonzero(np.diff(cuts))
        self.used, self.cuts = used, np.append(cuts[used], len(ids))  # rank at which each begins
        self.inside = (place[self.sorted] - np.repeat(starts[used], np.diff(self.cuts))).astype(
            kind
        )
        self.pool, self.reader = ThreadPoolExecutor(os.cpu_count()), ThreadPoolExecutor(1)
        self.blocks: dict[int, Future] = {}
        self._plan(np.arange(len(used)))
        first = self[np.arange(min(1, len(ids)))]
        self.shape, self.dtype = (len(ids), *first.shape[1:]), first.dtype

    def __len__(self) -> int:
        return len(self.ids)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """All at once, in memory."""
        return np.asarray(self[:], dtype)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        """(b, size, size, c): the images at these rows, in this order."""
        rows = np.arange(len(self))[rows]
        rank = self.rank[rows]
        group = np.searchsorted(self.cuts, rank, side="right") - 1
        self._ahead(group)
        out = None
        for one in np.unique(group):
            here = np.flatnonzero(group == one)
            block = self.blocks[one].result()
            if out is None:
                out = np.empty((len(rows), *block.shape[1:]), block.dtype)
            if block.shape[1:] != out.shape[1:] or block.dtype != out.dtype:
                raise InputError(
                    f"{self._where(one)} holds {block.dtype} {block.shape[1:]}, and others hold {out.dtype} "
                    f"{out.shape[1:]}: images of one set need the same channels and depth."
                )
            out[here] = block[rank[here] - self.cuts[one]]
        return np.empty((0, self.size, self.size, 1), np.uint8) if out is None else out

    def order(self, rng: np.random.Generator) -> np.ndarray:
        """Rows of one epoch, each once: groups at random, 16 together, and their images shuffled.

        int (n,). A function of the state of ``rng``; from now on is read ahead in this order.
        """
        groups = rng.permutation(len(self.used))
        self._plan(groups)
        ways = [
            np.concatenate([self.sorted[self.cuts[g] : self.cuts[g + 1]] for g in window])
            for window in _pieces(groups, TOGETHER)
        ]
        return np.concatenate([rng.permutation(way) for way in ways])

    def some(self, most: int) -> np.ndarray:
        """About ``most`` images, from groups that lie evenly among all, as pixels in memory."""
        count = min(len(self.used), max(1, most // GROUP))
        groups = np.unique(np.linspace(0, len(self.used) - 1, count).round().astype(int))
        self._plan(groups)
        found = self[np.concatenate([self.sorted[a:b] for a, b in map(self._span, groups)])]
        self._plan(np.arange(len(self.used)))
        return found

    def _span(self, group: int) -> tuple[int, int]:
        return self.cuts[group], self.cuts[group + 1]

    def _plan(self, groups: np.ndarray) -> None:
        """Groups are asked for in this order from now on."""
        self.windows = _pieces(groups, TOGETHER)
        self.window_of = {g: w for w, window in enumerate(self.windows) for g in window.tolist()}

    def _ahead(self, groups: np.ndarray) -> None:
        """Begin to read the windows of these groups and the one after; let go of all others."""
        asked = sorted({self.window_of[g] for g in np.unique(groups).tolist()})
        wanted = [*asked, asked[-1] + 1] if asked else []
        near = [g for w in wanted if w < len(self.windows) for g in self.windows[w].tolist()]
        for group in set(self.blocks) - set(near):
            self.blocks.pop(group).cancel()
        for group in near:
            if group not in self.blocks:
                self.blocks[group] = self.reader.submit(self._read, group)

    def _read(self, group: int) -> np.ndarray:
        """The images of the stream that lie in one group, in the order of the shard."""
        start, end = self._span(group)
        facts = self.groups[self.used[group]]
        inside = self.inside[start:end]
        try:
            with parquet.ParquetFile(facts["file"], page_checksum_verification=True) as shard:
                table = shard.read_row_group(facts["number"])
        except (OSError, pa.ArrowException, IndexError) as error:
            raise InputError(f"{self._where(group)} can't be read ({error}). {AGAIN}") from error
        ids = table["id"].to_numpy()[inside]
        if not np.array_equal(ids, self.ids[self.sorted[start:end]]):
            raise InputError(
                f"{self._where(group)} holds other images than the manifest says. {AGAIN}"
            )
        files = table["file"]
        pictures = self.pool.map(lambda i: self._picture(group, i, files[i].as_buffer()), inside)
        return np.stack(list(pictures))

    def _picture(self, group: int, record: int, content: pa.Buffer) -> np.ndarray:
        try:
            return in_channels(resize(decode(io.BytesIO(content)).pixels, self.size), self.channels)
        except UnreadableImage as error:
            raise InputError(
                f"{self._where(group)}: its image {record} can't be decoded ({error}). {AGAIN}"
            ) from error

    def _where(self, group: int) -> str:
        facts = self.groups[self.used[group]]
        begin, end = facts["bytes"]
        return f"{facts['file']}, group {facts['number']} (bytes {begin} to {end})"


def _groups(folder: Path, prepared: Prepared) -> list[dict]:
    """Each group: its file, number in it, bytes and images. Every file is there, and as long as it was written."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        if (facts["format"], facts["version"]) != (FORMAT, VERSION):
            raise ValueError(f"format {facts['format']} version {facts['version']}")
        files = [(f["name"], f["bytes"], f["images"], f["ends"]) for f in facts["files"]]
        theirs, size = facts["manifest_sha256"], facts["group"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder / FACTS} does not say what the shards hold ({error}). {AGAIN}"
        ) from error
    if theirs != prepared.info["manifest_sha256"]:
        raise InputError(
            f"The shards in {folder} were written for another manifest than the one beside them. Bring that one "
            "back, or move the folder away and write them again with natkit.load(folder).shard()."
        )
    groups = []
    for name, length, images, ends in files:
        _must_be_whole(folder / name, length, images, ends, size)
        spans = pairwise([4, *ends])  # the file begins with the 4 letters PAR1
        for number, span in enumerate(spans):
            count = min(size, images - number * size)
            groups.append({"file": folder / name, "number": number, "bytes": span, "images": count})
    return groups


def _must_be_whole(file: Path, length: int, images: int, ends: list[int], size: int) -> None:
    if not file.exists():
        raise InputError(f"{file} is missing; it holds {images} images. {AGAIN}")
    found = file.stat().st_size
    if found < length:
        whole = sum(end <= found for end in ends)
        lost = "the table of contents at its end"
        if whole < len(ends):
            start = ends[whole - 1] if whole else 4
            lost = f"what lies from image {whole * size} on (byte {start})"
        raise InputError(f"{file} is cut short: {found} of {length} bytes. Lost is {lost}. {AGAIN}")
    if found > length:
        raise InputError(f"{file} has {found} bytes, but {length} were written. {AGAIN}")
