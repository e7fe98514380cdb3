"""What the cost section says, in sentences chosen by its numbers alone."""

from dataclasses import dataclass

from natkit.facts.base import absent
from natkit.facts.cost import Cost, Way, WayName, WhyNoCost
from natkit.facts.numbers import Range
from natkit.money.prices import NOT_PRICES
from natkit.show.words.catalogue import Words

LIMIT = 60  # months; natkit.money.cost states no later payback
COUNTS = ("labels", "engineer_hours", "gpu_hours")


def standing(ours: Range, theirs: Range) -> str:
    """ "cheaper", "dearer" or "unclear", from our interval and a cost that is known."""
    if ours.high < theirs.value:
        return "cheaper"
    return "dearer" if ours.low > theirs.value else "unclear"


def _range(cost: Cost, number: Range, words: Words) -> dict:
    currency = cost.prices.currency
    return {end: words.money(getattr(number, end), currency) for end in ("value", "low", "high")}


def interval(cost: Cost, number: Range, words: Words) -> str:
    """``low to high`` in money."""
    said = _range(cost, number, words)
    return words("format.interval", low=said["low"], high=said["high"])


def with_interval(cost: Cost, number: Range, words: Words) -> str:
    """``value (low to high)`` in money; the value alone if it is known exactly."""
    value = words.money(number.value, cost.prices.currency)
    if number.low == number.high:
        return value
    return words("format.with_interval", value=value, interval=interval(cost, number, words))


def curve(cost: Cost, words: Words) -> str:
    """Title of the cost curve: it claims what lies outside the interval, against the cheapest other way."""
    ours, theirs = cost.ours, cost.rival
    currency = cost.prices.currency
    return words(
        f"chart.cost.{standing(ours, theirs.cost)}",
        ours=words.money(ours.value, currency),
        theirs=words.money(theirs.cost.value, currency),
        way=words(f"way.{theirs.way}"),
    )


def payback(cost: Cost, words: Words, prefix: str = "chart.payback") -> str:
    """When it is paid back, with the interval, or that this can't be said."""
    found = cost.payback
    values = {
        "limit": words.months(LIMIT),
        "total": words.money(cost.project.total, cost.prices.currency),
    }
    if reason := absent(found):
        return words(f"{prefix}.{reason}", **values)
    ends = {end: None if x is None else words.months(x) for end, x in vars(found).items()}
    return words(f"{prefix}.{'paid' if ends['high'] else 'paid_open'}", **values, **ends)


def lead(cost: Cost, words: Words) -> list[str]:
    """The sentences a manager wants first: saving, a cheaper way if there is one, payback."""
    said, saving = [], cost.saving
    if not absent(saving):
        low, high = saving.low, saving.high
        state = "saved" if low > 0 else "lost" if high < 0 else "unclear"
        if state == "unclear" and saving.value <= 0:
            state = "not_saved"
        if state == "lost":
            saving = Range(-saving.value, -high, -low)
        said.append(words(f"cost.{state}", **_range(cost, saving, words)))
    if not absent(cost.ways):
        ours, other = cost.ours, cost.rival
        state = standing(ours, other.cost)
        if other.way is not WayName.TODAY and state != "cheaper":
            said.append(
                words(
                    "cost.dearer_than" if state == "dearer" else "cost.unclear_than",
                    way=words(f"way.{other.way}"),
                    theirs=with_interval(cost, other.cost, words),
                    ours=with_interval(cost, ours, words),
                )
            )
    if not absent(saving) and not absent(cost.project):
        said.append(payback(cost, words, "cost"))
    return said


def point(cost: Cost, words: Words) -> list[str]:
    """The threshold, what was counted there, and what that still allows."""
    found, rate = cost.point, words.rate(cost.line.defect_rate)
    missed, alarms = found.missed, found.false_alarms
    counts = {"missed": missed.k, "defects": missed.n, "alarms": alarms.k}
    counts |= {"good": alarms.n}
    if found.threshold == 0:
        said = [words("cost.point_all", rate=rate)]
    elif found.threshold > 1:
        said = [words("cost.point_none", rate=rate)]
    else:
        value = f"{found.threshold:.3g}"
        said = [words("cost.point", threshold=value, rate=rate, **counts)]
    top = {"at_most": missed.at_most, "alarms_at_most": alarms.at_most}
    top = {name: words.rate(share) for name, share in top.items()}
    said.append(words("cost.allows", **counts, **top))
    if missed.groups:
        lots = {"groups": missed.groups, "n_eff": words.amount(missed.n_eff)}
        said.append(words("cost.lots", defects=missed.n, **lots))
    return said


def how(cost: Cost, words: Words) -> list[str]:
    """Where the intervals are from, and what has none."""
    lots = not absent(cost.point) and cost.point.missed.groups
    return [words("cost.how_lots" if lots else "cost.how"), words("cost.given")]


@dataclass(frozen=True)
class WayRow:
    """A way of inspecting as a table says it, all text."""

    way: str
    missed: str
    false_alarms: str
    cost: str
    reading: str


