"""Where a picture is that the table names and the scan did not meet: before it is called absent, the disk is asked."""

import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data_prep.scanning.walking import Found
from natkit.core.errors import InputError
from natkit.data.decoding import SUFFIXES

THERE = "there"
MISNAMED = ("other_case", "other_width", "other_suffix")  # there is a file, but under another name
PICTURES = (
    *SUFFIXES,
    ".heic",
    ".heif",
    ".hif",
    ".jp2",
    ".j2k",
    ".jxl",
    ".jxr",
    ".psd",
    ".raw",
    ".dng",
)
PICTURES += (
    ".cr2",
    ".cr3",
    ".nef",
    ".arw",
    ".exr",
    ".hdr",
    ".dcm",
    ".fits",
    ".tga",
    ".pfm",
    ".svg",
)


@dataclass(frozen=True)
class Whereabouts:
    """``status``: "there" (a file that can be opened), "absent", "broken_link", "is_folder", "closed_folder", or how
    the name of what is there differs: "other_case", "other_width", "other_suffix". ``instead``: the path that is
    there, relative and posix, or ""."""

    status: str
    instead: str = ""


def composed(name: str) -> str:
    """A name in the form in which names are compared: NFC, so that が is one character."""
    return unicodedata.normalize("NFC", name)


def _any_case(name: str) -> str:
    return composed(name).casefold()


def _any_width(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


WAYS: dict[str, Callable[[str], str]] = {
    "": composed,
    "other_case": _any_case,
    "other_width": _any_width,
}


class Disk:
    """The names that lie under ``root``; each folder is listed once."""

    def __init__(self, root: Path):
        self.root = root
        self.folders: dict[Path, dict[str, dict[str, str]]] = {}

    def look_for(self, path: str) -> Whereabouts:
        """Follow ``path`` (relative, posix) name by name, and tell what the disk holds.

        Each name is found as it is written, else composed otherwise (が in one or two characters), in other case, in
        other width (ＮＧ), and the last one with another suffix of a picture.
        """
        here, differs, parts = self.root, "", path.split("/")
        for depth, part in enumerate(parts):
            try:
                names = self._names(here)
            except PermissionError:
                return Whereabouts("closed_folder", self._relative(here))
            except OSError:
                return Whereabouts("broken_link" if here.is_symlink() else "absent")
            name, how = _nearest(part, names, last=depth == len(parts) - 1)
            if name is None:
                return Whereabouts("absent")
            here, differs = here / name, how or differs
        return Whereabouts(self._kind(here) or differs or THERE, self._relative(here))

    def _kind(self, file: Path) -> str:
        """What is wrong with what is there, or ""."""
        try:
            file.stat()
        except PermissionError:
            return "closed_folder"
        except OSError:  # leads nowhere, or in a circle
            return "broken_link" if file.is_symlink() else "absent"
        return "is_folder" if file.is_dir() else ""

    def _relative(self, file: Path) -> str:
        return file.relative_to(self.root).as_posix()

    def _names(self, folder: Path) -> dict[str, dict[str, str]]:
        """The names in a folder, as they are and by what they are compared by."""
        if folder not in self.folders:
            names = sorted(os.listdir(folder), reverse=True)  # of several alike the first wins
            known = {how: {key(name): name for name in names} for how, key in WAYS.items()}
            known["as it is"] = {name: name for name in names}
            pictures = [name for name in names if name.lower().endswith(PICTURES)]
            known["other_suffix"] = {_any_case(os.path.splitext(n)[0]): n for n in pictures}
            self.folders[folder] = known
        return self.folders[folder]


def _nearest(part: str, names: dict[str, dict[str, str]], last: bool) -> tuple[str | None, str]:
    """The name that is meant, and how it differs."""
    if part in names["as it is"]:
        return part, ""
    for how, key in WAYS.items():
        if (name := names[how].get(key(part))) is not None:
            return name, how
    if last:
        has_suffix = part.lower().endswith(PICTURES)
        stem = _any_case(os.path.splitext(part)[0] if has_suffix else part)
        return names["other_suffix"].get(stem), "other_suffix"
    return None, ""


def names_of(found: Found) -> dict[str, list[str]]:
    """The pictures by their composed paths: as the disk writes each; two that differ only so stand together."""
    named: dict[str, list[str]] = {}
    for path in (*found.images, *found.linked):
        named.setdefault(composed(path), []).append(path)
    return named


def on_disk(
    root: Path, named: dict[str, list[str]], listed: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, Whereabouts]]:
    """The rows with ``path`` as the disk writes it, and where the files are that the scan didn't meet.

    ``named`` is :func:`names_of` what was met, ``listed`` has composed paths.

    Raises
    ------
    InputError
        If the table names one of two files whose names differ only in how they are composed.
    """
    for path in listed["path"]:
        if len(named.get(path, ())) > 1:
            raise InputError(
                f"{root} holds {len(named[path])} files called {path}: {', '.join(map(ascii, named[path]))} differ "
                "only in how their letters are composed (Unicode NFC and NFD), so the table can't say which it "
                "means. Rename one of them, or remove the copy."
            )
    disk = Disk(root)
    lost = {path: disk.look_for(path) for path in listed["path"] if path not in named}
    own = {path: each[0] for path, each in named.items()}
    own |= {path: where.instead for path, where in lost.items() if where.status == THERE}
    return listed.assign(path=listed["path"].map(lambda path: own.get(path, path))), lost
