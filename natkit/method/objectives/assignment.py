"""Who gets which target, one each: exactly, or nearly so and much sooner.

Conventions: features and targets are rows of unit length, so half the squared distance is
``1 - cosine`` and the least distance is the greatest summed cosine. A solver is a function
``solver(features, targets)`` that returns a permutation, int64 (n,): :func:`match` and
:func:`fast_match` are two; a third is a third function.
"""

import math

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from natkit.method.objectives.targets import targets as targets_at

try:
    from lap import lapjvr
except ImportError:  # SciPy finds the same optimum, more slowly
    lapjvr = None

UNIT_TOL = 1e-2  # slack on the length of a row: bf16 features are this rough
EXACT = 512  # so many rows or fewer are matched exactly, in milliseconds
SAMPLE = 1024  # least number of features that the prices are learned from
CHOICES = 16  # targets that a feature bids for
ROUNDS = 64  # of bidding, before the rest starts afresh
CHUNK = 512  # rows whose cosines with all targets are held in memory at once


@torch.no_grad()
def match(features: Tensor, targets: Tensor) -> Tensor:
    """Give every feature its own target so that the summed squared distance is least.

    Parameters
    ----------
    features
        (n, d) unit rows, any float type, any device.
    targets
        (n, d) unit rows.

    Returns
    -------
    Tensor
        int64 (n,): ``targets[p]`` stands in the order of the features; p is a permutation.

    Raises
    ------
    ValueError
        If the counts differ or a row is not of unit length.

    Notes
    -----
    Exact (LAPJV, on the CPU). Time grows as n³ at worst: about 1 ms for 256 rows, 10–40 ms for 1,024, 1–2 s
    for 4,096 on one core; SciPy takes 2–10 times as long.

    References
    ----------
    Bojanowski and Joulin, ICML 2017, eq. 4 and 5: their permutation matrix P is our index p. Jonker and
    Volgenant, Computing 38, 1987.
    """
    _check(features, targets)
    return _exact(features.float(), targets.float())


@torch.no_grad()
def fast_match(features: Tensor, targets: Tensor, start: Tensor | None = None) -> Tensor:
    """Give every feature its own target, nearly as well as :func:`match` and much sooner, on any device.

    Targets get prices at which demand about equals supply; then all features bid at once for the best of
    their few best targets. What stays without a target after some rounds is matched in the same way with
    the targets left over, and the last few exactly.

    Parameters
    ----------
    features
        (n, d) unit rows, any float type, any device. Meant for d ≥ 8 and n of 1,024 to 16,384.
    targets
        (n, d) unit rows.
    start
        int64 (n,): a permutation to start from, as returned for features that have moved a little since.
        Rows content with it at the present prices keep it; the result is never worse.

    Returns
    -------
    Tensor
        int64 (n,), a permutation: exact to 512 rows, otherwise 99.3–99.8 % of the greatest summed cosine
        (d ≥ 8). The same input gives the same result.

    Raises
    ------
    ValueError
        If the counts differ, a row is not of unit length, or ``start`` is not a permutation.

    Notes
    -----
    O(n² d) time, n² / 4 numbers of memory. 4,096 rows take about 0.1 s on one core.

    References
    ----------
    Prices by Sinkhorn's scaling (Cuturi, NIPS 2013); bidding by Bertsekas' auction in its Jacobi form
    (Annals of Operations Research 14, 1988).
    """
    _check(features, targets)
    features, targets = features.float(), targets.float()
    n, price = len(features), None
    held = torch.full((n,), -1, device=features.device)
    if start is not None:
        start = start.to(features.device)
        if not torch.equal(start.sort().values, torch.arange(n, device=start.device)):
            raise ValueError(f"start must hold each number from 0 to {n - 1} once; it does not.")
        if n > EXACT:
            price = _prices(features, targets)
            held = _keep(features, targets, price, start)
    while True:
        rows, left = (held < 0).nonzero()[:, 0], _left(held)
        if len(rows) <= EXACT:
            break
        if price is None or len(rows) < n:
            price = _prices(features[rows], targets[left])
        got = _auction(features[rows], targets[left], price)
        held[rows] = torch.where(got < 0, got, left[got])
    held[rows] = left[_exact(features[rows], targets[left])]
    return held if start is None else better(features, targets, start, held)


def better(features: Tensor, targets: Tensor, old: Tensor, new: Tensor) -> Tensor:
    """The better of two assignments, circle by circle: at least as good as either.

    Where two permutations differ, the rows fall into closed circles in which each takes over the target of
    the next. Every circle may be turned or left by itself.

    Parameters
    ----------
    features, targets
        (n, d) unit rows.
    old, new
        int64 (n,): permutations.

    Returns
    -------
    Tensor
        int64 (n,): a permutation; ``old`` where nothing is gained.
    """
    holder = torch.empty_like(old).scatter_(0, old, torch.arange(len(old), device=old.device))
    step = holder[new]
    circle = torch.arange(len(old), device=old.device)  # the least row of the circle
    for _ in range(len(old).bit_length()):
        circle, step = torch.minimum(circle, circle[step]), step[step]
    gain = (features.double() * (targets[new].double() - targets[old].double())).sum(dim=1)
    total = torch.zeros_like(gain).index_add_(0, circle, gain)
    return torch.where(total[circle] > 0, new, old)


