"""Laws of the matching. Every expected value is known before it runs."""

from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.special import logsumexp
from torch.nn.functional import normalize

from natkit.method.objectives import assignment
from natkit.method.objectives.assignment import better, fast_match, match, rematch
from natkit.method.objectives.soft import soft_match
from natkit.method.objectives.targets import targets

SOLVERS = [match, fast_match]
DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
sizes, seeds = st.integers(2, 40), st.integers(0, 10_000)
quick = settings(deadline=None, max_examples=25)


def unit_rows(n: int, seed: int, dim: int = 8) -> torch.Tensor:
    return targets(torch.arange(n), dim, seed)


def clustered(n: int, spread: float, seed: int = 0, dim: int = 64, clusters: int = 10):
    centre = unit_rows(clusters, seed + 1, dim)[torch.arange(n) % clusters]
    return normalize(centre + spread * unit_rows(n, seed, dim), dim=1)


def shuffle(n: int, seed: int) -> torch.Tensor:
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


KINDS = {  # of features, also such as collapse a network, and ties
    "random": lambda n, seed: unit_rows(n, seed),
    "clustered": lambda n, seed: clustered(n, 0.5, seed, 8, 3),
    "tight": lambda n, seed: clustered(n, 1e-6, seed, 8, 3),
    "copies": lambda n, seed: unit_rows(-(-n // 3), seed).repeat(3, 1)[:n],
    "constant": lambda n, seed: unit_rows(1, seed).expand(n, -1),
    "opposite": lambda n, seed: -unit_rows(1, seed + 1).expand(n, -1),
    "noise itself": lambda n, seed: unit_rows(n, seed + 1),
}
kinds = st.sampled_from(sorted(KINDS))


def total(features: torch.Tensor, noise: torch.Tensor, p: torch.Tensor) -> float:
    """The summed cosine in float64."""
    return float((features.double() * noise[p].double()).sum())


def optimum(features: torch.Tensor, noise: torch.Tensor) -> float:
    """The greatest summed cosine, by SciPy."""
    cosine = (features.double() @ noise.double().T).numpy()
    return float(cosine[linear_sum_assignment(cosine, maximize=True)].sum())


def is_permutation(p: torch.Tensor) -> bool:
    return p.dtype == torch.int64 and torch.equal(p.sort().values, torch.arange(len(p)))


@pytest.mark.parametrize("solver", SOLVERS)
@given(n=sizes, seed=seeds)
@quick
def test_planted_permutation_is_recovered(solver, n, seed):
    noise, planted = unit_rows(n, seed), shuffle(n, seed)
    assert torch.equal(solver(noise[planted], noise), planted)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dim", [8, 64, 1024])
def test_planted_permutation_of_a_large_pool_is_recovered(solver, device, dim):
    n = 1500 if dim < 1024 else 600
    noise, planted = unit_rows(n, 1, dim).to(device), shuffle(n, 2).to(device)
    near = normalize(noise[planted] + 0.05 * unit_rows(n, 3, dim).to(device), dim=1)
    assert torch.equal(solver(near, noise), planted)


@given(n=st.integers(1, 60), seed=seeds, kind=kinds, dtype=st.sampled_from(["float32", "bfloat16"]))
@quick
def test_exact_is_as_good_as_scipy(n, seed, kind, dtype):
    """Equal sums, not equal permutations: equal rows may trade places."""
    features = KINDS[kind](n, seed).to(getattr(torch, dtype))
    noise = unit_rows(n, seed + 1)
    p = match(features, noise)
    assert is_permutation(p)
    assert total(features, noise, p) >= optimum(features, noise) - 1e-6 * n


def swap_gain(features: torch.Tensor, noise: torch.Tensor, p: torch.Tensor) -> float:
    """The most that any two features could gain in summed cosine by trading targets."""
    cosine = features @ noise.T
    kept, swapped = cosine[torch.arange(len(p)), p], cosine[:, p]
    return float((swapped + swapped.T - kept[:, None] - kept[None, :]).max())


@given(n=sizes, seed=seeds)
@quick
def test_no_swap_helps(n, seed):
    features, noise = unit_rows(n, seed), unit_rows(n, seed + 1)
    assert swap_gain(features, noise, match(features, noise)) <= 1e-5


def test_the_swap_law_can_fail():
    assert swap_gain(unit_rows(40, 0), unit_rows(40, 1), torch.arange(40)) > 0.1


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n", [0, 1, 2])
def test_the_smallest_pools(solver, n):
    noise = torch.eye(2)[:n]
    assert solver(noise.flip(0), noise).tolist() == list(range(n))[::-1]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("features", "noise", "message"),
    [
        (unit_rows(3, 0), unit_rows(4, 0), "3 features and 4 targets"),
        (2 * unit_rows(3, 0), unit_rows(3, 0), "features .* has length 2"),
        (unit_rows(3, 0), 2 * unit_rows(3, 0), "targets .* has length 2"),
        (unit_rows(3, 0) * torch.tensor([[1.0], [float("nan")], [1.0]]), unit_rows(3, 0), "row 1"),
    ],
)
def test_bad_rows_are_refused(solver, features, noise, message):
    with pytest.raises(ValueError, match=message):
        solver(features, noise)


@pytest.mark.parametrize("start", [[0, 0, 1], [0, 1], [1, 2, 3]])
def test_a_start_that_is_no_permutation_is_refused(start):
    with pytest.raises(ValueError, match="each number from 0 to 2 once"):
        fast_match(unit_rows(3, 0), unit_rows(3, 1), torch.tensor(start))


small_auctions = patch.object(assignment, "EXACT", assignment.CHOICES)  # so that 17 rows bid


@given(n=st.integers(1, 120), seed=seeds, kind=kinds, warm=st.booleans())
@settings(deadline=None, max_examples=60)
@small_auctions
def test_fast_is_a_permutation_and_never_below_its_start(n, seed, kind, warm):
    features, noise = KINDS[kind](n, seed), unit_rows(n, seed + 1)
    start = match(features, noise) if warm else shuffle(n, seed)
    for p in (fast_match(features, noise), fast_match(features, noise, start)):
        assert is_permutation(p)
    assert total(features, noise, p) >= total(features, noise, start) - 1e-12


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dim", [16, 64])
@pytest.mark.parametrize("spread", [0.2, 0.5, 9.0])
def test_fast_is_nearly_exact(spread, dim, device):
    """Ten clusters, from tight to dissolved; also warm, from the matching of features that moved on."""
    n = 1024
    features, noise = clustered(n, spread, dim=dim).to(device), unit_rows(n, 5, dim).to(device)
    best = optimum(features.cpu(), noise.cpu())
    assert total(features, noise, fast_match(features, noise)) >= 0.99 * best
    moved = normalize(features + 0.2 * unit_rows(n, 6, dim).to(device), dim=1)
    start = match(moved, noise)
    warm = total(features, noise, fast_match(features, noise, start))
    assert warm >= 0.985 * best
    assert warm >= total(features, noise, start)


def test_content_rows_keep_their_target():
    """Features that barely moved: few rows are matched anew, and few change hands."""
    n = 2048
    features, noise = clustered(n, 0.5), unit_rows(n, 5, 64)
    start = match(features, noise)
    moved = normalize(features + 0.02 * unit_rows(n, 6, 64), dim=1)
    with patch.object(assignment, "_auction", wraps=assignment._auction) as auction:
        p = fast_match(moved, noise, start)
    assert max(len(call.args[0]) for call in auction.call_args_list) < n / 2
    assert (p == start).float().mean() > 0.9


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_fast_copes_with_ties(kind):
    features, noise = KINDS[kind](1024, 0), unit_rows(1024, 1)
    p = fast_match(features, noise)
    assert is_permutation(p)
    best = optimum(features, noise)  # below 0 where all features are opposite
    assert total(features, noise, p) >= best - 0.02 * abs(best) - 1e-9


def test_equal_rows_do_not_queue_for_the_same_targets():
    """A collapsed network: 1,024 equal rows want the same 16 targets, which would take 32 auctions."""
    features, noise = KINDS["constant"](1024, 0), unit_rows(1024, 1)
    with patch.object(assignment, "_auction", wraps=assignment._auction) as auction:
        fast_match(features, noise)
    assert auction.call_count <= 8


@pytest.mark.parametrize("dim", [1024, 8192])
def test_prices_stay_finite_in_high_dimensions(dim):
    """The scale of prices shrinks with the dimension: cosines of 0 and 1 are then worlds apart."""
    n, noise = 600, unit_rows(600, 0, dim)
    same = noise[:1].expand(n, -1)
    assert is_permutation(fast_match(same, noise))
    planted = shuffle(n, 0)
    assert torch.equal(fast_match(noise[planted], noise), planted)
    for features in (same, noise):
        assert assignment._prices(features, noise).isfinite().all()


@pytest.mark.parametrize("device", DEVICES)
def test_the_same_input_gives_the_same_result(device):
    features, noise = clustered(1024, 0.2).to(device), unit_rows(1024, 5, 64).to(device)
    once = fast_match(features, noise)
    torch.rand(3)
    assert torch.equal(once, fast_match(features, noise))


def test_each_circle_is_decided_by_itself():
    """Rows 0 and 1 gain by trading, 2 and 3 lose, 4, 5 and 6 gain together, 7 has nobody to trade with."""
    noise = torch.eye(8)
    features = noise[torch.tensor([1, 0, 2, 3, 5, 6, 4, 7])]
    old, new = torch.arange(8), torch.tensor([1, 0, 3, 2, 5, 6, 4, 7])
    assert better(features, noise, old, new).tolist() == [1, 0, 2, 3, 5, 6, 4, 7]
    assert better(features, noise, new, old).tolist() == [1, 0, 2, 3, 5, 6, 4, 7]


@given(n=st.integers(1, 40), seed=seeds)
@quick
def test_better_is_a_permutation_no_worse_than_either(n, seed):
    features, noise = unit_rows(n, seed), unit_rows(n, seed + 1)
    old, new = shuffle(n, seed), shuffle(n, seed + 1)
    p = better(features, noise, old, new)
    assert is_permutation(p)
    both = [total(features, noise, q) for q in (old, new)]
    assert total(features, noise, p) >= max(both) - 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_whole_set_trades_without_loss(dtype):
    """Targets only change hands, the sum never falls, and rounds of random pools come near the optimum."""
    n, dim, seed = 1500, 16, 3
    held = np.random.default_rng(0).permutation(10 * n)[:n]
    features = clustered(n, 0.5, dim=dim).to(dtype)
    order, own = np.random.default_rng(1), targets(torch.from_numpy(held), dim, seed)
    before, now, sums = held.copy(), held, []
    for _ in range(8):
        now = rematch(features, now, dim, seed, order, pool=400)
        assert np.array_equal(np.sort(now), np.sort(held))
        noise = targets(torch.from_numpy(now), dim, seed)
        sums.append(total(features, noise, torch.arange(n)))
    assert np.array_equal(held, before)
    assert (np.diff(sums) >= -1e-9).all()
    assert sums[-1] >= 0.97 * optimum(features, own)


def test_pools_are_of_the_size_asked_for():
    features, held, seen = unit_rows(100, 0), np.arange(100), []

    def spy(features, noise, start):
        seen.append(len(features))
        return start

    with patch.object(assignment, "fast_match", spy):
        assert np.array_equal(rematch(features, held, 8, 0, np.random.default_rng(0), 30), held)
    assert seen == [25] * 4


def test_a_set_within_one_pool_gets_what_was_planted():
    held, dim = shuffle(700, 0).numpy() + 50, 16
    planted = np.random.default_rng(0).permutation(held)
    features = targets(torch.from_numpy(planted), dim, 9)
    assert np.array_equal(rematch(features, held, dim, 9, np.random.default_rng(2)), planted)
    assert len(rematch(features[:0], held[:0], dim, 9, np.random.default_rng(2))) == 0


def test_soft_becomes_exact_as_the_temperature_falls():
    """Features near shuffled targets are sent to exactly those targets."""
    noise = unit_rows(20, 1)
    planted = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    features = normalize(noise[planted] + 0.3 * unit_rows(20, 2), dim=1)
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


def plain_soft_match(x: np.ndarray, y: np.ndarray, temperature: float, rounds: int = 8):
    """The documented recipe in float64 NumPy."""
    scaled, among = (x @ y.T - 1) / temperature, (x @ x.T - 1) / temperature
    f, s = np.zeros(len(x)), np.zeros(len(x))
    for _ in range(rounds):
        g = -logsumexp(scaled + f[:, None] - np.log(len(x)), axis=0)
        f = -logsumexp(scaled + g - np.log(len(y)), axis=1)
        s = (s - logsumexp(among + s - np.log(len(x)), axis=1)) / 2
    plans = [np.exp(a - logsumexp(a, axis=1, keepdims=True)) for a in (scaled + g, among + s)]
    return plans[0] @ y - plans[1] @ x


@pytest.mark.parametrize("temperature", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_soft_is_computed_in_full_precision_whatever_comes_in(dtype, temperature):
    features, noise = clustered(300, 0.3, dim=32).to(dtype), unit_rows(500, 1, 32)
    step, nearest = soft_match(features, noise, temperature)
    assert step.dtype == torch.float32
    assert torch.equal(step, soft_match(features.float(), noise, temperature)[0])
    expected = plain_soft_match(features.double().numpy(), noise.double().numpy(), temperature)
    np.testing.assert_allclose(step.numpy(), expected, atol=2e-4)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_soft_is_finite_in_the_worst_cases(kind):
    """Large, cold, in bfloat16; no step is longer than from one end of the sphere to the other."""
    features, noise = KINDS[kind](1024, 0).bfloat16(), unit_rows(2048, 1)
    step, nearest = soft_match(features, noise, temperature=0.01)
    assert step.norm(dim=1).max() <= 2.01  # NaN fails too
    assert 0 <= nearest.min() <= nearest.max() < 2048


# --- leaving out the own image


def test_views_of_one_image_do_not_push_each_other():
    """Of two images with two views each, a view is pushed by the two of the other image alone."""
    features, noise = unit_rows(4, 3), unit_rows(50, 1)
    apart = torch.tensor([0, 1, 0, 1])
    step, _ = soft_match(features, noise, 1e6, apart)  # so hot that all shares are equal
    push = features[torch.tensor([[1, 3], [0, 2], [1, 3], [0, 2]])].mean(dim=1)
    torch.testing.assert_close(step, noise.mean(dim=0) - push, atol=1e-4, rtol=0)


def test_leaving_out_oneself_takes_the_bias_away():
    """Features drawn as the noise is: their mean step outwards is 0. With themselves among the others it is not."""
    outward, held_back = [], []
    for seed in range(40):
        features, noise = unit_rows(64, 100 + seed, 16), unit_rows(2048, 1, 16)
        for found, apart in ((outward, torch.arange(64)), (held_back, None)):
            step, _ = soft_match(features, noise, 0.2, apart)
            found.append(float((step * features).sum(dim=1).mean()))
    error = np.std(outward) / np.sqrt(len(outward))
    assert abs(np.mean(outward)) < 4 * error + 0.02
    assert np.mean(held_back) < -0.2
