"""The slides: true to the summary, in their boxes, readable in both languages; and so the workbook."""

import io
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import matplotlib_fontja
import numpy as np
import openpyxl
import pytest
from matplotlib import font_manager
from openxml_audit import OpenXmlValidator
from PIL import Image, ImageFont
from pptx import Presentation
from pptx.oxml.ns import qn
from pptx.util import Emu, Pt

from natkit.core.errors import InputError
from natkit.facts.base import absent
from natkit.facts.summary import Summary
from natkit.show import gallery, style
from natkit.show.report import charts, fit, slides, story, tables
from natkit.show.report.deck import Deck
from natkit.show.report.page import report
from natkit.show.words import money, titles
from natkit.show.words.catalogue import words

NAMES = ("complete", "no_target", "undecided", "behind", "unlabelled", "too_few", "nothing", "hostile")  # fmt: skip
both = pytest.mark.parametrize("lang", ["en", "ja"])
every = pytest.mark.parametrize("case", NAMES)
HASH = "3f9a1c" + "0b" * 29


@pytest.fixture(scope="module")
def made(tmp_path_factory, examples):
    """Folders of reports by (case, language), written once each; "complete" has contact sheets."""
    done = {}

    def make(case, lang):
        if (case, lang) not in done:
            folder = tmp_path_factory.mktemp(f"{case}_{lang}")
            (folder / "figures").mkdir()
            grey = np.full((8, 32, 32, 1), 90, np.uint8)
            for c in range(4 if case == "complete" else 0):
                sheet = gallery.contact_sheet([("x", [grey, grey])])["x"]
                sheet.save(folder / "figures" / f"cluster_{c}.png")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(style, "DPI", 50)  # faster
                report(examples.CASES[case](), folder, lang)
            done[case, lang] = folder
        return done[case, lang]

    return make


def deck(folder):
    return Presentation(folder / "report.pptx")


def shapes(folder):
    return [(page, shape) for page in deck(folder).slides for shape in page.shapes]


def text_of(folder):
    """All text on the slides, and in their tables and charts."""
    with zipfile.ZipFile(folder / "report.pptx") as file:
        parts = [n for n in file.namelist() if re.match(r"ppt/(slides|charts)/[^/]*\.xml", n)]
        return " ".join(file.read(name).decode("utf-8") for name in parts)


def boxes(page):
    """Text frames of a slide, each with its width and height in points."""
    for shape in page.shapes:
        if shape.has_text_frame:
            yield shape.text_frame, Emu(shape.width).pt, Emu(shape.height).pt
        elif shape.has_table:
            for row in shape.table.rows:
                for cell, column in zip(row.cells, shape.table.columns, strict=True):
                    wide = column.width - cell.margin_left - cell.margin_right
                    high = row.height - cell.margin_top - cell.margin_bottom
                    yield cell.text_frame, Emu(wide).pt, Emu(high).pt


@both
@every
def test_every_title_is_a_sentence_of_the_story(case, lang, made, examples):
    facts, w = Summary.of(examples.CASES[case]()), words(lang)
    if not absent(facts.data):
        w = w.with_sentences(facts.data.sentences.plain())
    evidence, section, cost = facts.evidence, facts.map, facts.cost
    known = {story.verdict(facts, w).title, w("page.not_shown"), w("map.sheets")}
    if not absent(facts.data):
        known.add(titles.findings(facts.data.findings, facts.data.counts, w))
    if not absent(evidence):
        known |= {titles.ladder(evidence, w), story.weakest(evidence, w)}
        known |= {titles.curve(evidence.curve, w)} if evidence.curve else set()
    if not absent(section):
        known |= {titles.map_by_cluster(section, w), titles.map_by_label(section, w)}
    known |= {w("chart.idea.title"), w("section.meeting")}
    if not absent(cost):
        known |= {money.payback(cost, w)} if not absent(cost.saving) else set()
        known |= {money.curve(cost, w)} if not absent(cost.ways) else set()
    plain = [w.sentences[f"slide.{key}"].split("{")[0] for key in ("plan", "repeat")]
    plain += [w("cost.project")]
    missing = w.sentences["slide.missing"]
    found = [page.shapes.title.text for page in deck(made(case, lang)).slides]
    found = [title.replace("⟨U+202E⟩", "\u202e") for title in found]
    for title in found:
        ok = title in known or title.startswith(tuple(plain))
        ok = ok or re.fullmatch(re.sub(r"\\\{.*\\\}", ".*", re.escape(missing)), title)
        assert ok, title
    assert len(set(found)) == len(found)


