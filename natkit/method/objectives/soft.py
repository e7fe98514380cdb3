"""Debiased soft matching: where each view should move so that all together spread as the noise does."""

import torch
from torch import Tensor

TINY = 1e-290  # instead of a division by 0
COLDEST = 0.005  # a lower temperature leaves the range of float64


@torch.no_grad()
def soft_match(
    features: Tensor,
    targets: Tensor,
    temperature: float,
    apart: Tensor | None = None,
    rounds: int = 8,
) -> tuple[Tensor, Tensor]:
    """The step of each feature towards the noise and away from the others.

    The features are transported to the targets and, separately, to each other; the difference of the
    two is the step that lowers the Sinkhorn divergence between the features' law and the noise. Without
    the second term the entropic blur draws near neighbours together and learning stops. As the
    temperature falls to 0 the first becomes a one-to-one matching.

    With ``apart`` a feature takes no part in its own second term, nor does another view of its image: among so
    few points it would be most of it, and the feature would hardly be pushed.

    Parameters
    ----------
    features
        (n, d) unit rows, any float type: views of images.
    targets
        (k, d) unit rows; k may differ from n.
    temperature
        Entropic blur ε in units of half the squared distance (0 to 2), at least 0.005; 0.2 is the default
        recipe.
    apart
        int64 (n,): features with the same number are views of one image and don't push each other. None: all
        push, each feature itself too.
    rounds
        Sinkhorn rounds.

    Returns
    -------
    step : Tensor
        float32 (n, d): transport to the noise minus transport to the others. The pseudo-target of a
        feature is ``feature + step``.
    nearest : Tensor
        int64 (n,): the target with the largest share of each feature.

    Notes
    -----
    Sinkhorn's scaling diag(u) kernel diag(v) in float64, where exp(−2 / ε) is no 0, whatever the features are: it is
    as stable as the log domain and exponentiates once. O(n (n + k)) a round; 128 × 2,048 take 4 ms on two cores.

    References
    ----------
    Feydy et al., "Interpolating between Optimal Transport and MMD using Sinkhorn Divergences", AISTATS 2019;
    Patrini et al., "Sinkhorn AutoEncoders", UAI 2019. Leaving out the own image makes the second term an
    unbiased mean over pairs, as in a U-statistic (Hoeffding 1948).
    """
    features, targets = features.float(), targets.float()
    kernel = ((features @ targets.T - 1).double() / temperature).exp()  # (n, k)
    u = kernel.new_ones(len(features))
    for _ in range(rounds):
        v = 1 / (u @ kernel).clamp_min(TINY)  # makes all targets equally wanted
        u = 1 / (kernel @ v).clamp_min(TINY)
    plan = _rows_to_one(kernel * v)

    among = ((features @ features.T - 1).double() / temperature).exp()
    if apart is not None:
        among = among.masked_fill(apart[:, None] == apart, 0)
    u = among.new_ones(len(features))  # symmetric: u is v
    for _ in range(rounds):
        u = (u * len(features) / (among @ u).clamp_min(TINY)).sqrt()
    push = _rows_to_one(among * u) @ features
    return plan @ targets - push, plan.argmax(dim=1)


def _rows_to_one(weights: Tensor) -> Tensor:
    """float32, each row divided by its sum; a row of zeros stays."""
    return (weights / weights.sum(dim=1, keepdim=True).clamp_min(TINY)).float()
