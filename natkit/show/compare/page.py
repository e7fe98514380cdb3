"""Several runs in one offline HTML page and one workbook; only their summaries are read."""

import base64
import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from natkit.core.errors import InputError
from natkit.core.files import writing
from natkit.facts.base import absent
from natkit.facts.numbers import Range
from natkit.facts.runs import Comparison, Run
from natkit.runs.contrast import contrast
from natkit.runs.read import read
from natkit.show import style
from natkit.show.blocks import across
from natkit.show.compare import story as runs_story
from natkit.show.compare import table as runs_table
from natkit.show.pages import template
from natkit.show.report import claims, story, tables
from natkit.show.report.page import changed, guard, visible
from natkit.show.words import titles
from natkit.show.words.catalogue import Words, words

PAGE, BOOK = "comparison.html", "comparison.xlsx"
SEAL = "<!-- natkit {} -->\n"


def compare_runs(
    runs: Sequence[str | Path] | Mapping[str, dict],
    out: str | Path,
    lang: str = "en",
    same_line: bool = False,
) -> Path:
    """Compare runs with the first of them: one page that opens anywhere, with a workbook beside it.

    What is compared, by which rule, and what is not: :func:`natkit.runs.contrast.contrast`.

    Parameters
    ----------
    runs
        Two or more results folders of ``natkit poc`` or ``demo``, or their ``summary.json``; or summaries by name.
    out
        A name that ends in ``.html`` for the page alone, or a folder for ``comparison.html`` and ``comparison.xlsx``.
    lang
        "en" or "ja".
    same_line
        The images come from one line, so that runs with other test images are comparable: before and after
        cleaning, last month and now.

    Returns
    -------
    Path of the page.

    Raises
    ------
    InputError
        If there are fewer than two runs, one is no summary of this version, claims what its own intervals do not
        show, or comes twice; or if a file that would be overwritten is not as natkit wrote it.
    """
    vocabulary = words(lang)
    summaries = dict(runs) if isinstance(runs, Mapping) else read(runs)
    facts = contrast(summaries, same_line)
    for run in facts.runs:
        _true(run)
    facts = Comparison.of(changed(facts.plain(), visible))
    if all(run.facts.of_signals for run in facts.runs):
        vocabulary = vocabulary.of_signals()
    page, book = _places(Path(out))
    guard(page, _edited)
    if book:
        guard(book, tables.edited)
    html = _html(facts, vocabulary)
    with writing(page) as part:
        part.write_text(html, encoding="utf-8", newline="\n")
    if book:
        with writing(book) as part:
            tables.save(part, _sheets(facts, vocabulary))
    return page


def _true(run: Run) -> None:
    try:
        claims.decision(run.facts)
        claims.paid(run.facts.cost)
    except InputError as error:
        raise InputError(f"{run.name}: {error}") from error


def _places(out: Path) -> tuple[Path, Path | None]:
    if out.suffix.lower() == ".html":
        return out, None
    if out.exists() and not out.is_dir():
        raise InputError(
            f"{out} is a file, but no page. Give a folder, or a name that ends in .html."
        )
    return out / PAGE, out / BOOK


def _edited(path: Path) -> bool:
    """Whether something is at ``path`` that does not bear its own seal: not ours, or not as we wrote it."""
    if not path.exists():
        return False
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, ValueError):
        return True
    start = text.rfind("<!-- natkit ")
    return start < 0 or _sealed(text[:start]) != text


def _sealed(html: str) -> str:
    return html + SEAL.format(hashlib.sha256(html.encode()).hexdigest())


def _html(facts: Comparison, words: Words) -> str:
    page = template("compare/runs.html.j2").render(
        w=words,
        facts=facts,
        story=runs_story,
        chart=_chart(facts, words),
        pairs=runs_story.pairs(facts, words),
        tables=runs_table.side_by_side(facts, words),
        rules=runs_story.rules(facts, words),
        version=version("natkit"),
    )
    return _sealed(page if page.endswith("\n") else f"{page}\n")


def _chart(facts: Comparison, words: Words) -> dict | None:
    """The chart across runs as it stands in the page, with the numbers under it; None without any score."""
    rows = across.drawn(facts)
    if not rows:
        return None
    title = runs_story.title(facts, words)
    height = min(max(1.9 + 0.85 * len(rows), 3.2), 12)
    with tempfile.TemporaryDirectory() as folder, style.theme(words.lang):
        path = Path(folder) / "runs.png"
        style.figure(
            lambda ax: across.scores(ax, facts, title, words), path, (style.SIZE[0], height)
        )
        source = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
    told = [
        words("format.colon", name=run.name, text=words.with_interval(across.rungs(run)[0].score))
        for run in rows
    ]  # fmt: skip
    shown = [words("format.sentence_end", text=text) for text in (title, *told)]
    left = [titles.quoted(words, run.name) for run in facts.runs if run not in rows]
    lacking = words("runs.chart.left_out", names=story.names(left, words)) if left else ""
    scores = [
        {
            "run": titles.shorten(run.name, 36),
            "name": titles.shorten(words.name("name", row.name)),
            "role": words.name("role", row.role),
            "score": words.with_interval(row.score),
            "n": f"{row.score.n:,}",
        }
        for run in rows
        for row in run.facts.evidence.deciding
    ]
    metric = words("table.score", metric=titles.metric(words, rows[0].facts.evidence))
    return {"source": source, "alt": words("format.space").join(shown), "left_out": lacking, "scores": scores,
            "metric": metric}  # fmt: skip


def _ends(number: Range) -> tuple[float, float, float]:
    return number.value, number.low, number.high


def _sheets(facts: Comparison, words: Words) -> list[tuple]:
    """Numbers as numbers: what was compared, and every score of every run."""
    head = [words("runs.run"), words("runs.number")]
    bounds = [words("table.low"), words("table.high")]
    compared = [
        (pair.name, runs_story.name_of(row, facts, words),
         *_ends(row.before), *_ends(row.after), *_ends(row.difference), row.holm,
         words(f"runs.standing.{row.standing}"))
        for pair in facts.pairs for row in pair.rows
    ]  # fmt: skip
    first = [runs_story.run(facts.first.name, words), *bounds, words("runs.run"), *bounds]
    wide = [*head, *first, words("runs.gap"), *bounds, "p (Holm)", words("runs.reading")]
    scores = [
        (run.name, words.name("name", row.name), words.name("role", row.role),
         words(f"metric.{run.facts.evidence.metric}"), *_ends(row.score), row.score.n)
        for run in facts.runs if not absent(run.facts.evidence) for row in run.facts.evidence.deciding
    ]  # fmt: skip
    keys = ("method", "role", "measure", "value", "low", "high", "n")
    tall = [words("runs.run"), *(words(f"table.{key}") for key in keys)]
    return [
        (words("runs.moved"), wide, (24, 44, *[14] * 10, 24), compared),
        (words("sheet.scores"), tall, (24, 30, 14, 12, 12, 12, 12, 10), scores),
    ]
