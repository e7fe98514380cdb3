"""Imbalance, associations and shortcuts: does anything but the picture's content tell the label?"""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from data_prep.rules import Finding, class_text

IMBALANCE_NOTE, IMBALANCE_WARNING = 3.0, 10.0  # images of the commonest class for one of the rarest
RARE_CLASS = 20  # images; below it a class can hardly be scored
ASSOCIATION = 0.10  # lower bound of Cramér's V; "weak" begins here in the usual reading
SHORTCUT_AUC = 0.60  # lower bound; of 150 images with independent columns 1 set in 100 reaches it
RESAMPLES = 300
FOLDS = 5
BINS = 10
SMOOTHING = 5.0  # images; how many like the average every value is thought to have beside its own


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


def group_imbalance(labels: pd.Series, column: pd.Series, seed: int) -> list[Finding]:
    """A finding if label and group go together: the lower bound of Cramér's V is at least 0.1."""
    table = pd.crosstab(class_text(column), labels)
    if min(table.shape) < 2:
        return []
    counts = table.to_numpy()
    n = int(counts.sum())
    draws = np.random.default_rng(seed).multinomial(n, counts.ravel() / n, RESAMPLES)
    v = cramers_v(counts)
    # the basic (mirrored) bootstrap: resampling adds an association of its own, mirroring takes it
    # away
    above, below = np.percentile([cramers_v(d.reshape(counts.shape)) for d in draws], (97.5, 2.5))
    low, high = max(0.0, 2 * v - above), min(1.0, max(v, 2 * v - below))
    if not low >= ASSOCIATION:
        return []
    evidence = {
        "column": column.name,
        "v": interval(v, low, high, n),
        "counts": {g: {k: int(v) for k, v in row.items()} for g, row in table.iterrows()},
    }
    severity = "problem" if low >= 0.5 else "warning"
    return [Finding("group_imbalance", severity, (), evidence, n)]


def shortcuts(
    labels: pd.Series,
    columns: pd.DataFrame,
    statistics: pd.DataFrame,
    together: np.ndarray,
    seed: int,
) -> list[Finding]:
    """Columns that tell the label alone, the others together, and the image statistics together.

    Each is judged by the AUC (macro one-vs-rest for more than two classes) of a naive Bayes model
    over categories and tenths, out of fold, with rows of one component (``together``) in one fold.
    A finding where the lower bound of the 95 % interval is at least 0.6.

    Parameters
    ----------
    labels
        Text (n,), missing where unknown.
    columns, statistics
        The user's columns without the label, and the measured statistics; n rows each.
    together
        int (n,): what a split keeps together can't be a shortcut across splits.

    Notes
    -----
    About 20 ms a column for 2,600 images; 0.3 s more for each one that looks suspicious.
    """
    known = labels.notna().to_numpy()
    y, classes = pd.factorize(labels[known], sort=True)
    enough = np.bincount(y, minlength=len(classes)) >= FOLDS
    if enough.sum() < 2:
        return []
    rng = np.random.default_rng(seed)
    part = np.unique(together[known], return_inverse=True)[1]
    folds = (rng.permutation(part.max() + 1) % FOLDS)[part]

    def judge(codes: list[np.ndarray]) -> dict | None:
        scores = out_of_fold(codes, y, folds, len(classes))
        return _suspicious(scores, y, np.flatnonzero(enough), rng)

    def suspect(source: str, names: list[str], auc: dict) -> Finding:
        evidence = {"source": source, "column": ", ".join(names), "auc": auc}
        return Finding("shortcut", "warning", (), evidence, len(y))

    coded = {name: binned(columns.loc[known, name]) for name in columns}
    alone = {name: auc for name, codes in coded.items() if (auc := judge([codes]))}
    found = [
        suspect("table", [name], auc)
        for name, auc in sorted(alone.items(), key=lambda item: -item[1]["value"])
    ]
    rest = [name for name in coded if name not in alone and coded[name].max() <= 2 * BINS]
    if len(rest) > 1 and (auc := judge([coded[name] for name in rest])):
        found.append(suspect("table", rest, auc))
    seen = [binned(statistics.loc[known, name]) for name in statistics]
    if seen and (auc := judge(seen)):
        found.append(suspect("image statistics", list(statistics), auc))
    return found


