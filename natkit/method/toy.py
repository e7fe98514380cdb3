"""Why it does not collapse, on a circle: a tiny network trained with fixed targets, and without."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from natkit.method.objectives.assignment import match
from natkit.method.objectives.targets import targets

KINDS, EACH, NUMBERS = 4, 24, 8  # kinds of image, images of a kind, numbers that an image has
OWN, CHANGE = 0.3, 0.5  # how far an image lies from the middle of its kind, a view from its image
RATE = 0.01


@dataclass(frozen=True)
class Toy:
    """Two trainings of the same network, at some moments.

    Attributes
    ----------
    kinds
        int64 (n,): which images are alike. No training knows.
    steps
        The moments, in steps of training.
    agreement
        float32 (moments, n, 2): places on the unit circle, trained so that two views agree, and nothing else.
    nat
        float32 (moments, n, 2): the same with fixed targets, one each, that the images trade.
    targets
        float32 (n, 2): the fixed targets.
    held
        int64 (moments, n): the target that each image holds.
    """

    kinds: np.ndarray
    steps: tuple[int, ...]
    agreement: np.ndarray
    nat: np.ndarray
    targets: np.ndarray
    held: np.ndarray


def toy(seed: int = 0, steps: tuple[int, ...] = (0, 20, 100, 300)) -> Toy:
    """Train a small network on 96 drawn "images" of four kinds, once for agreement alone and once with NAT.

    An image is eight numbers, a view the same numbers with noise, a feature a point on the unit circle. Both
    trainings begin with the same network.

    Parameters
    ----------
    seed
        Of images, views, network and targets.
    steps
        Moments that are looked at, rising from 0.

    Returns
    -------
    Toy
        Two seconds on one core at 300 steps.

    Notes
    -----
    For agreement alone one point for all is perfect, and here it gets there; weaker views can leave it at two
    points. With targets spread round the circle the same point costs 2, the mean squared distance from them
    all, and each image at its own target nothing.

    References
    ----------
    Bojanowski and Joulin, "Unsupervised Learning by Predicting Noise", ICML 2017, sections 3.1 and 3.2.
    """
    draw = torch.Generator().manual_seed(seed)
    kinds = torch.arange(KINDS * EACH) % KINDS
    images = 2 * torch.eye(KINDS, NUMBERS)[kinds]
    images += OWN * torch.randn(images.shape, generator=draw)
    images -= images.mean(dim=0)
    fixed = targets(torch.arange(len(images)), 2, seed)
    agreement, _ = _trained(images, None, steps, seed)
    nat, held = _trained(images, fixed, steps, seed)
    return Toy(kinds.numpy(), steps, agreement, nat, fixed.numpy(), held)


def _trained(
    images: Tensor, fixed: Tensor | None, steps: tuple[int, ...], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Features at each moment, and the targets held; without targets, two views have to agree."""
    draw = torch.Generator().manual_seed(seed + 1)
    net = _network(seed)
    steering = torch.optim.Adam(net.parameters(), RATE)
    held = torch.arange(len(images))
    features, holders = [], []
    for step in range(steps[-1] + 1):
        if step in steps:
            features.append(_features(net, images).detach().numpy())
            holders.append(held.numpy())
        noise = CHANGE * torch.randn((2, *images.shape), generator=draw)
        one, other = (_features(net, images + change) for change in noise)
        if fixed is None:
            loss = (one - other).square().sum(dim=1).mean()
        else:
            held = held[match(one.detach(), fixed[held])]  # who is nearer takes over, one each
            loss = sum((view - fixed[held]).square().sum(dim=1).mean() for view in (one, other))
        steering.zero_grad()
        loss.backward()
        steering.step()
    return np.stack(features), np.stack(holders)


def _network(seed: int) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(NUMBERS, 64), nn.Tanh(), nn.Linear(64, 2, bias=False))


def _features(net: nn.Sequential, images: Tensor) -> Tensor:
    return normalize(net(images), dim=1)
