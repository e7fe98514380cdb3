"""What the report says of a summary: sentences chosen by the facts, the worst first."""

from functools import partial

from natkit.core.errors import InputError
from natkit.money.cost import payback
from natkit.show.words.catalogue import Words
from natkit.show.words.titles import metric, ours, quoted, rivals, shorten, source, standing

RANK = ("problem", "warning", "note")
NEED_TEST = 10  # images of the rarest class, where the summary does not say


def absent(section: dict | None) -> str | None:
    """Reason code if a section is not there, else None."""
    return "not_run" if section is None else section.get("reason")


def decision(facts: dict) -> str:
    """The verdict's ground, after holding its claim against the intervals.

    Raises InputError if the summary claims what its own intervals do not show: such a report is
    not written.
    """
    told = facts["verdict"]
    claim = told.get("comparison")
    evidence = facts["evidence"]
    shown = None
    if not absent(evidence):
        shown = standing(
            [
                row["score"]
                for row in evidence["differences"]
                if row["probe"] == evidence["decides"] and row["role"] == "control"
            ]
        )
    if claim is not None and claim != shown:
        raise InputError(
            f"The summary claims {claim!r}, but its intervals show {shown or 'nothing'!r}; a report says only "
            "what the numbers say. Build the summary again with natkit.summarize()."
        )
    if told.get("decision") == "go" and (claim != "ahead" or told["target"] is None):
        raise InputError(
            "The summary says go without a lead over every control and a target agreed beforehand; a report "
            "says only what the numbers say. Build the summary again with natkit.summarize()."
        )
    return told.get("ground", "unscored")


def paid(cost: dict) -> None:
    """Raise InputError if the payback is not the one that project and saving give."""
    if absent(cost):
        return
    shown = payback(cost["project"], cost["saving"])
    if cost["payback"] != shown:
        raise InputError(
            f"The summary claims the payback {cost['payback']}, but its saving shows {shown}; a report "
            "says only what the numbers say. Build the section with natkit.money.cost.section()."
        )


def verdict(facts: dict, words: Words) -> dict:
    """``code``, ``decision``, ``mark``, ``title`` and ``lead`` of page one."""
    code = decision(facts)
    label = facts["evidence"].get("label") or (facts["data"].get("label") or {}).get("column")
    values = {"label": quoted(words, label)} if label else {"label": words("table.class")}
    if facts["verdict"].get("comparison"):
        values |= _comparison(facts, words)
    if code == "too_few":
        values["labelled"] = facts["evidence"].get("labelled", 0)
    return {
        "code": code,
        "decision": words.name("decision", facts["verdict"].get("decision", "not_enough")),
        "mark": words(f"verdict.{code}.mark"),
        "title": words(f"verdict.{code}.title", **values),
        "lead": words(f"verdict.{code}.lead", **values),
    }


def _comparison(facts: dict, words: Words) -> dict:
    gap, name = facts["verdict"]["difference"], facts["verdict"]["control"]
    probe = facts["verdict"]["probe"]
    rival = next(r for r in rivals(facts["evidence"], probe) if r["name"] == name)
    mine = ours(facts["evidence"], probe)["score"]
    return {
        "ours": words.score(mine["value"]),
        "low": words.score(mine["low"]),
        "theirs": words.score(rival["score"]["value"]),
        "control": control(words, name),
        "difference": words.signed(gap["value"]),
        "interval": words.interval(gap, signed=True),
        "n": gap["n"],
        "metric": metric(words, facts["evidence"]),
        "target": target(facts, words),
    }


def name(facts: dict, words: Words) -> str:
    """What the images are called."""
    return words("page.no_name") if absent(facts["data"]) else facts["data"]["name"]


def group(row: dict) -> str:
    """A group of images, as ``column = value``."""
    return f"{shorten(row['column'], 30)} = {shorten(row['value'] or '–', 30)}"


def harmed(evidence: dict) -> list[dict]:
    """Rows of ``robustness`` that are our own."""
    mine = ours(evidence, evidence["decides"])["name"]
    return [row for row in evidence["robustness"] or [] if row["name"] == mine]


