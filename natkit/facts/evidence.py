"""Scores of what was learnt against controls, on test images."""

from dataclasses import dataclass
from enum import StrEnum

from natkit.facts.base import Absent, Facts, WhyAbsent
from natkit.facts.numbers import Band, Interval


class Task(StrEnum):
    """What is predicted."""

    CLASSES = "classes"
    MEASUREMENT = "measurement"
    LABELS = "labels"


class Metric(StrEnum):
    """What a score is: higher is better, 1 is perfect."""

    AUROC = "auroc"
    R2 = "r2"
    MAP = "map"


class Also(StrEnum):
    """Further metrics, told beside the one that decides."""

    BALANCED_ACCURACY = "balanced_accuracy"
    AVERAGE_PRECISION = "average_precision"
    MACRO_F1 = "macro_f1"
    MEAN_ABSOLUTE_ERROR = "mean_absolute_error"
    MAP_VOC07 = "map_voc07"
    MAP_VOC10 = "map_voc10"


class Role(StrEnum):
    """What a scored network is for."""

    OURS = "ours"
    CONTROL = "control"  # must be beaten
    REFERENCE = "reference"  # was trained with the labels
    FLOOR = "floor"  # guesses


class Probe(StrEnum):
    """What reads the label from the features."""

    LINEAR = "linear"
    KNN = "knn"
    HEAD = "head"
    NONE = "none"


class CheckKind(StrEnum):
    """What a shortcut or a leak could not have done."""

    WITHIN = "within"
    WITHOUT_TWINS = "without_twins"


@dataclass(frozen=True)
class ClassCounts(Facts):
    """Labelled images of a class by split."""

    class_: str
    train: int
    val: int
    test: int


@dataclass(frozen=True)
class Unscored(Absent):
    """Why there are no scores; of too few labels, how many there are and how many each split needs."""

    reason: WhyAbsent
    label: str | None = None
    labelled: int | None = None
    need: dict[str, int] | None = None
    counts: tuple[ClassCounts, ...] | None = None


@dataclass(frozen=True)
class Score(Facts):
    """The score of one network, read by one probe."""

    name: str
    role: Role
    layer: str | None
    probe: Probe
    score: Interval
    also: dict[str, Interval]  # by name of :class:`Also`
    setting: dict[str, float]
    chosen_on: str
    val_score: float
    trainings: tuple[float, ...]  # scores of repeated trainings


@dataclass(frozen=True)
class Difference(Facts):
    """Ours minus a control (or reference), paired on the same test images."""

    control: str
    role: Role
    probe: Probe
    score: Interval


@dataclass(frozen=True)
class Check(Facts):
    """The same difference within the groups of ``column``, or without copies; None where nothing is left."""

    check: CheckKind
    column: str | None
    control: str
    score: Interval | None


@dataclass(frozen=True)
class GroupScore(Facts):
    """Our score on the test images of one group; None if they are too few."""

    column: str
    value: str
    n: int
    score: Interval | None


@dataclass(frozen=True)
class HeldOut(Facts):
    """Our score on a group that was not learnt from, and the difference to the best control."""

    column: str
    value: str
    n: int
    score: Interval | None
    control: str | None
    difference: Interval | None


@dataclass(frozen=True)
class Robustness(Facts):
    """The score on changed images and its change; ``strength`` as a share of the full scale."""

    name: str
    kind: str
    strength: float
    score: Interval
    change: Interval


@dataclass(frozen=True)
class Units(Facts):
    """Parts or lots: their column, their number, and how many stand in two splits."""

    column: str
    n: int
    crossing: int


@dataclass(frozen=True)
class Twins(Facts):
    """Of ``n`` test images, how many look like copies of train images."""

    count: int
    n: int


@dataclass(frozen=True)
class Line(Facts):
    """Score against number of labels (``budgets``): each draw, the median, and a band of 90 %."""

    name: str
    role: Role
    budgets: tuple[int, ...]
    draws: tuple[tuple[float, ...], ...]
    median: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class CurveTarget(Facts):
    """The score that labels are counted to, and the control it is from, if it is."""

    value: float
    from_: str | None


@dataclass(frozen=True)
class Needed(Band):
    """Labels that a network needs to reach the target."""

    name: str


@dataclass(frozen=True)
class Saved(Band):
    """Labels that ours saves against a control."""

    control: str


@dataclass(frozen=True)
class Gain(Facts):
    """What one network scores more than another with so many labels."""

    name: str
    against: str
    labels: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class More(Facts):
    """What so many further labels would add, at the right end of the curve."""

    labels: int
    from_: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve(Facts):
    """The label curve."""

    label: str
    metric: Metric
    repeats: int
    n_train: int
    n_test: int
    lines: tuple[Line, ...]
    target: CurveTarget
    needed: tuple[Needed, ...]
    saved: tuple[Saved, ...]
    gains: tuple[Gain, ...]
    more: More

    @property
    def ours(self) -> Line:
        """The line of our own network."""
        return next(line for line in self.lines if line.role is Role.OURS)


@dataclass(frozen=True)
class EvidenceFacts(Facts):
    """All scores, of which the linear probe's decide."""

    label: str
    kind: Task
    classes: tuple[str, ...]
    metric: Metric
    chance: float
    decides: Probe
    target: float | None
    n_train: int
    n_val: int
    n_test: int
    units: Units | None
    scores: tuple[Score, ...]
    differences: tuple[Difference, ...]
    checks: tuple[Check, ...]
    groups: tuple[GroupScore, ...]
    twins: Twins
    left_out: tuple[str, ...]  # classes too rare to learn
    curve: Curve | None
    robustness: tuple[Robustness, ...] | None
    held_out: tuple[HeldOut, ...] | None

    def ours(self, probe: str) -> Score:
        """Our own score for ``probe``."""
        mine = (row for row in self.scores if row.role is Role.OURS)
        return next(row for row in mine if row.probe == probe)

    def rivals(self, probe: str) -> list[Score]:
        """Scores of the controls for ``probe``, best first."""
        rows = (row for row in self.scores if row.role is Role.CONTROL and row.probe == probe)
        return sorted(rows, key=lambda row: -row.score.value)

    def leads(self, probe: str) -> list[Difference]:
        """Differences to the controls for ``probe``: the ground of a verdict."""
        rows = (row for row in self.differences if row.role is Role.CONTROL)
        return [row for row in rows if row.probe == probe]

    @property
    def deciding(self) -> list[Score]:
        """Scores by the deciding probe, and by the heads of networks trained with labels."""
        probes = (self.decides, Probe.HEAD)
        rows = (row for row in self.scores if row.role is not Role.FLOOR)
        return [row for row in rows if row.probe in probes]

    @property
    def worst(self) -> GroupScore | None:
        """The group with the lowest score, if any was scored."""
        rows = (row for row in self.groups if row.score)
        return min(rows, key=lambda row: row.score.value, default=None)