@both
def test_a_whole_run_gives_about_a_dozen_slides(lang, made):
    assert len(deck(made("complete", lang)).slides) == 14
    assert len(deck(made("nothing", lang)).slides) == 4


@both
@every
def test_pictures_charts_and_tables_say_what_they_show(case, lang, made):
    for _, shape in shapes(made(case, lang)):
        if shape.shape_type in (13, 3, 19):  # picture, chart, table
            said = shape._element.xpath(".//p:cNvPr")[0].get("descr")
            assert len(said) > 5, shape.name


@both
@every
def test_every_run_has_a_japanese_font(case, lang, made):
    want = {"en": ("Arial", "Yu Gothic"), "ja": ("Yu Gothic", "Yu Gothic")}[lang]
    pages = list(deck(made(case, lang)).slides)
    roots = [p._element for p in pages] + [p.notes_slide._element for p in pages]
    roots += [s.chart._chartSpace for p in pages for s in p.shapes if s.has_chart]
    seen = 0
    for root in roots:
        for tag in ("a:r", "a:fld"):
            for run in root.iter(qn(tag)):
                properties = run.find(qn("a:rPr"))
                fonts = [properties.find(qn(font)).get("typeface") for font in ("a:latin", "a:ea")]
                assert tuple(fonts) == want
                seen += 1
        for properties in root.iter(qn("a:defRPr")):
            assert properties.find(qn("a:ea")).get("typeface") == want[1]
    assert seen > 10


@both
@every
def test_notes_hold_n_and_the_hash_of_the_data(case, lang, made):
    w = words(lang)
    for page in deck(made(case, lang)).slides:
        said = page.notes_slide.notes_text_frame.text
        code = w("provenance.unknown") if case == "nothing" else HASH
        assert w("slide.hash", hash=code) in said
        assert re.search(r"n( = |＝)([\d,]+|" + re.escape(w("provenance.unknown")) + ")", said), (
            said
        )


def face(lang, size):
    """A font as wide as any that a reader may have: DejaVu, or IPAexGothic for what is Japanese."""
    latin = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size)
    return latin, ImageFont.truetype(matplotlib_fontja.get_font_ttf_path(), size)


def measured(text, wide, size, fonts):
    """Lines of ``text``, measured glyph by glyph."""
    count, used = 1, 0.0
    for word in re.findall(
        r"[\u3000-\u9fff\uff00-\uffef]|[^\s\u3000-\u9fff\uff00-\uffef]+\s*|\s+", text
    ):
        latin = ord(word[0]) < 0x3000
        length = fonts[not latin].getlength(word.rstrip() or " ") * size / 100
        space = 0.32 * size * (len(word) - len(word.rstrip()))
        if used + length > wide:
            if length > wide:
                used += length
                count, used = count + int(used // wide), used % wide
            else:
                count, used = count + 1, length
        else:
            used += length
        used += space
    return count


@both
@every
def test_no_text_leaves_its_box(case, lang, made):
    file, fonts = deck(made(case, lang)), face(lang, 100)
    for page in file.slides:
        for shape in page.shapes:
            assert shape.left >= 0
            assert shape.left + shape.width <= file.slide_width
            assert shape.top + shape.height <= file.slide_height
        for frame, wide, high in boxes(page):
            need = 0.0
            for paragraph in frame.paragraphs:
                if not paragraph.runs and not paragraph._p.findall(qn("a:fld")):
                    continue
                size = paragraph.runs[0].font.size.pt if paragraph.runs else 10
                indent = Emu(int(paragraph._p.pPr.get("marL"))).pt
                rows = measured(paragraph.text, wide - indent, size, fonts)
                need += rows * paragraph.line_spacing.pt + paragraph.space_after.pt
            assert need <= high + 1, (need, high, frame.text)


@both
@every
def test_content_does_not_overlap(case, lang, made):
    for page in deck(made(case, lang)).slides:
        placed = [(s.left, s.top, s.left + s.width, s.top + s.height, s) for s in page.shapes]
        for i, a in enumerate(placed):
            for b in placed[i + 1 :]:
                wide = min(a[2], b[2]) - max(a[0], b[0])
                high = min(a[3], b[3]) - max(a[1], b[1])
                assert not (wide > Pt(2) and high > Pt(2)), (
                    a[4].name,
                    b[4].name,
                    page.shapes.title.text,
                )


def invalid(path):
    """What the schemas and rules of the Open XML SDK have against a presentation."""
    return [str(fault) for fault in OpenXmlValidator().validate(path).errors]


@both
@every
def test_the_schema_has_nothing_against_the_slides(case, lang, made):
    assert invalid(made(case, lang) / "report.pptx") == []


FONTS = '<a:latin typeface="Yu Gothic"/><a:ea typeface="Yu Gothic"/>'


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("slides/slide1.xml", "<a:r>", "<a:r><a:none/>"),
        ("slides/slide1.xml", FONTS, '<a:ea typeface="Yu Gothic"/><a:latin typeface="Yu Gothic"/>'),
        ("slides/slide2.xml", ' sz="', ' sz="big'),
        ("slides/slide2.xml", '<p:cNvPr id="2"', '<p:cNvPr id="3"'),
        ("notesSlides/notesSlide1.xml", "<a:r>", "<a:r><a:none/>"),
        ("charts/chart1.xml", '<c:axId val="', '<c:axId val="-'),
        ("slides/_rels/slide1.xml.rels", "notesSlide1.xml", "notesSlide99.xml"),
    ],
)
def test_the_schema_sees_a_planted_fault(part, old, new, made, tmp_path):
    with (
        zipfile.ZipFile(made("complete", "ja") / "report.pptx") as sound,
        zipfile.ZipFile(tmp_path / "bad.pptx", "w") as bad,
    ):
        for name in sound.namelist():
            content = sound.read(name)
            if name == f"ppt/{part}":
                assert old.encode() in content
                content = content.replace(old.encode(), new.encode(), 1)
            bad.writestr(name, content)
    assert invalid(tmp_path / "bad.pptx")


