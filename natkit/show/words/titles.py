"""The sentence that a chart or a verdict tells, chosen by its numbers alone."""

from collections.abc import Sequence

from natkit.core.shortcuts import Source
from natkit.show.words.catalogue import Words


def shorten(text: object, length: int = 40) -> str:
    """``text`` on one line, at most ``length`` characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= length else line[: length - 1] + "…"


def quoted(words: Words, text: object, length: int = 40) -> str:
    """A user's own word, shortened, in the quotation marks of the language."""
    return words("format.quoted", text=shorten(text, length))


def source(words: Words, seen: dict) -> str:
    """What predicts the label in a shortcut: statistics of the images or signals, or a column of the table."""
    where = Source(seen.get("source", Source.TABLE))
    if not where.measured and seen.get("column"):
        key = "columns" if ", " in seen["column"] else "column"
        return words(f"source.{key}", column=quoted(words, seen["column"]))
    return words.name("source", where)


def whole(finding: dict) -> bool:
    """Whether a finding concerns the data set as a whole: it names no image."""
    return not finding["examples"]


def ours(evidence: dict, probe: str) -> dict:
    """The row of our own scores for ``probe``."""
    return next(s for s in evidence["scores"] if s["role"] == "ours" and s["probe"] == probe)


def rivals(evidence: dict, probe: str) -> list[dict]:
    """Rows of the controls for ``probe``, best first."""
    rows = (s for s in evidence["scores"] if s["role"] == "control" and s["probe"] == probe)
    return sorted(rows, key=lambda row: -row["score"]["value"])


def metric(words: Words, evidence: dict) -> str:
    """What readers call the deciding score."""
    return words(f"metric.{evidence['metric']}")


def curve(section: dict, words: Words) -> str:
    """Title of the label curve: a saving is claimed only if its whole band lies above zero."""
    ours = next(line["name"] for line in section["lines"] if line["role"] == "ours")
    needed = {row["name"]: row["value"] for row in section["needed"]}
    most = section["more"]["from"]  # labels, the largest number that was drawn
    if needed[ours] is None:
        value = words.score(section["target"]["value"])
        return words("chart.curve.never", target=value, n=most)
    rival = section["target"]["from"]
    if rival is None:
        held = {row["control"]: needed[row["control"]] or most for row in section["saved"]}
        rival = min(held, key=held.get)
    saved = next(row for row in section["saved"] if row["control"] == rival)
    values = {
        "ours": round(needed[ours]),
        "theirs": round(needed[rival] or most),
        "control": shorten(words.name("name", rival), 24),
    }
    if values["ours"] >= values["theirs"]:
        return words("chart.curve.level", control=values["control"])
    sure = saved["low"] is not None and saved["low"] > 0
    title = words("chart.curve.saved" if sure else "chart.curve.unsure", **values)
    return title[:1].upper() + title[1:]


def standing(gaps: Sequence[dict]) -> str:
    """ "ahead", "behind" or "undecided" from differences with interval (ours minus control)."""
    if any(gap["high"] < 0 for gap in gaps):
        return "behind"
    return "ahead" if gaps and all(gap["low"] > 0 for gap in gaps) else "undecided"


def ladder(evidence: dict, words: Words) -> str:
    """Title of the score ladder: it claims a win only if every interval lies above zero."""
    probe = evidence["decides"]
    mine, controls = ours(evidence, probe), rivals(evidence, probe)
    score = words.score(mine["score"]["value"])
    if not controls:
        return words("chart.ladder.alone", ours=score)
    held = [d for d in evidence["differences"] if d["probe"] == probe and d["role"] == "control"]
    gaps = {d["control"]: d["score"] for d in held}
    result = standing(list(gaps.values()))
    rival = controls[0]
    if result == "behind":
        rival = min(controls, key=lambda c: gaps.get(c["name"], {"value": 0})["value"])
    if result == "undecided":
        unclear = [c for c in controls if not gaps.get(c["name"], {"low": 0})["low"] > 0]
        rival = (unclear or controls)[0]
    title = words(
        f"chart.ladder.{result}",
        ours=score,
        control=shorten(words.name("name", rival["name"]), 24),
        theirs=words.score(rival["score"]["value"]),
    )
    return title[:1].upper() + title[1:]


