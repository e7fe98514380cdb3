"""From plain JSON to frozen dataclasses and back: their own type hints are the instructions."""

from collections.abc import Iterable
from dataclasses import Field, dataclass, fields
from enum import Enum, StrEnum
from types import NoneType, UnionType
from typing import Self, get_args, get_origin


@dataclass(frozen=True)
class Facts:
    """What all facts have in common. A field ``class_`` or ``from_`` is "class" or "from" in JSON."""

    @classmethod
    def of(cls, plain: "dict | Facts") -> Self:
        """The facts that ``plain`` tells; what is read already comes back as it is.

        Names that are no field are passed over, whole numbers stay whole.

        Raises
        ------
        TypeError
            If a field is lacking.
        ValueError
            If a word is none of its enumeration.
        """
        if isinstance(plain, Facts):
            return plain
        told = {field.name: field for field in fields(cls) if written(field) in plain}
        return cls(**{n: _read(field.type, plain[written(field)]) for n, field in told.items()})

    @classmethod
    def each(cls, rows: "Iterable[dict | Facts]") -> tuple[Self, ...]:
        """:meth:`of` for each row."""
        return tuple(cls.of(row) for row in rows)

    def plain(self) -> dict:
        """The same in the types that JSON has; an optional field that is None is left out."""
        told = ((field, getattr(self, field.name)) for field in fields(self))
        return {
            written(field): _plain(value)
            for field, value in told
            if value is not None or field.default is not None
        }


class WhyAbsent(StrEnum):
    """Why a section is not there."""

    NO_LABEL = "no_label"
    NOT_RUN = "not_run"
    NO_PRICES = "no_prices"
    TOO_FEW = "too_few"


@dataclass(frozen=True)
class Absent(Facts):
    """Why something is not there: each use has its own enumeration of reasons."""

    reason: str


def absent(part: object) -> str | None:
    """The reason if a part of the summary is not there, else None."""
    return part.reason if isinstance(part, Absent) else None


def written(field: Field) -> str:
    """The name of a field in JSON."""
    return field.name.removesuffix("_")


def _read(kind, value):
    if value is None or isinstance(value, Facts):
        return value
    if isinstance(kind, UnionType):
        kind = _suited(get_args(kind), value)
    if get_origin(kind) is tuple:
        first, *more = get_args(kind)
        return tuple(_read(first, inner) for inner in value) if more == [...] else tuple(value)
    if get_origin(kind) is dict:
        return {name: _read(get_args(kind)[1], inner) for name, inner in value.items()}
    if issubclass(kind, Facts):
        return kind.of(value)
    return kind(value) if issubclass(kind, Enum) else value


def _suited(kinds: tuple, value):
    """Which of the alternatives of a type ``value`` is: one with a reason is an :class:`Absent`."""
    kinds = [kind for kind in kinds if kind is not NoneType]
    if isinstance(value, list | tuple):
        return next(kind for kind in kinds if get_origin(kind) is tuple)
    if len(kinds) == 1 or not isinstance(value, dict):
        return kinds[0]
    gone = "reason" in value
    told = (kind for kind in kinds if get_origin(kind) is None)
    return next(kind for kind in told if issubclass(kind, Absent) is gone)


def _plain(value):
    if isinstance(value, Facts):
        return value.plain()
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return str(value) if isinstance(value, Enum) else value
