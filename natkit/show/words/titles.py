"""The sentence that a chart or a verdict tells, chosen by its numbers alone."""

from collections.abc import Sequence

from natkit.core.shortcuts import Source
from natkit.facts.data import Action, Counts, Finding, Planted
from natkit.facts.evidence import Curve, EvidenceFacts
from natkit.facts.map import Clustering, MapFacts
from natkit.facts.numbers import Range
from natkit.facts.training import Epoch
from natkit.facts.verdict import Standing
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


def metric(words: Words, facts: EvidenceFacts | Curve) -> str:
    """What readers call the score."""
    return words(f"metric.{facts.metric}")


def curve(section: Curve, words: Words) -> str:
    """Title of the label curve: a saving is claimed only if its whole band lies above zero."""
    ours = section.ours.name
    needed = {row.name: row.value for row in section.needed}
    most = section.more.from_  # labels, the largest number that was drawn
    if needed[ours] is None:
        value = words.score(section.target.value)
        return words("chart.curve.never", target=value, n=most)
    rival = section.target.from_
    if rival is None:
        held = {row.control: needed[row.control] or most for row in section.saved}
        rival = min(held, key=held.get)
    saved = next(row for row in section.saved if row.control == rival)
    values = {
        "ours": round(needed[ours]),
        "theirs": round(needed[rival] or most),
        "control": shorten(words.name("name", rival), 24),
    }
    if values["ours"] >= values["theirs"]:
        return words("chart.curve.level", control=values["control"])
    sure = saved.low is not None and saved.low > 0
    title = words("chart.curve.saved" if sure else "chart.curve.unsure", **values)
    return title[:1].upper() + title[1:]


def standing(gaps: Sequence[Range]) -> Standing:
    """Where ours stands by the differences to the controls (ours minus control)."""
    if any(gap.high < 0 for gap in gaps):
        return Standing.BEHIND
    ahead = gaps and all(gap.low > 0 for gap in gaps)
    return Standing.AHEAD if ahead else Standing.UNDECIDED


def ladder(evidence: EvidenceFacts, words: Words) -> str:
    """Title of the score ladder: it claims a win only if every interval lies above zero."""
    probe = evidence.decides
    controls = evidence.rivals(probe)
    score = words.score(evidence.ours(probe).score.value)
    if not controls:
        return words("chart.ladder.alone", ours=score)
    gaps = {row.control: row.score for row in evidence.leads(probe)}
    known = [row for row in controls if row.name in gaps]
    result = standing(list(gaps.values()))
    rival = controls[0]
    if result is Standing.BEHIND:
        rival = min(known, key=lambda row: gaps[row.name].value)
    if result is Standing.UNDECIDED:
        unclear = [row for row in controls if row not in known or not gaps[row.name].low > 0]
        rival = (unclear or controls)[0]
    title = words(
        f"chart.ladder.{result}",
        ours=score,
        control=shorten(words.name("name", rival.name), 24),
        theirs=words.score(rival.score.value),
    )
    return title[:1].upper() + title[1:]


def training(history: Sequence[Epoch], words: Words) -> str:
    """Title of the training curve: does the gap between own and other views grow (by 0.02 or more)?"""
    if not history:
        return words("chart.training.none")
    first, last = (row.agreement - row.others for row in (history[0], history[-1]))
    if not last - first >= 0.02:
        return words("chart.training.flat", last=words.score(last))
    return words("chart.training.learnt", first=words.score(first), last=words.score(last))


def findings(found: Sequence[Finding], counts: Counts | None, words: Words) -> str:
    """Title of the finding counts; ``counts`` ("listed", "quarantined") make it say more."""
    if not found:
        return words("chart.findings.title_none")
    single = [f for f in found if not f.whole]
    if not single:
        return words("chart.findings.title_whole", kinds=len(found))
    aside = [f for f in single if f.action is Action.QUARANTINED]
    if not (counts and counts.quarantined):
        aside = []
    most = max(aside or single, key=lambda f: f.count)
    top = {"rule": words.name("rule", most.rule), "n": most.count}
    if counts is None:
        return words("chart.findings.title_most", **top)
    if not counts.quarantined:
        return words("chart.findings.title_some", **top)
    return words(
        "chart.findings.title", quarantined=counts.quarantined, listed=counts.listed, **top
    )


def planted(rows: Sequence[Planted], words: Words) -> str:
    """Title of found against planted; kinds not looked for are no part of the fraction."""
    seen = [row for row in rows if row.looked_for]
    total, found = sum(r.planted for r in seen), sum(r.found for r in seen)
    if not seen:
        return words("chart.planted.title_none")
    if found == total:
        return words("chart.planted.title_all", planted=total)
    return words("chart.planted.title", found=found, planted=total)


def map_by_cluster(section: MapFacts, words: Words) -> str:
    """Title of the map coloured by cluster."""
    clusters = len(section.clusters)
    if not clusters:
        return words("chart.map.none")
    if section.method is not Clustering.HDBSCAN:
        return words("chart.map.slices", clusters=clusters)
    noise = words.percent(section.noise / section.n)
    return words("chart.map.found", clusters=clusters, noise=noise)


def map_by_label(section: MapFacts, words: Words) -> str:
    """Title of the map coloured by label: where the rarest value gathers most."""
    column = section.colour.column
    known = [c for c in section.clusters if c.labels and sum(c.labels.values())]
    totals: dict[str, int] = {}
    for cluster in known:
        for value, n in cluster.labels.items():
            totals[value] = totals.get(value, 0) + n
    if len(totals) < 2:
        return words("chart.map.label_plain", column=quoted(words, column, 24))
    rarest = min(totals, key=totals.get)
    share = {c.cluster: c.labels.get(rarest, 0) / sum(c.labels.values()) for c in known}
    top = max(share, key=share.get)
    value = quoted(words, f"{column} = {shorten(rarest, 16)}", 34)
    return words("chart.map.label", cluster=top, value=value, share=words.percent(share[top]))


def trust(section: MapFacts, words: Words) -> str:
    """How far to trust the map, in a sentence."""
    value = section.trustworthiness
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
