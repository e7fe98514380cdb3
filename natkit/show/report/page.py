"""The summary as one HTML page that opens anywhere, with no network, as slides and as a workbook.

Maintainers: ``story`` chooses the sentences, ``charts`` draws, ``report.html.j2`` lays out,
``report.css`` is the look; ``slides`` (by ``deck``) and ``tables`` are the other two files. All words
come from ``natkit.show.words``. Only the summary is read, and the pictures it names. A user's text
reaches the page through autoescaping alone, slides and sheets as plain text.
"""

import base64
import io
import json
import shutil
import unicodedata
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import jsonschema
from PIL import Image, UnidentifiedImageError

from natkit.core.errors import InputError
from natkit.core.files import write_json, writing
from natkit.facts.base import absent
from natkit.facts.summary import Summary
from natkit.show.pages import template
from natkit.show.report import charts, claims, faults, slides, story, tables
from natkit.show.report.headline import numbers
from natkit.show.report.phrases import phrases
from natkit.show.words import money, titles
from natkit.show.words.catalogue import Words, words

MAX_BYTES = 5_000_000  # of report.html: a file that can be sent by mail
_ROOM = 400_000  # of these for text and tables


def report(facts: dict | str | Path, folder: str | Path, lang: str = "en") -> Path:
    """Write ``report.html``, ``report.pptx``, ``report.xlsx``, ``summary.json`` and ``figures/`` into ``folder``.

    Each chart stands in ``figures/`` as PNG and as SVG.

    Parameters
    ----------
    facts
        The summary that ``natkit.summarize`` gave, or the path of a ``summary.json``.
    folder
        Made if need be; an older report in it is replaced. Pictures named in the summary (contact
        sheets) are read from here, or copied here from beside the ``summary.json``; one that is not
        there is named as missing.
    lang
        "en" or "ja".

    Returns
    -------
    Path of ``report.html``: one file of at most 5 MB that loads nothing else.

    Raises
    ------
    InputError
        If ``facts`` is not a summary, or claims what its own intervals do not show; or if somebody has worked on
        the ``report.pptx`` or ``report.xlsx`` in ``folder``, which would be lost.
    """
    vocabulary, folder = words(lang), Path(folder)
    home = folder if isinstance(facts, dict) else Path(facts).parent
    facts = changed(_read(facts), lambda text: text.encode("utf-8", "backslashreplace").decode())
    shown = Summary.of(changed(facts, visible))
    if shown.of_signals:
        vocabulary = vocabulary.of_signals()
    if not absent(shown.data):
        vocabulary = vocabulary.with_sentences(shown.data.sentences.plain())
    for part in (slides, tables):
        guard(folder / part.FILE, part.edited)
    claims.decision(shown)
    claims.paid(shown.cost)
    apart = home.resolve() != folder.resolve()
    for picture in _pictures(Summary.of(facts), home) if apart else ():
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(home / picture, folder / "figures" / Path(picture).name)
    write_json(folder / "summary.json", facts)
    drawn = charts.draw(shown, folder / "figures", vocabulary)
    room = MAX_BYTES - _ROOM - sum(_encoded(chart.path.stat().st_size) for chart in drawn.values())
    sheets = _sheets(shown, folder, room)
    html = _page(shown, drawn, sheets, vocabulary)
    with writing(folder / "report.html") as part:
        part.write_text(html, encoding="utf-8")
    with writing(folder / slides.FILE) as part:
        slides.write(part, shown, vocabulary, drawn, sheets)
    with writing(folder / tables.FILE) as part:
        tables.write(part, shown, vocabulary)
    return folder / "report.html"


def guard(path: Path, edited: Callable[[Path], bool]) -> None:
    """Raise InputError if somebody has worked on the file that is about to be written anew."""
    if edited(path):
        raise InputError(
            f"{path} was saved by somebody since natkit wrote it, and would be overwritten. Rename it, or "
            "give another folder."
        )


def _read(facts: dict | str | Path) -> dict:
    where = "The dictionary"
    if not isinstance(facts, dict):
        where = str(facts)
        try:
            facts = json.loads(Path(facts).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{where} could not be read as a summary ({error}). Give the summary.json that a "
                "report or the notebook 05_report wrote."
            ) from error
    schema = json.loads(files("natkit.evidence").joinpath("summary.schema.json").read_text("utf-8"))
    fault = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(facts)
    )
    if fault is not None:
        at = "/".join(str(step) for step in fault.absolute_path) or "the top"
        raise InputError(
            f"{where} is not a natkit summary of version 1: at {at}, {fault.message[:200]}. "
            "Build it with natkit.summarize()."
        )
    return facts


def changed(value, change: Callable[[str], str]):
    """``value`` with ``change`` applied to every text in it, keys too."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {changed(key, change): changed(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [changed(item, change) for item in value]
    return value


def visible(text: str) -> str:
    """``text`` with control and direction characters written out (⟨U+202E⟩), so that none works."""
    return "".join(
        f"⟨U+{ord(c):04X}⟩" if unicodedata.category(c) in ("Cc", "Cf") and c not in "\t\n" else c
        for c in text
    )


def _page(facts: Summary, drawn: dict[str, charts.Chart], sheets: dict, vocabulary: Words) -> str:
    return template("report/report.html.j2").render(
        w=vocabulary,
        facts=facts,
        charts=drawn,
        pictures={name: _uri(chart.path.read_bytes(), "png") for name, chart in drawn.items()},
        sheets={name: jpeg and _uri(jpeg, "jpeg") for name, jpeg in sheets.items()},
        absent=absent,
        story=story,
        faults=faults,
        numbers=numbers,
        phrases=phrases,
        titles=titles,
        money=money,
        verdict=story.verdict(facts, vocabulary),
    )


def _pictures(facts: Summary, folder: Path) -> dict[str, int | str]:
    """Pictures that lie in ``figures/`` of a folder: relative path → cluster, or path of the mended image."""
    clusters = () if absent(facts.map) else facts.map.clusters
    mended = () if absent(facts.data) else facts.data.mended
    inside = (folder / "figures").resolve()
    named = {row.picture: row.cluster for row in clusters if row.picture}
    named |= {row.picture: row.path for row in mended}
    found = {name: (folder / name).resolve() for name in named}
    return {n: named[n] for n, path in found.items() if path.is_file() and path.parent == inside}


def _sheets(facts: Summary, folder: Path, room: int) -> dict[int | str, bytes | None]:
    """Contact sheets by cluster, mended images by path, as JPEG; None for one that would make the file too big.

    One that is not there, or lies outside ``folder``, is left out.
    """
    sheets: dict[int | str, bytes | None] = {}
    for picture, name in _pictures(facts, folder).items():
        path = folder / picture
        try:
            with Image.open(path) as picture:
                small = picture.convert("RGB")
        except (OSError, UnidentifiedImageError):
            continue
        small.thumbnail((1200, 1200))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=85)
        size = _encoded(buffer.tell())
        fits = size <= room
        sheets[name] = buffer.getvalue() if fits else None
        room -= size if fits else 0
    return sheets


def _encoded(size: int) -> int:
    """Characters that so many bytes take in a page."""
    return 4 * (-(-size // 3)) + 30


def _uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
