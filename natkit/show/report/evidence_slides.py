"""Slides on the evidence: the ladder, the label curve, where the score is weakest."""

from natkit.facts.base import absent
from natkit.facts.evidence import EvidenceFacts
from natkit.facts.summary import Summary
from natkit.show.report import story
from natkit.show.report.deck import EDGE, END, FULL, TOP, Deck
from natkit.show.report.spoken import method, more, notes
from natkit.show.words import titles
from natkit.show.words.catalogue import Words


def _ladder(deck: Deck, facts: Summary, words: Words, drawn: dict, *_) -> None:
    evidence = facts.evidence
    if absent(evidence) or "score_ladder" not in drawn:
        return
    said = notes(facts, words, evidence.n_test, words("chart.ladder.read"), method(facts, words))
    slide = deck.slide(titles.ladder(evidence, words), said)
    slide.chart(drawn["score_ladder"], (EDGE, TOP, FULL, END - TOP))


def _curve(deck: Deck, facts: Summary, words: Words, drawn: dict, *_) -> None:
    curve = facts.curve
    if not curve or "label_curve" not in drawn:
        return
    said = notes(facts, words, curve.n_test, words("chart.curve.read"), method(facts, words))
    slide = deck.slide(titles.curve(curve, words), said)
    slide.chart(drawn["label_curve"], (EDGE, TOP, 9.9, END - TOP))
    goal = {"value": words.score(curve.target.value)}
    rival = curve.target.from_
    if rival:
        goal["control"] = story.control(words, rival)
    said = [words("evidence.curve_target_from" if rival else "evidence.curve_target", **goal)]
    said += [words("table.needed")]
    said += [
        words(
            "format.colon",
            name=story.control(words, row.name),
            text=story.labels_needed(row, curve.more.from_, words),
        )
        for row in curve.needed
    ]
    side = (EDGE + 10.1, TOP + 0.1, FULL - 10.1, END - TOP - 0.1)
    slide.text(side, said, (14, 13, 12, 11, 10), between=8)


def _weakest(deck: Deck, facts: Summary, words: Words, *_) -> None:
    evidence = facts.evidence
    if absent(evidence):
        return
    title = story.weakest(evidence, words)
    if title is None:
        return
    metric = titles.metric(words, evidence)
    blocks = _blocks(evidence, words, metric)
    said = [words(f"evidence.{name}_text") for name in blocks]
    slide = deck.slide(title, notes(facts, words, evidence.n_test, *said, method(facts, words)))
    wide = (FULL - 0.4 * (len(blocks) - 1)) / len(blocks)
    for i, (name, (head, rows, widths)) in enumerate(blocks.items()):
        left = EDGE + i * (wide + 0.4)
        slide.text(
            (left, TOP, wide, 0.35),
            [words(f"evidence.{name}")],
            (16, 15, 14, 13, 12, 11),
            bold=True,
        )
        box = (left, TOP + 0.45, wide, END - TOP - 0.45)
        slide.table(box, head, rows, widths, (1, 2), 12, more(words))


def _blocks(evidence: EvidenceFacts, words: Words, metric: str) -> dict[str, tuple]:
    """Tables of where it is weakest, worst first: head, rows, widths."""
    score, blocks = words("table.score", metric=metric), {}
    few = words("evidence.group_too_few")
    for name, count in (("groups", "test"), ("held_out", "images")):
        if found := getattr(evidence, name):
            rows = [
                (
                    story.group(g),
                    f"{g.n:,}",
                    words.with_interval(g.score) if g.score else few,
                )
                for g in sorted(found, key=lambda g: g.score.value if g.score else 9)
            ]
            head = [words("table.group"), words(f"table.{count}"), score]
            blocks[name] = head, rows, (1.8, 1.2, 2.7)
    if evidence.robustness:
        ours = sorted(story.harmed(evidence), key=lambda row: row.change.value)
        rows = [(story.changed(r, words), words.with_interval(r.change, signed=True)) for r in ours]
        head = [words("table.corruption"), words("table.change")]
        blocks["robustness"] = head, rows, (2, 2.2)
    return blocks
