"""Laws of the noise: uniform on the sphere, a function of (seed, index) alone."""

import numpy as np
import pytest
import torch
from scipy.stats import beta, kstest

from natkit.method.objectives.targets import _GOLDEN, _mix, targets

MANY = targets(torch.arange(20_000), 16, seed=3)
DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()


def test_rows_have_length_one():
    torch.testing.assert_close(MANY.norm(dim=1), torch.ones(len(MANY)))


@pytest.mark.parametrize("dim", [2, 3, 16, 65])
def test_moments_are_those_of_the_uniform_law(dim):
    """In d dimensions: E c = 0, E c cᵀ = I / d and, whatever the direction u, E (c·u)⁴ = 3 / (d (d + 2)).

    Bounds: five standard errors, from the moments of a coordinate x: E x² = 1/d, E x⁴ as above,
    E x²y² a third of it, E x⁸ = 105 / (d (d + 2) (d + 4) (d + 6)).
    """
    n, fourth = 40_000, 3 / (dim * (dim + 2))
    rows = targets(torch.arange(n), dim, seed=11).double()
    assert rows.mean(dim=0).abs().max() < 5 / (dim * n) ** 0.5

    off = (rows.T @ rows / n - torch.eye(dim) / dim).abs()
    assert off.diagonal().max() < 5 * ((fourth - dim**-2) / n) ** 0.5
    assert off.fill_diagonal_(0).max() < 5 * (fourth / 3 / n) ** 0.5

    eighth = 105 / (dim * (dim + 2) * (dim + 4) * (dim + 6))
    directions = torch.cat([torch.eye(dim).double(), targets(torch.arange(5), dim, 99).double()])
    found = ((rows @ directions.T) ** 4).mean(dim=0)
    assert (found - fourth).abs().max() < 5 * ((eighth - fourth**2) / n) ** 0.5


@pytest.mark.parametrize("dim", [2, 3, 16, 65])
def test_projections_follow_the_closed_form(dim):
    """(1 + c·u) / 2 follows Beta((d-1)/2, (d-1)/2), whatever the direction u."""
    rows = targets(torch.arange(20_000), dim, seed=3)
    direction = targets(torch.tensor([7]), dim, seed=99)[0]
    law = beta((dim - 1) / 2, (dim - 1) / 2)
    for projection in (rows[:, 0], rows[:, dim - 1], rows @ direction):
        assert kstest(((1 + projection) / 2).numpy(), law.cdf).pvalue > 0.001


def test_the_projection_law_can_fail():
    cube = torch.nn.functional.normalize(torch.rand(20_000, 16) * 2 - 1, dim=1)
    assert kstest(((1 + cube[:, 0]) / 2).numpy(), beta(7.5, 7.5).cdf).pvalue < 0.001


@pytest.mark.parametrize("dim", [3, 64])
def test_a_target_depends_on_its_index_alone(dim):
    """Any order, any subset, any cut into batches gives the same rows, bit for bit."""
    index = torch.cat([torch.arange(500), torch.tensor([10**8, 10**9 + 7, 2**40])])
    together = targets(index, dim, seed=1)
    shuffled = torch.randperm(len(index), generator=torch.Generator().manual_seed(0))
    assert torch.equal(targets(index[shuffled], dim, seed=1), together[shuffled])
    for size in (1, 7, 64):
        cut = torch.cat([targets(part, dim, seed=1) for part in index.split(size)])
        assert torch.equal(cut, together)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("dim", "seed"), [(3, 0), (64, 1), (16, -5), (2, 2**62)])
def test_an_independent_route_gives_the_same_rows(dim, seed, device):
    """NumPy, unsigned numbers, one target at a time: so it is on any machine and device."""
    index = [0, 1, 2, 999_999, 10**8, 2**33 + 1]
    found = targets(torch.tensor(index, device=device), dim, seed)
    expected = [plain_target(i, dim, seed) for i in index]
    np.testing.assert_allclose(found.cpu().numpy(), expected, atol=1e-7)


