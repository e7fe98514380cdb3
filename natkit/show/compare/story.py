"""What a comparison of runs says: sentences and table cells, chosen by its numbers alone."""

from collections.abc import Callable
from functools import partial

from natkit.runs.read import MONEY
from natkit.show.report.story import absent, names
from natkit.show.words.catalogue import Words
from natkit.show.words.titles import metric, quoted, shorten

MOVED = ("better", "worse")
STANDINGS = (*MOVED, "alone", "none")
MEASURES = ("trustworthiness", "overlap", "stability", "islands")


def run(name: str, words: Words) -> str:
    """A run's name as readers see it."""
    return quoted(words, name, 36)


def deciding(facts: dict) -> list[tuple[str, dict]]:
    """Name and row of our score, of every run that was compared."""
    found = ((p["name"], r) for p in facts["pairs"] for r in p["rows"] if r["kind"] == "ours")
    return list(found)


def mark(facts: dict) -> str:
    """The standing of the whole: the worst of those that moved, or else "alone" or "none"."""
    told = {row["standing"] for _, row in deciding(facts)}
    return next((s for s in ("worse", "better", "alone") if s in told), "none")


def title(facts: dict, words: Words) -> str:
    """What moved, in one sentence."""
    found = deciding(facts)
    if not found:
        return words("runs.title.apart", n=len(facts["runs"]))
    evidence = facts["runs"][0]["evidence"]
    asked = {"metric": metric(words, evidence), "label": quoted(words, evidence["label"], 24)}
    if len(found) == 1:
        row = found[0][1]
        ends = {end: words.score(row[end]["value"]) for end in ("before", "after")}
        return words(f"runs.title.{row['standing']}", **asked, **ends)
    moved = sum(row["standing"] in MOVED for _, row in found)
    asked |= {"first": run(facts["runs"][0]["name"], words), "n": len(found)}
    if not any(row["standing"] != "none" for _, row in found):
        return words("runs.title.several_none", **asked)
    return words("runs.title.several", moved=moved, **asked)


def lead(facts: dict, words: Words) -> list[str]:
    """The difference, what else moved, what could not be compared, and the verdicts."""
    first, found = run(facts["runs"][0]["name"], words), deciding(facts)
    said = []
    if len(found) == 1:
        said.append(_difference(*found[0], facts, words))
    for standing in STANDINGS if len(found) > 1 else ():
        if hit := [run(name, words) for name, row in found if row["standing"] == standing]:
            said.append(words(f"runs.lead.{standing}", names=names(hit, words)))
    said += _images(facts, words)
    if facts["others"]:
        said.append(_others(facts, words))
    if apart := [run(pair["name"], words) for pair in facts["pairs"] if pair["why"]]:
        said.append(words("runs.lead.uncompared", first=first, names=names(apart, words)))
    if len(facts["runs"]) <= 3:  # of more, the table tells it
        said.append(_verdicts(facts, words))
    return said


def _difference(name: str, row: dict, facts: dict, words: Words) -> str:
    first = facts["runs"][0]
    new = next(each for each in facts["runs"] if each["name"] == name)
    return words(
        "runs.lead.difference",
        before=run(first["name"], words),
        after=run(name, words),
        gap=words.with_interval(row["difference"], signed=True),
        old=first["evidence"]["n_test"],
        new=new["evidence"]["n_test"],
    )


def _others(facts: dict, words: Words) -> str:
    rows = [row for pair in facts["pairs"] for row in pair["rows"] if row["kind"] != "ours"]
    moved = [row for row in rows if row["standing"] in MOVED]
    if not moved:
        return words("runs.lead.others_none", m=len(rows))
    if len(facts["pairs"]) > 1:
        return words("runs.lead.others_many", m=len(rows), k=len(moved))
    told = [f"{words('runs.mark.' + r['standing'])} {name_of(r, facts, words)}" for r in moved]
    said = words("format.join").join(told)
    return words("runs.lead.others", m=len(rows), k=len(moved), names=said)


def _images(facts: dict, words: Words) -> list[str]:
    kinds = {pair["images"] for pair in facts["pairs"] if not pair["why"]}
    return [words(f"runs.lead.{kind}") for kind in ("same", "other") if kind in kinds]


def _verdicts(facts: dict, words: Words) -> str:
    said = [
        words("format.colon", name=run(r["name"], words), text=_decision(r["verdict"], words))
        for r in facts["runs"]
    ]
    return words("runs.lead.verdict", verdicts=words("format.join").join(said))


def _decision(verdict: dict, words: Words) -> str:
    if absent(verdict):
        return words("absent.section.verdict").rstrip(".。")
    sign = words(f"verdict.{verdict['ground']}.mark")
    return f"{sign} {words.name('decision', verdict['decision'])}"


