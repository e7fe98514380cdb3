"""What errors cost, what the project costs and saves. Money in one currency, shares in 0..1."""

from dataclasses import dataclass
from enum import StrEnum

from natkit.facts.base import Absent, Facts
from natkit.facts.numbers import Counted, Range


class WayName(StrEnum):
    """A way of inspecting."""

    NATKIT = "natkit"
    NOTHING = "nothing"  # no inspection: every defect is missed
    ALL_HELD = "all_held"  # every part is held back
    TODAY = "today"


class WhyNoCost(StrEnum):
    """Why a part of the section is not there."""

    MISSING = "missing"  # a price or a fact of the line
    NO_SCORES = "no_scores"
    ONE_CLASS = "one_class"
    ONE_GROUP = "one_group"
    NO_SAVING = "no_saving"
    NOT_SHOWN = "not_shown"  # by its interval nothing may be saved
    BEYOND = "beyond"  # a payback too far off to state


@dataclass(frozen=True)
class NoCost(Absent):
    """Why a part of the section is not there, and the fields that are missing."""

    reason: WhyNoCost
    missing: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Prices(Facts):
    """Prices as given, see :class:`natkit.money.prices.Prices`."""

    currency: str
    missed: float | None
    false_alarm: float | None
    label: float | None
    engineer_hour: float | None
    gpu_hour: float | None
    own_gpu: float | None
    own_gpu_years: float | None
    own_gpu_hour: float | None
    upkeep_year: float | None
    made_up: bool


@dataclass(frozen=True)
class LineFacts(Facts):
    """The line as given, see :class:`natkit.money.prices.Line`."""

    defect_rate: float | None
    parts_a_year: float | None
    today_missed: float | None
    today_false_alarms: float | None
    today_part: float | None
    allowed_missed: float | None
    allowed_cost: float | None


@dataclass(frozen=True)
class Work(Facts):
    """The work as given, see :class:`natkit.money.prices.Work`."""

    labels: float | None
    engineer_hours: float | None
    gpu_hours: float | None
    images: float | None
    epochs: float | None
    images_per_second: float | None
    trainings_a_year: float | None


@dataclass(frozen=True)
class Point(Facts):
    """The threshold chosen on val (0 holds back every part, above 1 none), and the errors there on test."""

    threshold: float
    missed: Counted
    false_alarms: Counted

    @property
    def n(self) -> int:
        """Test images that were counted."""
        return self.missed.n + self.false_alarms.n


@dataclass(frozen=True)
class Way(Facts):
    """Errors of a way of inspecting on 1,000 parts, and what they cost."""

    way: WayName
    missed: Range
    false_alarms: Range
    cost: Range


@dataclass(frozen=True)
class Item(Facts):
    """``cost = count × price``."""

    count: float
    price: float
    cost: float


@dataclass(frozen=True)
class Project(Facts):
    """What the project costs."""

    labels: Item
    engineer_hours: Item
    gpu_hours: Item
    total: float


@dataclass(frozen=True)
class Payback(Facts):
    """Months until the savings have paid the project; ``high`` is None where that can't be stated."""

    value: float
    low: float
    high: float | None


@dataclass(frozen=True)
class Compute(Facts):
    """Hours of a training and of a year, money for a training, a year rented, a year on an own GPU.

    From ``break_even`` hours a year an own GPU is cheaper; None if it never is.
    """

    hours: float | None
    hours_year: float | None
    training: float | None
    rented_year: float | None
    own_year: float | None
    break_even: float | None


@dataclass(frozen=True)
class Pilot(Facts):
    """Parts, and months of the line, until enough defects are seen if none, one, two of them are missed."""

    parts: tuple[int, int, int]
    months: tuple[float, float, float] | None


@dataclass(frozen=True)
class SpotCheck(Facts):
    """On the line: known defects to run through, passed parts to look at, their share of a year's."""

    known: int
    passed: int
    share: float | None


@dataclass(frozen=True)
class Plan(Facts):
    """From PoC to line: the share of defects that may be missed, and how many defects show it."""

    allowed: float
    defects: tuple[int, int, int]  # with none, one, two of them missed
    shown: bool | None  # whether this run's test images show it
    pilot: Pilot
    check: SpotCheck


@dataclass(frozen=True)
class Cost(Facts):
    """The section on money; a part that prices or scores do not allow is a :class:`NoCost`."""

    prices: Prices
    line: LineFacts
    work: Work
    point: Point | NoCost
    ways: tuple[Way, ...] | NoCost
    curve: tuple[tuple[float, float, float, float], ...] | NoCost  # threshold, value, low, high
    project: Project | NoCost
    saving: Range | NoCost  # in a year
    payback: Payback | NoCost
    compute: Compute | NoCost
    plan: Plan | NoCost

    def way(self, name: str) -> Way:
        """One way of inspecting."""
        return next(row for row in self.ways if row.way == name)

    @property
    def ours(self) -> Range:
        """What natkit's errors on 1,000 parts cost."""
        return self.way(WayName.NATKIT).cost

    @property
    def others(self) -> list[Way]:
        """The ways without natkit."""
        return [row for row in self.ways if row.way != WayName.NATKIT]

    @property
    def rival(self) -> Way:
        """The cheapest way without natkit."""
        return min(self.others, key=lambda row: row.cost.value)
