"""Both languages say the same things, and there is a sentence for all that can happen."""

import json
import re
from importlib.resources import files
from string import Formatter

import pytest

from data_prep.samples.planting import FOUND_BY
from natkit.core.errors import InputError
from natkit.evidence.reasons import REASONS
from natkit.facts.numbers import Interval
from natkit.show.words.catalogue import Words, words

EN, JA = words("en"), words("ja")
SECTIONS = ("data", "training", "map", "evidence", "cost", "verdict", "provenance")
SAME = ("NAT", "natkit", "Python", "AUROC", "mAP", "CPU", "GPU", "NAT (Noise As Targets)")  # names


def placeholders(sentence):
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def schema():
    return json.loads(
        files("natkit.evidence").joinpath("summary.schema.json").read_text(encoding="utf-8")
    )


def test_both_languages_have_the_same_keys():
    assert set(EN.sentences) == set(JA.sentences)


@pytest.mark.parametrize("key", sorted(EN.sentences))
def test_both_languages_take_the_same_numbers(key):
    assert placeholders(EN.sentences[key]) == placeholders(JA.sentences[key])


def test_no_sentence_is_left_untranslated():
    japanese = re.compile(r"[ぁ-んァ-ヶ一-龠]")
    for key, english in EN.sentences.items():
        letters = re.sub(r"\{[^}]*\}", "", english)
        if (
            re.search(r"[A-Za-z]{3}", letters)
            and not english.startswith(SAME[4:])
            and english not in SAME
        ):
            said = JA.sentences[key]
            assert japanese.search(said), (key, said)
        assert not japanese.search(english), key


@pytest.mark.parametrize("lang", [EN, JA], ids=["en", "ja"])
def test_everything_that_can_happen_has_its_sentence(lang):
    for kind in FOUND_BY:
        assert f"planted.{kind}" in lang
    for section in SECTIONS:
        assert f"absent.section.{section}" in lang
    defs = schema()["$defs"]
    for code in defs["reason"]["enum"]:
        assert f"absent.code.{code}" in lang
    verdict, scores = (
        defs["verdict"]["properties"],
        defs["evidence"]["properties"]["scores"]["items"],
    )
    for decision in verdict["decision"]["enum"]:
        assert f"decision.{decision}" in lang
    for ground in verdict["ground"]["enum"]:
        for part in ("mark", "title", "lead"):
            assert f"verdict.{ground}.{part}" in lang
    for metric in defs["evidence"]["properties"]["metric"]["enum"]:
        assert f"metric.{metric}" in lang
    for name in scores["properties"]["also"]["propertyNames"]["enum"]:
        assert f"table.{name}" in lang
    for name in scores["properties"]["probe"]["enum"]:
        assert f"probe.{name}" in lang
    finding = defs["data"]["properties"]["findings"]["items"]["properties"]
    for severity in finding["severity"]["enum"]:
        assert f"severity.{severity}.mark" in lang
    for action in finding["action"]["enum"]:
        assert f"action.{action}" in lang


@pytest.mark.parametrize("code", sorted(REASONS))
def test_a_reason_says_only_numbers_that_it_carries(code):
    needed = placeholders(EN.sentences[f"reason.{code}"])
    assert needed <= set(REASONS[code])


def test_words_fit_the_number():
    assert EN("next.set_aside", n=1).startswith("Look through the 1 image set aside")
    assert EN("next.set_aside", n=1234).startswith("Look through the 1,234 images set aside")
    assert "1,234枚" in JA("next.set_aside", n=1234)


def test_a_users_text_is_never_read_as_a_placeholder():
    text = "{n} {0} {n.__class__} %s"
    assert EN("format.quoted", text=text) == f"“{text}”"


def test_numbers_are_written_for_readers():
    gap = Interval(-0.0123, -0.05, 0.0254, 9)
    assert EN.with_interval(gap, signed=True) == "−0.012 (−0.050 to +0.025)"
    assert JA.with_interval(gap, signed=True) == "−0.012（−0.050〜+0.025）"
    assert EN.duration(97.4) == "1 min 37 s"
    assert JA.duration(7322) == "2時間2分"
    assert JA.date("2026-11-03T05:03:00+00:00") == "2026年11月3日 05:03 UTC"
    assert EN.date("2026-11-03T05:03:00") == "3 November 2026, 05:03"
    assert EN.date("yesterday") == "yesterday"


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0%"), (0.0004, "under 0.1%"), (0.012, "1.2%"), (0.0996, "10%"), (0.5, "50%"),
     (0.998, "99.8%"), (0.99996, "under 100%"), (1, "100%")],
)  # fmt: skip
def test_a_share_never_rounds_to_nothing_or_to_all(share, said):
    assert EN.percent(share) == said


def test_an_unknown_code_stays_itself_and_an_unknown_language_is_refused():
    assert EN.name("rule", "brand_new") == "brand_new"
    with pytest.raises(InputError, match="en or ja"):
        words("fr")


def test_sentences_of_rules_come_with_the_data():
    both = {"en": {"rule.thin.name": "Too thin"}, "ja": {"rule.thin.name": "薄すぎ"}}
    assert EN.with_sentences(both).name("rule", "thin") == "Too thin"
    assert JA.with_sentences(both).name("rule", "thin") == "薄すぎ"
    assert EN.name("rule", "thin") == "thin"


def test_a_missing_number_gives_no_half_sentence():
    assert Words("xx", {"a": "{n} of {m}"}).fits("a", n=1) is None
