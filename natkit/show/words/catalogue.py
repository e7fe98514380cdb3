"""Every sentence a reader sees, in one language, with the numbers filled in.

The sentences stand in ``en.toml`` and ``ja.toml`` under the same keys. A placeholder ``{n}`` takes
a whole number with thousands marks; ``{n:image|images}`` takes the word that fits the number.
"""

import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from math import floor, log10

from natkit.core.errors import InputError
from natkit.core.wording import of_signals
from natkit.facts.numbers import Range

LANGUAGES = ("en", "ja")


class _Count(int):
    """A whole number that knows how to stand in a sentence."""

    def __format__(self, spec: str) -> str:
        if "|" in spec:
            one, many = spec.split("|")
            return one if self == 1 else many
        return format(int(self), spec or ",")


@dataclass(frozen=True)
class Words:
    """The catalogue of one language. Call it with a key and the numbers of the sentence."""

    lang: str
    sentences: dict[str, str] = field(repr=False)

    def __call__(self, key: str, **values) -> str:
        """Sentence ``key`` with its placeholders filled; KeyError if the catalogue lacks it."""
        whole = {
            name: _Count(value) if isinstance(value, int) and not isinstance(value, bool) else value
            for name, value in values.items()
        }
        return self.sentences[key].format(**whole)

    def with_sentences(self, sentences: dict[str, dict[str, str]]) -> "Words":
        """The catalogue with further sentences, by language and key, such as those of the rules."""
        return Words(self.lang, {**self.sentences, **sentences.get(self.lang, {})})

    def of_signals(self) -> "Words":
        """The catalogue of a set of signals: what its sentences say of images, they say of signals."""
        said = {key: of_signals(text, self.lang) for key, text in self.sentences.items()}
        return Words(self.lang, said)

    def __contains__(self, key: str) -> bool:
        return key in self.sentences

    def name(self, kind: str, code: object) -> str:
        """What readers call ``code`` (a rule, a probe, …); a code without a word stays itself."""
        key = f"{kind}.{code}"
        return self.sentences.get(f"{key}.name", self.sentences.get(key, str(code)))

    def fits(self, key: str, **values) -> str | None:
        """The sentence, or None if there is none or ``values`` lack one of its numbers."""
        try:
            return self(key, **values)
        except (KeyError, ValueError, TypeError):
            return None

    def score(self, value: float) -> str:
        """A score, three digits, with a true minus."""
        return f"{value:.3f}".replace("-", "−")

    def signed(self, value: float) -> str:
        """A difference of scores, with its sign (a true minus)."""
        return f"{value:+.3f}".replace("-", "−")

    def percent(self, share: float) -> str:
        """A share (0..1) as percent; what is small but not nothing never reads 0 %."""
        if 0 < share < 0.001:
            return self("format.percent_less", value="0.1")
        digits = 1 if share < 0.0995 and share else 0
        if share < 1 and round(share * 100, digits) == 100:
            digits = 1
            if share >= 0.9995:
                return self("format.percent_less", value="100")
        return self("format.percent", value=f"{share * 100:.{digits}f}")

    def interval(self, number: Range, signed: bool = False) -> str:
        """``low to high`` of a number with interval; empty if it has none."""
        if number.low is None or number.high is None:
            return ""
        form = self.signed if signed else self.score
        return self("format.interval", low=form(number.low), high=form(number.high))

    def with_interval(self, number: Range, signed: bool = False) -> str:
        """``value (low to high)``."""
        value = (self.signed if signed else self.score)(number.value)
        interval = self.interval(number, signed)
        return self("format.with_interval", value=value, interval=interval) if interval else value

    def money(self, amount: float, currency: str, exact: bool = False) -> str:
        """An amount as its currency is written; three digits count, or all if it is ``exact``, as prices are."""
        if not exact and amount:
            amount = round(amount, 2 - floor(log10(abs(amount))))
        digits = "0" if abs(amount) >= 100 and not exact or amount == round(amount) else "2"
        value = f"{abs(amount):,.{digits}f}"
        key = f"money.{currency}"
        said = self(key if key in self else "money.other", value=value, code=currency)
        return f"−{said}" if amount < 0 else said

    def rate(self, share: float) -> str:
        """A share as percent, or in ppm if it is under 0.1 %."""
        if not 0 < share < 0.001:
            return self.percent(share)
        return f"{self.amount(share * 1e6)} ppm"

    def months(self, months: float) -> str:
        """A time in months: one digit after the point below ten."""
        value = f"{months:.1f}" if months < 9.95 else f"{months:,.0f}"
        if 0 < months < 0.05:
            value = self("money.less", value="0.1")
        return self("money.months", value=value)

    def amount(self, count: float) -> str:
        """A count that need not be whole, with two digits that count: 0.093, 1.6, 75."""
        if count >= 9.5 or count == round(count):
            return f"{count:,.0f}"
        return f"{count:.2g}" if count >= 0.001 else self("money.less", value="0.001")

    def duration(self, seconds: float) -> str:
        """Seconds as a person says them."""
        whole = round(seconds)
        if whole < 60:
            return self("format.seconds", s=whole)
        if whole < 3600:
            return self("format.minutes", m=whole // 60, s=whole % 60)
        return self("format.hours", h=whole // 3600, m=whole % 3600 // 60)

    def date(self, iso: str) -> str:
        """An ISO time as a date with the hour; other text stays as it is."""
        try:
            time = datetime.fromisoformat(iso)
        except (TypeError, ValueError):
            return str(iso)
        month = self("format.months").split()[time.month - 1]
        zone = f" {time.tzname()}" if time.tzinfo else ""
        return self(
            "format.date",
            year=str(time.year),
            month=month,
            day=time.day,
            time=f"{time:%H:%M}{zone}",
        )


@cache
def words(lang: str) -> Words:
    """The catalogue of ``lang``: "en" or "ja". Raises InputError for another language."""
    if lang not in LANGUAGES:
        raise InputError(
            f"There are no sentences in {lang!r}; reports are written in {' or '.join(LANGUAGES)}. "
            'Pass lang="en" or lang="ja".'
        )
    text = files("natkit.show.words").joinpath(f"{lang}.toml").read_text(encoding="utf-8")
    return Words(lang, dict(_flat(tomllib.loads(text))))


def _flat(table: dict, above: str = ""):
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
