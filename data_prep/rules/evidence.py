"""Numbers that findings rest on: typed where a rule decides by them, made plain where a finding is made."""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass

from natkit.facts.numbers import Interval


def interval(value: float, low: float, high: float, n: int) -> Interval:
    """A number as the summary holds it: rounded to 4 digits."""
    return Interval(*(round(float(x), 4) for x in (value, low, high)), int(n))


def plain(facts):
    """Dataclasses as the dictionaries that JSON holds, by field, also within a dictionary; all else as it is."""
    if is_dataclass(facts):
        facts = {field.name: getattr(facts, field.name) for field in fields(facts)}
    return {key: plain(value) for key, value in facts.items()} if isinstance(facts, dict) else facts


def strongest_first(found: Iterable[tuple[float, object]]) -> list:
    """Findings, each given with its strength, in its order."""
    return [finding for _, finding in sorted(found, key=lambda pair: -pair[0])]
