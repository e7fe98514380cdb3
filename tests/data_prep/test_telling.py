"""Out of fold, a column is worth what it is worth; p is small for what tells and for nothing else."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from data_prep.rules.telling import auc_of, binned, most_telling, out_of_fold, tell


def test_p_is_small_for_what_tells_and_large_for_the_luck_of_a_few():
    rng = np.random.default_rng(0)
    y, folds = np.arange(300) % 2, rng.permutation(300) % 5
    told = tell([np.where(rng.random(300) < 0.8, y, 1 - y)], y, folds, np.array([0, 1]), 1, rng)
    assert told.p == pytest.approx(1 / 200)
    assert told.auc.low < 0.8 < told.auc.high
    small = [tell([rng.integers(2, size=24)], y[:24], folds[:24], [1], 1, rng) for _ in range(30)]
    p = [told.p for told in small if told]  # an AUC of 0.6 of 24 images is nothing
    assert len(p) >= 3
    assert np.median(p) > 0.05


def test_auc_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    scores = rng.integers(0, 6, (200, 3)) + 2.0 * np.eye(3)[y]
    scores /= scores.sum(axis=1, keepdims=True)
    expected = roc_auc_score(y, scores, multi_class="ovr", average="macro")
    assert auc_of(scores, y, np.arange(3), np.zeros(200, int)) == pytest.approx(expected)


def test_auc_of_folds_is_the_mean_of_the_folds_weighted_by_their_pairs():
    rng = np.random.default_rng(1)
    y, folds = rng.integers(0, 2, 300), rng.integers(0, 5, 300)
    scores = np.stack([np.zeros(300), rng.integers(0, 9, 300) + 50 * folds + y], axis=1)
    each = [roc_auc_score(y[folds == f], scores[folds == f, 1]) for f in range(5)]
    pairs = [(y[folds == f] == 1).sum() * (y[folds == f] == 0).sum() for f in range(5)]
    expected = np.average(each, weights=pairs)
    assert auc_of(scores, y, np.array([1]), folds) == pytest.approx(expected)


def test_a_useless_column_is_worth_one_half_whatever_the_folds():
    """With class shares or unknown values in the score, AUC would stray from one half here."""
    y = (np.arange(200) < 60).astype(int)
    folds = np.minimum(np.arange(200) // 40, 4)  # the first fold holds one class alone
    for codes in (np.zeros(200, int), np.arange(200)):
        scores = out_of_fold([codes], y, folds, 2)
        assert auc_of(scores, y, np.array([0, 1]), folds) == pytest.approx(0.5)


def test_out_of_fold_a_flag_has_the_auc_it_has_in_truth():
    """Compared across folds, it would come out 0.02 to 0.03 too low."""
    values = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        y = np.arange(500) % 4 // 3
        flag = (rng.random(500) < np.where(y == 1, 0.7, 0.3)).astype(int)
        folds = rng.permutation(500) % 5
        values.append(auc_of(out_of_fold([flag], y, folds, 2), y, np.array([1]), folds))
    assert np.mean(values) == pytest.approx(0.7, abs=0.01)


def test_numbers_are_cut_in_fifths_and_gaps_stand_apart():
    codes = binned(pd.Series([*range(100), np.nan]))
    assert np.bincount(codes).tolist() == [20] * 5 + [1]
    assert len(set(binned(pd.Series(["a", None, "b", "a"])))) == 3


def test_the_column_that_tells_most_is_named():
    y = np.arange(200) % 2
    rng = np.random.default_rng(0)
    codes = {
        c: np.where(rng.random(200) < s, y, 1 - y)
        for c, s in zip("abc", (0.6, 0.9, 0.7), strict=True)
    }
    assert most_telling(codes, y, np.arange(200) // 2 % 5) == "b"
