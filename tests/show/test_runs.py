"""Runs compared: planted changes are told, nothing else is, and what can't be compared is not."""

import copy
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

from natkit.app import cli
from natkit.core.errors import InputError
from natkit.facts.runs import Comparison, Differs, Kind, Lone, Side
from natkit.runs.contrast import contrast
from natkit.runs.read import read
from natkit.show import style
from natkit.show.blocks import across
from natkit.show.compare.page import BOOK, compare_runs
from natkit.show.words.catalogue import words

both = pytest.mark.parametrize("lang", ["en", "ja"])


def _helpers():
    """``Page`` and ``opened`` of the report's own tests."""
    path = Path(__file__).with_name("test_report.py")
    spec = importlib.util.spec_from_file_location("report_helpers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HELPERS = _helpers()
page, opened = HELPERS.page, HELPERS.opened


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(style, "DPI", 50)  # faster


def later(facts, by=0.0, kinds=("ours",)):
    """The same training once more, with the deciding scores of ``kinds`` moved."""
    facts = copy.deepcopy(facts)
    facts["training"]["seconds"] += 1
    for row in facts["evidence"]["scores"]:
        if row["role"] in kinds and row["probe"] in ("linear", "head"):
            row["score"] |= {end: row["score"][end] + by for end in ("value", "low", "high")}
    return facts


def others(facts, digit="e"):
    """The same on other images."""
    facts["data"]["hash"] = digit * 64
    return facts


def ours(facts, pair=0):
    return facts.pairs[pair].ours


def standings(facts, pair=0):
    return {(row.kind, row.name): row.standing for row in facts.pairs[pair].rows}


def test_what_was_planted_has_moved_and_nothing_else(examples):
    before = examples.complete()
    facts = contrast({"before": before, "after": later(before, 0.1)})
    assert ours(facts).difference.value == pytest.approx(0.1)
    told = standings(facts)
    assert told.pop(("ours", "")) == "better"
    assert set(told.values()) == {"none"}
    assert {kind for kind, _ in told} == {
        "control", "reference", "lead", "group", "missed", "false_alarms", "cost"
    }  # fmt: skip
    assert (facts.deciding, facts.others) == (1, len(told))
    assert facts.expected == pytest.approx(0.05 * len(told))
    assert facts.pairs[0].images == "same"


def test_a_small_change_is_no_difference_shown(examples):
    before = examples.complete()
    facts = contrast({"before": before, "after": later(before, 0.03)})
    assert set(standings(facts).values()) == {"none"}


def test_the_other_way_round_it_is_worse_by_as_much(examples):
    before, after = examples.complete(), later(examples.complete(), 0.1)
    one = ours(contrast({"a": before, "b": after}))
    other = ours(contrast({"b": after, "a": before}))
    assert (one.standing, other.standing) == ("better", "worse")
    assert other.difference.value == pytest.approx(-one.difference.value)
    assert other.p == pytest.approx(one.p)


def test_less_cost_and_fewer_misses_are_better(examples):
    before, after = examples.complete(), later(examples.complete())
    for kind in ("missed", "false_alarms"):
        share = after["cost"]["point"][kind]
        by = 0.3 if kind == "missed" else -0.1
        share |= {end: share[end] + by for end in ("value", "low", "high")}
    told = standings(contrast({"a": before, "b": after}))
    assert (told["missed", ""], told["false_alarms", ""]) == ("worse", "better")


def test_the_first_is_what_all_are_compared_with_and_the_order_is_kept(examples):
    first = examples.complete()
    runs = {"z": first, "b": later(first, 0.1), "a": later(first, -0.1)}
    facts = contrast(runs)
    assert [run.name for run in facts.runs] == ["z", "b", "a"]
    assert [pair.name for pair in facts.pairs] == ["b", "a"]
    assert [ours(facts, i).standing for i in (0, 1)] == ["better", "worse"]
    assert facts.deciding == 2
    assert Comparison.of(json.loads(json.dumps(facts.plain()))) == facts


def test_what_moved_alone_but_not_among_so_many_is_marked_as_perhaps_chance(examples):
    """A change of 2.3 standard errors: told of the one deciding score, not of one among ten others."""
    before = examples.complete()
    width = 2**0.5 * (0.875 - 0.806) / 2 * 2.3 / 1.96
    decided = standings(contrast({"a": before, "b": later(before, width)}))
    assert decided["ours", ""] == "better"
    among = standings(contrast({"a": before, "b": later(before, width, ("reference",))}))
    assert among["reference", "supervised"] == "alone"
    assert among["ours", ""] == "none"


@pytest.mark.parametrize(
    ("key", "value"), [("label", "scratch"), ("metric", "r2"), ("classes", ["0", "1", "2"])]
)
def test_another_question_is_not_compared(key, value, examples):
    after = others(later(examples.complete(), 0.1))
    after["evidence"][key] = value
    facts = contrast({"a": examples.complete(), "b": after}, same_line=True)
    (pair,) = facts.pairs
    assert [why.name for why in pair.why] == [key]
    assert pair.rows == ()
    assert (facts.deciding, facts.others) == (0, 0)


def test_other_images_are_compared_only_if_the_user_says_that_they_are_of_one_line(examples):
    runs = {"a": examples.complete(), "b": others(later(examples.complete(), 0.1))}
    (pair,) = contrast(runs).pairs
    assert [why.name for why in pair.why] == ["images"]
    assert pair.rows == ()
    (pair,) = contrast(runs, same_line=True).pairs
    assert (pair.why, pair.images) == ((), "other")
    assert pair.ours.standing == "better"
    runs["b"]["data"]["hash"] = runs["a"]["data"]["hash"]
    runs["b"]["evidence"]["n_test"] -= 1  # the same images, but not all of them scored
    assert contrast(runs).pairs[0].why


def test_the_order_of_the_classes_is_no_other_question(examples):
    after = later(examples.complete())
    after["evidence"]["classes"] = ["1", "0"]
    assert contrast({"a": examples.complete(), "b": after}).pairs[0].why == ()


def test_money_is_compared_only_at_the_same_prices(examples):
    after = later(examples.complete())
    after["cost"]["prices"]["missed"] += 1
    facts = contrast({"a": examples.complete(), "b": after})
    assert facts.pairs[0].money == "prices"
    assert not {"missed", "false_alarms", "cost"} & {kind for kind, _ in standings(facts)}
    after["cost"] = {"reason": "no_prices"}
    facts = contrast({"a": examples.complete(), "b": after})
    assert facts.pairs[0].money == "no_prices"


def test_what_one_run_lacks_and_what_differs_in_the_training_are_named(examples, tmp_path):
    after = later(examples.complete())
    evidence = after["evidence"]
    evidence["scores"] = [row for row in evidence["scores"] if row["role"] != "reference"]
    after["training"]["params"] |= {"epsilon": 0.5, "pool": 4096}
    facts = contrast({"a": examples.complete(), "b": after})
    (pair,) = facts.pairs
    assert pair.alone == (Lone(Kind.REFERENCE, "supervised", Side.BEFORE),)
    assert pair.settings == (Differs("epsilon", 0.2, 0.5), Differs("pool", None, 4096))
    said = page(compare_runs({"a": examples.complete(), "b": after}, tmp_path / "x.html")).read()
    assert "Only in “a”, so not compared: trained with labels: AUROC (reference)." in said
    assert "What differs in the training: epsilon 0.2 → 0.5, pool none → 4096." in said


def many(examples):
    """Runs that can be compared and runs that can't, down to one with nothing in it."""
    first = examples.complete()
    elsewhere = others(later(examples.no_target()))
    elsewhere["evidence"]["label"] = "キズ"
    runs = {
        "先月": first,
        "今月": later(first, 0.1),
        "poc/recipe": later(examples.undecided(), -0.1),
    }
    hostile = examples.hostile()
    runs |= {"ライン4": elsewhere, "no label": examples.unlabelled(), "few": examples.too_few()}
    return runs | {"x" * 90 + "<script>\u202e": hostile, "nothing": examples.nothing()}


def two(examples):
    return {"before": examples.complete(), "after": later(examples.complete(), 0.1)}


def apart(examples):
    return {"a": examples.unlabelled(), "b": examples.nothing()}


CASES = {"many": many, "two": two, "apart": apart}
every = pytest.mark.parametrize("case", list(CASES))


@pytest.fixture(scope="module")
def made(tmp_path_factory, examples):
    """Pages by (case, language), written once each."""
    done = {}

    def make(case, lang):
        if (case, lang) not in done:
            folder = tmp_path_factory.mktemp(f"{case}_{lang}")
            done[case, lang] = compare_runs(CASES[case](examples), folder, lang)
        return done[case, lang]

    return make


@both
@every
def test_one_offline_page_that_says_in_words_what_it_shows(case, lang, made):
    path = made(case, lang)
    assert path.stat().st_size < 5_000_000
    tags, said = page(path).tags, page(path).read()
    assert ("html", {"lang": lang}) in tags
    assert [tag for tag, _ in tags if tag == "h1"] == ["h1"]
    for tag, attrs in tags:
        assert tag not in ("script", "link", "iframe", "object", "embed")
        if tag in ("th", "img"):
            assert attrs.get("scope") in ("col", "row") or len(attrs.get("alt", "")) > 5
        for name, value in attrs.items():
            assert not name.startswith("on")
            if name in ("src", "href", "srcset", "data", "action"):
                assert value.startswith("data:image/")
    for key in words(lang).sentences:
        assert f" {key} " not in said
    if case != "many":  # there the hostile run brings its own
        assert not re.search(r"\{\w*\}|\bnan\b|Undefined|None", said)
    assert "\u202e" not in path.read_text("utf-8")


@both
@every
def test_a_browser_without_network_shows_it_without_a_word(case, lang, made, browser):
    view, said = opened(browser, made(case, lang))
    assert said == []
    assert view.title() != "pwned"
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert view.evaluate(wide) <= 0
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    assert view.evaluate(broken) == 0
    view.context.close()


def test_the_first_sentence_says_what_moved(made):
    source = made("two", "en").read_text("utf-8")
    rose = "AUROC on “defect” rose from 0.842 to 0.942: outside the interval of the difference"
    assert f"<h1>{rose}</h1>" in source
    assert 'aria-label="○"' in source
    assert "「defect」のAUROCは0.842から0.942に上昇" in page(made("two", "ja")).read()
    (alt,) = (attrs["alt"] for tag, attrs in page(made("two", "en")).tags if tag == "img")
    assert alt.startswith(rose)
    assert "before: 0.842 (0.806 to 0.875)" in alt
    said = page(made("two", "en")).read()
    assert "“after” minus “before”: +0.100 (+0.051 to +0.149)" in said
    assert "share their test images" in said
    assert "One training each: “before”, “after”" in said


@both
def test_runs_of_signals_are_said_of_signals(lang, examples, tmp_path):
    runs = two(examples)
    for facts in runs.values():
        facts["data"]["kind"] = "signals"
    said = page(compare_runs(runs, tmp_path / "signals", lang)).read()
    noun = {"en": "images", "ja": "画像"}[lang]
    assert noun not in said
    runs["after"]["data"]["kind"] = "images"
    assert noun in page(compare_runs(runs, tmp_path / "both", lang)).read()


@both
def test_of_several_runs_each_stands_for_itself(lang, made):
    w, said = words(lang), page(made("many", lang)).read()
    asked = {"metric": "AUROC", "label": w("format.quoted", text="defect")}
    first = w("format.quoted", text="先月")
    assert w("runs.title.several", moved=2, n=2, first=first, **asked) in said
    labels = {"before": asked["label"], "after": w("format.quoted", text="キズ")}
    assert w("runs.why.label", **labels) in said
    for code in ("no_label", "too_few", "not_run", "no_prices"):  # missing, and why
        assert w(f"absent.code.{code}") in said


@both
def test_where_nothing_is_scored_nothing_is_claimed(lang, made):
    w, path = words(lang), made("apart", lang)
    said = page(path).read()
    assert w("runs.title.apart", n=2) in said
    assert not [tag for tag, _ in page(path).tags if tag == "img"]
    for standing in ("better", "worse", "alone"):
        assert w(f"runs.standing.{standing}") not in said


def test_only_scores_of_one_kind_share_an_axis(examples):
    measured = others(later(examples.complete()))
    measured["evidence"]["metric"] = "r2"
    runs = {"none": examples.unlabelled(), "a": examples.complete(), "b": measured}
    assert [run.name for run in across.drawn(contrast(runs))] == ["a"]


def test_the_workbook_holds_numbers_as_numbers(made, examples):
    book = openpyxl.load_workbook(made("two", "en").with_name(BOOK))
    moved, scores = book.worksheets
    row = next(r for r in moved.iter_rows(values_only=True) if r[1] == "NAT: AUROC (decides)")
    assert row[2] == pytest.approx(0.842)
    assert row[8:11] == pytest.approx((0.1, 0.0512, 0.1488), abs=1e-4)
    assert row[-1] == "○ moved: better"
    assert scores.max_row == 1 + 2 * 4


def test_what_a_user_changed_is_not_overwritten(tmp_path, examples):
    runs, out = two(examples), tmp_path / "out"
    first = compare_runs(runs, out)
    assert compare_runs(runs, out, "ja").read_text("utf-8").count('lang="ja"')  # ours: replaced
    changed = first.read_text("utf-8").replace("</h1>", " (my remark)</h1>")
    first.write_text(changed, "utf-8")
    with pytest.raises(InputError, match=r"comparison\.html was saved by somebody"):
        compare_runs(runs, out)
    assert first.read_text("utf-8") == changed
    first.unlink()
    book = openpyxl.load_workbook(out / BOOK)
    book.properties.lastModifiedBy = "Sato"
    book.save(out / BOOK)
    with pytest.raises(InputError, match=r"comparison\.xlsx was saved by somebody"):
        compare_runs(runs, out)
    assert not first.exists()
    foreign = tmp_path / "thesis.html"
    foreign.write_text("<p>mine</p>", "utf-8")
    with pytest.raises(InputError, match="saved by somebody"):
        compare_runs(runs, foreign)
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    with pytest.raises(InputError, match="is a file, but no page"):
        compare_runs(runs, notes)


def saved(folder, facts):
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps(facts), "utf-8")
    return folder


