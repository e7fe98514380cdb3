"""Laws of the resampled scores: scikit-learn draw by draw, a closed form, what must not change."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    r2_score,
    roc_auc_score,
)

from natkit.core.errors import InputError
from natkit.evidence.intervals import (
    RESAMPLES,
    auroc,
    average_precision,
    balanced_accuracy,
    interval,
    macro_f1,
    over_seeds,
    r_squared,
    resample,
    settled_by,
)


def drawn(k: int, n: int = 90, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Classes and chances with many ties, as nearest neighbours give them."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(np.arange(n) % k)
    scores = rng.integers(1, 6, (n, k)) + np.eye(k)[classes]
    return classes, scores / scores.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("k", [2, 4])
def test_every_resample_scores_as_scikit_learn_says(k):
    classes, scores = drawn(k)
    weights = resample(classes, seed=3)[:40]
    areas = auroc(classes, scores, weights)
    hits = balanced_accuracy(classes, scores.argmax(axis=1), weights)
    for row, (area, hit) in zip(weights.astype(int), zip(areas, hits, strict=True), strict=True):
        again = np.repeat(np.arange(len(classes)), row)  # the images, as often as drawn
        chances = scores[again][:, 1] if k == 2 else scores[again]
        assert area == pytest.approx(roc_auc_score(classes[again], chances, multi_class="ovr"))
        expected = balanced_accuracy_score(classes[again], scores[again].argmax(axis=1))
        assert hit == pytest.approx(expected)


def test_row_zero_is_the_test_set_and_every_draw_has_every_class():
    classes = np.r_[
        0, np.ones(30, int)
    ]  # a plain draw lacks the one image of class 0 in 37 % of cases
    weights = resample(classes, seed=0)
    assert weights.shape == (1 + RESAMPLES, 31)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 31).all()
    assert (weights[:, 0] > 0).all()


def test_draws_repeat_to_the_bit_and_follow_the_seed():
    classes, _ = drawn(2)
    assert np.array_equal(resample(classes, 1), resample(classes, 1))
    assert not np.array_equal(resample(classes, 1), resample(classes, 2))


def test_a_rising_change_of_scores_changes_nothing():
    classes, scores = drawn(2)
    weights = resample(classes, 0)
    assert np.array_equal(auroc(classes, scores, weights), auroc(classes, scores**3, weights))


def test_the_interval_holds_the_true_value_as_often_as_it_says():
    """Two normal classes one apart: the true area is Φ(1/√2), and 95 of 100 intervals hold it."""
    truth, held, runs = norm.cdf(1 / np.sqrt(2)), 0, 100
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        classes = np.arange(160) % 2
        scores = np.c_[np.zeros(160), rng.standard_normal(160) + classes]
        found = interval(auroc(classes, scores, resample(classes, seed)), 160)
        held += found["low"] <= truth <= found["high"]
    assert 0.90 * runs <= held <= 0.98 * runs


def test_the_other_scores_are_those_of_scikit_learn_too():
    classes, scores = drawn(3)
    weights = resample(classes, seed=3)[:30]
    values = scores[:, 0] * 3 + classes
    found = [
        average_precision(classes == 1, scores[:, 1], weights),
        macro_f1(classes, scores.argmax(axis=1), weights),
        r_squared(values, scores[:, 2], weights),
    ]
    for row, (precision, f1, r2) in zip(weights.astype(int), zip(*found, strict=True), strict=True):
        again = np.repeat(np.arange(len(classes)), row)
        assert precision == pytest.approx(
            average_precision_score(classes[again] == 1, scores[again, 1])
        )
        assert f1 == pytest.approx(
            f1_score(classes[again], scores[again].argmax(axis=1), average="macro")
        )
        assert r2 == pytest.approx(r2_score(values[again], scores[again, 2]))


def test_the_precision_of_voc_has_its_known_answers():
    """Ranks: hit, miss, hit, hit, miss, and one never found behind them all (VOC, section 4.2)."""
    positive = np.array([1, 0, 1, 1, 0, 1], bool)
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    once = np.ones((1, 6))
    # precision at recall ¼, ½, ¾, 1: 1, ⅔, ¾, ⅔; the best at that recall or more: 1, ¾, ¾, ⅔
    assert average_precision(positive, score, once) == pytest.approx(
        (1 + 2 / 3 + 3 / 4 + 2 / 3) / 4
    )
    assert average_precision(positive, score, once, "all") == pytest.approx(
        (1 + 3 / 4 + 3 / 4 + 2 / 3) / 4
    )
    # recall 0, .1, .2 → 1; .3 … .7 → ¾; .8, .9, 1 → ⅔
    eleven = (3 * 1 + 5 * 3 / 4 + 3 * 2 / 3) / 11
    assert average_precision(positive, score, once, 11) == pytest.approx(eleven)
    nothing = np.where(positive, 0.0, 1.0)[None]
    assert np.isnan(average_precision(positive, score, nothing)).all()


def test_strata_count_pairs_of_one_kind_alone():
    """Camera B is defective more often and brighter: all of the score is the camera's."""
    rng = np.random.default_rng(0)
    camera = np.arange(4000) % 2
    classes = (rng.random(4000) < np.where(camera, 0.8, 0.2)).astype(int)
    scores = np.c_[np.zeros(4000), camera + 0.01 * rng.standard_normal(4000)]
    once = np.ones((1, 4000))
    assert auroc(classes, scores, once)[0] > 0.75
    assert auroc(classes, scores, once, camera)[0] == pytest.approx(0.5, abs=0.03)
    areas, pairs = [], []
    for c in (0, 1):
        part = camera == c
        areas.append(roc_auc_score(classes[part], scores[part, 1]))
        pairs.append(classes[part].sum() * (1 - classes[part]).sum())
    expected = np.average(areas, weights=pairs)
    assert auroc(classes, scores, once, camera)[0] == pytest.approx(expected)
    assert np.isnan(auroc(classes, scores, once, classes)[0])  # no pair is left
    y = camera * 10.0 + rng.standard_normal(4000)
    assert r_squared(y, camera * 10.0, once)[0] > 0.9
    assert r_squared(y, camera * 10.0, once, camera)[0] == pytest.approx(0, abs=1e-9)


