"""What the report says of a summary: sentences chosen by the facts, the worst first."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from natkit.facts.base import WhyAbsent, absent
from natkit.facts.data import GroupRole, Loss, Severity
from natkit.facts.evidence import EvidenceFacts, GroupScore, Needed, Robustness
from natkit.facts.map import Because
from natkit.facts.summary import Summary
from natkit.facts.verdict import Ground, Reason, TargetKind
from natkit.show.report.claims import decision
from natkit.show.words.catalogue import Words
from natkit.show.words.titles import metric, quoted, shorten, source

RANK = tuple(Severity)
NEED_TEST = 10  # images of the rarest class, where the summary does not say


@dataclass(frozen=True)
class Told:
    """The verdict as page one says it."""

    code: Ground
    decision: str
    mark: str
    title: str
    lead: str


def verdict(facts: Summary | dict, words: Words) -> Told:
    """What page one says of the verdict; ``facts`` may be plain, as a notebook has them."""
    facts = Summary.of(facts)
    code, evidence = decision(facts), facts.evidence
    label = label_column(facts)
    values = {"label": quoted(words, label)} if label else {"label": words("table.class")}
    if facts.judged.comparison:
        values |= _comparison(facts, words)
    if code is Ground.TOO_FEW:
        values["labelled"] = evidence.labelled or 0
    return Told(
        code=code,
        decision=words.name("decision", facts.judged.decision),
        mark=words(f"verdict.{code}.mark"),
        title=words(f"verdict.{code}.title", **values),
        lead=words(f"verdict.{code}.lead", **values),
    )


def label_column(facts: Summary) -> str | None:
    """The column that was to be predicted."""
    if facts.evidence.label:
        return facts.evidence.label
    return None if absent(facts.data) or not facts.data.label else facts.data.label.column


def _comparison(facts: Summary, words: Words) -> dict:
    told, evidence = facts.judged, facts.evidence
    rival = next(row for row in evidence.rivals(told.probe) if row.name == told.control)
    mine = evidence.ours(told.probe).score
    return {
        "ours": words.score(mine.value),
        "low": words.score(mine.low),
        "theirs": words.score(rival.score.value),
        "control": control(words, told.control),
        "difference": words.signed(told.difference.value),
        "interval": words.interval(told.difference, signed=True),
        "n": told.difference.n,
        "metric": metric(words, evidence),
        "target": target(facts, words),
    }


def name(facts: Summary, words: Words) -> str:
    """What the images are called."""
    return words("page.no_name") if absent(facts.data) else facts.data.name


def group(row: GroupScore | Loss) -> str:
    """A group of images, as ``column = value``."""
    return group_name(row.column, row.value)


def group_name(column: str, value: str | None) -> str:
    """A group by its column and value, as ``column = value``."""
    return f"{shorten(column, 30)} = {shorten(value or '–', 30)}"


def harmed(evidence: EvidenceFacts) -> list[Robustness]:
    """Rows of ``robustness`` that are our own."""
    mine = evidence.ours(evidence.decides).name
    return [row for row in evidence.robustness or () if row.name == mine]


def weakest(evidence: EvidenceFacts, words: Words) -> str | None:
    """Where it is weakest, in a sentence: the worst group, or else the worst change of the images."""
    scored = [row for row in evidence.groups if row.score]
    if scored:
        row = min(scored, key=lambda row: row.score.value)
        seen = {"score": row.score.value, "low": row.score.low, "high": row.score.high}
        named = {"column": row.column, "value": row.value, "n": row.n}
        return _reason(Reason("worst_group", named | seen), words)
    if rows := harmed(evidence):
        row = min(rows, key=lambda row: row.change.value)
        change = words.with_interval(row.change, signed=True)
        return words("slide.worst_change", what=changed(row, words), change=change)
    if evidence.held_out:
        return words("evidence.held_out")
    return words("evidence.groups") if evidence.groups else None


def target(facts: Summary, words: Words) -> str:
    """The target agreed beforehand, as readers write it; "" if there is none."""
    agreed = facts.judged.target
    if not agreed:
        return ""
    if agreed.kind is TargetKind.COST:
        return words("verdict.cost", value=words.money(agreed.value, facts.cost.prices.currency))
    return words.score(agreed.value)


def control(words: Words, name: str) -> str:
    """What readers call a control."""
    return shorten(words.name("name", name))


def because(reason: Because, words: Words) -> str:
    """What sets a cluster apart, in a sentence."""
    value = reason.value
    return words(
        "map.because",
        share=words.percent(reason.inside.value),
        outside=words.percent(reason.outside),
        column=shorten(reason.column, 24),
        value=words("chart.map.none_value") if value is None else shorten(value, 24),
    )


def shortcuts(facts: Summary, words: Words) -> list[dict]:
    """``source`` and ``value`` of each shortcut found, strongest first."""
    rows = [row.evidence for row in facts.findings if row.rule == "shortcut"]
    rows = sorted((r for r in rows if "auc" in r), key=lambda r: -r["auc"]["value"])
    return [{"source": source(words, r), "value": words.score(r["auc"]["value"])} for r in rows]


def need(facts: Summary) -> int:
    """Test images of the rarest class that a score asks for."""
    told = (row.values for row in facts.judged.reasons)
    return next((values["need_test"] for values in told if "need_test" in values), NEED_TEST)


def next_steps(facts: Summary, words: Words) -> list[str]:
    """What to do now, most urgent first, at most five."""
    steps = _held(facts, words)
    steps += [words("next.shortcut", **row) for row in shortcuts(facts, words)[:1]]
    code = decision(facts)
    if conflicts := sum(row.evidence.get("n_label_conflicts", 0) for row in facts.findings):
        steps.append(words("next.conflicts", n=conflicts))
    steps += _next(facts, code, words)
    if not absent(facts.data) and facts.data.counts.quarantined:
        steps.append(words("next.set_aside", n=facts.data.counts.quarantined))
    return steps[:5]


def _held(facts: Summary, words: Words) -> list[str]:
    """The step that cleaning asks for where it would have taken a class; none once all is decided."""
    taken = [row.evidence for row in facts.findings if row.rule == "cleaning_takes_class"]
    held: dict[str, int] = {}
    for row in () if absent(facts.data) else facts.data.losses:
        held[row.column] = held.get(row.column, 0) + row.held
    n = max(held.values(), default=0)
    if not n or not taken:
        return []
    return [words("next.held", n=n, value=group_name(taken[0]["column"], taken[0]["value"]))]


def _next(facts: Summary, code: Ground, words: Words) -> list[str]:
    """The step that the ground of the verdict asks for."""
    said = {row.code: row.values for row in facts.judged.reasons}
    if code is Ground.BEHIND:
        return [words("next.behind", control=control(words, facts.judged.control))]
    if code is Ground.UNDECIDED:
        if "would_settle" in said:
            return [words("next.undecided", n=said["would_settle"]["n"])]
        return [words("next.undecided_none", control=control(words, facts.judged.control))]
    if code is Ground.TARGET_OPEN:
        n = said.get("would_meet", {}).get("n")
        return [words("next.target_open", n=n)] if n else [words("next.below_target")]
    if code is Ground.GROUP_BELOW:
        row = said["group_below"]
        return [words("next.group_below", **{k: shorten(row[k], 30) for k in ("column", "value")})]
    if code is Ground.SHORTCUT:
        return [words("next.confounded")]
    if code is Ground.TOO_FEW:
        return [words("next.too_few", need=need(facts))]
    if code is Ground.UNSCORED:
        no_label = absent(facts.evidence) is WhyAbsent.NO_LABEL
        return [words("next.unscored" if no_label else "next.not_run")]
    return [words(f"next.{code}")]


def limits(facts: Summary, words: Words) -> list[str]:
    """What the report does not show, the gravest first."""
    said, traces = [], shortcuts(facts, words)
    if traces:
        sources = words("format.join").join(dict.fromkeys(row["source"] for row in traces[:3]))
        said.append(words("limit.shortcut", sources=sources, value=traces[0]["value"]))
    said += _limits_of_scores(facts, words)
    planted = () if absent(facts.data) else facts.data.planted or ()
    if unseen := [words.name("planted", row.kind) for row in planted if not row.looked_for]:
        said.append(words("limit.not_looked_for", kinds=names(unseen, words)))
    said.append(words("limit.no_cost" if absent(facts.cost) else "limit.prices"))
    return said


def _limits_of_scores(facts: Summary, words: Words) -> list[str]:
    evidence, said = facts.evidence, []
    if absent(evidence):
        return [words("limit.no_evidence")]
    if evidence.left_out:
        said.append(words("limit.few_classes", classes=names(evidence.left_out, words)))
    groups = () if absent(facts.data) else facts.data.groups
    if not any(row.role is GroupRole.KEPT_TOGETHER for row in groups):
        said.append(words("limit.no_parts"))
    codes = [row.code for row in facts.judged.reasons]
    if not absent(facts.training) and "trainings" not in codes:
        said.append(words("limit.one_seed", seed=str(facts.training.seed)))
    open_end = "no_target" if "no_target" in codes else "threshold"
    asked = words(f"limit.{open_end}", metric=metric(words, evidence))
    return [*said, words("limit.elsewhere"), asked]


def reasons(facts: Summary, words: Words) -> list[str]:
    """How the verdict came about, a sentence for each reason."""
    why = Reason(absent(facts.verdict) or "not_run", {})
    return [_reason(row, words) for row in facts.judged.reasons or (why,)]


PLAIN = ("shortcut_found", "statistics_do", "target_", "group_below", "worst_group", "could_meet")
PLAIN += ("trainings",)  # codes whose numbers bear no sign


def _reason(row: Reason, words: Words) -> str:
    code, values = row.code, dict(row.values)
    form = words.score if code.startswith(PLAIN) else words.signed
    if "currency" in values:
        form = partial(words.money, currency=values["currency"])
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


def changed(row: Robustness, words: Words) -> str:
    """What was done to the images of a row of ``robustness``."""
    strength = words.percent(abs(row.strength))
    if row.kind == "brightness":
        strength = ("−" if row.strength < 0 else "+") + strength
    if f"corruption.{row.kind}" in words:
        return words(f"corruption.{row.kind}", strength=strength)
    return words("corruption.other", strength=strength, kind=shorten(row.kind, 30))


def labels_needed(row: Needed, most: int, words: Words) -> str:
    """Labels with their band, as "346 (91 to 1,242)"; None is "more than there are"."""
    value, low, high = (
        words("evidence.never", n=most) if each is None else f"{round(each):,}"
        for each in (row.value, row.low, row.high)
    )
    band = words("format.interval", low=low, high=high)
    return words("format.with_interval", value=value, interval=band)


def names(texts: Sequence[str], words: Words, most: int = 8) -> str:
    """``texts`` as one list, each shortened, at most ``most`` of them."""
    said = [shorten(text, 30) for text in texts[:most]]
    if len(texts) > most:
        said.append(words("format.and_more", n=len(texts) - most))
    return words("format.join").join(said)


def rules(codes: Sequence[str], words: Words) -> str:
    """Names of rules, as one list."""
    return names([words.name("rule", code) for code in codes], words, most=20)
