"""The decision and its grounds."""

from dataclasses import dataclass
from enum import StrEnum

from natkit.facts.base import Facts
from natkit.facts.evidence import Probe
from natkit.facts.numbers import Interval


class Decision(StrEnum):
    """What is decided."""

    GO = "go"
    NO_GO = "no_go"
    NOT_ENOUGH = "not_enough"


class Ground(StrEnum):
    """Why, in one word: a key of the report's titles."""

    MET = "met"
    BEHIND = "behind"
    BELOW_TARGET = "below_target"
    UNDECIDED = "undecided"
    LEAK = "leak"
    SHORTCUT = "shortcut"
    NO_TARGET = "no_target"
    TARGET_OPEN = "target_open"
    GROUP_BELOW = "group_below"
    TOO_FEW = "too_few"
    UNSCORED = "unscored"


class Standing(StrEnum):
    """Where ours stands against the controls, by the intervals of the differences."""

    AHEAD = "ahead"
    BEHIND = "behind"
    UNDECIDED = "undecided"


class TargetKind(StrEnum):
    """What was agreed beforehand: a score to reach, or a cost to stay below."""

    SCORE = "score"
    COST = "cost"


@dataclass(frozen=True)
class Target(Facts):
    """The target agreed beforehand."""

    kind: TargetKind
    value: float


@dataclass(frozen=True)
class Reason(Facts):
    """One reason: a key of ``natkit.evidence.reasons.REASONS``, and the numbers and names that it carries."""

    code: str
    values: dict

    @classmethod
    def of(cls, plain: dict | Facts) -> "Reason":
        if isinstance(plain, Facts):
            return plain
        return cls(plain["code"], {name: x for name, x in plain.items() if name != "code"})

    def plain(self) -> dict:
        return {"code": self.code, **self.values}


@dataclass(frozen=True)
class Verdict(Facts):
    """The decision, the control that decided with the difference to it, and the reasons, deciding ones first."""

    decision: Decision
    ground: Ground
    comparison: Standing | None
    probe: Probe
    control: str | None
    difference: Interval | None
    target: Target | None
    reasons: tuple[Reason, ...]


UNJUDGED = Verdict(
    Decision.NOT_ENOUGH, Ground.UNSCORED, None, Probe.LINEAR, None, None, None, ()
)  # what holds without a verdict