def weakest(evidence: dict, words: Words) -> str | None:
    """Where it is weakest, in a sentence: the worst group, or else the worst change of the images."""
    scored = [row for row in evidence["groups"] or [] if row["score"]]
    if scored:
        row = min(scored, key=lambda row: row["score"]["value"])
        seen = {
            "code": "worst_group",
            "n": row["n"],
            "low": row["score"]["low"],
            "high": row["score"]["high"],
        }
        return _reason(
            {**seen, **{k: row[k] for k in ("column", "value")}, "score": row["score"]["value"]},
            words,
        )
    if rows := harmed(evidence):
        row = min(rows, key=lambda row: row["change"]["value"])
        change = words.with_interval(row["change"], signed=True)
        return words("slide.worst_change", what=changed(row, words), change=change)
    any_left = evidence["groups"] or evidence["held_out"]
    return (
        words("evidence.held_out" if evidence["held_out"] else "evidence.groups")
        if any_left
        else None
    )


def target(facts: dict, words: Words) -> str:
    """The target agreed beforehand, as readers write it; "" if there is none."""
    agreed = facts["verdict"].get("target")
    if not agreed:
        return ""
    if agreed["kind"] == "cost":
        currency = facts["cost"]["prices"]["currency"]
        return words("verdict.cost", value=words.money(agreed["value"], currency))
    return words.score(agreed["value"])


def control(words: Words, name: str) -> str:
    """What readers call a control."""
    return shorten(words.name("name", name))


def because(reason: dict, words: Words) -> str:
    """What sets a cluster apart, in a sentence."""
    value = reason["value"]
    return words(
        "map.because",
        share=words.percent(reason["inside"]["value"]),
        outside=words.percent(reason["outside"]),
        column=shorten(reason["column"], 24),
        value=words("chart.map.none_value") if value is None else shorten(value, 24),
    )


def shortcuts(facts: dict, words: Words) -> list[dict]:
    """``source`` and ``value`` of each shortcut found, strongest first."""
    if absent(facts["data"]):
        return []
    rows = [f["evidence"] for f in facts["data"]["findings"] if f["rule"] == "shortcut"]
    rows = sorted((r for r in rows if "auc" in r), key=lambda r: -r["auc"]["value"])
    return [{"source": source(words, r), "value": words.score(r["auc"]["value"])} for r in rows]


def need(facts: dict) -> int:
    """Test images of the rarest class that a score asks for."""
    reasons = facts["verdict"].get("reasons", [])
    return next((r["need_test"] for r in reasons if "need_test" in r), NEED_TEST)


def next_steps(facts: dict, words: Words) -> list[str]:
    """What to do now, most urgent first, at most five."""
    steps = _held(facts, words)
    steps += [words("next.shortcut", **row) for row in shortcuts(facts, words)[:1]]
    data, code = facts["data"], decision(facts)
    found = [] if absent(data) else data["findings"]
    if conflicts := sum(f["evidence"].get("n_label_conflicts", 0) for f in found):
        steps.append(words("next.conflicts", n=conflicts))
    steps += _next(facts, code, words)
    if not absent(data) and data["counts"]["quarantined"]:
        steps.append(words("next.set_aside", n=data["counts"]["quarantined"]))
    return steps[:5]


def _held(facts: dict, words: Words) -> list[str]:
    """The step that cleaning asks for where it would have taken a class; none once all is decided."""
    data = {} if absent(facts["data"]) else facts["data"]
    taken = [f["evidence"] for f in data.get("findings", []) if f["rule"] == "cleaning_takes_class"]
    held: dict[str, int] = {}
    for row in data.get("losses", []):
        held[row["column"]] = held.get(row["column"], 0) + row["held"]
    n = max(held.values(), default=0)
    return [words("next.held", n=n, value=group(taken[0]))] if n and taken else []


def _next(facts: dict, code: str, words: Words) -> list[str]:
    """The step that the ground of the verdict asks for."""
    said = {row["code"]: row for row in facts["verdict"].get("reasons", [])}
    if code in ("behind", "undecided"):
        rival = control(words, facts["verdict"]["control"])
    if code == "behind":
        return [words("next.behind", control=rival)]
    if code == "undecided":
        if "would_settle" in said:
            return [words("next.undecided", n=said["would_settle"]["n"])]
        return [words("next.undecided_none", control=rival)]
    if code == "target_open":
        n = said.get("would_meet", {}).get("n")
        return [words("next.target_open", n=n)] if n else [words("next.below_target")]
    if code == "group_below":
        row = said["group_below"]
        return [words("next.group_below", **{k: shorten(row[k], 30) for k in ("column", "value")})]
    if code == "shortcut":
        return [words("next.confounded")]
    if code == "too_few":
        return [words("next.too_few", need=need(facts))]
    if code == "unscored":
        no_label = absent(facts["evidence"]) == "no_label"
        return [words("next.unscored" if no_label else "next.not_run")]
    return [words(f"next.{code}")]


