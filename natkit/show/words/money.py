"""What the cost section says, in sentences chosen by its numbers alone."""

from natkit.money.prices import NOT_PRICES
from natkit.show.words.catalogue import Words

LIMIT = 60  # months; natkit.money.cost states no later payback
COUNTS = ("labels", "engineer_hours", "gpu_hours")


def absent(part: dict | list) -> bool:
    """Whether a part of the section is only a reason."""
    return isinstance(part, dict) and "reason" in part


def way(cost: dict, name: str) -> dict:
    """The row of a way of inspecting."""
    return next(row for row in cost["ways"] if row["way"] == name)


def rival(cost: dict) -> dict:
    """The cheapest way without natkit."""
    return min((r for r in cost["ways"] if r["way"] != "natkit"), key=lambda r: r["cost"]["value"])


def standing(ours: dict, theirs: dict) -> str:
    """ "cheaper", "dearer" or "unclear", from our interval and a cost that is known."""
    if ours["high"] < theirs["value"]:
        return "cheaper"
    return "dearer" if ours["low"] > theirs["value"] else "unclear"


def _range(cost: dict, number: dict, words: Words) -> dict:
    currency = cost["prices"]["currency"]
    return {end: words.money(number[end], currency) for end in ("value", "low", "high")}


def interval(cost: dict, number: dict, words: Words) -> str:
    """``low to high`` in money."""
    said = _range(cost, number, words)
    return words("format.interval", low=said["low"], high=said["high"])


def with_interval(cost: dict, number: dict, words: Words) -> str:
    """``value (low to high)`` in money; the value alone if it is known exactly."""
    value = words.money(number["value"], cost["prices"]["currency"])
    if number["low"] == number["high"]:
        return value
    return words("format.with_interval", value=value, interval=interval(cost, number, words))


def curve(cost: dict, words: Words) -> str:
    """Title of the cost curve: it claims what lies outside the interval, against the cheapest other way."""
    ours, theirs = way(cost, "natkit")["cost"], rival(cost)
    currency = cost["prices"]["currency"]
    return words(
        f"chart.cost.{standing(ours, theirs['cost'])}",
        ours=words.money(ours["value"], currency),
        theirs=words.money(theirs["cost"]["value"], currency),
        way=words(f"way.{theirs['way']}"),
    )


def payback(cost: dict, words: Words, prefix: str = "chart.payback") -> str:
    """When it is paid back, with the interval, or that this can't be said."""
    found = cost["payback"]
    values = {
        "limit": words.months(LIMIT),
        "total": words.money(cost["project"]["total"], cost["prices"]["currency"]),
    }
    if "reason" in found:
        return words(f"{prefix}.{found['reason']}", **values)
    ends = {end: None if x is None else words.months(x) for end, x in found.items()}
    return words(f"{prefix}.{'paid' if ends['high'] else 'paid_open'}", **values, **ends)


def lead(cost: dict, words: Words) -> list[str]:
    """The sentences a manager wants first: saving, a cheaper way if there is one, payback."""
    said, saving = [], cost["saving"]
    if not absent(saving):
        low, high = saving["low"], saving["high"]
        state = "saved" if low > 0 else "lost" if high < 0 else "unclear"
        if state == "unclear" and saving["value"] <= 0:
            state = "not_saved"
        if state == "lost":
            saving = {"value": -saving["value"], "low": -high, "high": -low}
        said.append(words(f"cost.{state}", **_range(cost, saving, words)))
    if not absent(cost["ways"]):
        ours, other = way(cost, "natkit")["cost"], rival(cost)
        state = standing(ours, other["cost"])
        if other["way"] != "today" and state != "cheaper":
            said.append(
                words(
                    "cost.dearer_than" if state == "dearer" else "cost.unclear_than",
                    way=words(f"way.{other['way']}"),
                    theirs=with_interval(cost, other["cost"], words),
                    ours=with_interval(cost, ours, words),
                )
            )
    if not absent(saving) and not absent(cost["project"]):
        said.append(payback(cost, words, "cost"))
    return said


def point(cost: dict, words: Words) -> list[str]:
    """The threshold, what was counted there, and what that still allows."""
    found, rate = cost["point"], words.rate(cost["line"]["defect_rate"])
    missed, alarms = found["missed"], found["false_alarms"]
    counts = {"missed": missed["k"], "defects": missed["n"], "alarms": alarms["k"]}
    counts |= {"good": alarms["n"]}
    if found["threshold"] == 0:
        said = [words("cost.point_all", rate=rate)]
    elif found["threshold"] > 1:
        said = [words("cost.point_none", rate=rate)]
    else:
        value = f"{found['threshold']:.3g}"
        said = [words("cost.point", threshold=value, rate=rate, **counts)]
    top = {"at_most": missed["at_most"], "alarms_at_most": alarms["at_most"]}
    top = {name: words.rate(share) for name, share in top.items()}
    said.append(words("cost.allows", **counts, **top))
    if missed["groups"]:
        lots = {"groups": missed["groups"], "n_eff": words.amount(missed["n_eff"])}
        said.append(words("cost.lots", defects=missed["n"], **lots))
    return said


