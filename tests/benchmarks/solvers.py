"""The matching solvers against SciPy: time as a ratio, and the share of the optimum that they reach.

    uv run python tests/benchmarks/solvers.py [--threads 1] [--device cuda]

Both start from features and targets; runs alternate (SciPy, ours, SciPy, ours, …). Prints the median of the
ratio over the repeats and its quartiles. Takes some minutes, nearly all of them SciPy's.
"""

import argparse
import time

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import normalize

from natkit.method.objectives.assignment import fast_match, match
from natkit.method.objectives.targets import targets

DIM = 64


def clustered(n: int, spread: float, seed: int = 0, clusters: int = 10, dim: int = DIM) -> Tensor:
    """(n, dim) unit rows about cluster centres drawn on the sphere; a row strays by ``spread`` × a unit vector."""
    noise = targets(torch.arange(n + clusters), dim, seed=1000 + seed)
    return normalize(noise[torch.arange(n) % clusters + n] + spread * noise[:n], dim=1)


def near_matched(n: int, seed: int = 0, dim: int = DIM) -> Tensor:
    """(n, dim) unit rows: targets 0 … n - 1 in another order, each moved by a vector as long as itself."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return moved(targets(torch.arange(n), dim)[order], 1.0, seed)


def moved(features: Tensor, by: float, seed: int = 0) -> Tensor:
    """The rows after a step of length ``by`` in random directions."""
    step = targets(torch.arange(len(features)), features.shape[1], seed=2000 + seed)
    return normalize(features + by * step, dim=1)


FEATURES = {
    "random": lambda n, seed: targets(torch.arange(n), DIM, seed=3000 + seed),
    "clustered": lambda n, seed: clustered(n, 0.5, seed),
    "near-matched": near_matched,
}


def scipy_match(features: Tensor, noise: Tensor) -> Tensor:
    return torch.from_numpy(
        linear_sum_assignment((features @ noise.T).numpy(), maximize=True)[1].astype(np.int64)
    )


def total(features: Tensor, noise: Tensor, p: Tensor) -> float:
    return float((features.double() * noise[p].double()).sum())


def bound(features: Tensor, noise: Tensor) -> float:
    """No matching has a greater summed cosine: Σ_i max_j (cosine_ij - v_j) + Σ_j v_j, for prices v.

    Any prices will do; these come from Sinkhorn's scaling at falling temperatures. Holds one n × n matrix.
    """
    price = torch.zeros(len(noise))
    for blur in (0.03, 0.01, 0.004, 0.002):
        kernel = torch.addmm(-price, features, noise.T)
        kernel.sub_(kernel.amax(dim=1, keepdim=True)).div_(blur).exp_()
        lure = torch.ones(len(noise))
        for _ in range(20):
            lure = 1 / ((1 / (kernel @ lure)) @ kernel).clamp_min(1e-30)
        price -= blur * lure.log()
    best = torch.addmm(-price, features, noise.T).amax(dim=1)
    return float(best.double().sum() + price.double().sum())


def timed(solve, *inputs: Tensor) -> tuple[Tensor, float]:
    start = time.perf_counter()
    p = solve(*inputs).cpu()  # waits for the GPU
    return p, time.perf_counter() - start


def exact(n: int, kind: str, repeats: int, device: str | torch.device) -> dict:
    """``match`` beside SciPy."""
    noise, ratios = targets(torch.arange(n), DIM), []
    for seed in range(repeats + 1):
        features = FEATURES[kind](n, seed)
        known, theirs = timed(scipy_match, features, noise)
        found, ours = timed(match, features.to(device), noise.to(device))
        assert abs(total(features, noise, known) - total(features, noise, found)) < 1e-6 * n
        ratios.append(ours / theirs)
    reach = "≤ 1" if n == 256 else ""
    what = f"pool {n:,}, {kind}: match / SciPy"
    return {"what": what, "ratios": np.array(ratios[1:]), "reach": reach}


def fast(
    n: int, spread: float, repeats: int, device: str | torch.device, scipy: bool
) -> list[dict]:
    """``fast_match`` beside SciPy (where ``scipy``), and warm, after a step of the features, beside cold."""
    noise, features = targets(torch.arange(n), DIM), clustered(n, spread)
    later, against, warmth = moved(features, 0.05), [], []
    fast_match(features[:1024].to(device), noise[:1024].to(device))
    there = [rows.to(device) for rows in (features, later, noise)]
    for _ in range(repeats):
        if scipy:
            known, theirs = timed(scipy_match, features, noise)
        p, cold = timed(fast_match, there[0], there[2])
        again, afresh = timed(fast_match, there[1], there[2])
        kept, warm = timed(fast_match, there[1], there[2], p)
        against.append(cold / theirs if scipy else cold)
        warmth.append(warm / afresh)
    most, name = bound(features, noise), f"pool {n:,}, 10 clusters, spread {spread:g}"
    share = f"≥ {total(features, noise, p) / most:.2%} of the optimum by the bound"
    if scipy:
        share = f"{total(features, noise, p) / total(features, noise, known):.2%}, {share}"
    cold_row = {
        "what": f"{name}: fast_match {'/ SciPy' if scipy else 'in seconds'} ({share})",
        "ratios": np.array(against),
        "reach": "≤ 0.05 at ≥ 99 %" if n == 4096 else "",
    }
    most = bound(later, noise)
    shares = [f"{total(later, noise, q) / most:.2%}" for q in (p, kept, again)]
    return [
        cold_row,
        {
            "what": f"{name}: warm / cold (start {shares[0]}, warm {shares[1]}, cold {shares[2]})",
            "ratios": np.array(warmth),
            "reach": "",
        },
    ]


def measure(device: str | torch.device = "cpu") -> list[dict]:
    """Rows with ``what``, ``ratios`` (our time / the other's, one a repeat) and the ``reach`` asked for."""
    rows = [
        exact(n, kind, repeats, device)
        for n, repeats in ((64, 40), (256, 40), (1024, 7))
        for kind in FEATURES
    ]
    rows += fast(1024, 0.5, 5, device, scipy=True)
    for spread in (0.2, 0.5, 1.0):
        rows += fast(4096, spread, 3, device, scipy=True)
    return rows + fast(16_384, 0.5, 2, device, scipy=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    for row in measure(chosen.device):
        low, middle, high = np.quantile(row["ratios"], [0.25, 0.5, 0.75])
        print(f"{row['what']:110} {middle:7.3f}  [{low:.3f}, {high:.3f}]  {row['reach']}")


if __name__ == "__main__":
    main()