def limits(facts: dict, words: Words) -> list[str]:
    """What the report does not show, the gravest first."""
    data, evidence, run = facts["data"], facts["evidence"], facts["training"]
    said, traces = [], shortcuts(facts, words)
    if traces:
        sources = words("format.join").join(dict.fromkeys(row["source"] for row in traces[:3]))
        said.append(words("limit.shortcut", sources=sources, value=traces[0]["value"]))
    if absent(evidence):
        said.append(words("limit.no_evidence"))
    else:
        if evidence["left_out"]:
            said.append(words("limit.few_classes", classes=names(evidence["left_out"], words)))
        if not any(g["role"] == "kept together" for g in data.get("groups", [])):
            said.append(words("limit.no_parts"))
        codes = [row["code"] for row in facts["verdict"].get("reasons", [])]
        if not absent(run) and "trainings" not in codes:
            said.append(words("limit.one_seed", seed=str(run["seed"])))
        open_end = "no_target" if "no_target" in codes else "threshold"
        name = metric(words, evidence)
        said += [words("limit.elsewhere"), words(f"limit.{open_end}", metric=name)]
    unseen = [row["kind"] for row in data.get("planted") or [] if not row["looked_for"]]
    if unseen:
        kinds = [words.name("planted", kind) for kind in unseen]
        said.append(words("limit.not_looked_for", kinds=names(kinds, words)))
    said.append(words("limit.no_cost" if absent(facts["cost"]) else "limit.prices"))
    return said


def reasons(facts: dict, words: Words) -> list[str]:
    """How the verdict came about, a sentence for each reason."""
    rows = facts["verdict"].get("reasons") or [{"code": absent(facts["verdict"]) or "not_run"}]
    return [_reason(row, words) for row in rows]


PLAIN = (
    "shortcut_found",
    "statistics_do",
    "target_",
    "group_below",
    "worst_group",
    "could_meet",
    "trainings",
)


def _reason(row: dict, words: Words) -> str:
    code, values = row["code"], dict(row)
    form = words.score if code.startswith(PLAIN) else words.signed
    if "currency" in row:
        form = partial(words.money, currency=row["currency"])
    for key in ("value", "low", "high", "score", "target"):
        if isinstance(values.get(key), int | float):
            values[key] = form(values[key])
    if "power" in values:
        values["power"] = words.percent(values["power"])
    if "control" in values:
        values["control"] = control(words, values["control"])
    if "source" in values:
        values["source"] = source(words, values)
    if "measures" in values:
        measures = [words(f"map.measure.{m}") for m in values["measures"].split(", ")]
        values["measures"] = names(measures, words)
    for key in ("class", "classes", "column", "value"):
        if isinstance(values.get(key), str):
            values[key] = shorten(values[key], 80)
    return words.fits(f"reason.{code}", **values) or str(code)


def changed(row: dict, words: Words) -> str:
    """What was done to the images of a row of ``robustness``."""
    strength = words.percent(abs(row["strength"]))
    if row["kind"] == "brightness":
        strength = ("−" if row["strength"] < 0 else "+") + strength
    key = row["kind"] if f"corruption.{row['kind']}" in words else "other"
    kind = {"kind": shorten(row["kind"], 30)} if key == "other" else {}
    return words(f"corruption.{key}", strength=strength, **kind)


def labels_needed(row: dict, most: int, words: Words) -> str:
    """Labels with their band, as "346 (91 to 1,242)"; None is "more than there are"."""
    value, low, high = (
        words("evidence.never", n=most) if row[key] is None else f"{round(row[key]):,}"
        for key in ("value", "low", "high")
    )
    band = words("format.interval", low=low, high=high)
    return words("format.with_interval", value=value, interval=band)


def names(texts: list[str], words: Words, most: int = 8) -> str:
    """``texts`` as one list, each shortened, at most ``most`` of them."""
    said = [shorten(text, 30) for text in texts[:most]]
    if len(texts) > most:
        said.append(words("format.and_more", n=len(texts) - most))
    return words("format.join").join(said)


def rules(codes: list[str], words: Words) -> str:
    """Names of rules, as one list."""
    return names([words.name("rule", code) for code in codes], words, most=20)
