"""Weighted epochs: the expected share, no image twice in a batch, and what follows for a training."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from natkit.core.errors import InputError
from natkit.method.nat import NAT
from natkit.method.training.sampling import checked, weighted_epoch


@given(seed=st.integers(0, 10_000), n=st.integers(8, 90), batch=st.integers(2, 8))
@limits(deadline=None, max_examples=60, derandomize=True)
def test_no_batch_holds_an_image_twice_and_light_images_come_by_their_share(seed, n, batch):
    rng = np.random.default_rng(seed)
    weights = rng.exponential(size=n) * (rng.random(n) < 0.8)
    weights[:batch] += 0.1
    rows = weighted_epoch(weights, batch, rng)
    assert len(rows) == n // batch * batch
    assert all(len(set(part)) == batch for part in rows.reshape(-1, batch))
    assert (weights[rows] > 0).all()
    share = len(rows) * weights / weights.sum()
    if share.max() < n // batch:  # nothing was capped
        counts = np.bincount(rows, minlength=n)
        assert (counts >= np.floor(share - 1e-9)).all()
        assert (counts <= np.ceil(share + 1e-9)).all()


def test_over_many_epochs_the_share_is_exact():
    weights = np.array([0.2, 1.7, 0.6, 1.5, 1.0, 1.0, 1.0, 1.0])
    draws = [weighted_epoch(weights, 2, np.random.default_rng(seed)) for seed in range(3000)]
    assert np.bincount(np.concatenate(draws)) / 3000 == pytest.approx(weights, abs=0.04)


def test_an_image_heavier_than_all_others_comes_in_every_batch():
    weights = np.array([1000.0, *np.ones(15)])
    rows = weighted_epoch(weights, 4, np.random.default_rng(0))
    assert all(0 in part for part in rows.reshape(-1, 4))


def test_equal_weights_show_every_image_once():
    rows = weighted_epoch(np.full(30, 3.0), 6, np.random.default_rng(0))
    assert sorted(rows) == list(range(30))
    assert (np.diff(rows) == 1).sum() < 8  # mixed
    assert not np.array_equal(rows, weighted_epoch(np.full(30, 3.0), 6, np.random.default_rng(1)))


@pytest.mark.parametrize(
    ("weights", "n", "batch"),
    [([1, 1], 3, 1), ([1, -1, 1], 3, 1), ([1, np.nan, 1], 3, 1), ([1, np.inf, 1], 3, 1), ([1, 0, 0], 3, 2)],
)  # fmt: skip
def test_weights_that_cannot_be_used_are_refused(weights, n, batch):
    with pytest.raises(InputError, match=f"sample_weight needs {n} finite numbers"):
        checked(np.array(weights), n, batch)


SMALL = {"epochs": 1, "batch_size": 4, "size": 16, "dim": 4, "n_targets": 64, "device": "cpu"}
PIXELS = np.random.default_rng(0).integers(0, 255, (16, 16, 16), np.uint8)


@pytest.mark.parametrize("matching", ["soft", "exact"])
def test_an_image_of_weight_0_is_never_seen(matching):
    """Whatever it shows, the trained network is the same."""
    weights = np.ones(16)
    weights[3] = 0
    other = PIXELS.copy()
    other[3] = PIXELS[3][::-1]  # the same statistics, so the same scaling
    one, same = (
        NAT(**SMALL, matching=matching).fit(pixels, sample_weight=weights)
        for pixels in (PIXELS, other)
    )
    plain, seen = (NAT(**SMALL, matching=matching).fit(pixels) for pixels in (PIXELS, other))
    probe = PIXELS[:2]
    assert np.array_equal(one.transform(probe), same.transform(probe))
    assert not np.array_equal(plain.transform(probe), seen.transform(probe))
    assert (one.assignment[3] == -1) if matching == "soft" else len(set(one.assignment)) == 16


def test_weights_belong_to_the_checkpoint(tmp_path):
    weights = np.arange(16) + 1.0
    NAT(**SMALL).fit(PIXELS, sample_weight=weights, checkpoint=tmp_path)
    with pytest.raises(InputError, match="other"):
        NAT(**SMALL).fit(PIXELS, checkpoint=tmp_path)


def test_too_few_images_with_weight_are_refused():
    weights = np.zeros(16)
    weights[:3] = 1
    with pytest.raises(InputError, match=r"at least 4 of\s+them above 0"):
        NAT(**SMALL).fit(PIXELS, sample_weight=weights)
