"""The summary as slides for the meeting: one idea a slide, its title the finding."""

from pathlib import Path

from natkit.facts.base import absent
from natkit.facts.summary import Summary
from natkit.show import style
from natkit.show.report import faults, money_slides, story
from natkit.show.report.deck import BODY, EDGE, END, FULL, TOP, WIDE, Deck, edited
from natkit.show.report.evidence_slides import _curve, _ladder, _weakest
from natkit.show.report.headline import numbers
from natkit.show.report.phrases import phrases
from natkit.show.report.spoken import listed, method, more, notes
from natkit.show.words import money, titles
from natkit.show.words.catalogue import Words

__all__ = ["edited", "write"]
FILE = "report.pptx"
PARTS = ("data", "training", "map", "evidence", "cost", "verdict", "provenance")


def write(
    path: Path, facts: Summary, words: Words, drawn: dict, sheets: dict[int, bytes | None]
) -> None:
    """Write ``facts`` as a presentation.

    ``drawn`` are the charts of :func:`natkit.show.report.charts.draw`, ``sheets`` contact sheets by cluster (JPEG).
    Raises InputError if the summary claims what its own intervals do not show.
    """
    name = story.name(facts, words)
    parts = [titles.shorten(name, 60), words("page.report")]
    if not absent(facts.provenance) and facts.provenance.started:
        parts.insert(1, words.date(facts.provenance.started))
    deck = Deck(words.lang, words("page.title", name=titles.shorten(name, 80)), " · ".join(parts))
    for add in (_decision, _limits, _data, _how, _ladder, _curve, _weakest, _map, _sheets, *money_slides.ALL, _asked,
                _repeat, _missing):  # fmt: skip
        add(deck, facts, words, drawn, sheets)
    deck.save(path)


def _decision(deck: Deck, facts: Summary, words: Words, *_) -> None:
    said = story.verdict(facts, words)
    seen = facts.judged.difference
    n = seen.n if seen else listed(facts)
    slide = deck.slide(
        said.title,
        notes(facts, words, n, method(facts, words), *story.reasons(facts, words)),
        front=True,
    )
    slide.text((EDGE, 0.45, FULL, 0.35), [words("page.verdict")], (14,), style.BLUE, bold=True)
    slide.mark(said.mark, (EDGE, 1.02, 0.95, 0.95), words("slide.mark", mark=said.mark))
    slide.text((1.8, 2.2, WIDE - 1.8 - EDGE, 1.05), [said.lead], (16, 15, 14, 13, 12), style.GREY)
    wide = FULL / 3
    for i, number in enumerate(numbers(facts, words)):
        left = EDGE + i * wide
        slide.rule(3.45, left=left, width=wide - 0.3)
        slide.text((left, 3.55, wide - 0.3, 0.3), [number.label], (13, 12, 11, 10), style.GREY)
        slide.text((left, 3.85, wide - 0.3, 0.65), [number.value], (34, 30, 26, 22), style.BLUE)
        slide.text((left, 4.5, wide - 0.3, 0.3), [number.note], (12, 11, 10, 9), style.GREY)
    slide.text((EDGE, 5.0, FULL, 0.35), [words("page.next")], (16,), bold=True)
    steps = story.next_steps(facts, words)[:3]
    slide.text((EDGE, 5.4, FULL, 1.5), steps, (14, 13, 12, 11), bullets=True, between=3)


def _limits(deck: Deck, facts: Summary, words: Words, *_) -> None:
    slide = deck.slide(
        words("page.not_shown"), notes(facts, words, listed(facts), words("risks.limits"))
    )
    limits = story.limits(facts, words)
    slide.text(
        (EDGE, TOP + 0.1, FULL, END - TOP - 0.1), limits, (18, *BODY), bullets=True, between=9
    )