def test_a_long_table_ends_in_its_box_and_counts_what_it_left_out(tmp_path):
    slide = Deck("en", "t", "f").slide("Many", ["n"])
    rows = [(f"row {i}", str(i)) for i in range(50)]
    end = slide.table((1, 2, 6, 3), ("a", "b"), rows, (2, 1), (1,), 12, "and {n} more")
    assert end <= 5.001
    grid = next(s.table for s in slide.page.shapes if s.has_table)
    shown = [row.cells[0].text for row in grid.rows]
    assert shown[-1] == f"and {50 - (len(shown) - 2)} more"
    assert shown[1] == "row 0"


@both
def test_hostile_text_is_text(lang, made):
    folder = made("hostile", lang)
    source = text_of(folder)
    assert "\u202e" not in source
    assert "&lt;script&gt;" in source
    assert "x" * 300 not in source
    book = openpyxl.load_workbook(folder / "report.xlsx")
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type in ("s", "n"), cell.value
                risky = str(cell.value).startswith(("=", "+", "@", "-"))
                assert not risky or cell.data_type == "n" or cell.quotePrefix
    said = [str(c.value) for sheet in book for row in sheet.iter_rows() for c in row]
    assert "=cmd|' /C calc'!A0" in said


def test_a_rule_named_like_a_formula_is_none_in_the_chart(tmp_path, examples, monkeypatch):
    monkeypatch.setattr(charts, "draw", lambda facts, folder, words: {})
    facts = examples.complete()
    for finding in facts["data"]["findings"]:
        name = f"rule.{finding['rule']}.name"
        for lang in ("en", "ja"):
            facts["data"]["sentences"][lang][name] = "=HYPERLINK(1)\ufffe"
    report(facts, tmp_path)
    charted = [s.chart for _, s in shapes(tmp_path) if s.has_chart]
    assert charted
    for chart in charted:
        book = openpyxl.load_workbook(io.BytesIO(chart.part.chart_workbook.xlsx_part.blob))
        for row in book.active.iter_rows():
            assert all(cell.data_type != "f" for cell in row)


def test_the_chart_that_people_edit_holds_the_counts(made, examples):
    (chart,) = [s.chart for _, s in shapes(made("complete", "en")) if s.has_chart]
    found = [f for f in examples.complete()["data"]["findings"] if f["examples"]]
    assert sorted(chart.plots[0].series[0].values) == sorted(float(f["count"]) for f in found)


@every
def test_what_is_missing_is_said_with_its_reason(case, made, examples):
    facts, w = examples.CASES[case](), words("en")
    source = text_of(made(case, "en")).replace("&amp;", "&")
    for part in slides.PARTS:
        code = facts[part].get("reason")
        assert (w(f"absent.section.{part}") in source) == (code is not None), part


