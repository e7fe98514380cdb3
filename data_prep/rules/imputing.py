"""Gaps in tables and signals: their pattern, whether chance made them, and filling with a mark."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from data_prep.rules.columns import check_columns
from data_prep.rules.evidence import strongest_first
from data_prep.rules.finders import Context, Stage, finds
from data_prep.rules.registry import Finding
from data_prep.rules.telling import CHANCE, FOLDS, binned, chances, most_telling, tell
from natkit.core.errors import InputError
from natkit.core.labels import class_names
from natkit.core.stats import robust_spread, wilson_bounds

FEWEST = 20  # missing, and present, below which nothing is asked
SECOND = np.array([1])
SPIKE = 8.0  # robust standard deviations of the second difference


def missing_pattern(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Which columns are missing together: a row a pattern, the most frequent first.

    Returns
    -------
    A bool column for each of ``columns`` (True: missing), then ``count`` and ``share`` of images.
    """
    gone = table[list(columns)].isna()
    out = gone.value_counts().rename("count").reset_index()
    return out.assign(share=out["count"] / max(1, len(table)))


def missing_by(table: pd.DataFrame, column: str, groups: Sequence[str]) -> pd.DataFrame:
    """Share of missing values by each group value, with Wilson's 95 % interval.

    Returns
    -------
    Columns ``group``, ``value``, ``missing`` (images), ``n``, ``share``, ``low``, ``high``.

    References
    ----------
    Wilson, J. Am. Stat. Assoc. 22 (1927).
    """
    gone = table[column].isna()
    parts = []
    for group in groups:
        by = gone.groupby(class_names(table[group])).agg(missing="sum", n="size")
        parts.append(by.rename_axis("value").reset_index().assign(group=group))
    out = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["missing", "n"])
    counts = zip(out["missing"], out["n"], strict=True)
    bounds = [wilson_bounds(k, n) for k, n in counts]
    low, high = [low for low, _ in bounds], [high for _, high in bounds]
    out = out.assign(share=out["missing"] / out["n"], low=low, high=high)
    return out.reindex(columns=["group", "value", "missing", "n", "share", "low", "high"])


def not_at_random(
    table: pd.DataFrame,
    columns: Sequence[str],
    statistics: pd.DataFrame,
    groups: Sequence[str],
    seed: int,
) -> list[Finding]:
    """A finding for each column whose gaps can be told from the other columns or the pictures.

    Out of fold by naive Bayes; AUC at least 0.6 and p ≤ 0.05 (shuffled gaps, learned anew, with
    Holm's correction for all columns asked). What the other columns lack says nothing here:
    :func:`missing_pattern` shows what is missing together.

    Parameters
    ----------
    columns
        Columns that are asked where at least 20 values are missing and 20 are there; with
        ``groups`` they are also what tells.
    statistics
        float (n, k), measured from the pictures.
    groups
        Columns of what images share.

    Returns
    -------
    Findings, the highest AUC first; ``from`` is the column that tells most alone.
    """
    rng = np.random.default_rng(seed)
    folds = rng.permutation(len(table)) % FOLDS
    names = list(dict.fromkeys([*columns, *groups]))
    codes = {name: binned(_without_gaps(table[name], rng)) for name in names}
    codes |= {name: binned(_without_gaps(statistics[name], rng)) for name in statistics}
    gone = {name: table[name].isna().to_numpy() for name in columns}
    gone = {c: g for c, g in gone.items() if min(g.sum(), (~g).sum()) >= FEWEST}
    others = {c: {name: code for name, code in codes.items() if name != c} for c in gone}
    answers = {
        c: tell(list(others[c].values()), g.astype(int), folds, SECOND, len(gone), rng)
        for c, g in gone.items()
        if others[c]
    }
    found = []
    corrected = chances(answers.values())
    for (column, answer), chance in zip(answers.items(), corrected, strict=True):
        if chance > CHANCE:
            continue
        y = gone[column].astype(int)
        evidence = {
            "column": column,
            "auc": answer.auc,
            "p": round(float(chance), 4),
            "from": most_telling(others[column], y, folds),
        }
        finding = Finding("not_at_random", "warning", (), evidence, int(y.sum()))
        found.append((answer.auc.value, finding))
    return strongest_first(found)


@finds("not_at_random", stage=Stage.GAPS)
def _not_at_random(context: Context) -> list[Finding]:
    listed = context.kept[context.kept["listed"]]
    columns = [c for c in context.scan.features if c != context.label]
    statistics = listed[context.scan.looked_at]
    return not_at_random(listed, columns, statistics, context.groups, context.seed)


def _without_gaps(column: pd.Series, rng: np.random.Generator) -> pd.Series:
    """Gaps filled with values drawn from the column itself: they tell nothing."""
    gone = column.isna().to_numpy()
    if not gone.any() or gone.all():
        return column
    column = column.copy()
    column[gone] = rng.choice(column[~gone].to_numpy(), gone.sum())
    return column