def _data(deck: Deck, facts: Summary, words: Words, *_) -> None:
    data = facts.data
    if absent(data):
        return
    counts, found = data.counts, faults.findings(data.findings, words)
    single = sorted((f for f in data.findings if not f.whole), key=lambda f: -f.count)
    parts = words(
        "data.parts_text", **{part: getattr(counts, part) for part in ("train", "val", "test")}
    )
    said = [words("data.legend"), parts] if found else [parts]
    if data.planted:
        said.append(words("format.sentence_end", text=titles.planted(data.planted, words)))
    title = titles.findings(data.findings, counts, words)
    slide = deck.slide(title, notes(facts, words, counts.listed, *said))
    if not found:
        clean = words("data.clean", listed=counts.listed, rules=story.rules(data.looked_for, words))
        slide.text((EDGE, TOP, FULL, 2), [clean, *said], BODY, between=8)
        return
    kinds = len({row.name for row in found})
    told = {key: getattr(counts, key) for key in ("listed", "quarantined", "kept")}
    lead = [words("data.found", kinds=kinds, **told), faults.dealt_with(data, words)]
    slide.text((EDGE, TOP, FULL, 1.2), lead, (14, 13, 12, 11), between=4)
    rows = [(f.mark, f.name, f.count, f.action) for f in found]
    left = 6.0 if single else 0
    if single:
        names = [titles.shorten(words.name("rule", f.rule), 28) for f in single[:8]]
        alt = words("format.colon", name=words("slide.alt_bars"), text=title)
        box = (EDGE, TOP + 1.25, left - 0.3, END - TOP - 1.25)
        slide.bars(box, names, [f.count for f in single[:8]], words("table.images"), alt)
    head = ["", *(words(f"table.{key}") for key in ("finding", "images", "done"))]
    box = (EDGE + left, TOP + 1.35, FULL - left, END - TOP - 1.35)
    slide.table(box, head, rows, (0.4, 2.9, 1.9, 2.0), (2,), 11, more(words))


def _how(deck: Deck, facts: Summary, words: Words, drawn: dict, *_) -> None:
    run = facts.training
    if absent(run) or "idea" not in drawn:
        return
    read = words("chart.idea.read", dim=run.dim)
    paper = words("method.paper_text", matching=words.name("matching", run.matching))
    slide = deck.slide(words("chart.idea.title"), notes(facts, words, run.images, read, paper))
    slide.chart(drawn["idea"], (EDGE, TOP, FULL, 3.9))
    slide.text((EDGE, TOP + 4.1, FULL, END - TOP - 4.1), [words("method.holds_text")], BODY)


def _map(deck: Deck, facts: Summary, words: Words, drawn: dict, *_) -> None:
    section = facts.map
    if absent(section) or "map_cluster" not in drawn:
        return
    read = [words("chart.map.read"), words("map.honesty_text") if section.honesty else ""]
    slide = deck.slide(titles.map_by_cluster(section, words), notes(facts, words, section.n, *read))
    slide.chart(drawn["map_cluster"], (EDGE, TOP, 6.6, END - TOP))
    left, wide = EDGE + 6.8, FULL - 6.8
    trust = [titles.trust(section, words)]
    slide.text((left, TOP + 0.05, wide, 0.75), trust, (14, 13, 12, 11), between=4)
    if section.honesty:
        head = [words(f"table.{key}") for key in ("measure", "this_map", "shuffled", "reading")]
        rows = [
            (words(f"map.measure.{m.measure}"), f"{m.value:.2f}", f"{m.control:.2f}",
             words(f"map.reading.{'flagged' if m.flagged else 'stands'}"))
            for m in sorted(section.honesty, key=lambda m: not m.flagged)
        ]  # fmt: skip
        box = (left, TOP + 0.85, wide, END - TOP - 0.85)
        slide.table(box, head, rows, (2.5, 0.8, 1.0, 1.5), (1, 2), 10, more(words))