def test_units_are_drawn_whole_and_too_few_are_refused():
    units = np.repeat(np.arange(20), 5)
    classes = np.arange(100) % 2
    weights = resample(classes, 0, units)
    assert (weights.reshape(-1, 20, 5) == weights.reshape(-1, 20, 5)[:, :, :1]).all()
    assert (weights.sum(axis=1) == 100).all()
    with pytest.raises(
        InputError, match="from 30 independent units, of which the rarest class has 1"
    ):
        resample(np.repeat(np.arange(30), 2), 0, np.repeat(np.arange(30), 2))


def test_over_seeds_is_the_mean_with_students_t_around_it():
    assert np.array_equal(over_seeds(np.arange(5.0)[None], 0), np.arange(5.0))
    runs = np.array([[0.7], [0.8], [0.9]]) + np.zeros((3, 20_000))
    moved = over_seeds(runs, 0)
    assert moved[0] == pytest.approx(0.8)
    half = np.percentile(moved[1:], 97.5) - 0.8
    assert half == pytest.approx(4.303 * 0.1 / np.sqrt(3), rel=0.05)  # t, 2 degrees of freedom


def test_the_plan_is_the_textbooks():
    """A difference of half a standard deviation of one image: n = ((1.96 + 0.8416) / 0.5)² = 31.4."""
    n = 100
    half = 1.959964 / np.sqrt(n)
    gap = {"value": 0.5, "low": 0.5 - half, "high": 0.5 + half, "n": n}
    assert settled_by(gap, gap["value"]) == 32
    assert settled_by(gap, gap["value"], power=0.9) == 43
    assert settled_by(gap, 0.0) is None
    assert settled_by(gap, -0.1) is None
