"""Files that appear whole or not at all."""

import errno
import hashlib
import json
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

RECORD = "NATKIT_WRITTEN"  # environment variable: the file in which all that is written is noted
RISKY = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet reckon with a text
FULL = 2**16  # bytes; with less left, a failed write failed for lack of space


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """Give a temporary file or folder name beside ``path``; rename it to ``path`` at the end.

    If the block raises (Ctrl-C, a full disk), what was half-written is removed and ``path`` is as it was;
    what the system refuses, a full disk above all, is always an OSError. The block may make a file or a
    folder; a folder never replaces one that has contents.

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
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    _make_room(part)
    try:
        yield part
        inside = part.rglob("*") if part.is_dir() else ()
        _note((_kind(p), p, path / p.relative_to(part)) for p in (part, *inside))
        part.replace(path)
    except Exception as error:
        number = errno.ENOSPC if _is_full(path.parent) else _of_the_system(error)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error
    finally:
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink(missing_ok=True)


def _of_the_system(error: Exception) -> int | None:
    """The number of the operating system's error, where a writer in Rust put it into the text of its own."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found else None


@contextmanager
def scratch(folder: str | Path) -> Iterator[Path]:
    """A new folder in ``folder`` for what is thrown away at the end."""
    part = Path(folder) / f".scratch.{os.getpid()}.part"
    _make_room(part)
    part.mkdir()
    try:
        yield part
    finally:
        shutil.rmtree(part)


def _make_room(part: Path) -> None:
    new = [folder for folder in part.parents if not folder.exists()]
    part.parent.mkdir(parents=True, exist_ok=True)
    _note([("folder", folder, folder) for folder in new] + [("part", part, part)])


def _is_full(folder: Path) -> bool:
    with suppress(OSError):
        return shutil.disk_usage(folder).free < FULL
    return False


def _kind(path: Path) -> str:
    return "folder" if path.is_dir() else "file"


def _note(written: Iterable[tuple[str, Path, Path]]) -> None:
    """Note, before it happens, what is written: its kind, where it lies now, and the name that it will get."""
    if RECORD not in os.environ:
        return
    record, lines = Path(os.environ[RECORD]), []
    for kind, now, path in written:
        if path.is_relative_to(record.parents[1]):  # else it is some scratch folder
            state = _state(now) if kind == "file" else None
            name = path.relative_to(record.parents[1]).as_posix()
            lines.append(json.dumps({"kind": kind, "path": name, "state": state}) + "\n")
    with open(record, "a", encoding="utf-8") as file:
        file.writelines(lines)


def _state(file: Path) -> list[int]:
    """What tells a file from the same file after somebody worked on it."""
    facts = file.lstat()
    return [facts.st_size, facts.st_mtime_ns]


def take_back(record: Path, spared: tuple[str, ...] = ()) -> None:
    """Remove what ``record`` says was written, where it is still as it was written, and nothing else.

    ``record`` lies in a folder of the results folder. What stands below one of the names ``spared`` stays. Folders
    go if they are empty then. A file that was changed since, and all that came from elsewhere, is the user's.
    """
    root, folders = record.parents[1], []
    text = record.read_text(encoding="utf-8", errors="replace") if record.exists() else ""
    for line in text.splitlines():
        with suppress(ValueError, LookupError, TypeError):  # a kill may have cut the last line
            told = json.loads(line)
            path = Path(os.path.normpath(root / told["path"]))
            if path.relative_to(root).parts[0] in spared:
                continue
            if told["kind"] == "folder":
                folders.append(path)
            elif told["kind"] == "part" and path.is_dir():
                shutil.rmtree(path)
            elif os.path.lexists(path) and told["state"] in (None, _state(path)):
                path.unlink()
    for folder in sorted(folders, key=lambda f: len(f.parts), reverse=True):
        with suppress(OSError):  # something of the user's is in it
            folder.rmdir()
    record.unlink(missing_ok=True)


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
