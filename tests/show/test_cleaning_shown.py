"""What cleaning takes, in the report: by class with bounds, a class held back first of all, mended beside original."""

import html

import openpyxl
import pytest
from PIL import Image

from data_prep.rules import losses
from data_prep.rules.evidence import plain
from natkit.evidence.summary import check
from natkit.facts.data import Data
from natkit.facts.numbers import Range
from natkit.facts.summary import Summary
from natkit.show.report import charts, faults, story
from natkit.show.report.page import report
from natkit.show.words.catalogue import words

both = pytest.mark.parametrize("lang", ["en", "ja"])


def share(k, n):
    """A share as the summary holds it."""
    return plain(losses.share(k, n))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """No charts: these tests read the text."""
    monkeypatch.setattr(charts, "draw", lambda facts, folder, words: {})


def taken(examples, held=40):
    """The example in which dead_block would have taken all 40 of class NG."""
    facts = examples.complete()
    told = {"column": "defect", "value": "NG", "cleaning": "dead_block", "lost": 40, "n": 40}
    told |= {"share": share(40, 40), "others_lost": 3, "others_n": 120, "others": share(3, 120)}
    found = examples.finding("cleaning_takes_class", "problem", "reported", 40, told)
    facts["data"]["findings"].insert(0, found)
    facts["data"]["losses"] = [
        {"column": "defect", "value": value, "n": n, "aside": aside, "mended": 0, "held": kept,
         "share": share(aside, n)}
        for value, n, aside, kept in (("NG", 40, 0, held), ("OK", 120, 6, 3 * bool(held)))
    ]  # fmt: skip
    return facts


@both
def test_the_finding_says_the_numbers_and_the_rule_in_words(examples, lang):
    facts = taken(examples)
    check(facts)
    vocabulary = words(lang).with_sentences(facts["data"]["sentences"])
    detail = faults.findings(Data.of(facts["data"]).findings, vocabulary)[0].detail
    rule = {"en": "“Missing block”", "ja": "「画像内の欠けた領域」"}[lang]
    low = vocabulary.percent(share(40, 40)["low"])
    assert rule in detail
    for number in ("40", "120", "100%", low, "2.5%"):
        assert number in detail
    assert "dead_block" not in detail


@both
def test_all_rules_together_have_a_name(examples, lang):
    facts = taken(examples)
    facts["data"]["findings"][0]["evidence"]["cleaning"] = "all_rules"
    vocabulary = words(lang).with_sentences(facts["data"]["sentences"])
    assert (
        vocabulary("data.all_rules")
        in faults.findings(Data.of(facts["data"]).findings, vocabulary)[0].detail
    )


@both
def test_a_class_held_back_is_the_first_thing_to_do_until_it_is_decided(examples, lang):
    vocabulary = words(lang)

    def steps(facts):
        return story.next_steps(Summary.of(facts), vocabulary)

    first = steps(taken(examples))[0]
    assert "43" in first
    assert "defect = NG" in first
    assert steps(taken(examples, held=0))[0] != first
    plain = examples.complete()
    assert steps(taken(examples, 0)) == steps(plain)


@both
def test_the_table_by_class_stands_in_page_and_workbook(examples, lang, tmp_path):
    vocabulary = words(lang)
    source = report(taken(examples), tmp_path, lang).read_text(encoding="utf-8")
    assert vocabulary("data.losses") in source
    for value, aside, n in (("NG", 0, 40), ("OK", 6, 120)):
        shown = faults.shared(Range.of(share(aside, n)), vocabulary)
        assert f"<td><bdi>defect = {value}</bdi></td>" in source
        assert f'<td class="num">{shown}</td>' in source
    sheet = openpyxl.load_workbook(tmp_path / "report.xlsx")[vocabulary("sheet.losses")]
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    bounds = share(6, 120)
    assert rows[1] == ("defect", "OK", 120, 6, 0.05, bounds["low"], bounds["high"], 0, 3)


def test_where_nothing_is_taken_there_is_no_table(examples, tmp_path):
    facts = taken(examples, held=0)
    for row in facts["data"]["losses"]:
        row |= {"aside": 0, "share": share(0, row["n"])}
    source = report(facts, tmp_path).read_text(encoding="utf-8")
    assert words("en")("data.losses") not in source


def test_many_groups_are_counted_not_cut_in_silence(examples, tmp_path):
    facts = taken(examples)
    one = facts["data"]["losses"][1]
    facts["data"]["losses"] += [one | {"column": "line", "value": f"L{i}"} for i in range(33)]
    source = report(facts, tmp_path).read_text(encoding="utf-8")
    assert "The other 5 values stand in report.xlsx." in source
    assert "line = L27" in source
    assert "line = L28" not in source


@both
def test_mended_images_stand_beside_their_originals(examples, lang, tmp_path):
    """One picture that is there, one that is not, one that lies outside: the page says which is which."""
    vocabulary, facts = words(lang), examples.complete()
    facts["map"]["clusters"] = []
    facts["data"]["counts"]["mended"] = 9
    names = {
        "a<b>.png": "figures/mended_0.png",
        "gone.png": "figures/mended_1.png",
        "out.png": "x.png",
    }
    facts["data"]["mended"] = [
        {"path": path, "rules": ["dead_lines"], "picture": picture}
        for path, picture in names.items()
    ]
    (tmp_path / "figures").mkdir()
    for name in ("figures/mended_0.png", "x.png"):
        Image.new("RGB", (40, 20), "#D55E00").save(tmp_path / name)
    source = report(facts, tmp_path, lang).read_text(encoding="utf-8")
    assert source.count("data:image/jpeg") == 1
    assert html.escape(vocabulary("data.mended_alt", path="a<b>.png"), quote=False) in source
    assert source.count(vocabulary("data.mended_gone")) == 2
    assert vocabulary("data.mended_text", n=3, total=9) in source


def test_another_language_brings_the_mended_pictures(examples, tmp_path):
    facts = examples.complete()
    facts["data"]["mended"] = [{"path": "a.png", "rules": [], "picture": "figures/mended_0.png"}]
    (tmp_path / "en" / "figures").mkdir(parents=True)
    Image.new("RGB", (40, 20)).save(tmp_path / "en" / "figures" / "mended_0.png")
    report(facts, tmp_path / "en")
    report(tmp_path / "en" / "summary.json", tmp_path / "ja", lang="ja")
    assert (tmp_path / "ja" / "figures" / "mended_0.png").exists()