@dataclass(frozen=True)
class ItemRow:
    """An item of the project as a table says it, all text."""

    item: str
    count: str
    price: str
    cost: str


def ways(cost: Cost, words: Words) -> list[WayRow]:
    """Rows of the table of ways, natkit first."""
    return [
        WayRow(
            way=words(f"way.{row.way}"),
            missed=words.amount(row.missed.value),
            false_alarms=words.amount(row.false_alarms.value),
            cost=with_interval(cost, row.cost, words),
            reading=_reading(cost, row, words),
        )
        for row in cost.ways
    ]


def _reading(cost: Cost, row: Way, words: Words) -> str:
    if row.way is WayName.NATKIT:
        return ""
    return words(f"cost.reading.{standing(cost.ours, row.cost)}")


def project(cost: Cost, words: Words) -> list[ItemRow]:
    """Rows of the table of the project; the last is the total."""
    currency, found = cost.prices.currency, cost.project
    items = {kind: getattr(found, kind) for kind in COUNTS}
    rows = [
        ItemRow(
            item=words(f"price.{kind}"),
            count=words.amount(item.count),
            price=words.money(item.price, currency, exact=True),
            cost=words.money(item.cost, currency, exact=True),
        )
        for kind, item in items.items()
    ]
    total = words.money(found.total, currency, exact=True)
    return [*rows, ItemRow(words("cost.total"), "", "", total)]


def machine(cost: Cost, words: Words) -> list[str]:
    """Rent or buy, from the measured speed."""
    found, work, currency = cost.compute, cost.work, cost.prices.currency
    said = [
        words(
            "cost.training",
            images=round(work.images),
            epochs=round(work.epochs),
            trainings=round(work.trainings_a_year),
            hours=words.duration(3600 * found.hours),
            rate=words.amount(work.images_per_second),
            training=words.money(found.training, currency),
            rented=words.money(found.rented_year, currency),
            own=words.money(found.own_year, currency),
        )
    ]
    if found.break_even is None:
        said.append(words("cost.never"))
    else:
        hours = {"hours": found.break_even, "planned": found.hours_year}
        said.append(words("cost.even", **{k: words.amount(x) for k, x in hours.items()}))
    return [*said, words("cost.speed")]


def plan(cost: Cost, words: Words) -> list[tuple[str, str]]:
    """``(stage, sentences)`` from PoC to line."""
    found, order = cost.plan, ("none", "one", "two")
    poc = [words("cost.poc_text", allowed=words.rate(found.allowed),
                 **dict(zip(order, found.defects, strict=True)))]  # fmt: skip
    if found.shown:
        poc.append(words("cost.poc_shown"))
    elif found.shown is False and not absent(cost.point):
        missed = cost.point.missed
        values = {"missed": missed.k, "defects": missed.n}
        poc.append(words("cost.poc_not_shown", at_most=words.rate(missed.at_most), **values))
    rate = words.rate(cost.line.defect_rate)
    parts = dict(zip(order, found.pilot.parts, strict=True))
    pilot = [words("cost.pilot_text", rate=rate, **parts)]
    if found.pilot.months:
        months = map(words.months, found.pilot.months)
        pilot.append(words("cost.pilot_months", **dict(zip(order, months, strict=True))))
    check = found.check
    line = [words("cost.line_text", known=check.known, passed=check.passed)]
    if check.share is not None:
        share = words.percent(min(check.share, 1))
        line.append(
            words("cost.line_share" if check.share <= 1 else "cost.line_too_many", share=share)
        )
    stages = {"poc": poc, "pilot": pilot, "line": line}
    return [(words(f"cost.{s}"), words("format.space").join(said)) for s, said in stages.items()]


def lacking(cost: Cost, words: Words) -> list[str]:
    """What was not computed, and why; a reason that is itself a result is told elsewhere."""
    said = []
    for part in ("point", "project", "saving", "payback", "compute", "plan"):
        found, name = getattr(cost, part), words(f"cost.part.{part}")
        if not absent(found):
            continue
        if found.reason is WhyNoCost.MISSING:
            names = [words(f"price.{field}") for field in found.missing]
            said.append(words("cost.lacking", part=name, names=words("format.join").join(names)))
        elif f"cost.because.{found.reason}" in words:
            said.append(words("cost.why", part=name, why=words(f"cost.because.{found.reason}")))
    return said


SHARES = ("defect_rate", "today_missed", "today_false_alarms", "allowed_missed")


def given(cost: Cost, words: Words) -> list[tuple[str, str, float]]:
    """``(name, value in words, value)`` of all that was given."""
    currency, rows = cost.prices.currency, []
    for kind in ("prices", "line", "work"):
        for name, value in vars(getattr(cost, kind)).items():
            if value is None or name in NOT_PRICES:
                continue
            if name in SHARES:
                said = words.rate(value)
            elif (kind == "prices" and name != "own_gpu_years") or name in (
                "today_part",
                "allowed_cost",
            ):
                said = words.money(value, currency, exact=True)
            else:
                said = words.amount(value)
            rows.append((words(f"price.{name}"), said, value))
    return rows