def _sheets(deck: Deck, facts: Summary, words: Words, _, sheets: dict[int, bytes | None]) -> None:
    section = facts.map
    if absent(section):
        return
    shown = [c for c in section.clusters if sheets.get(c.cluster)]
    shown = sorted(shown, key=lambda c: -c.n)[:3]
    if not shown:
        return
    coloured = section.colour.column is not None and any(c.labels for c in shown)
    title = titles.map_by_label(section, words) if coloured else words("map.sheets")
    slide = deck.slide(title, notes(facts, words, section.n, words("map.sheets_text")))
    high, wide = (END - TOP) / 3, 3.6
    for i, cluster in enumerate(shown):
        top, name = TOP + i * high, words("map.sheet", cluster=cluster.cluster)
        note = words("map.sheet_note", n=cluster.n, share=words.percent(cluster.share))
        lines = [note, *([story.because(cluster.because, words)] if cluster.because else [])]
        if cluster.name:
            called = titles.shorten(cluster.name, 24)
            head = words("map.names", cluster=name, name=called)
        else:
            head = name
        slide.text((EDGE, top, wide, 0.4), [head], (16, 15, 14, 13, 12), bold=True)
        slide.text((EDGE, top + 0.42, wide, high - 0.6), lines, (13, 12, 11, 10), style.GREY)
        alt = words("format.colon", name=words("slide.alt_sheet", cluster=name), text=note)
        box = (EDGE + wide + 0.3, top, FULL - wide - 0.3, high - 0.15)
        slide.picture(sheets[cluster.cluster], alt, box)


def _asked(deck: Deck, facts: Summary, words: Words, *_) -> None:
    slide = deck.slide(
        words("section.meeting"), notes(facts, words, None, words("question.meeting"))
    )
    rows = [(question, answer) for question, answer in phrases(facts, words)]
    slide.table((EDGE, TOP, FULL, END - TOP), ("", ""), rows, (2.6, 9.5), (), 12, more(words))


def _repeat(deck: Deck, facts: Summary, words: Words, *_) -> None:
    run = facts.provenance
    if absent(run):
        return
    unknown = words("provenance.unknown")
    code = facts.data_hash or unknown
    short = {"hash": titles.shorten(code, 13), "version": titles.shorten(run.natkit, 20)}
    title = words("slide.repeat", seed=unknown if run.seed is None else str(run.seed), **short)
    slide = deck.slide(title, notes(facts, words, listed(facts), words("question.provenance")))
    rows = [
        (words("provenance.data"), story.name(facts, words)),
        (words("provenance.data_hash"), code),
    ]
    values = {
        "started": run.started and words.date(run.started),
        "seconds": None if run.seconds is None else words.duration(run.seconds),
        **{
            key: getattr(run, key)
            for key in ("seed", "device", "command", "natkit", "python", "platform")
        },
        "packages": ", ".join(f"{key} {value}" for key, value in run.packages.items()),
        "licences": " · ".join(run.licences),
    }
    rows += [
        (words(f"provenance.{k}"), unknown if v in (None, "") else v) for k, v in values.items()
    ]
    slide.table((EDGE, TOP, FULL, END - TOP), ("", ""), rows, (2.6, 9.5), (), 12, more(words))


def _missing(deck: Deck, facts: Summary, words: Words, *_) -> None:
    """What is not in the report, and why: one slide for all of it."""
    rows = []
    for part in PARTS:
        if code := absent(getattr(facts, part)):
            key = f"absent.code.{code}"
            why = words(key) if key in words else words("absent.code.unknown", code=code)
            name = words("page.verdict" if part == "verdict" else f"section.{part}")
            rows.append((name, words(f"absent.section.{part}"), why))
    if not absent(facts.cost):
        name = words("section.cost")
        rows += [(name, text, "") for text in money.lacking(facts.cost, words)]
    if not rows:
        return
    slide = deck.slide(words("slide.missing", n=len(rows)), notes(facts, words, listed(facts)))
    head = [words("slide.part"), words("table.content"), words("slide.why")]
    slide.table((EDGE, TOP, FULL, END - TOP), head, rows, (1.4, 5, 6), (), 13, more(words))
