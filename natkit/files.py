"""Files that appear whole or not at all."""

import errno
import hashlib
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RISKY = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet reckon with a text
FULL = 2**16  # bytes; with less left, a failed write failed for lack of space


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """Give a temporary file or folder name beside ``path``; rename it to ``path`` at the end.

    If the block raises (Ctrl-C, a full disk), what was half-written is removed and ``path`` is as it was;
    a full disk is always an OSError with ENOSPC. The block may make a file or a folder; a folder never
    replaces one that has contents.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "scores.json"
    >>> with writing(target) as part:
    ...     _ = part.write_text("{}")
    >>> target.read_text()
    '{}'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    except Exception as error:
        if (
            shutil.disk_usage(path.parent).free < FULL
        ):  # some writers hide it behind an error of their own
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    finally:
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink(missing_ok=True)


def write_json(path: str | Path, value: dict) -> None:
    """Write ``value`` as indented UTF-8 JSON, whole or not at all. NaN is refused (ValueError)."""
    text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
    with writing(path) as part:
        part.write_text(text + "\n", encoding="utf-8")


def read_arrays(path: str | Path) -> dict:
    """The arrays of an ``.npz`` by name; no pickle is opened. Raises ValueError for any other content."""
    import numpy as np

    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(error) from error


def sha256(path: str | Path) -> str:
    """Hex digest of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def plain(cell: str) -> str:
    """``cell`` of a CSV file as a spreadsheet may read it: what begins like a formula gets an apostrophe."""
    return f"'{cell}" if cell.startswith(RISKY) else cell


def unplain(cell: str) -> str:
    """What :func:`plain` was given."""
    return cell[1:] if cell.startswith("'") and plain(cell[1:]) == cell else cell
