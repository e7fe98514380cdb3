"""Imbalance, associations and shortcuts: does anything but the picture's content tell the label?"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import random_table

from data_prep.rules.evidence import interval, strongest_first
from data_prep.rules.finders import Context, Need, Stage, finds
from data_prep.rules.groups import components
from data_prep.rules.registry import Finding
from data_prep.rules.telling import CATEGORIES, CHANCE, FOLDS, Answer, binned, tell
from natkit.core.labels import class_names
from natkit.core.shortcuts import Source
from natkit.core.stats import cramers_v, holm, v_interval

IMBALANCE_NOTE, IMBALANCE_WARNING = 3.0, 10.0  # images of the commonest class for one of the rarest
RARE_CLASS = 20  # images; below it a class can hardly be scored
ASSOCIATION = 0.10  # Cramér's V; "weak" begins here in the usual reading
STRONG = 0.5  # surely at least: a problem
PERMUTATIONS = 1999


def class_imbalance(labels: pd.Series) -> list[Finding]:
    """A finding if the commonest class has at least 3 times the images of the rarest."""
    counts = labels.dropna().value_counts()
    ratio = float(counts.iloc[0] / counts.iloc[-1])
    if ratio < IMBALANCE_NOTE:
        return []
    serious = ratio >= IMBALANCE_WARNING or counts.iloc[-1] < RARE_CLASS
    evidence = {
        "column": labels.name,
        "counts": {k: int(v) for k, v in counts.items()},
        "ratio": round(ratio, 2),
    }
    severity = "warning" if serious else "note"
    return [Finding("class_imbalance", severity, (), evidence, int(counts.sum()))]


def group_imbalance(
    labels: pd.Series, groups: pd.DataFrame | pd.Series, seed: int
) -> list[Finding]:
    """A finding for each group that goes together with the label, the strongest first.

    Cramér's V is at least 0.1, and chance seldom makes as much of it: p ≤ 0.05 by a permutation
    test, which is exact in small cells too, with Holm's correction for the number of groups.

    Parameters
    ----------
    labels
        Text (n,), missing where unknown.
    groups
        A column a group, n rows each; images without a value are left out.

    Notes
    -----
    About 0.05 s a group. At n = 500, V = 0.2 is found in 95 of 100 sets or more (two to four
    values, ``tests/benchmarks/bias.py``).
    """
    rng = np.random.default_rng(seed)
    columns = pd.DataFrame(groups).items()
    tables = {name: pd.crosstab(class_names(column), labels) for name, column in columns}
    tables = {name: table for name, table in tables.items() if min(table.shape) > 1}
    p = holm([_chance(table.to_numpy(), rng) for table in tables.values()])
    found = []
    for (name, table), chance in zip(tables.items(), p, strict=True):
        counts = table.to_numpy()
        if chance > CHANCE or cramers_v(counts) < ASSOCIATION:
            continue
        v = interval(*v_interval(counts, rng), int(counts.sum()))
        evidence = {
            "column": name,
            "v": v,
            "p": round(float(chance), 4),
            "counts": {g: {k: int(x) for k, x in row.items()} for g, row in table.iterrows()},
        }
        severity = "problem" if v.low >= STRONG else "warning"
        found.append((v.value, Finding("group_imbalance", severity, (), evidence, v.n)))
    return strongest_first(found)


def _chance(counts: np.ndarray, rng: np.random.Generator) -> float:
    """p: how often shuffled labels go with the group as well as these do (chi-square)."""
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    shuffled = random_table(rows, columns).rvs(PERMUTATIONS, random_state=rng)
    expected = np.outer(rows, columns) / counts.sum()
    chi2 = ((np.concatenate([counts[None], shuffled]) - expected) ** 2 / expected).sum(axis=(1, 2))
    return float((chi2 >= chi2[0] - 1e-9).mean())


def shortcuts(
    labels: pd.Series,
    columns: pd.DataFrame,
    statistics: pd.DataFrame,
    together: np.ndarray,
    seed: int,
    measured: Source = Source.IMAGES,
) -> list[Finding]:
    """Columns that tell the label alone, the others together, and the measured statistics together.

    Each is judged by the AUC (macro one-vs-rest for more than two classes) of a naive Bayes model
    over categories and fifths, out of fold, with rows of one component (``together``) in one fold.
    A finding where the AUC is at least 0.6 and chance does not do as well: p ≤ 0.05 when labels are
    shuffled, divided by the number of questions asked.

    Parameters
    ----------
    labels
        Text (n,), missing where unknown.
    columns, statistics
        The user's columns without the label, and the measured statistics; n rows each.
    together
        int (n,): what a split keeps together can't be a shortcut across splits.
    measured
        What the statistics are of.

    Notes
    -----
    About 2 ms a column for 2,600 images; 1 s more for each one that tells the label.
    """
    known = labels.notna().to_numpy()
    y, classes = pd.factorize(labels[known], sort=True)
    enough = np.bincount(y, minlength=len(classes)) >= FOLDS
    if enough.sum() < 2:
        return []
    rng = np.random.default_rng(seed)
    part = np.unique(together[known], return_inverse=True)[1]
    folds = (rng.permutation(part.max() + 1) % FOLDS)[part]
    tests = columns.shape[1] + 2

    def ask(coded: dict[str, np.ndarray]) -> Answer | None:
        """How well these columns together tell the label; None if chance tells it as well."""
        answer = tell(list(coded.values()), y, folds, np.flatnonzero(enough), tests, rng)
        return None if answer is None or answer.p > CHANCE / tests else answer

    coded = {name: binned(columns.loc[known, name]) for name in columns}
    alone = {name: answer for name, codes in coded.items() if (answer := ask({name: codes}))}
    strongest = sorted(alone, key=lambda name: -alone[name].auc.value)
    found = [_shortcut(Source.TABLE, [name], alone[name]) for name in strongest]
    rest = {n: c for n, c in coded.items() if n not in alone and c.max() <= CATEGORIES}
    if len(rest) > 1 and (answer := ask(rest)):
        found.append(_shortcut(Source.TABLE, rest, answer))
    seen = {name: binned(statistics.loc[known, name]) for name in statistics}
    if seen and (answer := ask(seen)):
        found.append(_shortcut(measured, seen, answer))
    return found


def _shortcut(source: Source, columns: Iterable[str], answer: Answer) -> Finding:
    evidence = {"source": str(source), "column": ", ".join(columns), "auc": answer.auc}
    return Finding("shortcut", "warning", (), evidence, answer.auc.n)


def balanced_weights(labels: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """float (n,), mean 1: every class weighs the same, and in every group value the same.

    Raking: the weights are scaled to class, then to class × each group, until all hold. Clipped to
    0.1 … 10, so a cell of few images never speaks for a whole class.

    Parameters
    ----------
    labels
        int (n,), no gaps.
    groups
        int (n,) each; a missing value is a value of its own.

    References
    ----------
    Deming and Stephan, Ann. Math. Stat. 11 (1940).
    """
    n, k = len(labels), labels.max() + 1
    weights = np.ones(n)
    margins = []
    for group in [*groups, np.zeros(n, int)]:
        cell = np.unique(group * k + labels, return_inverse=True)[1]
        size = np.bincount(group)[group] / k  # what the cell of each row shall weigh
        margins.append((cell, size))
    for _ in range(50):
        for cell, size in margins:
            weights *= size / np.bincount(cell, weights)[cell]
    for _ in range(20):  # clipping moves the mean, and the mean the clip
        weights = np.clip(weights / weights.mean(), 0.1, 10.0)
    return weights / weights.mean()


def _labels(context: Context) -> pd.Series | None:
    """Classes of what is kept; None if a single one is left. A copy would count twice, a blank one for nothing."""
    labels = class_names(context.kept[context.label])
    return labels if labels.nunique() > 1 else None


@finds("class_imbalance", stage=Stage.LABEL, needs=[Need.LABEL])
def _class_imbalance(context: Context) -> list[Finding]:
    labels = _labels(context)
    return [] if labels is None else class_imbalance(labels)


@finds("group_imbalance", stage=Stage.LABEL, needs=[Need.LABEL])
def _group_imbalance(context: Context) -> list[Finding]:
    labels = _labels(context)
    if labels is None:
        return []
    return group_imbalance(labels, context.kept[context.small_groups], context.seed)


@finds("shortcut", stage=Stage.LABEL, needs=[Need.LABEL])
def _shortcuts(context: Context) -> list[Finding]:
    kept, scan, labels = context.kept, context.scan, _labels(context)
    if labels is None:
        return []
    varies = [c for c in ("width", "height") if kept[c].nunique() > 1]
    columns = [c for c in scan.features if c not in (context.label, context.split)]
    statistics = kept[[*scan.looked_at, *varies]]
    together = components(kept, context.large_groups)
    measured = Source.IMAGES if scan.signals is None else Source.SIGNALS
    return shortcuts(labels, kept[columns], statistics, together, context.seed, measured)
