"""Laws of the matching. Every expected value is known before it runs."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from natkit.method.assignment import match, soft_match
from natkit.method.targets import targets

sizes, seeds = st.integers(2, 40), st.integers(0, 10_000)


def unit_rows(n: int, seed: int, dim: int = 8) -> torch.Tensor:
    return targets(torch.arange(n), dim, seed)


@given(n=sizes, seed=seeds)
@settings(deadline=None, max_examples=25)
def test_planted_permutation_is_recovered(n, seed):
    noise = unit_rows(n, seed)
    planted = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(match(noise[planted], noise), planted)


def swap_gain(features: torch.Tensor, noise: torch.Tensor, p: torch.Tensor) -> float:
    """The most that any two features could gain in summed cosine by trading targets."""
    cosine = features @ noise.T
    kept, swapped = cosine[torch.arange(len(p)), p], cosine[:, p]
    return float((swapped + swapped.T - kept[:, None] - kept[None, :]).max())


@given(n=sizes, seed=seeds)
@settings(deadline=None, max_examples=25)
def test_no_swap_helps(n, seed):
    features, noise = unit_rows(n, seed), unit_rows(n, seed + 1)
    p = match(features, noise)
    assert sorted(p.tolist()) == list(range(n))
    assert swap_gain(features, noise, p) <= 1e-5


def test_the_swap_law_can_fail():
    assert swap_gain(unit_rows(40, 0), unit_rows(40, 1), torch.arange(40)) > 0.1


@pytest.mark.parametrize(
    ("features", "noise", "message"),
    [
        (unit_rows(3, 0), unit_rows(4, 0), "3 features and 4 targets"),
        (2 * unit_rows(3, 0), unit_rows(3, 0), "has length 2"),
        (unit_rows(3, 0) * torch.tensor([[1.0], [float("nan")], [1.0]]), unit_rows(3, 0), "row 1"),
    ],
)
def test_bad_rows_are_refused(features, noise, message):
    with pytest.raises(ValueError, match=message):
        match(features, noise)


def test_soft_becomes_exact_as_the_temperature_falls():
    """Features near shuffled targets are sent to exactly those targets."""
    noise = unit_rows(20, 1)
    planted = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    features = torch.nn.functional.normalize(noise[planted] + 0.3 * unit_rows(20, 2), dim=1)
    step, nearest = soft_match(features, noise, temperature=0.01, rounds=50)
    assert torch.equal(nearest, match(features, noise))
    assert torch.equal(nearest, planted)
    torch.testing.assert_close(features + step, noise[planted], atol=1e-3, rtol=0)


def test_features_that_lie_like_the_noise_stay():
    """The divergence of a law to itself is 0 and so is its gradient: this is what debiasing buys."""
    noise = unit_rows(200, 5)
    features = noise[torch.randperm(200, generator=torch.Generator().manual_seed(0))]
    step, _ = soft_match(features, noise, temperature=0.2, rounds=100)
    assert step.abs().max() < 1e-3


def transport_cost(x: np.ndarray, y: np.ndarray, temperature: float) -> float:
    """Entropic transport cost between uniform laws, plain NumPy, no log domain: an independent route."""
    cost = ((x[:, None] - y[None]) ** 2).sum(axis=2) / 2
    kernel, u = np.exp(-cost / temperature), np.ones(len(x))
    for _ in range(500):
        v = 1 / (kernel.T @ u / len(x))
        u = 1 / (kernel @ v / len(y))
    return temperature * (np.log(u).mean() + np.log(v).mean())


def divergence(x: np.ndarray, y: np.ndarray, temperature: float) -> float:
    return (
        transport_cost(x, y, temperature)
        - transport_cost(x, x, temperature) / 2
        - transport_cost(y, y, temperature) / 2
    )


def test_the_step_is_the_gradient_of_the_sinkhorn_divergence():
    features, noise = unit_rows(6, 0, 4), unit_rows(15, 1, 4)
    step, _ = soft_match(features, noise, temperature=0.3, rounds=500)
    x, y, h = features.double().numpy(), noise.double().numpy(), 1e-4
    slope = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += h
        down[place] -= h
        slope[place] = (divergence(up, y, 0.3) - divergence(down, y, 0.3)) / (2 * h)
    np.testing.assert_allclose(step.numpy(), -slope * len(x), atol=2e-4)
