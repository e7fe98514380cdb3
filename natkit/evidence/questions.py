"""What a probe is asked: one of several classes, a measurement, or which of several labels hold.

Each kind knows its values, its probes (scikit-learn's, not fitted), the score that decides and the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from natkit.core.errors import InputError
from natkit.core.labels import MANY, class_names
from natkit.data.manifest import SPLITS
from natkit.evidence import intervals

MOST = 100  # classes; each needs a border of its own, and its own thousand resamples
NEED = {  # by kind: images of the rarest class (or label that holds); with fewer, nothing is decided
    "classes": {"train": 5, "val": 1, "test": 10},
    "labels": {"train": 5, "val": 1, "test": 10},
    "measurement": {"train": 20, "val": 10, "test": 30},
}
LOGISTIC = [{"C": c} for c in (0.001, 0.01, 0.1, 1.0, 10.0)]
RIDGE = [{"alpha": a} for a in (1.0, 10.0, 100.0, 1000.0, 10_000.0)]
NEIGHBOURS = [{"k": k} for k in (5, 15, 30)]
SURE = 0.01  # p below which a column and the label go together


def logistic(x: np.ndarray, classes: int, **settings) -> LogisticRegression:
    """Logistic regression by the fastest solver for so many unknowns, not fitted."""
    narrow = x.shape[1] * (1 if classes == 2 else classes) <= 600
    solver = {"solver": "newton-cholesky", "tol": 1e-8} if narrow else {"tol": 1e-6}
    return LogisticRegression(**settings, **solver, max_iter=20_000)


@dataclass(frozen=True)
class Classes:
    """One class an image. ``y`` int (n,), ``names`` of the classes; the area under the ROC curve decides."""

    y: np.ndarray
    names: list[str]
    left_out: list[str] = field(default_factory=list)
    kind, metric, chance = "classes", "auroc", 0.5
    settings = {"linear": LOGISTIC, "knn": NEIGHBOURS}

    def part(self, rows: np.ndarray) -> "Classes":
        """The same for some rows, given as bool (n,) or int."""
        return Classes(self.y[rows], self.names, self.left_out)

    def strata(self) -> np.ndarray:
        """int (n,), of which each resample holds all."""
        return self.y

    def fit(self, probe: str, setting: dict, x: np.ndarray, trust: np.ndarray | None = None):
        """A fitted probe; ``trust`` (n,) weighs the images of the linear one."""
        if probe == "linear":
            return logistic(x, len(self.names), C=setting["C"]).fit(x, self.y, sample_weight=trust)
        return KNeighborsClassifier(setting["k"], metric="cosine", weights="distance").fit(
            x, self.y
        )

    def read(self, fitted, x: np.ndarray) -> np.ndarray:
        """Chances of each class, (n, k); a class that the probe never saw gets 0."""
        chances = np.zeros((len(x), len(self.names)))
        chances[:, fitted.classes_] = fitted.predict_proba(x)
        return chances

    def score(self, read: np.ndarray, weights: np.ndarray, strata=None) -> np.ndarray:
        """The deciding score under each row of weights: (b,)."""
        return intervals.auroc(self.y, read, weights, strata)

    def also(self, read: np.ndarray, weights: np.ndarray, train: "Classes", trust=None) -> dict:
        """Other scores, each (b,). The largest chance wins, divided by the class's share of train."""
        share = np.bincount(train.y, trust, len(self.names)) if train is not None else 1.0
        called = (read / share).argmax(axis=1)
        tested = (
            [int(np.bincount(self.y).argmin())] if len(self.names) == 2 else range(len(self.names))
        )
        precision = [intervals.average_precision(self.y == c, read[:, c], weights) for c in tested]
        return {
            "balanced_accuracy": intervals.balanced_accuracy(self.y, called, weights),
            "average_precision": np.mean(precision, axis=0),
            "macro_f1": intervals.macro_f1(self.y, called, weights),
        }

    def enough(self) -> bool:
        """Whether each class of these test images has as many as are needed."""
        return np.bincount(self.y, minlength=len(self.names)).min() >= NEED["classes"]["test"]

    def goes_with(self, column: np.ndarray) -> bool:
        """Whether the values of ``column`` and the classes depend on each other (χ², p < 0.01)."""
        counts = pd.crosstab(column, self.y)
        return min(counts.shape) > 1 and stats.chi2_contingency(counts).pvalue < SURE


