"""Debiased soft matching: where each view should move so that all together spread as the noise does."""

import math

import torch
from torch import Tensor

NEVER = -1e4  # log-weight of a pair that exchanges nothing


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
        Entropic blur ε in units of half the squared distance (0 to 2); 0.2 is the default recipe.
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
    Rounds in the log domain, in float32 whatever the features are: O(n (n + k)) a round.

    References
    ----------
    Feydy et al., "Interpolating between Optimal Transport and MMD using Sinkhorn Divergences", AISTATS 2019;
    Patrini et al., "Sinkhorn AutoEncoders", UAI 2019. Leaving out the own image makes the second term an
    unbiased mean over pairs, as in a U-statistic (Hoeffding 1948).
    """
    features, targets = features.float(), targets.float()
    n, k = len(features), len(targets)
    scaled = (features @ targets.T - 1) / temperature  # -cost / ε, (n, k)
    to_feature = features.new_zeros(n)
    for _ in range(rounds):
        to_target = -torch.logsumexp(scaled + to_feature[:, None] - math.log(n), dim=0)
        to_feature = -torch.logsumexp(scaled + to_target - math.log(k), dim=1)
    plan = torch.softmax(scaled + to_target, dim=1)

    among = (features @ features.T - 1) / temperature
    if apart is not None:
        among = among.masked_fill(apart[:, None] == apart, NEVER)
    to_other = features.new_zeros(n)
    for _ in range(rounds):
        update = -torch.logsumexp(among + to_other - math.log(n), dim=1)
        to_other = 0.5 * (to_other + update)
    push = torch.softmax(among + to_other, dim=1) @ features
    return plan @ targets - push, plan.argmax(dim=1)