GOLDEN = 0x9E3779B97F4A7C15
WORD = 2**64


def plain_mix(x: int) -> int:
    """SplitMix64's output function in Python's unbounded integers."""
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % WORD
    x = (x ^ x >> 27) * 0x94D049BB133111EB % WORD
    return x ^ x >> 31


def plain_target(index: int, dim: int, seed: int) -> np.ndarray:
    pairs = (dim + 1) // 2
    start = plain_mix((seed * GOLDEN + 1) % WORD)
    words = [plain_mix((start + (index * 2 * pairs + c) * GOLDEN) % WORD) for c in range(2 * pairs)]
    u = np.array([((word >> 11) + 0.5) / 2**53 for word in words])
    radius, angle = np.sqrt(-2 * np.log(u[:pairs])), 2 * np.pi * u[pairs:]
    noise = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:dim]
    return noise / np.linalg.norm(noise)


def test_the_generator_is_splitmix64():
    """The published first outputs for the state 1234567."""
    found = _mix(torch.tensor(1234567) + torch.arange(1, 6) * _GOLDEN)
    assert [int(x) % WORD for x in found] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def plain_unmix(x: int) -> int:
    """The inverse of the mixing, step by step: that it exists is why no two words are equal."""
    x = (x ^ x >> 31 ^ x >> 62) * pow(0x94D049BB133111EB, -1, WORD) % WORD
    x = (x ^ x >> 27 ^ x >> 54) * pow(0xBF58476D1CE4E5B9, -1, WORD) % WORD
    return x ^ x >> 30 ^ x >> 60


def test_the_mixing_is_one_to_one():
    drawn = torch.randint(-(2**63), 2**63 - 1, (500,), generator=torch.Generator().manual_seed(0))
    ends = torch.tensor([0, 1, -1, 2**63 - 1, -(2**63)])
    for x in torch.cat([drawn, ends]):
        assert plain_unmix(int(_mix(x)) % WORD) == int(x) % WORD
    assert pow(GOLDEN, -1, WORD) * GOLDEN % WORD == 1  # so is the walk over the cycle


@pytest.mark.parametrize("dim", [4, 16])
def test_a_million_targets_differ(dim):
    """Already in their first four coordinates."""
    parts = torch.arange(10**6).split(50_000)
    rows = torch.cat([targets(part, dim, seed=2)[:, :4] for part in parts])
    words = rows.contiguous().numpy().view([("left", np.int64), ("right", np.int64)])
    assert len(np.unique(words)) == 10**6


def test_neighbouring_indices_share_nothing():
    """The noise of index i and i + 1 is independent, so their mean cosine vanishes."""
    cosine = (MANY[1:] * MANY[:-1]).sum(dim=1)
    assert cosine.mean().abs() < 4 / (16 * len(cosine)) ** 0.5
    assert abs(cosine.var() * 16 - 1) < 0.06


@pytest.mark.parametrize("other", [4, 2, 3 + 2**32, -3])
def test_neighbouring_seeds_share_nothing(other):
    """Neither at the same index nor at neighbouring ones: mean 0 and variance 1 / d, as by chance."""
    rows = targets(torch.arange(20_000), 16, seed=other)
    for shift in (0, 1, -1):
        cosine = (MANY * rows.roll(shift, dims=0)).sum(dim=1)
        assert cosine.mean().abs() < 4 / (16 * len(cosine)) ** 0.5
        assert abs(cosine.var() * 16 - 1) < 0.06


def test_other_seed_other_targets():
    a, b = (targets(torch.arange(500), 64, seed=s) for s in (0, 1))
    assert (a @ b.T).abs().max() < 0.75  # 250,000 pairs in 64 dimensions: chance stays below


def test_known_values():
    """Frozen: a changed generator would silently change every saved run."""
    found = targets(torch.tensor([0, 1]), 3, seed=0)
    expected = torch.tensor(KNOWN)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


KNOWN = [[-0.6017399, -0.5012969, 0.6217800], [-0.1446355, -0.9844880, -0.0993177]]