def rematch(
    features: Tensor,
    held: np.ndarray,
    dim: int,
    seed: int,
    order: np.random.Generator,
    pool: int = 4096,
) -> np.ndarray:
    """Let the images of a whole set trade targets, in pools drawn at random.

    Parameters
    ----------
    features
        (n, dim) unit rows, float16 or float32; the pools are matched on their device.
    held
        int32 or int64 (n,): index of the target that each image holds, none twice.
    dim, seed
        Of the targets, see :func:`natkit.method.objectives.targets.targets`.
    order
        Draws the pools; another draw lets other images meet.
    pool
        Most images in a pool.

    Returns
    -------
    ndarray
        ``held`` in another order. The summed cosine is never less than before.

    Notes
    -----
    See :func:`fast_match`: about 25 µs an image at pools of 4,096 on one core.
    """
    held = held.copy()
    for rows in np.array_split(order.permutation(len(held)), max(1, -(-len(held) // pool))):
        own = targets_at(torch.from_numpy(held[rows]).to(features.device), dim, seed)
        start = torch.arange(len(rows), device=features.device)
        traded = fast_match(features[torch.from_numpy(rows)], own, start)
        held[rows] = held[rows][traded.cpu().numpy()]
    return held


def _exact(features: Tensor, targets: Tensor) -> Tensor:
    cost = (features @ -targets.T).cpu().numpy()
    p = linear_sum_assignment(cost)[1] if lapjvr is None else lapjvr(cost, return_cost=False)[1]
    return torch.as_tensor(p, dtype=torch.int64, device=features.device)


def _left(held: Tensor) -> Tensor:
    """The targets that no row holds; -1 holds none."""
    free = torch.ones_like(held, dtype=torch.bool)
    free[held[held >= 0]] = False
    return free.nonzero()[:, 0]


def _blur(features: Tensor) -> float:
    """A quarter of the spread of a cosine with noise: the scale of prices and bids."""
    return 0.25 / math.sqrt(features.shape[1])


def _some(n: int, count: int, device: torch.device) -> Tensor:
    """``count`` of n rows, the same ones each time."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(0))[:count].to(device)


def _prices(features: Tensor, targets: Tensor) -> Tensor:
    """Prices at which a quarter of the features, softly, ask for all targets alike."""
    n, blur = len(targets), _blur(features)
    kernel = features[_some(n, max(SAMPLE, n // 4), features.device)] @ targets.T
    kernel.sub_(kernel.amax(dim=1, keepdim=True)).div_(blur).exp_()
    v = features.new_ones(n)  # what a target must offer beside its cosine
    for _ in range(6):
        u = 1 / (kernel @ v)
        v = 1 / (u @ kernel).clamp_min(1e-30)
    return -blur * v.log()


def _keep(features: Tensor, targets: Tensor, price: Tensor, start: Tensor) -> Tensor:
    """``start``, and -1 for rows far from their best at these prices; where most are, -1 throughout."""

    def far(rows: Tensor) -> Tensor:
        best = torch.addmm(-price, features[rows], targets.T).amax(dim=1)
        now = (features[rows] * targets[start[rows]]).sum(dim=1) - price[start[rows]]
        return best - now > _blur(features) / 8

    n = len(start)
    if far(_some(n, CHUNK, start.device)).float().mean() > 0.5:
        return torch.full_like(start, -1)
    everyone = torch.arange(n, device=start.device).split(CHUNK)
    return torch.where(torch.cat([far(rows) for rows in everyone]), -1, start)


def _auction(features: Tensor, targets: Tensor, price: Tensor) -> Tensor:
    """One auction: int64 (n,), the target that each row won, or -1; at least one row wins."""
    n, step = len(features), _blur(features) / 30
    nudge = torch.randn(features.shape, generator=torch.Generator().manual_seed(0))
    nudged = features + 1e-5 * nudge.to(features.device)  # equal rows want different targets
    parts = [torch.addmm(-price, rows, targets.T).topk(CHOICES) for rows in nudged.split(CHUNK)]
    value, choice = (torch.cat(part) for part in zip(*parts, strict=True))
    floor = value[:, -1]  # who would pay so much that others are as good stops bidding
    raised = features.new_zeros(n)
    held = torch.full((n + 1,), -1, device=features.device)  # the last: nobody
    owner = torch.full((n,), n, device=features.device)
    for _ in range(ROUNDS):
        row = (held[:n] < 0).nonzero()[:, 0]
        worth, place = (value[row] - raised[choice[row]]).topk(2)
        able = worth[:, 0] >= floor[row]
        row, worth, place = row[able], worth[able], place[able]
        if not len(row):
            break
        wanted = choice[row].gather(1, place[:, :1])[:, 0]
        bid = raised[wanted] + worth[:, 0] - torch.maximum(worth[:, 1], floor[row]) + step
        raised.scatter_reduce_(0, wanted, bid, "amax")
        high = bid >= raised[wanted]
        winner = torch.full_like(owner, n).scatter_reduce_(0, wanted[high], row[high], "amin")
        sold = (winner < n).nonzero()[:, 0]
        held[owner[sold]] = -1
        owner[sold] = winner[sold]
        held[winner[sold]] = sold
    return held[:n]


def _check(features: Tensor, targets: Tensor) -> None:
    if len(features) != len(targets):
        raise ValueError(
            f"Matching needs one target per feature, but got {len(features)} features and "
            f"{len(targets)} targets. Pass the targets that these images hold."
        )
    _check_unit_rows("features", features)
    _check_unit_rows("targets", targets)


def _check_unit_rows(name: str, rows: Tensor) -> None:
    off = (rows.float().norm(dim=1) - 1).abs()
    if len(rows) and not off.max() <= UNIT_TOL:  # written so that NaN fails too
        worst = int(off.nan_to_num(float("inf")).argmax())
        raise ValueError(
            f"{name} must have rows of length 1 (within {UNIT_TOL:g}), but row {worst} has length "
            f"{float(rows[worst].float().norm()):.4g}. Use torch.nn.functional.normalize(x, dim=1)."
        )
