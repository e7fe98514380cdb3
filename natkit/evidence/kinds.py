"""The kinds of question that a probe can be asked: one of several classes, a measurement, which of several labels."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from natkit.evidence import intervals

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
