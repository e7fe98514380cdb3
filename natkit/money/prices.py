"""What the user knows of prices, the line and the work: checked, and None where it is not known."""

import re
from dataclasses import asdict, dataclass

import numpy as np

from natkit.core.errors import InputError


@dataclass(frozen=True)
class Prices:
    """What things cost, all in one currency; None where it is not known.

    Parameters
    ----------
    currency
        Three letters, such as "JPY" (ISO 4217).
    missed
        What a defect costs more if it is missed (見逃し) than if it is found.
    false_alarm
        What it costs to hold back a good part (過検出): a second look, or the part.
    label, engineer_hour, gpu_hour
        One label; an hour of an engineer; an hour of a rented GPU.
    own_gpu, own_gpu_years, own_gpu_hour
        To buy a GPU; years of use; electricity and care for an hour.
    upkeep_year
        To keep natkit running on the line for a year.
    made_up
        Whether these and the facts of the line are made up, for demonstration; the report says so.

    Raises
    ------
    InputError
        If a price is negative, not finite or no number, or the currency isn't three capital letters.
    """

    currency: str
    missed: float | None = None
    false_alarm: float | None = None
    label: float | None = None
    engineer_hour: float | None = None
    gpu_hour: float | None = None
    own_gpu: float | None = None
    own_gpu_years: float | None = None
    own_gpu_hour: float | None = None
    upkeep_year: float | None = None
    made_up: bool = False

    def __post_init__(self):
        if not re.fullmatch("[A-Z]{3}", str(self.currency)):
            raise InputError(
                f"The currency is {self.currency!r}, but it must be a code of three capital letters. "
                'Pass currency="JPY", "EUR" or "USD".'
            )
        if self.made_up not in (True, False):
            raise InputError(
                f"Prices: made_up is {self.made_up!r}, but it must be true or false. "
                "Correct it, or leave it out."
            )
        _check(self, {"own_gpu_years": _POSITIVE})


@dataclass(frozen=True)
class Line:
    """What is known of the line; None where it is not known.

    Parameters
    ----------
    defect_rate
        Share of bad parts on the line, in (0, 1); not that of the sample, which is usually enriched.
    parts_a_year
        Parts inspected in a year.
    today_missed, today_false_alarms, today_part
        Today's way of inspecting: the share of bad parts it misses, the share of good parts it holds
        back (0 to 1), and what it costs a part. No inspection: 1, 0, 0.
    allowed_missed
        The largest share of bad parts that may be missed, in (0, 1).
    allowed_cost
        The most that errors on 1,000 parts may cost: the verdict's target, agreed beforehand.
    """

    defect_rate: float | None = None
    parts_a_year: float | None = None
    today_missed: float | None = None
    today_false_alarms: float | None = None
    today_part: float | None = None
    allowed_missed: float | None = None
    allowed_cost: float | None = None

    def __post_init__(self):
        inside, share = ("inside (0, 1)", lambda x: 0 < x < 1), ("in 0..1", lambda x: 0 <= x <= 1)
        _check(
            self,
            {"defect_rate": inside, "allowed_missed": inside, "parts_a_year": _POSITIVE}
            | {"today_missed": share, "today_false_alarms": share},
            "A share is a fraction: 1 % is 0.01.",
        )


@dataclass(frozen=True)
class Work:
    """What the project takes, and how fast the machine was; None where it is not known.

    Parameters
    ----------
    labels, engineer_hours, gpu_hours
        For the whole project.
    images, epochs
        Of one training on the line.
    images_per_second
        As measured: images × epochs / seconds, the summary's ``training.images_per_second``.
    trainings_a_year
        How often it will be trained again.
    """

    labels: float | None = None
    engineer_hours: float | None = None
    gpu_hours: float | None = None
    images: float | None = None
    epochs: float | None = None
    images_per_second: float | None = None
    trainings_a_year: float | None = None

    def __post_init__(self):
        _check(self, {"images_per_second": _POSITIVE})


NOT_PRICES = ("currency", "made_up")
MOST = 1e18  # neither NaN nor infinity is below it
_POSITIVE = ("above 0", lambda x: x > 0)
_NOT_NEGATIVE = ("0 or more", lambda x: x >= 0)


def _check(given, rules: dict, remedy: str = "") -> None:
    for name, value in asdict(given).items():
        if value is None or name in NOT_PRICES:
            continue
        expected, holds = rules.get(name, _NOT_NEGATIVE)
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not (number and abs(value) < MOST and holds(value)):
            raise InputError(
                f"{type(given).__name__}: {name} is {value!r}, but it must be a number {expected}. "
                f"{remedy or 'Correct it, or leave it out if it is not known.'}"
            )


def missing(given: Prices | Line | Work, *names: str) -> list[str]:
    """Which of ``names`` are None."""
    return [name for name in names if getattr(given, name) is None]


def plain(given: Prices | Line | Work) -> dict:
    """The fields by name, in the types that JSON has."""
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in asdict(given).items()
    }
