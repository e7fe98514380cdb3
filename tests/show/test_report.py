"""The report: true to the summary, one file, offline, in both languages."""

import base64
import copy
import html
import io
import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from xml.etree import ElementTree

import jsonschema
import numpy as np
import pytest
from PIL import Image

from natkit.core.errors import InputError
from natkit.facts.data import Data
from natkit.facts.numbers import Band
from natkit.facts.summary import Summary
from natkit.show import gallery, style
from natkit.show.report import charts, faults, story
from natkit.show.report.page import MAX_BYTES, report
from natkit.show.words.catalogue import words

GROUNDS = json.loads(
    files("natkit.evidence").joinpath("summary.schema.json").read_text(encoding="utf-8")
)["$defs"]["verdict"]["properties"]["ground"]["enum"]
NAMES = (
    "complete",
    "no_target",
    "undecided",
    "behind",
    "unlabelled",
    "too_few",
    "nothing",
    "hostile",
)
WIN = {
    "en": ("Go: NAT", "the target is met"),
    "ja": ("採用（GO）：NAT", "目標も満たし"),
}


class Page(HTMLParser):
    """Text, tags and attributes of a page."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.text, self._skip = [], [], False
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self._skip = tag == "style"
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if not self._skip:
            self.text.append(data)

    def read(self):
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def made(tmp_path_factory, examples):
    """Reports by (case, language), written once each."""
    done = {}

    def make(case, lang):
        if (case, lang) not in done:
            folder = tmp_path_factory.mktemp(f"{case}_{lang}")
            with pytest.MonkeyPatch.context() as patch:
                if case != "complete":
                    patch.setattr(style, "DPI", 50)  # faster
                done[case, lang] = report(examples.CASES[case](), folder, lang)
        return done[case, lang]

    return make


@pytest.fixture
def quick(monkeypatch):
    """No charts, for tests that read the text."""
    monkeypatch.setattr(charts, "draw", lambda facts, folder, words: {})


def page(path):
    return Page(path.read_text(encoding="utf-8"))


both = pytest.mark.parametrize("lang", ["en", "ja"])
every = pytest.mark.parametrize("case", NAMES)


@every
def test_the_examples_are_summaries(case, examples):
    schema = files("natkit.evidence").joinpath("summary.schema.json").read_text(encoding="utf-8")
    jsonschema.validate(examples.CASES[case](), json.loads(schema))


@both
@every
def test_one_small_offline_file(case, lang, made):
    path = made(case, lang)
    assert path.stat().st_size <= MAX_BYTES
    for tag, attrs in page(path).tags:
        assert tag not in ("script", "link", "iframe", "object", "embed")
        for name, value in attrs.items():
            assert not name.startswith("on")
            if name in ("src", "href", "srcset", "data", "action"):
                assert value.startswith(("data:image/", "#")), (tag, name, value[:60])
    style = re.search(r"<style>(.*?)</style>", path.read_text("utf-8"), re.S)[1]
    assert "url(" not in style
    assert "@import" not in style


@both
@every
def test_pictures_say_in_words_what_they_show(case, lang, made):
    tags = page(made(case, lang)).tags
    assert ("html", {"lang": lang}) in tags
    for tag, attrs in tags:
        if tag == "img":
            assert len(attrs["alt"]) > 5
    assert [tag for tag, _ in tags if tag == "h1"] == ["h1"]


def test_the_alternative_text_holds_the_charts_numbers(made):
    alts = [a["alt"] for t, a in page(made("complete", "en")).tags if t == "img"]
    assert any("0.842 (0.806 to 0.875)" in alt and "raw pixels" in alt for alt in alts)


@both
@every
def test_no_placeholder_and_no_bare_key_is_left(case, lang, made):
    said = page(made(case, lang)).read()
    for key in words(lang).sentences:
        if key.count(".") >= 1 and case != "hostile":
            assert f" {key} " not in said
    if case != "hostile":
        assert not re.search(r"\{\w*\}|\bnan\b|Undefined", said)
    if lang == "ja":
        assert "None" not in said


@both
def test_page_one_has_verdict_numbers_next_steps_and_limits_in_order(lang, made):
    source = made("complete", lang).read_text("utf-8")
    w = words(lang)
    front = source[: source.index('<section id="data">')]
    marks = [front.index(w("verdict.met.title", label=w("format.quoted", text="defect"))),
             front.index("+0.063"), front.index("<img"), front.index(w("page.next")),
             front.index(w("page.not_shown"))]  # fmt: skip
    assert marks == sorted(marks)
    assert front.count('class="value"') == 3


@both
@pytest.mark.parametrize("case", [n for n in NAMES if n not in ("complete", "hostile")])
def test_no_win_is_claimed_where_none_is_shown(case, lang, made):
    said = page(made(case, lang)).read()
    source = made(case, lang).read_text("utf-8")
    for claim in WIN[lang]:
        assert claim not in said
        assert claim not in source


@both
def test_the_win_is_claimed_where_it_is_shown(lang, made):
    assert WIN[lang][0] in page(made("complete", lang)).read()


@pytest.mark.parametrize("low", [-0.01, 0.0])
def test_a_summary_that_claims_more_than_its_intervals_is_refused(low, tmp_path, examples, quick):
    facts = examples.complete()
    facts["evidence"]["differences"][0]["score"]["low"] = low
    with pytest.raises(InputError, match="claims 'ahead', but its intervals show 'undecided'"):
        report(facts, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_verdict_without_evidence_is_refused(tmp_path, examples, quick):
    facts = examples.complete()
    facts["evidence"] = {"reason": "not_run"}
    with pytest.raises(InputError, match="show 'nothing'"):
        report(facts, tmp_path)


@both
@pytest.mark.parametrize("section", ["data", "training", "map", "evidence", "provenance"])
def test_a_missing_part_says_what_is_missing_and_why(section, lang, tmp_path, examples, quick):
    facts = examples.complete()
    facts[section] = {"reason": "not_run"}
    if section == "evidence":
        facts["verdict"] = examples.unscored("not_run")
    said = page(report(facts, tmp_path, lang)).read()
    w = words(lang)
    assert " ".join(w(f"absent.section.{section}").split()) in said
    assert w("absent.code.not_run") in said


@both
def test_every_absent_code_has_its_reason_in_the_report(lang, tmp_path, examples, quick):
    for code in ("no_label", "not_run", "no_prices", "too_few"):
        facts = examples.unlabelled()
        facts["training"] = {"reason": code}
        said = page(report(facts, tmp_path / code, lang)).read()
        assert words(lang)(f"absent.code.{code}") in said


@both
def test_limits_follow_the_facts(lang, examples):
    w = words(lang)
    said = story.limits(Summary.of(examples.complete()), w)
    assert w("limit.no_parts") in said
    assert "0.742" in said[0]  # the gravest first
    facts = examples.complete()
    facts["data"]["groups"].append({"column": "lot", "role": "kept together", "values": 80})
    assert w("limit.no_parts") not in story.limits(Summary.of(facts), w)
    assert w("limit.no_evidence") in story.limits(Summary.of(examples.unlabelled()), w)


def test_next_steps_follow_the_verdict(examples):
    w = words("en")
    first = [
        story.next_steps(Summary.of(examples.CASES[c]()), w)
        for c in ("undecided", "too_few", "unlabelled")
    ]
    assert any("about 2,460 in all" in step for step in first[0])
    assert any("10 or more" in step for step in first[1])
    assert "--label" in first[2][0]


@both
@pytest.mark.parametrize(
    "ground", sorted(set(GROUNDS) - {"undecided", "too_few", "unscored", "behind", "group_below"})
)
def test_each_ground_has_a_title_a_lead_and_a_next_step(ground, lang, examples):
    """Also where a reason lacks the number that the step would name."""
    w, facts = words(lang), examples.complete()
    facts["verdict"] |= {"decision": "not_enough", "ground": ground}
    facts = Summary.of(facts)
    told = story.verdict(facts, w)
    assert told.decision == w("decision.not_enough")
    assert "{" not in told.title + told.lead
    assert story.next_steps(facts, w)


@both
def test_no_go_without_a_lead_or_a_target(lang, tmp_path, examples, quick):
    for case in ("no_target", "undecided"):
        facts = examples.CASES[case]()
        facts["verdict"]["decision"] = "go"
        with pytest.raises(InputError, match="says go without"):
            report(facts, tmp_path, lang)


@both
def test_the_curve_groups_and_robustness_are_shown(lang, made):
    said = page(made("complete", lang)).read()
    w = words(lang)
    assert story.labels_needed(Band(None, 1400.0, None), 1521, w) in said
    assert "322" in said
    for text in ("−20%", "night", "0.801", "−0.057", w("evidence.gains")):
        assert text in said
    assert w("evidence.group_too_few") in said


def test_findings_stand_worst_first_whatever_their_order(examples):
    data = examples.data()
    data["findings"].reverse()
    marks = [row.mark for row in faults.findings(Data.of(data).findings, words("en"))]
    assert marks == sorted(marks, key="×△○".index)


def test_found_against_planted_names_what_is_not_looked_for(made):
    said = page(made("complete", "en")).read()
    assert "Faults that are not looked for yet: Near copy, Blurred image, Dark image" in said
    assert "Of 2,317 images without a planted fault, 3 were flagged (0.1%)." in said


def test_too_few_shows_the_counts(made):
    said = page(made("too_few", "en")).read()
    assert "There are 370 labels so far." in said
    assert "キズ: 11 images in train, 4 in val, 4 in test" in said


@both
def test_hostile_text_is_shown_and_not_obeyed(lang, made):
    path = made("hostile", lang)
    source, parsed = path.read_text("utf-8"), page(path)
    said = parsed.read()
    assert "<script" not in source
    assert "<img src=x" not in source
    assert html.escape("<img src=x onerror=alert(1)>", quote=False) in source
    assert "=cmd|" in said
    assert "\u202e" not in source
    assert "⟨U+202E⟩FDP.exe" in said
    assert "{{ 7*7 }}" in said
    assert "x" * 300 in said  # a licence is shown whole
    assert "x" * 300 not in source[: source.index('<section id="data">')]
    title = source[source.index("<title>") + 7 : source.index("</title>")]
    assert title.endswith("&lt;script&gt;document.title=&#39;pwned&#39;&lt;/script&gt;")


def test_the_summary_is_kept_and_a_report_can_be_made_from_it_again(tmp_path, examples, quick):
    facts = examples.undecided()
    first = report(facts, tmp_path / "a")
    assert json.loads((tmp_path / "a" / "summary.json").read_text("utf-8")) == facts
    again = report(tmp_path / "a" / "summary.json", tmp_path / "b")
    assert again.read_bytes() == first.read_bytes()
    kept = copy.deepcopy(facts)
    report(facts, tmp_path / "a", "ja")
    assert facts == kept


def test_names_that_are_no_utf8_are_written_out(tmp_path, examples, quick):
    """A file name of raw bytes reaches us with surrogates; neither file may break on it."""
    facts = examples.unlabelled()
    facts["data"]["findings"][0]["examples"] = ["images/\udc83L\udc83Y.png"]
    path = report(facts, tmp_path)
    assert "\\udc83L" in path.read_text("utf-8")


def test_contact_sheets_are_shown_and_missing_ones_named(tmp_path, examples, quick):
    rng = np.random.default_rng(0)
    pictures = [(str(c), rng.integers(0, 255, (8, 32, 32, 3), np.uint8)) for c in range(5)]
    for title, sheet in gallery.contact_sheet(pictures).items():
        (tmp_path / "figures").mkdir(exist_ok=True)
        sheet.save(tmp_path / "figures" / f"cluster_{title}.png")
    path = report(examples.complete(), tmp_path)
    sources = [a["src"] for t, a in page(path).tags if t == "img"]
    assert sum(s.startswith("data:image/jpeg") for s in sources) == 5
    assert page(path).read().count("No picture sheet was made for this cluster.") == 1


def test_many_sheets_do_not_break_the_size_limit(tmp_path, examples, quick, monkeypatch):
    monkeypatch.setattr("natkit.show.report.page.MAX_BYTES", 1_000_000)
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (8, 112, 112, 3), np.uint8)
    (tmp_path / "figures").mkdir()
    for c in range(6):
        gallery.contact_sheet([("x", noise)])["x"].save(tmp_path / f"figures/cluster_{c}.png")
    path = report(examples.complete(), tmp_path)
    assert 100_000 < path.stat().st_size <= 1_000_000
    assert "Left out to keep this file small; see figures/cluster_5.png." in page(path).read()


def test_a_picture_outside_the_folder_is_not_read(tmp_path, examples, quick):
    gallery.contact_sheet([("a", np.zeros((1, 8, 8, 1), np.uint8))])["a"].save(tmp_path / "out.png")
    folder = tmp_path / "report"
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "cluster_0.png").symlink_to(tmp_path / "out.png")
    path = report(examples.complete(), folder)
    assert not any(a.get("src", "").startswith("data:image/jpeg") for _, a in page(path).tags)


@pytest.mark.parametrize("bad", [{}, {"format": "natkit-summary", "version": 2}])
def test_what_is_no_summary_is_refused(bad, tmp_path, quick):
    with pytest.raises(InputError, match="not a natkit summary of version 1"):
        report(bad, tmp_path)
    with pytest.raises(InputError, match="could not be read as a summary"):
        report(tmp_path / "none.json", tmp_path)
    with pytest.raises(InputError, match="en or ja"):
        report(bad, tmp_path, "de")


def opened(browser, path, width=1100, axe=False):
    """A page opened offline, and all that its console said."""
    size = {"width": width, "height": 1000}
    context = browser.new_context(offline=True, viewport=size, bypass_csp=axe)
    view, said = context.new_page(), []
    view.on("console", lambda message: said.append(message.text))
    view.on("pageerror", lambda error: said.append(str(error)))
    view.on("requestfailed", lambda request: said.append(request.url[:80]))
    view.goto(path.as_uri(), wait_until="load")
    return view, said


@both
@pytest.mark.parametrize("case", ["complete", "unlabelled", "too_few", "hostile"])
def test_a_browser_without_network_shows_it_without_a_word(case, lang, made, browser):
    view, said = opened(browser, made(case, lang))
    assert said == []
    assert view.title() != "pwned"
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    assert view.evaluate(broken) == 0
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert view.evaluate(wide) <= 0
    small = """[...document.querySelectorAll('main *')].filter(e => e.childElementCount == 0 &&
        e.textContent.trim() && parseFloat(getComputedStyle(e).fontSize) < 13).length"""
    assert view.evaluate(small) == 0
    view.context.close()


@both
def test_page_one_fits_on_one_sheet_of_a4(lang, made, browser):
    view, _ = opened(browser, made("complete", lang), width=680)  # 180 mm between the margins
    view.emulate_media(media="print")
    height = view.evaluate("document.querySelector('.front').getBoundingClientRect().height")
    assert height <= 1017  # 269 mm
    view.context.close()


@both
def test_axe_finds_no_serious_fault(lang, made, browser, axe):
    """On a telephone, where tables scroll; with every fold open; and in print."""
    view, _ = opened(browser, made("complete", lang), 420, axe=True)
    assert axe(view) == []
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert view.evaluate(wide) <= 0
    view.set_viewport_size({"width": 1100, "height": 1000})
    view.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert axe(view) == []
    view.emulate_media(media="print")
    assert axe(view) == []
    view.context.close()


def test_axe_sees_planted_faults(made, browser, axe):
    view, _ = opened(browser, made("unlabelled", "en"), 420, axe=True)
    view.evaluate("""document.querySelector('img').removeAttribute('alt');
        document.querySelector('.lead').style.color = '#999';
        document.documentElement.removeAttribute('lang');
        document.querySelector('.wide').removeAttribute('tabindex')""")
    rules = {found.split(":")[0] for found in axe(view)}
    assert rules == {"image-alt", "color-contrast", "html-has-lang", "scrollable-region-focusable"}
    view.context.close()


@both
@pytest.mark.parametrize("case", ["complete", "hostile"])
def test_each_chart_is_a_drawing_too(case, lang, made):
    """SVG without fonts, scripts, links or a date; a user's text in it is no markup."""
    folder = made(case, lang).parent / "figures"
    drawings = sorted(folder.glob("*.svg"))
    assert [p.stem for p in drawings] == sorted(p.stem for p in folder.glob("*.png"))
    assert len(drawings) == 10
    for path in drawings:
        assert path.stat().st_size < 600_000
        for element in ElementTree.parse(path).iter():
            assert element.tag.split("}")[1] not in ("text", "script", "image", "a", "date")
            for name, value in element.items():
                assert not name.startswith("on")
                assert "url(http" not in value
                if name.endswith("href"):
                    assert value.startswith("#")


