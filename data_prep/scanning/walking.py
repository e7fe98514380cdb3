"""What lies in a folder: the pictures, those behind links, and what is passed over, by reason."""

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from natkit.core.errors import InputError
from natkit.data.decoding import SUFFIXES

NOT_TEXT = re.compile("[\\x00-\\x1f\\ud800-\\udfff]")
SYSTEM = {  # folders of NAS, Windows and macOS, in small letters
    "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", ".@__thumb", "@tmp", "@sharebin",
    "~snapshot", ".snapshot", ".snapshots", "$recycle.bin", "recycler", "recycled", "system volume information",
    "lost+found", ".trashes", ".trash", "__macosx", ".appledouble", ".spotlight-v100", ".fseventsd",
    ".temporaryitems", ".thumbnails", ".synologyworkingdirectory",
}  # fmt: skip
SYSTEM_STARTS = ("$recycle", ".trash", "__macosx", "found.000")
SYSTEM_FILES = ("thumbs.db", "desktop.ini", "ehthumbs.db")
MOST_SUFFIXES = 6  # that are told apart


@dataclass
class Found:
    """What lies under a folder, as relative posix paths.

    ``images``: files with a picture's suffix, and folders that can't be listed. ``linked``: pictures in folders that
    links lead to. ``passed_over``: how many files were passed over, by "suffix .txt", "no_suffix", "hidden",
    "system @eaDir", "linked_folder" (links to folders); in hidden and system folders pictures alone are counted.
    """

    images: list[str] = field(default_factory=list)
    linked: list[str] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)


def walk(root: Path, ours: tuple[Path, ...] = (), follow: bool = False) -> Found:
    """Look through ``root`` and its sub-folders.

    ``ours``: files that are no pictures and are not counted. ``follow``: look into the folders that links lead to,
    each once, for ``linked``.

    A folder that can't be listed is named itself. What no table can show (bytes that are not UTF-8,
    control characters) is written with a backslash: ``\\udce9``.

    Raises
    ------
    InputError
        If there is no such folder, or no picture in it.
    """
    if not root.is_dir():
        raise InputError(
            f"There is no folder {root}; natkit needs the folder that holds the images. Check its "
            "spelling."
        )
    found, suffixes, left_out = Found(), Counter(), {os.path.realpath(file) for file in ours}
    links = _look_through(root, root, found.images, found.passed_over, suffixes, left_out)
    if links:
        found.passed_over["linked_folder"] = len(links)
    seen, passed_there = {os.path.realpath(root)}, Counter()
    while follow and links:
        link = links.pop()
        real = os.path.realpath(link)
        # a folder that is read already, or one that holds those, is no further place
        if any(_within(real, one) or _within(one, real) for one in seen):
            continue
        seen.add(real)
        links += _look_through(root, link, found.linked, passed_there, Counter(), left_out)
    for suffix, n in suffixes.most_common(MOST_SUFFIXES):
        found.passed_over[f"suffix {suffix}" if suffix else "no_suffix"] = n
    if rest := sum(n for _, n in suffixes.most_common()[MOST_SUFFIXES:]):
        found.passed_over["suffix …"] = rest
    if not found.images and not found.linked:
        raise InputError(
            f"{root} holds no image file; natkit reads {', '.join(SUFFIXES)}{_but(suffixes, len(links))}. "
            "Give the folder that holds the images."
        )
    for names in (found.images, found.linked):
        names[:] = sorted(NOT_TEXT.sub(lambda c: ascii(c[0])[1:-1], path) for path in names)
    return found


def _but(suffixes: Counter[str], links: int) -> str:
    some = [
        f"{n} {suffix or 'without suffix'}" for suffix, n in suffixes.most_common(MOST_SUFFIXES)
    ]
    some += [
        f"{links} links to folders, which are followed where a table names what is in them"
    ] * bool(links)
    return f", but it holds {', '.join(some)}" if some else ""


def _look_through(
    root: Path,
    start: Path,
    images: list[str],
    passed: Counter[str],
    suffixes: Counter[str],
    left_out: set[str],
) -> list[str]:
    """Add what lies under ``start``; the links to folders that lie there are returned, and not followed."""
    links = []

    def not_listed(error: OSError) -> None:
        images.append(Path(error.filename).relative_to(root).as_posix())

    for here, folders, names in os.walk(start, onerror=not_listed):
        inside = Path(here).relative_to(root)
        for folder in list(folders):
            kind = _kept_from(folder)
            if kind:
                passed[kind] += _pictures(os.path.join(here, folder))
                folders.remove(folder)
            elif os.path.islink(os.path.join(here, folder)):
                links.append(os.path.join(here, folder))
        for name in names:
            hidden = name.startswith(".")
            if name.lower() in SYSTEM_FILES or (hidden and not _is_picture(name)):
                continue
            if hidden:
                passed["system ._" if name.startswith("._") else "hidden"] += 1
            elif _is_picture(name):
                images.append((inside / name).as_posix())
            elif not _is_one_of(os.path.join(here, name), left_out):
                suffixes[os.path.splitext(name)[1].lower().encode("ascii", "replace").decode()] += 1
    passed -= Counter()  # drop the zeros
    return links


def _is_one_of(file: str, others: set[str]) -> bool:
    """Links are followed only where the name is the same: asking the disk takes 20 µs a file."""
    name = os.path.basename(file)
    return any(os.path.basename(other) == name for other in others) and (
        os.path.realpath(file) in others
    )


def _kept_from(folder: str) -> str:
    """Why a folder is not entered, or ""."""
    small = folder.lower()
    if small in SYSTEM or small.startswith(SYSTEM_STARTS):
        return f"system {folder}"
    return "hidden" if folder.startswith(".") else ""


def _is_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _pictures(folder: str) -> int:
    if os.path.islink(folder):
        return 0
    return sum(_is_picture(name) for _, _, names in os.walk(folder) for name in names)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def find_images(root: Path) -> list[str]:
    """Relative posix paths of all image files under ``root``, sorted; see :func:`walk`."""
    return walk(root).images
