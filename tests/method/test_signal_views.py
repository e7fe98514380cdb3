"""Laws of the views of signals: nothing allowed, nothing changed; what is allowed happens, and nothing else."""

from dataclasses import replace

import pytest
import torch

from natkit.core.errors import InputError
from natkit.method.views.images import preset, view
from natkit.method.views.signals import PRESETS, SignalViews

STILL = SignalViews(noise=0, masked=0, gain=0, shift=0)
SIGNALS = torch.randn(300, 3, 1, 40, generator=torch.Generator().manual_seed(9)) * 2 + 5
VECTORS = torch.randn(300, 20, 1, 1, generator=torch.Generator().manual_seed(9)) * 3 - 1


def drawn(signals: torch.Tensor, seed: int = 0, **changes) -> torch.Tensor:
    return view(signals, replace(STILL, **changes), torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("signals", [SIGNALS, VECTORS], ids=["signals", "vectors"])
def test_with_nothing_allowed_a_view_is_its_signal(signals):
    assert torch.equal(drawn(signals), signals)


@pytest.mark.parametrize("signals", [SIGNALS, VECTORS], ids=["signals", "vectors"])
def test_one_seed_one_view_and_the_signals_stay(signals):
    before = signals.clone()
    many = {"noise": 0.3, "masked": 0.3, "gain": 0.3, "shift": 0.5}
    assert torch.equal(drawn(signals, 4, **many), drawn(signals, 4, **many))
    assert not torch.equal(drawn(signals, 4, **many), drawn(signals, 5, **many))
    assert torch.equal(signals, before)


def test_a_shift_goes_round_with_all_channels_alike_and_no_further_than_allowed():
    """Against every possible turn of the signal by the clock: one fits, every allowed one comes up."""
    out = drawn(SIGNALS, shift=0.25)
    turns = torch.stack([SIGNALS.roll(k, dims=3) for k in range(-20, 20)])
    off = (turns - out).abs().amax(dim=(2, 3, 4))
    assert (off.amin(dim=0) < 1e-4).all()
    steps = off.argmin(dim=0) - 20
    assert set(steps.tolist()) == set(range(-10, 11))


def test_a_gain_is_one_factor_a_channel_about_its_mean():
    mean = SIGNALS.mean(dim=(0, 2, 3), keepdim=True)
    factor = (drawn(SIGNALS, gain=0.3) - mean) / (SIGNALS - mean)
    middle = factor.median(dim=3, keepdim=True).values
    near = (SIGNALS - mean).abs() > 0.1
    assert ((factor - middle).abs()[near] < 1e-3).all()
    assert 0.7 <= middle.min() < 0.72
    assert 1.28 < middle.max() <= 1.3
    assert (middle.std(dim=1) > 0).all()  # channels differ


def test_a_masked_stretch_is_one_stretch_of_all_channels():
    out = drawn(SIGNALS, masked=0.25)
    mean = SIGNALS.mean(dim=(0, 2, 3), keepdim=True)
    lost = (out != SIGNALS).all(dim=1)[:, 0]
    assert (lost.sum(dim=1) == 10).all()
    starts = (lost & ~lost.roll(1, dims=1)).sum(dim=1)
    assert (starts == 1).all()  # round the end
    assert lost.any(dim=0).all()  # anywhere
    where = lost[:, None, None].expand_as(out)
    torch.testing.assert_close(out[where], mean.expand_as(out)[where])
    assert torch.equal(out[~where], SIGNALS[~where])


def test_masked_numbers_of_a_vector_come_from_another_vector():
    out = drawn(VECTORS, masked=0.3)
    lost = (out != VECTORS)[:, :, 0, 0]
    assert (lost.sum(dim=1) <= 6).all()
    assert lost.sum(dim=1).float().mean() > 5.9  # now and then the other one is itself
    columns = [set(column.tolist()) for column in VECTORS[:, :, 0, 0].T]
    assert all(
        set(o.tolist()) <= known for o, known in zip(out[:, :, 0, 0].T, columns, strict=True)
    )
    share = lost.float().mean(dim=0)
    assert share.min() > 0.2
    assert share.max() < 0.4


@pytest.mark.parametrize("signals", [SIGNALS, VECTORS], ids=["signals", "vectors"])
def test_noise_is_in_deviations_of_the_channel(signals):
    scaled = signals * torch.arange(1, signals.shape[1] + 1)[:, None, None]
    added = drawn(scaled, noise=0.5) - scaled
    spread = scaled.std(dim=(0, 2, 3))
    strength = added.std(dim=(0, 2, 3)) / spread  # uniform in 0..0.5: root mean square 0.289
    torch.testing.assert_close(strength, torch.full_like(strength, 0.289), atol=0.06, rtol=0)
    assert added.mean(dim=(0, 2, 3)).div(spread).abs().max() < 0.06


def test_presets_go_by_name_and_bad_shares_are_refused():
    assert preset("cycle") is PRESETS["cycle"]
    assert PRESETS["cycle"].shift < PRESETS["vibration"].shift
    for bad in ({"noise": -0.1}, {"masked": 1.1}, {"gain": "much"}, {"shift": float("nan")}):
        with pytest.raises(InputError, match=next(iter(bad))):
            SignalViews(**bad)
