"""Noise on the sphere, computed from (seed, index): there is no table of targets in memory."""

import math

import torch
from torch import Tensor

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed 64-bit number


def targets(index: Tensor, dim: int, seed: int = 0) -> Tensor:
    """The fixed noise vectors that stand at ``index``.

    A target is a function of its seed and index alone: normal noise from a counter-based generator
    (SplitMix64 and Box-Muller), divided by its length, hence uniform on the sphere. New images take the
    next indices; nothing is stored.

    Parameters
    ----------
    index
        int32 or int64 (n,), at least 0.
    dim
        Length of a target, at least 2. Keep it at 16–128: in high dimension all targets look alike to a
        batch, and the matching decides nothing.
    seed
        Another seed gives other targets.

    Returns
    -------
    Tensor
        float32 (n, dim), rows of length 1, on the device of ``index``. Devices agree to float32 rounding.

    Notes
    -----
    No two images share a target. Column c of target i is word ``m = i · 2⌈dim / 2⌉ + c`` of the seed's
    stream; m → ``start + m · golden`` is one-to-one modulo 2⁶⁴ (golden is odd), and so is each step of the
    mixing, so all words of all targets are different numbers. Two targets could still round to the same
    float32 row; for uniform points that is nearer than 2⁻²⁴, with chance below 2^(−24 (dim − 1)) a pair:
    among 10⁸ targets one such pair is expected 10⁻⁶ times in 4 dimensions and 10⁻⁹² times in 16. (On the
    circle, dim 2, float32 has too few directions for 10⁸ images.) Two seeds start at mixed places of
    one cycle of 2⁶⁴ words, where runs of 10⁸ targets in 64 dimensions overlap with chance 10⁻⁹.

    References
    ----------
    Bojanowski and Joulin, "Unsupervised Learning by Predicting Noise", ICML 2017, section 3.2: the rows of
    C. SplitMix64: Steele, Lea and Flood, OOPSLA 2014.
    """
    pairs = (dim + 1) // 2
    column = torch.arange(2 * pairs, device=index.device)
    start = _mix(torch.tensor(seed, device=index.device) * _GOLDEN + 1)
    bits = _mix(start + (index.long()[:, None] * (2 * pairs) + column) * _GOLDEN)
    uniform = (_shift(bits, 11).double() + 0.5) * 2.0**-53  # in (0, 1), never 0 or 1
    radius = (-2 * uniform[:, :pairs].log()).sqrt()
    angle = 2 * math.pi * uniform[:, pairs:]
    noise = torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)[:, :dim]
    return torch.nn.functional.normalize(noise, dim=1).float()


def _mix(x: Tensor) -> Tensor:
    """The output function of SplitMix64; int64 arithmetic wraps, as it should."""
    x = (x ^ _shift(x, 30)) * -4658895280553007687  # 0xBF58476D1CE4E5B9
    x = (x ^ _shift(x, 27)) * -7723592293110705685  # 0x94D049BB133111EB
    return x ^ _shift(x, 31)


def _shift(x: Tensor, by: int) -> Tensor:
    """Logical right shift: torch shifts signed numbers arithmetically."""
    return (x >> by) & ((1 << (64 - by)) - 1)
