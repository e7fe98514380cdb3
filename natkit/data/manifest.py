"""The contract of a prepared folder: what data_prep writes and natkit reads."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import pandas as pd

from natkit.core.errors import InputError
from natkit.core.files import sha256, write_json, writing
from natkit.data import annotations, columns
from natkit.data.annotations import LEDGER

FORMAT, VERSION = "natkit-prepared", 1
SPLITS = ("train", "val", "test")
COLUMNS = (
    "id",  # int64, given once, never reused: also the index of the image's target
    "path",  # relative to the root, posix
    "split",  # train, val or test
    "weight",  # float, mean 1 over train
    "width",
    "height",
    "channels",
    "bits",
    "pixel_hash",
)
MENDED = (".png", ".tif")  # behind the user's own name, so that both formats are told apart


@dataclass(frozen=True)
class Prepared:
    """A prepared folder, read and checked.

    ``table`` is the manifest (one row a kept image) with what people said since, ``ledger`` every decision,
    ``info`` the content of ``prepared.json`` (label and group columns, counts, data hash), ``root`` where the
    images lie.
    """

    folder: Path
    root: Path
    table: pd.DataFrame
    ledger: pd.DataFrame
    info: dict

    def __repr__(self) -> str:
        sizes = ", ".join(f"{(self.table['split'] == s).sum()} {s}" for s in SPLITS)
        return f"Prepared({len(self.table)} images: {sizes})"

    @property
    def data_hash(self) -> str:
        """SHA-256 of the manifest, and of what people said since: the name of this exact data set in every result."""
        return self.info["data_hash"]

    def file(self, path: str) -> Path:
        """Where an image lies: its mended copy (``images/…`` with .png or .tif behind) if there is one,
        else the user's own file."""
        mended = (self.folder / "images" / f"{path}{suffix}" for suffix in MENDED)
        return next((file for file in mended if file.exists()), self.root / path)


def write(
    folder: str | Path,
    root: str | Path,
    table: pd.DataFrame,
    ledger: pd.DataFrame,
    info: dict,
    images: Callable[[Path], None] | None = None,
) -> Prepared:
    """Write a prepared folder, whole or not at all, and read it back.

    Parameters
    ----------
    folder
        Must not exist or be empty: a prepared folder is never overwritten.
    root
        Folder of the user's images; kept relative to ``folder`` so that both can move together, and absolute
        where no way leads from one to the other: on Windows, on two drives.
    table
        The manifest: the columns of ``COLUMNS``, then the user's own.
    ledger
        The columns of ``LEDGER``; ``evidence`` holds JSON text.
    info
        JSON-able: ``label`` (str or None), ``groups`` (list), ``rules``, ``counts`` and what else data_prep knows.
        ``decimals``: with how many decimals a column of numbers is written, by its name.
    images
        Writes mended images into ``images/`` of the folder it is given; it may correct their rows of ``table``.
    """
    folder, root = Path(folder).absolute(), Path(root).absolute()
    way = _way(root, folder)
    if way != way.encode("utf-8", "replace").decode():
        raise InputError(
            f"The folder of the images is called {way!r}, which is not UTF-8 text. Rename it."
        )
    if folder.exists() and any(folder.iterdir()):
        raise InputError(
            f"{folder} is not empty, and a prepared folder is never overwritten. "
            "Give another folder, or move this one away."
        )
    if folder.exists():
        folder.rmdir()
    _check(table)
    with writing(folder) as part:
        part.mkdir()
        if images is not None:
            images(part)
        kinds = _kinds(table, info.get("decimals", {}))
        cells = {name: columns.written(table[name], kind) for name, kind in kinds.items()}
        pd.DataFrame(cells).to_csv(part / "manifest.csv", index=False, encoding="utf-8")
        ledger.loc[:, list(LEDGER)].to_csv(part / "ledger.csv", index=False, encoding="utf-8")
        write_json(
            part / "prepared.json",
            {
                "format": FORMAT,
                "version": VERSION,
                "root": way,
                "manifest_sha256": sha256(part / "manifest.csv"),
                **{key: value for key, value in info.items() if key != "decimals"},
                "columns": kinds,
            },
        )
    return read(folder)


def _way(root: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(root, folder)).as_posix()
    except ValueError:
        return root.as_posix()


