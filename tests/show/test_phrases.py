"""The answers for the meeting are made of this run's numbers, and say what is missing."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from natkit.facts.summary import Summary
from natkit.show.blocks import idea
from natkit.show.report import story
from natkit.show.report.phrases import phrases
from natkit.show.words import money, titles
from natkit.show.words.catalogue import LANGUAGES, words

both = pytest.mark.parametrize("lang", LANGUAGES)


@both
def test_each_answer_is_what_the_report_says_elsewhere(lang, examples):
    facts, w = Summary.of(examples.complete()), words(lang)
    said = dict(phrases(facts, w))
    assert list(said) == [w(f"ask.{q}") for q in
                          ("works", "sure", "weakest", "labels", "data", "pays", "line", "wrong", "need")]  # fmt: skip
    assert said[w("ask.works")].startswith(story.verdict(facts, w).title)
    assert said[w("ask.weakest")] == story.weakest(facts.evidence, w)
    assert titles.curve(facts.curve, w) in said[w("ask.labels")]
    assert said[w("ask.pays")] == w("format.space").join(money.lead(facts.cost, w))
    assert said[w("ask.line")] == money.plan(facts.cost, w)[0][1]


def test_pairs_are_counted_from_the_scores(examples):
    facts = examples.complete()  # NAT 0.842; the best control, untrained, 0.779
    said = dict(phrases(Summary.of(facts), words("en")))["Does it work?"]
    assert "NAT puts 84 in the right order, untrained network 78, guessing 50" in said
    facts["evidence"]["metric"] = "r2"
    assert "pairs" not in dict(phrases(Summary.of(facts), words("en")))["Does it work?"]


@both
@pytest.mark.parametrize("case", ["unlabelled", "nothing", "too_few"])
def test_what_is_missing_is_said_with_its_reason(case, lang, examples):
    facts, w = Summary.of(examples.CASES[case]()), words(lang)
    said = dict(phrases(facts, w))
    assert w("ask.sure") not in said
    assert w("ask.labels") not in said
    if case != "too_few":
        assert said[w("ask.pays")] == w(f"absent.code.{facts.cost.reason}")
    assert said[w("ask.need")]


def test_prices_that_are_made_up_are_called_so(examples):
    facts = examples.complete()
    facts["cost"]["prices"]["made_up"] = True
    said = dict(phrases(Summary.of(facts), words("en")))["Does it pay?"]
    assert said.startswith("These prices and facts of the line are made up")


def test_the_sketch_shows_what_it_says():
    """Points are dealt once each; those traded are the shortest ways in all, and longer before."""
    images, points = (np.exp(1j * np.deg2rad(degrees)) for degrees in (idea.IMAGES, idea.POINTS))
    ways = abs(images[:, None] - points) ** 2
    assert sorted(idea.DEALT) == sorted(idea.TRADED) == list(range(9))
    assert (linear_sum_assignment(ways)[1] == idea.TRADED).all()
    rows = np.arange(9)
    assert ways[rows, idea.DEALT].sum() > 5 * ways[rows, idea.TRADED].sum()
    for kind in range(3):  # a kind holds neighbouring points
        assert np.ptp(idea.TRADED[kind == idea.KINDS]) == 2
