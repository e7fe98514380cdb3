"""Laws of the resampled scores: scikit-learn draw by draw, a closed form, what must not change."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from natkit.evidence.intervals import RESAMPLES, auroc, balanced_accuracy, interval, resample


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
