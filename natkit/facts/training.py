"""How the network was trained."""

from dataclasses import dataclass

from natkit.facts.base import Facts


@dataclass(frozen=True)
class Epoch(Facts):
    """One epoch; agreement and others are mean cosines (−1..1) of two views of one and of different images."""

    epoch: int
    loss: float
    agreement: float
    others: float
    changed: float | None  # share of the images with another target than in the epoch before
    seconds: float


@dataclass(frozen=True)
class Training(Facts):
    """The training run and its settings."""

    images: int
    epochs: int
    seconds: float
    images_per_second: float
    device: str
    backbone: str
    features: int  # of the backbone
    dim: int  # of the targets
    n_targets: int
    matching: str
    views: int  # of each image, in a batch
    seed: int
    params: dict
    history: tuple[Epoch, ...]