def test_bad_input_is_said_in_a_sentence(tmp_path, examples):
    good = saved(tmp_path / "a", examples.complete())
    for run, said in (
        (tmp_path / "absent", "There is no"),
        (saved(tmp_path / "old", examples.complete() | {"version": 2}), "old.*not a summary of version 1"),
        (tmp_path, "holds no summary.json"),
        (good, "given twice"),
        (good / "summary.json", "given twice"),
        (saved(tmp_path / "copy", examples.complete()), "'a' and 'copy' are the same run"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=said):
            compare_runs([good, run], tmp_path / "x.html")
    broken = saved(tmp_path / "broken", {}) / "summary.json"
    broken.write_text("{", "utf-8")
    with pytest.raises(InputError, match="could not be read as a summary"):
        compare_runs([good, broken], tmp_path / "x.html")
    with pytest.raises(InputError, match="two runs or more, but got 1"):
        compare_runs([good], tmp_path / "x.html")
    with pytest.raises(InputError, match="two runs or more, but got 1"):
        compare_runs(good, tmp_path / "x.html")
    lying = later(examples.undecided())
    lying["verdict"]["comparison"] = "ahead"
    with pytest.raises(InputError, match="b: The summary claims 'ahead'"):
        compare_runs({"a": examples.complete(), "b": lying}, tmp_path / "x.html")
    with pytest.raises(InputError, match="en or ja"):
        compare_runs([good, good], tmp_path / "x.html", "de")
    assert not (tmp_path / "x.html").exists()


def test_a_run_written_out_once_more_is_the_same_run(examples):
    """A report made again, or other prices, change nothing that was measured."""
    again = examples.complete()
    again["provenance"]["natkit"] = "9"
    again["cost"] = {"reason": "no_prices"}
    with pytest.raises(InputError, match="are the same run"):
        contrast({"a": examples.complete(), "b": again})
    assert contrast({"a": examples.complete(), "b": later(again)})


def test_runs_are_called_by_their_folders_as_long_as_it_takes(tmp_path, examples):
    here = saved(tmp_path / "line1" / "poc", examples.complete())
    there = saved(tmp_path / "line2" / "poc", examples.complete())
    other = saved(tmp_path / "new", examples.complete())
    assert list(read([here, there])) == ["line1/poc", "line2/poc"]
    assert list(read([here, other / "summary.json"])) == ["poc", "new"]


def test_the_command(tmp_path, examples, capsys):
    """As a user types it, and that it waits for no torch."""
    first = saved(tmp_path / "october", examples.complete())
    second = saved(tmp_path / "november", others(later(examples.complete(), 0.1)))
    code = (
        "import sys; from natkit.app.cli import main; status = main(sys.argv[1:]); "
        "assert 'torch' not in sys.modules; sys.exit(status)"
    )
    command = [sys.executable, "-c", code, "compare", str(first), str(second), "--lang", "ja"]
    done = subprocess.run(
        [*command, "--same-line", "--out", str(tmp_path / "out")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert f"Comparison: {tmp_path / 'out' / 'comparison.html'}" in done.stdout
    assert (tmp_path / "out" / BOOK).exists()
    said = page(tmp_path / "out" / "comparison.html").read()
    assert "「november」" in said
    assert words("ja")("runs.lead.other") in said
    assert cli.main(["compare", str(first), str(second), "--out", str(tmp_path / "one.html")]) == 0
    assert "natkit compare … --same-line" in page(tmp_path / "one.html").read()
    assert cli.main(["compare", str(first), "--out", str(tmp_path / "one.html")]) == 2
    assert "natkit: A comparison needs two runs" in capsys.readouterr().err
