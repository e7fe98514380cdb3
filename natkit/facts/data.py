"""What cleaning found and did."""

from dataclasses import dataclass
from enum import StrEnum

from natkit.facts.base import Facts
from natkit.facts.numbers import Interval


class DataKind(StrEnum):
    """What the data set is of."""

    IMAGES = "images"
    SIGNALS = "signals"


class Severity(StrEnum):
    """How grave a finding is, the worst first."""

    PROBLEM = "problem"
    WARNING = "warning"
    NOTE = "note"


class Action(StrEnum):
    """What was done about a finding."""

    QUARANTINED = "quarantined"
    MENDED = "mended"
    KEPT_TOGETHER = "kept together"
    WEIGHTED = "weighted"
    REPORTED = "reported"


class GroupRole(StrEnum):
    """What the split does with a group column."""

    KEPT_TOGETHER = "kept together"  # a group is never divided between train, val and test
    BALANCED = "balanced"


@dataclass(frozen=True)
class Counts(Facts):
    """Images: in the user's list, kept for training, set aside, mended, and the kept ones by split."""

    listed: int
    kept: int
    quarantined: int
    mended: int
    train: int
    val: int
    test: int


@dataclass(frozen=True)
class Label(Facts):
    """The label column, and how many kept images have each value."""

    column: str
    counts: dict[str, int]


@dataclass(frozen=True)
class Group(Facts):
    """A group column and its number of values."""

    column: str
    role: GroupRole
    values: int


@dataclass(frozen=True)
class Finding(Facts):
    """What a rule found; ``share`` (0..1) is of the listed images, ``evidence`` the rule's own numbers."""

    rule: str
    severity: Severity
    action: Action
    count: int
    share: float
    evidence: dict
    examples: tuple[str, ...]  # paths, at most 8

    @property
    def whole(self) -> bool:
        """Whether it concerns the data set as a whole: it names no image."""
        return not self.examples


@dataclass(frozen=True)
class Loss(Facts):
    """What cleaning takes from one class or group: of ``n`` images so many set aside, mended, held back."""

    column: str
    value: str
    n: int
    aside: int
    mended: int
    held: int
    share: Interval  # set aside, 0..1


@dataclass(frozen=True)
class Mended(Facts):
    """A mended image, the rules that mended it, and a picture of before and after."""

    path: str
    rules: tuple[str, ...]
    picture: str


@dataclass(frozen=True)
class Planted(Facts):
    """Faults of one kind that a demonstration planted, and how many were found."""

    kind: str
    planted: int
    found: int
    missed: int
    looked_for: bool  # whether a rule for this kind was on


@dataclass(frozen=True)
class FalseAlarms(Facts):
    """Sound images of a demonstration, and how many of them were flagged."""

    clean: int
    flagged: int


@dataclass(frozen=True)
class Decided(Facts):
    """One row of the ledger: what was decided on an image, when, why and by whom."""

    time: str
    path: str
    rule: str
    evidence: str
    action: str
    by: str


@dataclass(frozen=True)
class Ledger(Facts):
    """The first decisions; ``total`` counts all."""

    total: int
    rows: tuple[Decided, ...]


@dataclass(frozen=True)
class Sentences(Facts):
    """Sentences of the rules by key, in both languages."""

    en: dict[str, str]
    ja: dict[str, str]


@dataclass(frozen=True)
class Data(Facts):
    """The prepared data set."""

    name: str
    licence: str | None
    hash: str  # SHA-256 of the manifest, 64 hex digits
    counts: Counts
    label: Label | None
    groups: tuple[Group, ...]
    findings: tuple[Finding, ...]
    looked_for: tuple[str, ...]  # rules
    sentences: Sentences
    planted: tuple[Planted, ...] | None
    false_alarms: FalseAlarms | None
    kind: DataKind | None = None
    losses: tuple[Loss, ...] = ()
    mended: tuple[Mended, ...] = ()
    ledger: Ledger | None = None
