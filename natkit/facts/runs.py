"""Several runs, and what has moved between them."""

from dataclasses import dataclass
from enum import StrEnum

from natkit.facts.base import Facts
from natkit.facts.numbers import Range
from natkit.facts.summary import Summary


class Kind(StrEnum):
    """What a compared number is."""

    OURS = "ours"
    CONTROL = "control"
    REFERENCE = "reference"
    LEAD = "lead"  # over a control
    GROUP = "group"
    MISSED = "missed"
    FALSE_ALARMS = "false_alarms"
    COST = "cost"


MONEY = (Kind.MISSED, Kind.FALSE_ALARMS, Kind.COST)  # the lower the better


class Movement(StrEnum):
    """What a difference shows."""

    BETTER = "better"
    WORSE = "worse"
    ALONE = "alone"  # outside its own interval, but not after the correction for many
    NONE = "none"


class Images(StrEnum):
    """Whether two runs were scored on the same test images."""

    SAME = "same"
    OTHER = "other"


class Side(StrEnum):
    """One of two runs that are compared."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True)
class Run(Facts):
    """A run by its name."""

    name: str
    facts: Summary

    @property
    def started(self) -> str | None:
        """When it was started (ISO 8601), if that is known."""
        return getattr(self.facts.provenance, "started", None)


@dataclass(frozen=True)
class Moved(Facts):
    """A number of two runs, the difference (after minus before), its p, and p after Holm's correction."""

    kind: Kind
    name: str
    before: Range
    after: Range
    difference: Range
    p: float
    holm: float
    standing: Movement


@dataclass(frozen=True)
class Lone(Facts):
    """A number that only one of the two runs has."""

    kind: Kind
    name: str
    run: Side


@dataclass(frozen=True)
class Differs(Facts):
    """What differs between two runs, by its name: None where a run lacks it."""

    name: str
    before: object
    after: object


@dataclass(frozen=True)
class Pair(Facts):
    """A later run against the first: what is compared, or why not."""

    name: str
    images: Images
    why: tuple[Differs, ...]  # empty if they are compared
    rows: tuple[Moved, ...]
    alone: tuple[Lone, ...]
    money: str | None  # why errors and cost are not compared: "prices", or why a section is absent
    settings: tuple[Differs, ...]  # of the training

    @property
    def ours(self) -> Moved | None:
        """Our own score, if it was compared."""
        return next((row for row in self.rows if row.kind is Kind.OURS), None)


@dataclass(frozen=True)
class Comparison(Facts):
    """All runs, and each later one against the first."""

    runs: tuple[Run, ...]
    pairs: tuple[Pair, ...]
    deciding: int  # so many of our own scores were compared
    others: int  # and so many other numbers
    expected: float  # of the others, outside their interval by chance

    @property
    def first(self) -> Run:
        """The run that the others are compared with."""
        return self.runs[0]

    @property
    def compared_images(self) -> set[Images]:
        """Which test images the compared pairs have."""
        return {pair.images for pair in self.pairs if not pair.why}
