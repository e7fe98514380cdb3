"""What a probe is asked: one of several classes, a measurement, or which of several labels hold.

Each kind knows its values, its probes (scikit-learn's, not fitted), the score that decides and the others.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from natkit.core.errors import InputError
from natkit.core.labels import MANY, class_names
from natkit.data.manifest import SPLITS
from natkit.evidence.kinds import NEED, Classes, Labels, Measurement

MOST = 100  # classes; each needs a border of its own, and its own thousand resamples


Question = Classes | Measurement | Labels


def question(rows: pd.DataFrame, label: str | Sequence[str]) -> tuple[Question, np.ndarray] | dict:
    """What ``label`` asks of these rows, and which of them have an answer.

    Parameters
    ----------
    rows
        With columns ``split`` and ``label``.
    label
        A column of classes (text, booleans, or up to 50 different numbers) or of a measurement (more
        than 50 different numbers); or several columns of 0 and 1, empty where unknown.

    Returns
    -------
    tuple or dict
        The question for the used rows and bool (n,), which those are. Or, where there are too few:
        ``{"reason": "too_few", "label", "labelled", "need", "counts"}``.

    Raises
    ------
    InputError
        If the label has one value alone, more than 100 classes, or columns that are not 0 and 1.
    """
    if not isinstance(label, str):
        return _labels(rows, list(label))
    names = class_names(rows[label])
    values = names.dropna().unique()
    numeric = pd.api.types.is_numeric_dtype(rows[label])
    if numeric and not np.isfinite(rows[label].dropna().to_numpy(float)).all():
        raise InputError(
            f"The label {label!r} holds infinite numbers. Correct them, or empty those cells."
        )
    if len(values) < 2:
        raise InputError(
            f"The label {label!r} has {len(values)} values among {len(rows)} images, and scoring "
            "needs two or more. Choose a column that differs between the images."
        )
    if numeric and len(values) > MANY:
        used = rows[label].notna().to_numpy()
        ask = Measurement(rows.loc[used, label].to_numpy(np.float64))
        counts = pd.DataFrame([rows.loc[used, "split"].value_counts()], index=[label])
        short = _short(label, counts, "measurement", used)
        return short or (ask, used)
    counts = pd.crosstab(names, rows["split"]).reindex(columns=SPLITS, fill_value=0)
    enough = counts["train"] >= NEED["classes"]["train"]
    if len(counts) == 2:
        enough[:] = True  # so that both get counted
    kept, left_out = sorted(counts.index[enough]), sorted(counts.index[~enough])
    if len(kept) > MOST:
        raise InputError(
            f"The label {label!r} has {len(values):,} different values; up to {MOST} classes can be "
            "scored. Choose a coarser column."
        )
    used = names.isin(kept).to_numpy()
    held = counts.loc[kept] if len(kept) > 1 else counts
    short = _short(label, held, "classes", names.notna().to_numpy())
    if short or len(kept) < 2:
        return short or _too_few(label, counts, "classes", names.notna().to_numpy())
    y = np.searchsorted(kept, names[used].to_numpy(str))
    return Classes(y, kept, left_out), used


def answered(
    rows: pd.DataFrame, label: str | Sequence[str], what: str
) -> tuple[Question, np.ndarray, np.ndarray, np.ndarray]:
    """The question, and of the rows with an answer: ids int64 (n,), splits (n,), and which they are, bool.

    Raises InputError, also where :func:`question` would tell of too few: they are too few ``what``.
    """
    asked = question(rows, label)
    if isinstance(asked, dict):
        raise InputError(
            f"{asked['labelled']} labels of {asked['label']!r} are too few {what}. "
            "natkit.score() says how many are needed."
        )
    ask, used = asked
    return ask, rows["id"].to_numpy(np.int64)[used], rows["split"].to_numpy(str)[used], used


def _labels(rows: pd.DataFrame, columns: list[str]) -> tuple[Labels, np.ndarray] | dict:
    y = rows[columns].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    told = rows[columns].notna().to_numpy()
    wrong = told & ~np.isin(y, (0, 1))
    if wrong.any():
        column = columns[int(wrong.any(axis=0).argmax())]
        seen = rows.loc[wrong[:, columns.index(column)], column].iloc[0]
        raise InputError(
            f"Several labels at once need columns of 0 and 1, empty where unknown, but {column!r} "
            f"holds {str(seen)!r}. Give that column alone, or write 0 and 1."
        )
    used = told.any(axis=1)
    split = rows["split"].to_numpy(str)
    held = {part: pd.Series((y[split == part] == 1).sum(axis=0), index=columns) for part in SPLITS}
    counts = pd.DataFrame(held)
    other = pd.DataFrame(
        {part: pd.Series((y[split == part] == 0).sum(axis=0), index=columns) for part in SPLITS}
    )
    enough = (np.minimum(counts, other) >= pd.Series(NEED["labels"])).all(axis=1)
    if not enough.any():
        return _too_few(", ".join(columns), counts, "labels", used)
    kept = [column for column in columns if enough[column]]
    picked = y[used][:, [columns.index(column) for column in kept]]
    return Labels(picked, kept, [column for column in columns if not enough[column]]), used


def _short(label: str, counts: pd.DataFrame, kind: str, told: np.ndarray) -> dict | None:
    counts = counts.reindex(columns=SPLITS, fill_value=0).fillna(0).astype(int)
    if (counts.min() < pd.Series(NEED[kind])).any():
        return _too_few(label, counts, kind, told)
    return None


def _too_few(label: str, counts: pd.DataFrame, kind: str, told: np.ndarray) -> dict:
    rows = [
        {"class": str(name), **{part: int(row[part]) for part in SPLITS}}
        for name, row in counts.iterrows()
    ]
    return {
        "reason": "too_few",
        "label": label,
        "labelled": int(told.sum()),
        "need": NEED[kind],
        "counts": rows[:50],
    }