def binned(column: pd.Series) -> np.ndarray:
    """int (n,): categories of a column; tenths for numbers; missing is a category of its own."""
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > 2 * BINS:
        ranks = column.astype(float).rank(pct=True)
        return np.floor(ranks.fillna(1.1).to_numpy() * BINS * 0.9999).astype(int)
    return pd.factorize(column.astype(object))[0] + 1


def out_of_fold(
    codes: list[np.ndarray], y: np.ndarray, folds: np.ndarray, n_classes: int
) -> np.ndarray:
    """float (n, classes): naive Bayes posterior of each row, learned from the other folds.

    Classes count as equally likely. Their shares are left out on purpose: they differ from fold to
    fold and would push the AUC of a useless column below one half.
    """
    out = np.zeros((len(y), n_classes))
    for fold in range(FOLDS):
        held = folds == fold
        for column in codes:
            counts = np.zeros((column.max() + 1, n_classes))
            np.add.at(counts, (column[~held], y[~held]), 1)
            share = counts.sum(axis=1, keepdims=True) / max(1, (~held).sum())
            likelihood = (counts + SMOOTHING * share) / (counts.sum(axis=0) + SMOOTHING)
            lift = np.divide(likelihood, share, out=np.ones_like(counts), where=share > 0)
            out[held] += np.log(lift[column[held]])
    out = np.exp(out - out.max(axis=1, keepdims=True))
    return out / out.sum(axis=1, keepdims=True)


def auc_of(scores: np.ndarray, y: np.ndarray, classes: np.ndarray) -> float:
    """Area under the ROC curve, mean over ``classes`` of one against the rest; a tie is half."""
    areas = []
    for k in classes:
        mine = y == k
        ranks = rankdata(scores[:, k])
        wins = ranks[mine].sum() - mine.sum() * (mine.sum() + 1) / 2
        areas.append(wins / (mine.sum() * (~mine).sum()))
    return float(np.mean(areas))


def _suspicious(scores, y, classes, rng: np.random.Generator) -> dict | None:
    """The AUC with its interval if the lower bound reaches the limit; else None."""
    value = auc_of(scores, y, classes)
    if value < SHORTCUT_AUC:
        return None
    members = [np.flatnonzero(y == k) for k in range(scores.shape[1])]
    members = [m for m in members if len(m)]
    draws = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([rng.choice(m, len(m)) for m in members])
        draws.append(auc_of(scores[rows], y[rows], classes))
    low, high = np.percentile(draws, (2.5, 97.5))
    return interval(value, low, high, len(y)) if low >= SHORTCUT_AUC else None


def interval(value: float, low: float, high: float, n: int) -> dict:
    """A number as the summary holds it: rounded to 4 digits, with its 95 % interval and n."""
    value, low, high = (round(float(x), 4) for x in (value, low, high))
    return {"value": value, "low": low, "high": high, "n": int(n)}


def cramers_v(counts: np.ndarray) -> float:
    """Bias-corrected Cramér's V of a contingency table: 0 no association, 1 one tells the other.

    The plain V of independent columns is above 0, the more so the smaller the sample; the
    correction takes its expectation away.

    References
    ----------
    Bergsma, "A bias-correction for Cramér's V and Tschuprow's T", J. Korean Stat. Soc. 42 (2013),
    eq. 3–5.
    """
    counts = np.asarray(counts, float)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    n, (r, c) = counts.sum(), counts.shape
    if min(r, c) < 2 or n < 2:
        return 0.0
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    phi2 = ((counts - expected) ** 2 / expected).sum() / n
    phi2 = max(0.0, phi2 - (r - 1) * (c - 1) / (n - 1))
    r, c = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    return float(np.sqrt(min(1.0, phi2 / (min(r, c) - 1))))


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
