"""Drift: do the images of one camera, shift or season look unlike the others?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data_prep.rules.evidence import plain, strongest_first
from data_prep.rules.finders import Context, Stage, finds
from data_prep.rules.registry import Finding
from data_prep.rules.telling import (
    CHANCE,
    FOLDS,
    Answer,
    auc_interval,
    auc_of,
    binned,
    chances,
    most_telling,
    tell,
)
from natkit.core.errors import InputError
from natkit.core.labels import class_names
from natkit.core.stats import robust_spread

MOST_VALUES = 20  # of a group; more are lots or parts, which differ by nature
FEWEST = 50  # images of a domain; fewer tell too little
SECOND = np.array([1])  # class that the AUC is read from
ROWS, PARTS = 2000, 32  # of an embedding: images drawn, principal components kept
SHUFFLES = 99  # of an embedding


@dataclass(frozen=True, eq=False)
class Domain:
    """Images of one value of a column, or of one period: ``known`` (n,) have a value, ``inside`` (n,) this one."""

    column: str
    value: str
    known: np.ndarray
    inside: np.ndarray

    @property
    def y(self) -> np.ndarray:
        """int (known,): 1 for the images inside."""
        return self.inside[self.known].astype(int)


def drifts(
    table: pd.DataFrame,
    statistics: pd.DataFrame,
    groups: list[str] | tuple[str, ...],
    time: str | None,
    seed: int,
) -> list[Finding]:
    """A finding for each domain whose images can be told from the rest by their statistics.

    A domain is a value of a group (2 to 20 values), or a period: the later half, or one of the
    thirds. It is told out of fold by naive Bayes over fifths of the statistics. A finding where the
    AUC is at least 0.6 and p ≤ 0.05: shuffled domains, learned anew, with Holm's correction for all
    domains asked.

    Parameters
    ----------
    table
        The user's columns, one row an image.
    statistics
        float (n, k) beside it, NaN where unknown.
    groups
        Names of columns. Those that tie images together (lot, part) are too many to be domains.
    time
        Name of a column of dates (or ISO text), or None.
    seed
        For folds, shuffles and intervals.

    Returns
    -------
    Findings, the most different domain first. Of a time only the period that differs most; of a
    group with two values only the rarer.  ``shift``: how far the median of the statistic that tells
    ``most`` lies above the rest, in robust standard deviations (1.4826 MAD) of the rest.

    Raises
    ------
    InputError
        If the time column holds what is no date.

    Notes
    -----
    About 1 s for each domain that differs, of 500 images with four statistics. Images of one lot
    are taken as independent: if few lots make a domain, they drift like lots do.
    """
    rng = np.random.default_rng(seed)
    folds = rng.permutation(len(table)) % FOLDS
    codes = {name: binned(statistics[name]) for name in statistics}
    asked = [d for group in groups for d in _values(class_names(table[group]))]
    if time is not None:
        asked += _periods(dates(table[time]))
    answers = []
    for domain in asked:
        part = [column[domain.known] for column in codes.values()]
        answers.append(tell(part, domain.y, folds[domain.known], SECOND, len(asked), rng))
    found = []
    for domain, answer, p in zip(asked, answers, chances(answers), strict=True):
        if p <= CHANCE:
            known = {name: column[domain.known] for name, column in codes.items()}
            most = most_telling(known, domain.y, folds[domain.known])
            found.append(
                (answer.auc.value, (domain, _finding(domain, answer, p, most, statistics)))
            )
    found = strongest_first(found)
    periods = [domain for domain, _ in found if domain.column == time]
    return [finding for domain, finding in found if domain not in periods[1:]]


def _finding(
    domain: Domain, answer: Answer, p: float, most: str, statistics: pd.DataFrame
) -> Finding:
    inside, outside = domain.inside, domain.known & ~domain.inside
    evidence = {
        "column": domain.column,
        "value": domain.value,
        "auc": answer.auc,
        "p": round(float(p), 4),
        "n": int(inside.sum()),
        "most": most,
        "shift": shift(statistics.loc[inside, most], statistics.loc[outside, most]),
    }
    return Finding("drift", "warning", (), evidence, int(inside.sum()))


@finds("drift", stage=Stage.DRIFT)
def _drifts(context: Context) -> list[Finding]:
    kept = context.kept
    statistics = kept[context.scan.looked_at]
    return drifts(kept, statistics, context.small_groups, context.time, context.seed)


def _values(column: pd.Series) -> list[Domain]:
    """The domains of a group."""
    counts = column.value_counts()
    if not 2 <= len(counts) <= MOST_VALUES:
        return []
    known = column.notna().to_numpy()
    enough = [v for v, n in counts.items() if n >= FEWEST and known.sum() - n >= FEWEST]
    if len(counts) == 2:
        enough = enough[-1:]  # the other one differs from it as much
    return [Domain(column.name, v, known, column.eq(v).to_numpy(bool)) for v in enough]


def _periods(when: pd.Series) -> list[Domain]:
    """As :func:`_values`, for the later half and the thirds; equal times are never torn apart."""
    known = when.notna().to_numpy()
    rank = when.rank(pct=True, method="min").to_numpy()  # NaN compares as False
    out = []
    for low, high in ((1 / 2, 1), (0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1)):
        inside = (rank > low) & (rank <= high)
        if min(inside.sum(), (known & ~inside).sum()) >= FEWEST:
            ends = when[inside].min(), when[inside].max()
            text = " … ".join(end.isoformat(sep=" ", timespec="minutes")[:16] for end in ends)
            out.append(Domain(when.name, text, known, inside))
    return out


def dates(column: pd.Series) -> pd.Series:
    """A column of dates or ISO text as times (UTC where a zone is named). Raises InputError else."""
    try:
        return pd.to_datetime(column, format="ISO8601", utc=True).rename(column.name)
    except (ValueError, TypeError) as error:
        bad = next((v for v in column.dropna() if not _is_date(v)), column.iloc[0])
        raise InputError(
            f"The time column {column.name!r} holds {bad!r}, which is no date; natkit reads dates "
            "as 2026-03-31 or 2026-03-31 14:05. Convert the column, or name no time."
        ) from error


def _is_date(value: object) -> bool:
    try:
        pd.to_datetime(value, format="ISO8601", utc=True)
    except (ValueError, TypeError):
        return False
    return True


def shift(inside: pd.Series, rest: pd.Series) -> float:
    """Difference of the medians in robust standard deviations (1.4826 MAD) of the rest."""
    middle = rest.median()
    spread = robust_spread(rest.dropna(), middle) or rest.std()
    return round(float((inside.median() - middle) / spread), 3) if spread else 0.0


def drift_of_vectors(vectors: np.ndarray, domain: np.ndarray, seed: int) -> dict:
    """How well a straight line tells a domain from the rest by its vectors: auc, p, n.

    Logistic regression on standardised vectors (on 32 principal components, and 2,000 images, of
    larger ones), out of fold; p from 99 shuffled domains, learned anew.

    Parameters
    ----------
    vectors
        float (n, d).
    domain
        bool (n,); at least 50 images are in it, and 50 outside.

    Raises
    ------
    InputError
        If the domain has fewer than 50 images inside or outside.

    Notes
    -----
    About 3 s for 2,000 images.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    y = np.asarray(domain).astype(int)
    if np.bincount(y, minlength=2).min() < FEWEST:
        raise InputError(
            f"A domain needs {FEWEST} images inside and outside, but {y.sum()} of {len(y)} are "
            "inside. Take a larger group."
        )
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(y))[:ROWS]
    x, y = np.asarray(vectors, float)[rows], y[rows]
    if x.shape[1] > PARTS:
        x = PCA(PARTS, random_state=seed).fit_transform(StandardScaler().fit_transform(x))
    x = StandardScaler().fit_transform(x)
    folds = np.arange(len(y)) % FOLDS

    def scores(y: np.ndarray) -> np.ndarray:
        out = np.zeros((len(y), 2))
        for fold in range(FOLDS):
            out_of_fold = folds == fold
            model = LogisticRegression(C=0.1).fit(x[~out_of_fold], y[~out_of_fold])
            out[out_of_fold] = model.predict_proba(x[out_of_fold])
        return out

    found = scores(y)
    value = auc_of(found, y, SECOND, folds)
    as_good = [
        value <= auc_of(scores(s), s, SECOND, folds) for s in map(rng.permutation, [y] * SHUFFLES)
    ]
    p = (1 + sum(as_good)) / (1 + SHUFFLES)
    return {
        "auc": plain(auc_interval(found, y, SECOND, folds, rng)),
        "p": float(p),
        "n": int(np.sum(domain)),
    }
