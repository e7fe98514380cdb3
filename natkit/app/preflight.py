"""What can be known to be wrong before the first kernel starts: one sentence now instead of one in half a minute."""

import argparse
import ctypes
import importlib.util
import math
import os
import runpy
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

from natkit.core.errors import InputError

FILES = 256  # that a process must be able to hold open: it needs about 80, and one more a core
SEEDS = 2**32  # one more than the largest seed that all the libraries take


def check(chosen: argparse.Namespace) -> dict:
    """The parameters of the notebooks for `natkit poc` or `demo`, all of them usable.

    Reads the names of the images and the table, but no pixel; about a second, with a table three.

    Raises
    ------
    InputError
        For the first option that can't be used. Nothing has been written then.
    """
    _enough_files()
    if not 0 <= chosen.seed < SEEDS:
        raise InputError(f"--seed is {chosen.seed}, but it must be 0 to {SEEDS - 1}. Take 0.")
    _device(chosen.device)
    out = absolute(chosen.out)
    if out.exists() and not out.is_dir():
        raise InputError(
            f"{out} is a file, but results need a folder. Give another name with --out."
        )
    parameters = {"out_dir": str(out), "lang": chosen.lang, "device": chosen.device}
    parameters |= {"seed": chosen.seed, "fast": chosen.fast}
    if chosen.command == "demo":
        return parameters
    images, table = absolute(chosen.images), absolute(chosen.table) if chosen.table else None
    if not images.is_dir():
        raise InputError(f"There is no folder {images}. Give the folder that holds the images.")
    if table is not None and not table.is_file():
        raise InputError(
            f"There is no table {table}. Give a CSV, Parquet or XLSX file with --table."
        )
    _apart(images, table, out)
    groups = list(dict.fromkeys(chosen.group))
    _columns(images, table, chosen.label, groups, chosen.missing or None)
    if not 0 <= chosen.target <= 1:  # also NaN
        raise InputError(
            f"--target is {chosen.target}, but it is a score in (0, 1]: 90 % is 0.9. Give the score that "
            "would be good enough, or leave --target out."
        )
    parameters |= {"images": str(images), "label": chosen.label, "groups": groups}
    parameters |= {"table": str(table) if table else "", "views": chosen.views}
    parameters |= {"missing": chosen.missing} if chosen.missing else {}
    return parameters | {
        "target": chosen.target,
        "money": money(chosen.prices) if chosen.prices else {},
    }


def refuse_bytes(arguments: list[str]) -> None:
    """Refuse what is no text: neither a notebook nor a report could hold it."""
    for argument in arguments:
        if argument != argument.encode("utf-8", "replace").decode():
            raise InputError(
                f"{ascii(argument)} holds bytes that are no {sys.getfilesystemencoding()} text. Rename the file "
                "or folder, or set a locale that can tell its name (LANG=C.UTF-8)."
            )


def absolute(path: str) -> Path:
    """``path`` from the root of the file system, its ``..`` gone the way the system goes them."""
    whole = Path(path).absolute()
    return Path(os.path.realpath(whole)) if ".." in whole.parts else whole


def lies_in(path: Path, folder: Path) -> bool:
    """Whether ``path``, which need not exist, is ``folder`` or below it: by links, ``..`` or another case too."""
    real = Path(os.path.realpath(path))
    return any(p.exists() and p.samefile(folder) for p in (real, *real.parents))


def _apart(images: Path, table: Path | None, out: Path) -> None:
    if lies_in(out, images):
        raise InputError(
            f"--out {out} lies inside the image folder, which is never written to. Give another folder."
        )
    for what, path in (("image folder", images), ("table", table)):
        if path is not None and out.exists() and lies_in(path, out):
            raise InputError(
                f"The {what} {path} lies inside --out {out}, which is for results alone. Give another "
                "folder with --out."
            )


def _columns(
    images: Path, table: Path | None, label: str, groups: list[str], missing: list[str] | None
) -> None:
    """Label and groups stand in the table, whose rows fit the images."""
    if table is None and (label or groups):
        raise InputError(
            f"--{'label' if label else 'group'} names a column, but there is no table. Give one with --table."
        )
    from data_prep.rules.columns import check_classes, check_columns
    from data_prep.scanning.listing import listing

    found = listing(images, table, missing=missing)  # says it if there is no image
    if (rows := found.rows) is None:
        return
    check_columns(
        [str(name) for name in rows.columns if name != "path"], label or None, tuple(groups)
    )
    if label:
        check_classes(rows[label], found.remarks)


def money(file: str) -> dict:
    """The tables of a TOML file of prices, checked before hours of work rest on them."""
    from natkit.money.prices import Line, Prices, Work

    try:
        told = tomllib.loads(Path(file).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{file} could not be read as TOML ({error}). The README shows an example."
        ) from error
    kinds = {"prices": Prices, "line": Line, "work": Work}
    for table, values in told.items():
        if table in kinds and not isinstance(values, dict):
            raise InputError(
                f"{file} holds {table} = {values!r:.60}, but [{table}] is a table of several lines. The README "
                "shows an example."
            )
        known = [field.name for field in fields(kinds[table])] if table in kinds else []
        wrong = sorted(set(values) - set(known)) if known else [table]
        if wrong:
            raise InputError(
                f"{file} holds {wrong[0]!r}, which is not known here; {', '.join(known or kinds)} are. "
                "Correct it, or take it out."
            )
        kinds[table](**{"currency": "JPY"} | values if table == "prices" else values)
    if "currency" not in told.get("prices", {}):
        raise InputError(
            f'{file} names no currency. Write currency = "JPY" (or "EUR", …) under [prices].'
        )
    return told


def _enough_files() -> None:
    """Raise the number of files that this process may hold open as far as it may, and refuse too few."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = math.inf if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < 4096:
        soft = int(min(4096, most))
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft != resource.RLIM_INFINITY and soft < FILES:
        raise InputError(
            f"Here a process may hold {soft} files open, but natkit needs {FILES}. Raise the limit "
            f"(ulimit -n {4 * FILES}), or ask who looks after this machine."
        )


def _device(name: str) -> None:
    """Refuse a device that is none, or CUDA where torch or the driver lacks it, without loading torch."""
    kind = name.partition(":")[0]
    if kind not in ("auto", "cpu", "cuda") or (
        ":" in name and not name.partition(":")[2].isdecimal()
    ):
        raise InputError(f"--device is {name!r}, but it is auto, cpu or cuda. Take auto.")
    if kind == "cuda" and (why := _no_cuda()):
        raise InputError(f"--device is {name!r}, but {why}. Take auto or cpu.")


def _no_cuda() -> str | None:
    """Why torch could not use CUDA here; None if nothing speaks against it."""
    told = runpy.run_path(
        str(Path(importlib.util.find_spec("torch").origin).with_name("version.py"))
    )
    if told.get("hip"):  # AMD, which torch calls CUDA too
        return None
    if not told.get("cuda"):
        return f"torch {told.get('__version__')} is built without CUDA"
    try:
        driver = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return "there is no driver of an NVIDIA GPU"
    count = ctypes.c_int(0)
    found = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return None if found and count.value else "the driver finds no NVIDIA GPU"
