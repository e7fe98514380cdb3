"""What will be asked in the meeting, and what this run's numbers answer."""

from natkit.show.report import faults, story
from natkit.show.report.story import absent
from natkit.show.words import money, titles
from natkit.show.words.catalogue import Words


def phrases(facts: dict, words: Words) -> list[tuple[str, str]]:
    """Questions with their answers, each made of sentences that the report proves elsewhere."""
    answers = {
        "works": _works(facts, words),
        "sure": _sure(facts, words),
        "weakest": [] if absent(facts["evidence"]) else [story.weakest(facts["evidence"], words)],
        "labels": _labels(facts["evidence"], words),
        "data": _data(facts["data"], words),
        "pays": _pays(facts["cost"], words),
        "line": _line(facts["cost"], words),
        "wrong": story.limits(facts, words)[:2],
        "need": story.next_steps(facts, words)[:2],
    }
    said = ((name, [text for text in texts if text]) for name, texts in answers.items())
    return [(words(f"ask.{name}"), words("format.space").join(t)) for name, t in said if t]


def _works(facts: dict, words: Words) -> list[str]:
    said = [story.verdict(facts, words)["title"]]
    evidence = facts["evidence"]
    if absent(evidence) or evidence["metric"] != "auroc" or not facts["verdict"].get("control"):
        return said
    probe = evidence["decides"]
    rival = next(
        r for r in titles.rivals(evidence, probe) if r["name"] == facts["verdict"]["control"]
    )
    pairs = {
        "ours": round(titles.ours(evidence, probe)["score"]["value"] * 100),
        "theirs": round(rival["score"]["value"] * 100),
        "control": story.control(words, rival["name"]),
    }
    return [*said, words("ask.pairs", **pairs)]


def _sure(facts: dict, words: Words) -> list[str]:
    gap = facts["verdict"].get("difference")
    if not gap:
        return []
    held = {"interval": words.interval(gap, signed=True), "n": gap["n"]}
    held["control"] = story.control(words, facts["verdict"]["control"])
    return [words("ask.range", **held)]


def _labels(evidence: dict, words: Words) -> list[str]:
    if not evidence.get("curve"):
        return []
    return [words("format.sentence_end", text=titles.curve(evidence["curve"], words))]


def _data(data: dict, words: Words) -> list[str]:
    if absent(data):
        return [_why("data", data, words)]
    counts, found = data["counts"], faults.findings(data, words)
    if not found:
        rules = story.rules(data["looked_for"], words)
        return [words("data.clean", listed=counts["listed"], rules=rules)]
    kinds = len({row["name"] for row in found})
    told = {key: counts[key] for key in ("listed", "quarantined", "kept")}
    return [words("data.found", kinds=kinds, **told)]


def _pays(cost: dict, words: Words) -> list[str]:
    if absent(cost):
        return [_why("cost", cost, words)]
    said = money.lead(cost, words)
    return [words("cost.made_up"), *said] if said and cost["prices"]["made_up"] else said


def _line(cost: dict, words: Words) -> list[str]:
    """What the first stage of the plan asks for; nothing if there is no plan."""
    if absent(cost) or money.absent(cost["plan"]):
        return []
    return [money.plan(cost, words)[0][1]]


def _why(part: str, section: dict, words: Words) -> str:
    key = f"absent.code.{absent(section)}"
    return words(key) if key in words else words("absent.code.unknown", code=absent(section))