def read(folder: str | Path) -> Prepared:
    """Read a prepared folder and check it.

    Raises
    ------
    InputError
        If the folder is none, was written by a newer natkit, or its manifest was changed by hand in a
        way that breaks the contract (columns, ids, splits, paths that leave the root).
    """
    folder = Path(folder).absolute()
    try:
        info = json.loads((folder / "prepared.json").read_text(encoding="utf-8-sig"))
        table = _table(folder / "manifest.csv", info)
        ledger = pd.read_csv(folder / "ledger.csv", dtype=str, keep_default_na=False)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{folder} is not a prepared folder ({error}). Make one with data_prep.prepare(), or run "
            "the notebook 01_clean first."
        ) from error
    if not isinstance(info, dict) or not isinstance(info.get("root"), str):
        raise InputError(
            f"{folder / 'prepared.json'} does not say where the images lie. Prepare them again."
        )
    if info.get("format") != FORMAT or info.get("version") != VERSION:
        raise InputError(
            f"{folder} has format {info.get('format')} version {info.get('version')}, but this natkit "
            f"reads {FORMAT} version {VERSION}. Prepare the images again with this version."
        )
    _check(table)
    info["manifest_sha256"] = sha256(folder / "manifest.csv")
    said = annotations.current(ledger)
    info["data_hash"] = annotations.hash_with(info["manifest_sha256"], said)
    table = annotations.applied(table, said, info.get("label"))
    if info.get("label") is None and "label_by_eye" in table.columns:
        info["label"] = "label_by_eye"
    root = Path(os.path.normpath(folder / info["root"]))
    return Prepared(folder, root, table, ledger, info)


def _kinds(table: pd.DataFrame, decimals: dict[str, int]) -> dict[str, dict]:
    kinds = {name: columns.kind_of(table[name], decimals.get(name)) for name in table.columns}
    if odd := [name for name, kind in kinds.items() if kind is None]:
        raise InputError(
            f"The column {odd[0]!r} holds values such as {table[odd[0]].dropna().iloc[0]!r}; a manifest holds "
            "text, numbers and times. Leave the column out, or turn it into one of these."
        )
    return kinds


def _table(file: Path, info: object) -> pd.DataFrame:
    """The manifest, each column of the type that ``prepared.json`` names; others of the type that they look like."""
    kinds = info.get("columns", {}) if isinstance(info, dict) else {}
    table = pd.read_csv(
        file,
        dtype={"pixel_hash": str, "path": str, **dict.fromkeys(kinds, str)},
        keep_default_na=False,  # a label may be the text "NA" or "None"
        na_values=[""],
    )
    typed = {name: columns.read(table[name], kind) for name, kind in kinds.items() if name in table}
    return table.assign(**typed)


def _check(table: pd.DataFrame) -> None:
    missing = [c for c in COLUMNS if c not in table.columns]
    if missing:
        raise InputError(
            f"The manifest lacks the columns {missing}; it needs {list(COLUMNS)}. "
            "Write it with data_prep.prepare()."
        )
    if table["id"].duplicated().any():
        twice = int(table.loc[table["id"].duplicated(), "id"].iloc[0])
        raise InputError(
            f"Each id stands once in a manifest, but {twice} comes twice. Give it a new id."
        )
    odd = set(table["split"]) - set(SPLITS)
    if odd:
        raise InputError(
            f"The manifest has splits {sorted(map(str, odd))}; only {SPLITS} are known."
        )
    for path in table["path"]:
        if not can_hold(path):
            raise InputError(
                f"The path {path!r} leaves the root of the images, or is none. Paths in a manifest "
                "are relative, with forward slashes and without control characters."
            )


def can_hold(path: object) -> bool:
    """Can a manifest hold this path? It is UTF-8, relative, with forward slashes, and stays in the root.

    Only the path is judged. A link that lies in the root is the user's own, and may lead out of it.
    """
    if not isinstance(path, str) or any(
        c == "\\" or c < " " or "\ud800" <= c <= "\udfff" for c in path
    ):
        return False
    parts = PurePosixPath(path).parts
    leaves = path.startswith("/") or ".." in parts or PureWindowsPath(path).drive != ""
    return len(parts) > 0 and not leaves
