"""Numbers with their intervals."""

from dataclasses import dataclass

from natkit.facts.base import Facts


@dataclass(frozen=True)
class Range(Facts):
    """A number and its 95 % interval, ``low <= value <= high``; known exactly if the three are equal."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Interval(Range):
    """A :class:`Range` and the number of images it is from."""

    n: int


@dataclass(frozen=True)
class Counted(Range):
    """``k`` of ``n`` as a share, all shares in 0..1."""

    k: int
    n: int
    at_most: float  # one-sided bound, 95 %
    n_eff: float  # so many independent images would tell as much
    groups: int | None  # lots that the interval counts with; None if images are independent


@dataclass(frozen=True)
class Band(Facts):
    """A number of labels and its band; None is "more than there are"."""

    value: float | None
    low: float | None
    high: float | None