@dataclass(frozen=True)
class Measurement:
    """A number an image. ``y`` float64 (n,); the share of its variance explained (R²) decides."""

    y: np.ndarray
    kind, metric, chance = "measurement", "r2", 0.0
    settings = {"linear": RIDGE, "knn": NEIGHBOURS}
    names: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def part(self, rows: np.ndarray) -> "Measurement":
        return Measurement(self.y[rows])

    def strata(self) -> np.ndarray:
        return np.zeros(len(self.y), int)

    def fit(self, probe: str, setting: dict, x: np.ndarray, trust: np.ndarray | None = None):
        if probe == "linear":
            return Ridge(alpha=setting["alpha"]).fit(x, self.y, sample_weight=trust)
        return KNeighborsRegressor(setting["k"], metric="cosine", weights="distance").fit(x, self.y)

    def read(self, fitted, x: np.ndarray) -> np.ndarray:
        return fitted.predict(x)

    def score(self, read: np.ndarray, weights: np.ndarray, strata=None) -> np.ndarray:
        return intervals.r_squared(self.y, read, weights, strata)

    def also(self, read: np.ndarray, weights: np.ndarray, train=None, trust=None) -> dict:
        error = np.abs(self.y - read)
        return {"mean_absolute_error": weights @ error / weights.sum(axis=1)}

    def enough(self) -> bool:
        return len(self.y) >= NEED["measurement"]["test"] and np.ptp(self.y) > 0

    def goes_with(self, column: np.ndarray) -> bool:
        parts = [self.y[column == value] for value in np.unique(column)]
        parts = [part for part in parts if len(part) > 1]
        return len(parts) > 1 and stats.kruskal(*parts).pvalue < SURE


@dataclass(frozen=True)
class Labels:
    """Any of several labels an image. ``y`` float (n, labels): 1 holds, 0 not, NaN unknown.

    The mean over labels of the average precision decides (mAP); unknown ones do not count.
    """

    y: np.ndarray
    names: list[str]
    left_out: list[str] = field(default_factory=list)
    kind, metric = "labels", "map"
    settings = {"linear": LOGISTIC, "knn": NEIGHBOURS}

    @property
    def chance(self) -> float:
        """The mean share of images of which a label holds: what guessing scores."""
        return float(np.nanmean(self.y, axis=0).mean())

    def part(self, rows: np.ndarray) -> "Labels":
        return Labels(self.y[rows], self.names, self.left_out)

    def strata(self) -> np.ndarray:
        return np.zeros(len(self.y), int)

    def fit(self, probe: str, setting: dict, x: np.ndarray, trust: np.ndarray | None = None):
        fitted = []
        for column in self.y.T:
            known = ~np.isnan(column)
            one = Classes(column[known].astype(int), ["0", "1"])
            fitted.append(
                one.fit(probe, setting, x[known], None if trust is None else trust[known])
            )
        return fitted

    def read(self, fitted, x: np.ndarray) -> np.ndarray:
        """Chance of each label, (n, labels)."""
        return np.stack([one.predict_proba(x)[:, list(one.classes_).index(1)] for one in fitted], 1)

    def _mean(self, read: np.ndarray, weights: np.ndarray, points=None) -> np.ndarray:
        scores = []
        for truth, column in zip(self.y.T, read.T, strict=True):
            known = ~np.isnan(truth)
            scores.append(
                intervals.average_precision(
                    truth[known] == 1, column[known], weights[:, known], points
                )
            )
        return np.mean(scores, axis=0)

    def score(self, read: np.ndarray, weights: np.ndarray, strata=None) -> np.ndarray:
        return self._mean(read, weights)

    def also(self, read: np.ndarray, weights: np.ndarray, train=None, trust=None) -> dict:
        return {
            "map_voc07": self._mean(read, weights, 11),
            "map_voc10": self._mean(read, weights, "all"),
        }

    def enough(self) -> bool:
        held = np.nansum(self.y, axis=0)
        return held.min() >= NEED["labels"]["test"]

    def goes_with(self, column: np.ndarray) -> bool:
        return False  # not looked at: with several labels there is no one order of the images


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