def training(history: Sequence[dict], words: Words) -> str:
    """Title of the training curve: does the gap between own and other views grow (by 0.02 or more)?"""
    if not history:
        return words("chart.training.none")
    first, last = (row["agreement"] - row["others"] for row in (history[0], history[-1]))
    if not last - first >= 0.02:
        return words("chart.training.flat", last=words.score(last))
    return words("chart.training.learnt", first=words.score(first), last=words.score(last))


def findings(found: Sequence[dict], counts: dict | None, words: Words) -> str:
    """Title of the finding counts; ``counts`` ("listed", "quarantined") make it say more."""
    if not found:
        return words("chart.findings.title_none")
    single = [f for f in found if not whole(f)]
    if not single:
        return words("chart.findings.title_whole", kinds=len(found))
    aside = [f for f in single if f["action"] == "quarantined"]
    if not (counts and counts["quarantined"]):
        aside = []
    most = max(aside or single, key=lambda f: f["count"])
    top = {"rule": words.name("rule", most["rule"]), "n": most["count"]}
    if counts is None:
        return words("chart.findings.title_most", **top)
    if not counts["quarantined"]:
        return words("chart.findings.title_some", **top)
    return words(
        "chart.findings.title", quarantined=counts["quarantined"], listed=counts["listed"], **top
    )


def planted(rows: Sequence[dict], words: Words) -> str:
    """Title of found against planted; kinds not looked for are no part of the fraction."""
    seen = [row for row in rows if row["looked_for"]]
    total, found = sum(r["planted"] for r in seen), sum(r["found"] for r in seen)
    if not seen:
        return words("chart.planted.title_none")
    if found == total:
        return words("chart.planted.title_all", planted=total)
    return words("chart.planted.title", found=found, planted=total)


def map_by_cluster(section: dict, words: Words) -> str:
    """Title of the map coloured by cluster."""
    clusters = len(section["clusters"])
    if not clusters:
        return words("chart.map.none")
    if section["method"] != "HDBSCAN":
        return words("chart.map.slices", clusters=clusters)
    noise = words.percent(section["noise"] / section["n"])
    return words("chart.map.found", clusters=clusters, noise=noise)


def map_by_label(section: dict, words: Words) -> str:
    """Title of the map coloured by label: where the rarest value gathers most."""
    column = section["colour"]["column"]
    known = [c for c in section["clusters"] if c["labels"] and sum(c["labels"].values())]
    totals: dict[str, int] = {}
    for cluster in known:
        for value, n in cluster["labels"].items():
            totals[value] = totals.get(value, 0) + n
    if len(totals) < 2:
        return words("chart.map.label_plain", column=quoted(words, column, 24))
    rarest = min(totals, key=totals.get)
    share = {c["cluster"]: c["labels"].get(rarest, 0) / sum(c["labels"].values()) for c in known}
    top = max(share, key=share.get)
    value = quoted(words, f"{column} = {shorten(rarest, 16)}", 34)
    return words("chart.map.label", cluster=top, value=value, share=words.percent(share[top]))


def trust(section: dict, words: Words) -> str:
    """How far to trust the map, in a sentence."""
    value = section["trustworthiness"]
    level = "high" if value >= 0.9 else "middle" if value >= 0.8 else "low"
    return words(f"chart.map.trust_{level}", value=f"{value:.2f}")


def health(words: Words, state: dict) -> list[str]:
    """One sentence a sign of ``natkit.method.health``, with what to do where one is bad."""
    if "reason" in state:
        return [words(f"health.{state['reason']}", n=state["n"])]
    sentences = []
    for row in state["signs"]:
        form = words.score if row["sign"] in ("views", "gap") else words.percent
        numbers = {key: form(row[key]) for key in ("value", "control", "limit")}
        sentences.append(
            words(f"health.{row['sign']}.{'good' if row['good'] else 'bad'}", **numbers)
        )
    return sentences