def impute(
    table: pd.DataFrame,
    columns: Sequence[str],
    train: np.ndarray,
    label: str | None,
    groups: Sequence[str],
) -> pd.DataFrame:
    """A copy of ``table`` without gaps in ``columns``, and for each a column ``<column>_missing``.

    Numbers get the median, all else the most frequent value, of the train rows alone. Dtypes stay;
    the median of whole numbers is rounded.

    Parameters
    ----------
    train
        bool (n,): rows that may be learned from.
    label, groups
        Never imputed: a class that was guessed can't score anything, and a guessed lot would tie
        images that don't belong together.

    Returns
    -------
    ``<column>_missing`` is int, 0 or 1, for every one of ``columns``.

    Raises
    ------
    InputError
        If a column is absent, is the label or a group, or has no value among the train rows.
    """
    from sklearn.impute import SimpleImputer

    check_columns(list(table.columns), None, tuple(columns))
    if fixed := [c for c in columns if c == label or c in groups]:
        raise InputError(
            f"{fixed[0]!r} is the label or a group, and those are never imputed: a guess would "
            "count as truth. Leave it out of the columns; its gaps stay gaps."
        )
    out = table.copy()
    train = np.asarray(train, bool)
    for column in columns:
        values = table[column]
        gone = values.isna()
        if gone[train].all():
            raise InputError(
                f"{column!r} has no value among the {train.sum()} train rows to learn from. Leave "
                "this column out."
            )
        number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        known = values[train & ~gone].to_numpy(float if number else object)[:, None]
        imputer = SimpleImputer(strategy="median" if number else "most_frequent").fit(known)
        fill = imputer.statistics_[0]
        whole = number and pd.api.types.is_integer_dtype(values)
        out[column] = values.fillna(round(fill) if whole else fill)
        out[f"{column}_missing"] = gone.astype(int)
    return out


def gaps(signals: np.ndarray) -> pd.DataFrame:
    """What is wrong with each channel of each signal.

    Parameters
    ----------
    signals
        float (n, channels, length), NaN where a sample is missing.

    Returns
    -------
    Columns ``signal``, ``channel``, ``missing_share`` (0..1), ``longest_gap`` and ``longest_stuck``
    (samples; how often one value comes in a row, at least 2, else 0) and ``spikes``: places where
    the second difference leaves 8 robust standard deviations. A sudden step counts as one.

    Raises
    ------
    InputError
        If the array has not three axes, or holds no floats.
    """
    _check_signals(signals)
    n, channels, length = signals.shape
    lines = signals.reshape(-1, length)
    gone = np.isnan(lines)
    again = _runs(lines[:, 1:] == lines[:, :-1])  # NaN equals nothing
    bend = np.diff(lines, 2, axis=1)
    return pd.DataFrame(
        {
            "signal": np.repeat(np.arange(n), channels),
            "channel": np.tile(np.arange(channels), n),
            "missing_share": gone.mean(axis=1) if length else 0.0,
            "longest_gap": _runs(gone),
            "longest_stuck": np.where(again > 0, again + 1, 0),
            "spikes": [_spikes(line[~np.isnan(line)]) for line in bend],
        }
    )


def _spikes(bend: np.ndarray) -> int:
    """How many runs of second differences lie beyond the limit."""
    if not len(bend):
        return 0
    middle = np.median(bend)
    spread = robust_spread(bend, middle) or bend.std()  # half of the samples on one line: no MAD
    out = np.abs(bend - middle) > SPIKE * spread
    return int(out[0]) + int((out[1:] & ~out[:-1]).sum())


def _runs(true: np.ndarray) -> np.ndarray:
    """int (m,): the longest unbroken run of True in each row."""
    longest = run = np.zeros(len(true), int)
    for column in true.T:
        run = (run + 1) * column
        longest = np.maximum(longest, run)
    return longest


def fill(signals: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Gaps of up to ``limit`` samples drawn straight from the sample before to the one after.

    Longer gaps, and those at either end, stay NaN.

    Parameters
    ----------
    signals
        float (n, channels, length); not changed.
    limit
        Samples, at least 1.

    Returns
    -------
    The filled array, and bool of the same shape: True where a sample was filled.
    """
    _check_signals(signals)
    if limit < 1:
        raise InputError(f"A gap has at least 1 sample, but limit is {limit}. Give a larger limit.")
    out = signals.copy()
    gone = np.isnan(signals)
    for where in np.argwhere(gone.any(axis=2)):
        line, here = out[tuple(where)], gone[tuple(where)]
        edges = np.flatnonzero(np.diff(np.r_[False, here, False].astype(int)))
        good = np.flatnonzero(~here)
        for start, end in edges.reshape(-1, 2):
            if start > 0 and end < len(line) and end - start <= limit:
                line[start:end] = np.interp(np.arange(start, end), good, line[good])
    return out, gone & ~np.isnan(out)


def _check_signals(signals: np.ndarray) -> None:
    if signals.ndim != 3 or not np.issubdtype(signals.dtype, np.floating):
        raise InputError(
            f"Signals must be floats of shape (n, channels, length), but got {signals.dtype} of "
            f"shape {signals.shape}. One signal is signal[None, None].astype(float)."
        )