def test_what_the_intervals_do_not_show_is_not_claimed(tmp_path, examples):
    facts = examples.undecided()
    facts["verdict"] |= {"decision": "go", "ground": "met", "comparison": "ahead"}
    with pytest.raises(InputError, match="intervals show"):
        slides.write(tmp_path / "a.pptx", Summary.of(facts), words("en"), {}, {})
    with pytest.raises(InputError, match="intervals show"):
        tables.write(tmp_path / "a.xlsx", Summary.of(facts), words("en"))
    assert not list(tmp_path.iterdir())


@both
def test_made_up_prices_are_named_on_every_slide_of_money(lang, examples, tmp_path, monkeypatch):
    monkeypatch.setattr(style, "DPI", 50)
    facts, w = examples.complete(), words(lang)
    facts["cost"]["prices"]["made_up"] = True
    report(facts, tmp_path, lang)
    pages = [
        [s.text_frame.text for s in p.shapes if s.has_text_frame] for p in deck(tmp_path).slides
    ]
    assert sum(any(w("cost.made_up") in text for text in page) for page in pages) == 3


@pytest.mark.parametrize("name", ["report.pptx", "report.xlsx"])
def test_what_somebody_has_worked_on_is_not_overwritten(name, examples, tmp_path, monkeypatch):
    monkeypatch.setattr(charts, "draw", lambda facts, folder, words: {})
    report(examples.nothing(), tmp_path)
    report(examples.nothing(), tmp_path)  # its own it replaces
    path = tmp_path / name
    if name == "report.pptx":
        file = Presentation(path)
        file.core_properties.last_modified_by = "佐藤"
    else:
        file = openpyxl.load_workbook(path)
        file.properties.lastModifiedBy = "佐藤"
    file.save(path)
    before = {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    with pytest.raises(InputError, match=name):
        report(examples.unlabelled(), tmp_path)
    path.write_bytes(b"no zip")
    with pytest.raises(InputError, match="Rename it"):
        report(examples.unlabelled(), tmp_path)
    del before[path]
    assert {p: p.read_bytes() for p in before} == before


def rows_of(folder, name):
    return list(openpyxl.load_workbook(folder / "report.xlsx")[name].values)


def test_the_workbook_holds_the_numbers_of_the_summary(made, examples):
    facts, folder = examples.complete(), made("complete", "en")
    for row, s in zip(rows_of(folder, "Scores")[1:], facts["evidence"]["scores"], strict=True):
        assert row[3:7] == tuple(s["score"][key] for key in ("value", "low", "high", "n"))
    for row, d in zip(
        rows_of(folder, "Differences")[1:], facts["evidence"]["differences"], strict=True
    ):
        assert row[2:5] == tuple(d["score"][key] for key in ("value", "low", "high"))
    counts = sorted(f["count"] for f in facts["data"]["findings"])
    assert sorted(row[2] for row in rows_of(folder, "Findings")[1:]) == counts
    lines = facts["evidence"]["curve"]["lines"]
    assert [row[2] for row in rows_of(folder, "Labels")[1:]] == [
        m for line in lines for m in line["median"]
    ]
    total = facts["cost"]["project"]["total"]
    assert total in [row[2] for row in rows_of(folder, "Money")]
    assert [(row[1], row[4]) for row in rows_of(folder, "Ledger")[1:]] == [
        ("cells/0311.png", "natkit 0.1.0"),
        ("cells/0420.png", "Sato"),
    ]
    assert [row[3] for row in rows_of(folder, "Groups")[1:]] == [231, 286, 6, 1310, 40]


@both
@every
def test_sheets_are_those_the_summary_has_numbers_for(case, lang, made, examples):
    facts, w = examples.CASES[case](), words(lang)
    has = {"decision": True, "findings": "reason" not in facts["data"]}
    has |= {"ledger": has["findings"]}
    has |= dict.fromkeys(("scores", "differences", "groups"), "reason" not in facts["evidence"])
    has |= {"curve": bool(facts["evidence"].get("curve")), "money": "reason" not in facts["cost"]}
    book = openpyxl.load_workbook(made(case, lang) / "report.xlsx")
    assert book.sheetnames == [w(f"sheet.{name}") for name, there in has.items() if there]


def test_numbers_of_the_workbook_are_numbers(made):
    """A text that reads as a number can't be added up."""
    book = openpyxl.load_workbook(made("complete", "en") / "report.xlsx")
    texts = [
        c.value for sheet in book for row in sheet.iter_rows() for c in row if c.data_type == "s"
    ]
    assert not [text for text in texts if re.fullmatch(r"[+\-−]?[\d,]+(\.\d+)?%?", text)]
    assert not [text for text in texts if text.startswith("'")]


def test_a_long_ledger_says_how_much_is_left_out(made):
    rows = rows_of(made("hostile", "en"), "Ledger")
    assert rows[-1][:2] == ("and 8,992 more", "ledger.csv")


def test_a_summary_from_before_the_ledger_is_still_read(tmp_path, examples):
    facts = examples.complete()
    del facts["data"]["ledger"]
    report(facts, tmp_path)
    assert "Ledger" not in openpyxl.load_workbook(tmp_path / "report.xlsx").sheetnames


def test_the_reckoned_width_is_rather_too_large():
    text = "Whether images of one part stand in both training and test: 1,234 (−0.012)"
    latin, japanese = face("en", 100)
    assert latin.getlength(text) / 100 <= fit.width(text) <= 1.3 * latin.getlength(text) / 100
    assert fit.width("検出事項") >= japanese.getlength("検出事項") / 100
    assert fit.shortened("a" * 300, 1, 0.3, 12).endswith("…")
    assert fit.fitted(["short"], (5, 1), (20, 10)) == (["short"], 20)


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """Slides as PNG by LibreOffice, with the Japanese font of the charts; skips where it is not installed."""
    for tool in ("soffice", "pdftoppm", "pdftotext"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    home = tmp_path_factory.mktemp("home")
    (home / "fonts").mkdir()
    shutil.copy(matplotlib_fontja.get_font_ttf_path(), home / "fonts")
    env = {**os.environ, "XDG_DATA_HOME": str(home)}

    def show(path):
        run = ["soffice", f"-env:UserInstallation={(home / 'user').as_uri()}", "--headless"]
        run += ["--convert-to", "pdf", "--outdir", str(path.parent), str(path)]
        subprocess.run(run, check=True, capture_output=True, timeout=120, env=env)
        pdf = path.with_suffix(".pdf")
        text = subprocess.run(["pdftotext", pdf, "-"], check=True, capture_output=True, text=True)
        subprocess.run(["pdftoppm", "-r", "40", "-png", pdf, path.with_name("p")], check=True)
        drawn = [
            np.asarray(Image.open(p).convert("L")) for p in sorted(path.parent.glob("p-*.png"))
        ]
        return text.stdout.rstrip("\f").split("\f"), drawn

    return show


@both
def test_libreoffice_shows_every_slide(lang, examples, office, tmp_path, monkeypatch):
    monkeypatch.setattr(style, "DPI", 50)
    facts = examples.complete()
    facts["data"]["name"] = "µ ± ℃ ① 髙﨑"
    report(facts, tmp_path, lang)
    pages, drawn = office(tmp_path / "report.pptx")
    assert len(pages) == len(drawn) == len(deck(tmp_path).slides)
    for text, picture in zip(pages, drawn, strict=True):
        assert "µ±℃①髙﨑" in re.sub(r"\s", "", text)
        assert picture.std() > 5


@both
def test_libreoffice_keeps_hostile_text_on_the_slide(lang, made, office, tmp_path):
    """As text, and each word within the edges that all slides have."""
    path = shutil.copy(made("hostile", lang) / "report.pptx", tmp_path)
    pages, _ = office(Path(path))
    assert len(pages) == len(deck(tmp_path).slides)
    assert sum("<script>document.title" in re.sub(r"\s", "", text) for text in pages) > 3
    boxed = ["pdftotext", "-bbox", tmp_path / "report.pdf", "-"]
    root = ElementTree.fromstring(subprocess.run(boxed, check=True, capture_output=True).stdout)
    for page in root.iter("{*}page"):
        wide, high = float(page.get("width")), float(page.get("height"))
        for word in page.iter("{*}word"):
            left, top, right, bottom = (
                float(word.get(k)) for k in ("xMin", "yMin", "xMax", "yMax")
            )
            assert 36 < left < right < wide - 36, word.text
            assert 18 < top < bottom < high - 9, word.text


def test_libreoffice_has_a_glyph_for_all_that_a_plant_writes(office, tmp_path):
    """Missing glyphs all look alike: so do the last two, which no font has."""
    signs = ["µ", "±", "℃", "①", "髙", "﨑", "\u0378", "\u0378"]
    file = Deck("ja", "t", "f")
    for sign in signs:
        file.slide(sign, ["n"])
    file.save(tmp_path / "signs.pptx")
    _, drawn = office(tmp_path / "signs.pptx")
    titles = [picture[: int(1.4 * 40)].tobytes() for picture in drawn]
    assert len(set(titles[:6])) == 6
    assert titles[6] == titles[7]
    assert titles[6] not in titles[:6]
