"""How a rule is looked for: each family registers with :func:`finds` what finds its rules, when, and what it needs."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import pandas as pd

from data_prep.rules.registry import Finding, Rule
from data_prep.scanning.scan import Scan

# Files beside this one that register rules, in the order in which they look within a stage.
FAMILIES = ("tables", "spellings", "missing", "imputing", "quality", "signals", "own")
FAMILIES += ("duplicates", "bias", "drift", "losses")
IMAGES, SIGNALS = "images", "signals"  # kinds of a scan


class Stage(IntEnum):
    """When a rule looks: each stage sees the rows that the stages before it leave."""

    TABLE = 1  # the user's table
    FILES = 2  # what can't be used at all
    CONTENT = 3  # pictures or signals, one by one
    OWN = 4  # rules of the user's
    EXACT_COPIES = 5
    NEAR_COPIES = 6
    GAPS = 7
    LABEL = 8
    DRIFT = 9


class Need(StrEnum):
    """What must have been named, or be there, for a rule to be looked for."""

    LABEL = "label"
    GROUPS = "groups"
    LABEL_OR_GROUPS = "label or groups"
    SPLIT = "split"
    TABLE = "table"


@dataclass(frozen=True)
class Context:
    """What a rule sees.

    ``kept``: rows of the scan that are left, in the order of their paths. ``small_groups`` have few values (camera,
    shift), ``large_groups`` many (lot, part). ``findings``: those so far.
    """

    scan: Scan
    kept: pd.DataFrame
    label: str | None
    groups: tuple[str, ...]
    small_groups: list[str]
    large_groups: list[str]
    time: str | None
    split: str | None
    rules: dict[str, Rule]
    findings: tuple[Finding, ...]
    seed: int

    def named(self, *rules: str) -> set[str]:
        """Paths that one of ``rules`` found so far."""
        return {path for f in self.findings if f.rule in rules for path in f.paths}


Find = Callable[[Context], Sequence[Finding]]


@dataclass(frozen=True)
class Finder:
    """What finds the rules ``codes``; none of them: the user's own.

    ``needs`` and ``about`` (kinds of a scan): without these, the rules are not looked for. ``stage``: None if the
    audit asks in its own way.
    """

    codes: tuple[str, ...]
    find: Find
    stage: Stage | None
    needs: frozenset[Need]
    about: tuple[str, ...]

    def applies(self, kind: str, met: set[Need]) -> bool:
        """Whether its rules are looked for in a scan of a ``kind``, with these needs ``met``."""
        return kind in self.about and self.needs <= met


_registered: list[Finder] = []


def finds(
    *codes: str,
    stage: Stage | None,
    needs: Sequence[Need] = (),
    about: Sequence[str] = (IMAGES, SIGNALS),
) -> Callable[[Find], Find]:
    """Register the decorated function as what finds the rules ``codes``; see :class:`Finder`."""

    def register(find: Find) -> Find:
        _registered.append(Finder(codes, find, stage, frozenset(needs), tuple(about)))
        return find

    return register


def finders(stage: Stage | None = None) -> list[Finder]:
    """What is registered, of one stage or in all, in the order in which it looks."""
    order = [f"{__package__}.{family}" for family in FAMILIES]
    for family in order:
        importlib.import_module(family)
    ours = sorted(_registered, key=lambda finder: order.index(finder.find.__module__))
    return [finder for finder in ours if stage is None or finder.stage is stage]


def needs_met(scan: Scan, label: str | None, groups: Sequence[str], split: str | None) -> set[Need]:
    """What has been named, or is there."""
    met = {
        Need.LABEL: label is not None,
        Need.GROUPS: bool(groups),
        Need.LABEL_OR_GROUPS: label is not None or bool(groups),
        Need.SPLIT: split is not None,
        Need.TABLE: scan.listed_in_table,
    }
    return {need for need, is_met in met.items() if is_met}
