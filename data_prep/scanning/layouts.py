"""Sets of images in a known layout, as a table for ``scan``: PASCAL VOC, and a folder for each class."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from data_prep.scanning.walking import find_images
from natkit.core.errors import InputError
from natkit.data.manifest import SPLITS

VOC_CLASSES = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
MARKS = {"1": 1.0, "-1": 0.0, "0": np.nan}  # of a class in a list of images; 0: difficult ones only
FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


def voc_table(folder: str | Path, classes: Sequence[str] = VOC_CLASSES) -> pd.DataFrame:
    """The images of a PASCAL VOC folder with their official split and one column of 0 and 1 for each class.

    ``data_prep.scan(folder / "JPEGImages", voc_table(folder))`` reads them; the scan calls the split
    ``split_user``, and ``audit(…, split="split_user")`` with ``prepare(…, own_split=True)`` keeps it.

    Parameters
    ----------
    folder
        Such as ``VOCdevkit/VOC2007``: ``JPEGImages/*.jpg``, ``Annotations/*.xml`` and ``ImageSets/Main/`` with
        train.txt and val.txt (else trainval.txt: all of it is train), test.txt, and lists of a class such as
        car_trainval.txt.
    classes
        Names of the classes; by default the twenty of VOC.

    Returns
    -------
    DataFrame
        One row a listed image, in the order of the lists: ``path`` (in ``JPEGImages``), ``split``, and for each
        class float64: 1 if it is there, 0 if not, NaN if it is there in objects marked difficult alone, which the
        official score does not count. The lists of a class decide; where they say nothing, the objects in the XML
        do; an image with neither has NaN throughout. That an image's file is absent, the scan tells.

    Raises
    ------
    InputError
        If no list of images is there, an image stands in two splits, an XML or a list can't be read, or an object
        is of another class.

    References
    ----------
    Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 88 (2010), and the development kit.
    """
    root = Path(folder)
    split_of = _splits(root)
    known = {name: _class_list(root, name) for name in classes}
    rows = []
    for name, split in split_of.items():
        listed = {c: marks[name] for c, marks in known.items() if name in marks}
        seen = {} if len(listed) == len(classes) else _objects(root, name, classes)
        found = {c: listed.get(c, seen.get(c, np.nan)) for c in classes}
        rows.append({"path": f"{name}.jpg", "split": split} | found)
    return pd.DataFrame(rows)


def _splits(root: Path) -> dict[str, str]:
    """Name of each listed image → its split."""
    lists = root / "ImageSets" / "Main"
    parts = {part: lists / f"{part}.txt" for part in SPLITS}
    if not parts["train"].exists() and (lists / "trainval.txt").exists():
        parts["train"] = lists / "trainval.txt"
    split_of: dict[str, str] = {}
    for part, file in parts.items():
        for line in _lines(file) if file.exists() else ():
            name = line.split()[0]
            if split_of.setdefault(name, part) != part:
                raise InputError(
                    f"{file} lists {name}, which stands in {split_of[name]}.txt too, but an image is in one split. "
                    "Take it out of one of them."
                )
    if not split_of:
        inside = sorted(p.parent.name for p in root.glob("*/JPEGImages"))
        hint = (
            f"Give {root / inside[-1]}." if inside else "Give a folder such as VOCdevkit/VOC2007."
        )
        raise InputError(f"{lists} holds no list of images (train.txt, val.txt, test.txt). {hint}")
    return split_of


def _class_list(root: Path, name: str) -> dict[str, float]:
    """Image → 1, 0 or NaN (difficult), from every list of a class."""
    marks = {}
    for part in ("trainval", *SPLITS):
        file = root / "ImageSets" / "Main" / f"{name}_{part}.txt"
        for line in _lines(file) if file.exists() else ():
            image, _, mark = line.partition(" ")
            if mark.strip() not in MARKS:
                raise InputError(
                    f"{file} says {line!r}, but a line is an image and 1, -1 or 0. Mend the list."
                )
            marks[image] = MARKS[mark.strip()]
    return marks


def _objects(root: Path, name: str, classes: Sequence[str]) -> dict[str, float]:
    """Class → 1, 0 or NaN (difficult), from the objects of an image; empty if it has no XML."""
    file = root / "Annotations" / f"{name}.xml"
    try:
        objects = ET.fromstring(file.read_bytes()).iter("object")
    except FileNotFoundError:
        return {}
    except (ET.ParseError, OSError) as error:
        raise InputError(f"{file} can't be read as XML ({error}). Mend or remove it.") from error
    found = dict.fromkeys(classes, 0.0)
    for each in objects:
        called = (each.findtext("name") or "").strip()
        if called not in found:
            raise InputError(
                f"{file} names an object {called!r}, which is none of the {len(classes)} classes. "
                "Name all of them as classes=[…]."
            )
        difficult = (each.findtext("difficult") or "0").strip() == "1"
        if not difficult:
            found[called] = 1.0
        elif found[called] == 0:
            found[called] = np.nan
    return found


def _lines(file: Path) -> list[str]:
    try:
        return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} can't be read ({error}). Copy it again.") from error


def folder_table(folder: str | Path) -> pd.DataFrame:
    """The images of a folder with one sub-folder for each class, perhaps below train, val and test.

    ``data_prep.scan(folder, folder_table(folder))`` reads them.

    Parameters
    ----------
    folder
        ``ok/1.png``, ``scratch/2.png``, …; or ``train/ok/1.png``, …, ``test/scratch/9.png``. A val folder may be
        called valid or validation. What lies deeper belongs to the class above it.

    Returns
    -------
    DataFrame
        One row an image: ``path``, ``class`` (text), and where there are splits ``split``.

    Raises
    ------
    InputError
        If an image lies in no folder of a class, or in some only below a split.
    """
    paths = find_images(Path(folder))
    parts = [path.split("/")[:-1] for path in paths]
    split = [FOLDERS.get(part[0].lower()) if part else None for part in parts]
    with_split = all(split)
    classes = [part[with_split:] for part in parts]
    loose = [path for path, below in zip(paths, classes, strict=True) if not below]
    if loose or (any(split) and not with_split):
        odd = loose or [path for path, one in zip(paths, split, strict=True) if one is None]
        raise InputError(
            f"{len(odd)} of {len(paths)} images lie outside a folder for their class, the first is {odd[0]}. "
            "Lay them as class/image, or all as train/class/image, val/…, test/…."
        )
    table = pd.DataFrame({"path": paths, "class": [below[0] for below in classes]})
    return table.assign(split=split) if with_split else table