def how(cost: dict, words: Words) -> list[str]:
    """Where the intervals are from, and what has none."""
    lots = not absent(cost["point"]) and cost["point"]["missed"]["groups"]
    return [words("cost.how_lots" if lots else "cost.how"), words("cost.given")]


def ways(cost: dict, words: Words) -> list[dict]:
    """Rows of the table of ways, natkit first: ``way, missed, false_alarms, cost, reading``, all text."""
    ours, rows = way(cost, "natkit")["cost"], []
    for row in cost["ways"]:
        mine = row["way"] == "natkit"
        counts = {key: words.amount(row[key]["value"]) for key in ("missed", "false_alarms")}
        reading = "" if mine else words(f"cost.reading.{standing(ours, row['cost'])}")
        money = with_interval(cost, row["cost"], words)
        rows.append({"way": words(f"way.{row['way']}"), "cost": money, "reading": reading} | counts)
    return rows


def project(cost: dict, words: Words) -> list[dict]:
    """Rows of the table of the project: ``item, count, price, cost``, all text; the last is the total."""
    currency, found = cost["prices"]["currency"], cost["project"]
    rows = [
        {
            "item": words(f"price.{kind}"),
            "count": words.amount(found[kind]["count"]),
            "price": words.money(found[kind]["price"], currency, exact=True),
            "cost": words.money(found[kind]["cost"], currency, exact=True),
        }
        for kind in COUNTS
    ]
    total = words.money(found["total"], currency, exact=True)
    return [*rows, {"item": words("cost.total"), "count": "", "price": "", "cost": total}]


def machine(cost: dict, words: Words) -> list[str]:
    """Rent or buy, from the measured speed."""
    found, work, currency = cost["compute"], cost["work"], cost["prices"]["currency"]
    said = [
        words(
            "cost.training",
            images=round(work["images"]),
            epochs=round(work["epochs"]),
            trainings=round(work["trainings_a_year"]),
            hours=words.duration(3600 * found["hours"]),
            rate=words.amount(work["images_per_second"]),
            training=words.money(found["training"], currency),
            rented=words.money(found["rented_year"], currency),
            own=words.money(found["own_year"], currency),
        )
    ]
    if found["break_even"] is None:
        said.append(words("cost.never"))
    else:
        hours = {"hours": found["break_even"], "planned": found["hours_year"]}
        said.append(words("cost.even", **{k: words.amount(x) for k, x in hours.items()}))
    return [*said, words("cost.speed")]


def plan(cost: dict, words: Words) -> list[tuple[str, str]]:
    """``(stage, sentences)`` from PoC to line."""
    found, order = cost["plan"], ("none", "one", "two")
    poc = [words("cost.poc_text", allowed=words.rate(found["allowed"]),
                 **dict(zip(order, found["defects"], strict=True)))]  # fmt: skip
    if found["shown"]:
        poc.append(words("cost.poc_shown"))
    elif found["shown"] is False and not absent(cost["point"]):
        missed = cost["point"]["missed"]
        values = {"missed": missed["k"], "defects": missed["n"]}
        poc.append(words("cost.poc_not_shown", at_most=words.rate(missed["at_most"]), **values))
    rate = words.rate(cost["line"]["defect_rate"])
    parts = dict(zip(order, found["pilot"]["parts"], strict=True))
    pilot = [words("cost.pilot_text", rate=rate, **parts)]
    if found["pilot"]["months"]:
        months = map(words.months, found["pilot"]["months"])
        pilot.append(words("cost.pilot_months", **dict(zip(order, months, strict=True))))
    check = found["check"]
    line = [words("cost.line_text", known=check["known"], passed=check["passed"])]
    if check["share"] is not None:
        share = words.percent(min(check["share"], 1))
        line.append(
            words("cost.line_share" if check["share"] <= 1 else "cost.line_too_many", share=share)
        )
    stages = {"poc": poc, "pilot": pilot, "line": line}
    return [(words(f"cost.{s}"), words("format.space").join(said)) for s, said in stages.items()]


def lacking(cost: dict, words: Words) -> list[str]:
    """What was not computed, and why; a reason that is itself a result is told elsewhere."""
    said = []
    for part in ("point", "project", "saving", "payback", "compute", "plan"):
        found, name = cost[part], words(f"cost.part.{part}")
        if not absent(found):
            continue
        if found["reason"] == "missing":
            names = [words(f"price.{field}") for field in found["missing"]]
            said.append(words("cost.lacking", part=name, names=words("format.join").join(names)))
        elif f"cost.because.{found['reason']}" in words:
            said.append(words("cost.why", part=name, why=words(f"cost.because.{found['reason']}")))
    return said


SHARES = ("defect_rate", "today_missed", "today_false_alarms", "allowed_missed")


def given(cost: dict, words: Words) -> list[tuple[str, str, float]]:
    """``(name, value in words, value)`` of all that was given."""
    currency, rows = cost["prices"]["currency"], []
    for kind in ("prices", "line", "work"):
        for name, value in cost[kind].items():
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