def test_a_chart_drawn_again_gives_the_same_bytes(tmp_path, examples):
    run = [charts.draw(Summary.of(examples.nothing() | {"training": examples.training()}), tmp_path / name, words("ja"))
           for name in ("a", "b")]  # fmt: skip
    first, again = (made["training_curve"].path.with_suffix(".svg") for made in run)
    assert first.read_bytes() == again.read_bytes()


def test_the_drawing_looks_like_the_picture_without_our_font(made, browser):
    """Chromium draws the Japanese words of the SVG where the PNG has them."""
    path = made("complete", "ja").parent / "figures" / "score_ladder.png"
    wanted = Image.open(path).convert("L")
    size = (480, round(480 * wanted.height / wanted.width))
    view = browser.new_page(viewport={"width": size[0], "height": size[1]})
    view.set_content(f"<style>*{{margin:0}}img{{width:480px}}</style><img src=data:image/svg+xml;base64,"
                     f"{base64.b64encode(path.with_suffix('.svg').read_bytes()).decode()}>")  # fmt: skip
    drawn = Image.open(io.BytesIO(view.screenshot())).convert("L")
    ink, seen = (
        255 - np.asarray(p.resize((120, size[1] // 4)), float) for p in (wanted.resize(size), drawn)
    )
    assert np.corrcoef(ink.ravel(), seen.ravel())[0, 1] > 0.97
    view.close()


def test_the_browser_check_hears_an_error(tmp_path, browser):
    path = tmp_path / "bad.html"
    path.write_text("<script>throw new Error('heard')</script><img src=none.png>", "utf-8")
    _, said = opened(browser, path)
    assert any("heard" in line for line in said)


def test_another_language_of_a_finished_report_brings_its_pictures(examples, tmp_path):
    """Given the path of a summary, contact sheets beside it are copied; others are not."""
    facts = examples.complete()
    sheet = Image.new("RGB", (40, 40), "#0072B2")
    for name in ("figures", "other"):
        (tmp_path / "en" / name).mkdir(parents=True)
    for cluster, place in zip(
        facts["map"]["clusters"], ("figures/c.png", "other/out.png"), strict=False
    ):
        sheet.save(tmp_path / "en" / place)
        cluster["picture"] = place
    report(facts, tmp_path / "en")
    report(tmp_path / "en" / "summary.json", tmp_path / "ja", lang="ja")
    assert (tmp_path / "ja" / "figures" / "c.png").read_bytes()
    assert not list((tmp_path / "ja").rglob("out.png"))
    assert (tmp_path / "ja" / "report.html").read_text(encoding="utf-8").count("image/jpeg") == 1


def test_a_drift_is_told_in_words(examples):
    data = examples.data()
    seen = {"column": "camera", "value": "B", "auc": examples.number(0.9, 0.88, 0.92), "p": 0.005}
    found = examples.finding("drift", "warning", "reported", 900, {**seen, "most": "sharpness"})
    vocabulary = words("ja").with_sentences(data["sentences"])
    (row,) = faults.findings(Data.of({**data, "findings": [found]}).findings, vocabulary)
    assert row.name == "撮影条件の変化"
    assert row.detail == "「camera」＝「B」：AUROC 0.900（0.880〜0.920）、主に鮮鋭度から。"


@every
def test_the_facts_of_a_summary_are_all_of_it(case, examples):
    plain = examples.CASES[case]()
    if "reason" not in plain["data"]:
        plain["data"] |= {"losses": [], "mended": []}
    again = Summary.of(plain).plain()
    assert json.dumps(again, sort_keys=True) == json.dumps(plain, sort_keys=True)
