"""What a scan will read: the files of a folder, joined by their names with the rows of the user's table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from data_prep.scanning.matching import refuse_twice
from data_prep.scanning.measuring import OWN
from data_prep.scanning.remarks import Remark
from data_prep.scanning.tables import list_images
from data_prep.scanning.walking import walk
from data_prep.scanning.whereabouts import THERE, Whereabouts, names_of, on_disk
from natkit.core.errors import InputError
from natkit.data.manifest import COLUMNS

LICENCE = "LICENCE.txt"
BESIDE = (LICENCE, "truth.csv")  # what samples of natkit's own have beside their images


@dataclass(frozen=True)
class Listing:
    """What a scan will read: ``files`` under ``root``, and the ``rows`` of the table with their ``path``, or None.

    ``passed_over``, ``decimals`` and ``remarks`` as in :class:`data_prep.Scan`; ``lost``: where the files of rows
    are that are not among ``files``.
    """

    root: Path
    files: list[str]
    rows: pd.DataFrame | None
    passed_over: dict[str, int]
    lost: dict[str, Whereabouts] = field(default_factory=dict)
    decimals: dict[str, int] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()


def listing(
    folder: str | Path | None = None,
    table: str | Path | pd.DataFrame | None = None,
    path_column: str | None = None,
    missing: Sequence[str] | None = None,
) -> Listing:
    """Look for the files and join their names with the table, as :func:`data_prep.scan` does; no picture is opened.

    Raises InputError as :func:`data_prep.scan` does, but for what it says of pictures.
    """
    if folder is None and (table is None or isinstance(table, pd.DataFrame)):
        raise InputError(
            "scan() needs the folder of the images, or the file of a table that lies beside them. "
            "Give folder=."
        )
    root = Path(table).absolute().parent if folder is None else Path(folder).absolute()
    ours = [root / name for name in BESIDE]
    ours += [Path(table)] if isinstance(table, str | Path) else []
    found = walk(root, tuple(ours), follow=table is not None)
    files, passed = found.images, dict(found.passed_over)
    if table is None:
        return Listing(root, files, None, passed)
    names = names_of(found)
    read = list_images(table, list(names), path_column, root, missing)
    rows, lost = on_disk(root, names, read.table)
    wanted = set(rows["path"])
    also = {where.instead for where in lost.values() if where.status == THERE}
    also |= wanted.intersection(found.linked)
    if folder is None and (rest := len(set(files) - wanted)):
        passed["not_in_table"] = rest
    files = sorted((set(files) if folder is not None else wanted.intersection(files)) | also)
    new = beside_ours(rows.columns, OWN)
    rows = rows.rename(columns=new)
    refuse_twice(rows)
    decimals = {new.get(c, c): n for c, n in read.decimals.items()}
    remarks = tuple(remark.renamed(new) for remark in read.remarks)
    return Listing(root, files, rows, passed, lost, decimals, remarks)


def beside_ours(columns: Iterable[str], ours: Iterable[str]) -> dict[str, str]:
    """New names, with ``_user`` behind them, for the user's columns that clash with those of a scan or a manifest."""
    taken = {*ours, *COLUMNS, "listed"} - {"path"}
    return {column: f"{column}_user" for column in columns if column in taken}
