"""Are the columns that were named there, and can they be what they are named for?"""

from collections.abc import Iterable

import pandas as pd

from data_prep.scanning.remarks import MERGED_CELLS, WORDS_AS_GAPS, Remark
from natkit.core.errors import InputError
from natkit.core.labels import MANY, class_names


def check_columns(
    columns: list[str],
    label: str | None,
    groups: tuple[str, ...],
    time: str | None = None,
    split: str | None = None,
) -> None:
    """Raise InputError if a column that was named is not among ``columns``, or is named twice."""
    have = f"it has {', '.join(columns)}" if columns else "there is no table, or it has no columns"
    named = (("label", label), *(("group", g) for g in groups), ("time", time), ("split", split))
    for kind, name in named:
        if name is not None and name not in columns:
            raise InputError(
                f"The table has no {kind} column {name!r}; {have}. Name one of its columns."
            )
    if label is not None and label in groups:
        raise InputError(
            f"{label!r} is both label and group; a group is something else that images share "
            "(camera, lot, shift). Leave it out of the groups."
        )


def check_merged(remarks: Iterable[Remark], groups: tuple[str, ...]) -> None:
    """Raise InputError if a group column looks like merged cells: its lots would be torn."""
    for remark in remarks:
        if remark.rule == MERGED_CELLS and remark.column in groups:
            raise InputError(
                f"In the group column {remark.column!r} values such as {remark.evidence['example']!r} stand once above "
                "empty cells, as merged cells of a spreadsheet are exported, but each row needs its own value, or a "
                "lot would be torn between train and test. Fill the values down, or leave the group out."
            )


def check_classes(column: pd.Series, remarks: Iterable[Remark] = ()) -> None:
    """Raise InputError if a label column can't be used as classes; ``remarks`` as a scan has them."""
    values = class_names(column).dropna()
    n = values.nunique()
    if n < 2:
        words = [r.evidence["words"] for r in remarks if _is_gap_words(r, column.name)]
        raise _one_class(column.name, values, words)
    numeric = pd.api.types.is_numeric_dtype(column)
    if n > MANY and (numeric or n > len(values) / 2):
        what = "a measurement" if numeric else "a name or serial number"
        raise InputError(
            f"The label column {column.name!r} has {n} different values: {what}, not a class. "
            "Make a column of classes from it (for example above or below a limit), and name that."
        )


def _is_gap_words(remark: Remark, column: str) -> bool:
    return remark.rule == WORDS_AS_GAPS and remark.column == column


def _one_class(column: str, values: pd.Series, words: list[str]) -> InputError:
    """``words``: those of the column that were read as gaps, if any."""
    there = f"one value ({values.iloc[0]})" if len(values) else "no value"
    beside = or_class = ""
    if words:
        beside = f", beside {words[0]}, which was read as a gap"
        or_class = ' If that is a class, say so: scan(…, missing=[]) or --missing "".'
    return InputError(
        f"The label column {column!r} holds {there}{beside}; at least two classes are needed.{or_class} "
        "Name another column, or leave the label out."
    )
