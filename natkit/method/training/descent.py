"""The optimiser that the settings name, and its learning rate at each step."""

import math
from collections.abc import Iterable

import torch
from torch import nn

from natkit.method.settings import Settings


def optimizer(weights: Iterable[nn.Parameter], settings: Settings) -> torch.optim.Optimizer:
    """SGD or AdamW for these weights."""
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            weights,
            settings.lr,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
        )
    # not fused: that one mixes up weights and moments of different memory formats after loading
    return torch.optim.AdamW(weights, settings.lr, weight_decay=settings.weight_decay)


def schedule(step: int, steps: int, settings: Settings) -> float:
    """Share of the peak learning rate: a straight rise, then half a cosine down to 0, or level."""
    rise = settings.warmup * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    if settings.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