def name_of(row: dict, facts: dict, words: Words) -> str:
    """What a compared number is called."""
    told = {} if row["kind"] in MONEY else {
        "metric": metric(words, facts["runs"][0]["evidence"])
    }  # fmt: skip
    name = words.name("name", row["name"]) if row["kind"] != "group" else row["name"]
    return words(f"runs.kind.{row['kind']}", name=shorten(name, 40), **told)


def number(row: dict, part: str, facts: dict, words: Words) -> tuple[str, str]:
    """``before``, ``after`` or ``difference`` of a row and its interval, as its kind is written."""
    signed, kind = part == "difference", row["kind"]
    if kind == "cost":
        form = partial(words.money, currency=facts["runs"][0]["cost"]["prices"]["currency"])
        form = partial(_signed, form) if signed else form
    elif kind in MONEY:
        form = partial(_points, words=words) if signed else words.rate
    else:
        form = words.signed if signed or kind == "lead" else words.score
    return ranged(row[part], form, words)


def ranged(number: dict, form: Callable[[float], str], words: Words) -> tuple[str, str]:
    """The value and ``low to high``, each written by ``form``."""
    low, value, high = (form(number[end]) for end in ("low", "value", "high"))
    return value, words("format.interval", low=low, high=high)


def _points(share: float, words: Words) -> str:
    return words("runs.points", value=f"{100 * share:+.1f}".replace("-", "−"))


def _signed(form: Callable[[float], str], value: float) -> str:
    return f"+{form(value)}" if value > 0 else form(value)


def pairs(facts: dict, words: Words) -> list[dict]:
    """A section for each later run: ``title, before, after, rows, why, notes``, all text."""
    first, found = facts["runs"][0]["name"], []
    for pair in facts["pairs"]:
        before, after = run(first, words), run(pair["name"], words)
        rows = [
            {
                "name": name_of(row, facts, words),
                **{part: number(row, part, facts, words) for part in ("before", "after", "difference")},
                "standing": words(f"runs.standing.{row['standing']}"),
                "moved": row["standing"] in MOVED,
            }
            for row in pair["rows"]
        ]  # fmt: skip
        found.append({
            "title": words("runs.against", before=shorten(first, 36), after=shorten(pair["name"], 36)),
            "before": before, "after": after, "rows": rows, "notes": _notes(pair, facts, words),
            "why": [_why(reason, (before, after), words) for reason in pair["why"]],
        })  # fmt: skip
    return found


def _why(reason: dict, both: tuple[str, str], words: Words) -> str:
    code, ends = reason["code"], (reason["before"], reason["after"])
    if code == "no_scores":
        told = [
            words("format.colon", name=name, text=words(f"absent.code.{end}"))
            for name, end in zip(both, ends, strict=True)
            if end
        ]
        return words("runs.why.no_scores", reasons=words("format.space").join(told))
    if code == "metric":
        ends = [words(f"metric.{end}") for end in ends]
    elif code == "classes":
        ends = [names(end, words) for end in ends]
    elif code == "label":
        ends = [quoted(words, end) for end in ends]
    return words(f"runs.why.{code}", before=ends[0], after=ends[1])


def _notes(pair: dict, facts: dict, words: Words) -> list[str]:
    said = []
    for side, name in (("before", facts["runs"][0]["name"]), ("after", pair["name"])):
        if rows := [row for row in pair["alone"] if row["run"] == side]:
            lacking = words("format.join").join(name_of(row, facts, words) for row in rows)
            said.append(words("runs.alone", run=shorten(name, 36), names=lacking))
    if pair["money"] == "prices":
        said.append(words("runs.money.prices"))
    elif pair["money"]:
        said.append(words("runs.money.absent", why=words(f"absent.code.{pair['money']}")))
    if pair["settings"]:
        told = [
            words("runs.setting", name=shorten(row["name"], 30),
                  **{end: _value(row[end], words) for end in ("before", "after")})
            for row in pair["settings"]
        ]  # fmt: skip
        said.append(words("runs.settings", settings=words("format.join").join(told)))
    return said


def _value(value: object, words: Words) -> str:
    return words("runs.unset") if value is None else shorten(value, 40)


def rules(facts: dict, words: Words) -> list[str]:
    """How it was compared, and what that does not show."""
    kinds = {pair["images"] for pair in facts["pairs"] if not pair["why"]}
    said = []
    if kinds:
        counts = {key: facts[key] for key in ("deciding", "others")}
        expected = words.amount(facts["expected"])
        said = [words("runs.rule.interval"), words("runs.rule.holm", expected=expected, **counts)]
        said += [words(f"runs.rule.{kind}") for kind in ("same", "other") if kind in kinds]
        said.append(words("runs.rule.none"))
    once = [r["name"] for r in facts["runs"] if r["evidence"].get("trainings") == 1]
    if once:
        said.append(words("runs.rule.one_training", names=names([run(n, words) for n in once], words)))  # fmt: skip
    if any(row["kind"] == "missed" for pair in facts["pairs"] for row in pair["rows"]):
        said.append(words("runs.rule.trade"))
    return [*said, words("runs.rule.bare"), words("runs.rule.pooled")]
