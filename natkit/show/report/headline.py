"""The three numbers of page one, chosen by what the summary holds."""

from natkit.show.report.story import RANK, absent, control, need
from natkit.show.words.catalogue import Words
from natkit.show.words.titles import metric, ours, shorten


def numbers(facts: dict, words: Words) -> list[dict]:
    """The three numbers of page one: ``label``, ``value`` (text), ``note``, ``number`` (what the text says)."""
    found = [*_scored(facts, words), *_rarest(facts, words), *_data(facts, words)]
    found += [*_clusters(facts, words), *_seconds(facts, words)]
    return found[:3]


def _number(key: str, words: Words, value: str, number: float | str, note: dict, **label) -> dict:
    return {
        "label": words(f"number.{key}", **label),
        "value": value,
        "number": number,
        "note": words(f"number.{key}_note", **note),
    }


def _scored(facts: dict, words: Words):
    if absent(facts["evidence"]):
        return
    mine = ours(facts["evidence"], facts["evidence"]["decides"])["score"]
    note = {"interval": words.interval(mine), "chance": f"{facts['evidence']['chance']:.2g}"}
    name = metric(words, facts["evidence"])
    yield _number("ours", words, words.score(mine["value"]), mine["value"], note, metric=name)
    gap = facts["verdict"].get("difference")
    if gap:
        note = {"interval": words.interval(gap, signed=True), "n": gap["n"]}
        name = control(words, facts["verdict"]["control"])
        yield _number("lead", words, words.signed(gap["value"]), gap["value"], note, control=name)


def _rarest(facts: dict, words: Words):
    rows = facts["evidence"].get("counts")
    if rows:
        row = min(rows, key=lambda r: r["test"])
        note = {"name": shorten(row["class"], 20), "need": need(facts)}
        yield _number("rarest", words, f"{row['test']:,}", row["test"], note)


def _data(facts: dict, words: Words):
    if absent(facts["data"]):
        return
    counts, found = facts["data"]["counts"], facts["data"]["findings"]
    note = {"listed": counts["listed"], "quarantined": counts["quarantined"]}
    yield _number("kept", words, f"{counts['kept']:,}", counts["kept"], note)
    kinds = {rank: len({f["rule"] for f in found if f["severity"] == rank}) for rank in RANK}
    note = {"looked_for": len(facts["data"]["looked_for"]), "warnings": kinds["warning"]}
    yield _number("problems", words, f"{kinds['problem']:,}", kinds["problem"], note)


def _clusters(facts: dict, words: Words):
    if not absent(facts["map"]):
        note, n = {"trust": f"{facts['map']['trustworthiness']:.2f}"}, len(facts["map"]["clusters"])
        yield _number("clusters", words, f"{n:,}", n, note)


def _seconds(facts: dict, words: Words):
    run = facts["training"]
    if not absent(run):
        note = {"images": run["images"], "epochs": run["epochs"]}
        note["device"] = words.name("device", run["device"])
        said = words.duration(run["seconds"])
        yield _number("seconds", words, said, said, note)  # with its unit
