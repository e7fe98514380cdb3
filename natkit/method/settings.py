"""Everything that decides how a run goes, besides its images."""

import math
from dataclasses import asdict, dataclass, field, fields
from numbers import Integral, Real
from pathlib import Path
from typing import get_args

import numpy as np

from natkit.core.errors import InputError
from natkit.method.networks.signals import kind_of
from natkit.method.objectives.soft import COLDEST
from natkit.method.views.images import Views, preset
from natkit.method.views.signals import SignalViews

CHOICES = {
    "matching": ("soft", "exact", "fast"),
    "optimizer": ("adamw", "sgd"),
    "schedule": ("cosine", "constant"),
    "reduction": ("mean", "sum"),
    "stem": ("standard", "small", "gradients"),
}
KINDS = {  # of a setting, in words
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    bool: "True or False",
    Views: "Views(...)",
    SignalViews: "SignalViews(...)",
    type(None): "None",
}
LEAST = {
    "epochs": 1,
    "batch_size": 1,
    "micro_batch": 1,
    "n_views": 1,
    "match_every": 1,
    "pool": 0,
    "dim": 2,
    "n_targets": 1,
    "head_width": 1,
    "head_layers": 0,
    "size": 8,
    "seed": 0,
    "lr": 0,
    "weight_decay": 0,
    "temperature": COLDEST,
}
PAPER = {
    "epochs": 100,
    "batch_size": 256,
    "n_views": 1,
    "matching": "exact",
    "match_every": 3,
    "dim": 2048,
    "optimizer": "sgd",
    "lr": 0.01,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "schedule": "constant",
    "warmup": 0.0,
    "reduction": "sum",
    "network": "alexnet_bn",
    "stem": "gradients",
    "size": 224,
    "head_width": 4096,
    "head_layers": 2,
    "views": Views(crop=(0.3, 1.0), brightness=0, contrast=0, blur=0, small=0),
}


SIGNALS = {"network": "resnet1d", "views": "vibration"}
VECTORS = {"network": "mlp", "views": "vector"}


@dataclass(kw_only=True)
class Settings:
    """Everything that decides how a run goes, besides its images. Saved with the run.

    Parameters
    ----------
    epochs
        Passes over the training images.
    batch_size
        Images a step of the optimiser.
    micro_batch
        Images at once through the network; None: the whole batch.
    n_views
        Full-size views of an image in a step; ``views`` may add small ones.
    views
        What may change from view to view: :class:`natkit.Views`, or the name of a preset (:func:`natkit.preset`).
    matching
        How images get targets: "soft", by debiased Sinkhorn; or one target an image: "exact", "fast".
    match_every
        Epochs from one matching to the next.
    pool
        Images matched together; beyond the batch they are recent ones, from a queue.
    whole_set
        With one target an image: also match all images before and between epochs.
    dim
        Length of a target.
    n_targets
        Targets of the soft matching; the others have one for each image.
    temperature
        Entropic blur of the soft matching.
    reduction
        Of the loss over a batch: "mean", or "sum" as in the paper.
    optimizer
        "adamw" or "sgd".
    lr, momentum, weight_decay
        Peak step size; momentum of "sgd"; weight decay.
    schedule
        Of the step size: "cosine", down to 0 after the warm-up, or "constant".
    warmup
        Share of the steps spent rising to ``lr``.
    network
        The backbone, by a name that :func:`natkit.networks` lists.
    stem
        "standard"; "small": for small pictures; "gradients": as in the paper.
    weights
        Safetensors file of the backbone's first weights; None: random ones.
    head_width, head_layers
        Width and number of the hidden layers of the head; its last layer is always linear.
    size
        Pixels; images are resized to size × size.
    seed
        Of weights, targets, batches and views.
    device
        "auto": CUDA if there is one, else "cpu".
    compile
        torch.compile: minutes to start, faster steps; needs a C++ compiler.
    """

    epochs: int = 13
    batch_size: int = 64
    micro_batch: int | None = None
    n_views: int = 2
    views: Views | SignalViews | str = field(default_factory=Views)
    matching: str = "soft"
    match_every: int = 1
    pool: int = 0
    whole_set: bool = False
    dim: int = 64
    n_targets: int = 2048
    temperature: float = 0.2
    reduction: str = "mean"
    optimizer: str = "adamw"
    lr: float = 2e-3
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: str = "cosine"
    warmup: float = 0.1
    network: str = "small"
    stem: str = "standard"
    weights: str | Path | None = None
    head_width: int = 1024
    head_layers: int = 1
    size: int = 96
    seed: int = 0
    device: str = "auto"
    compile: bool = False

    def check(self) -> None:
        """Raise InputError for a value that can't be used."""
        for each in fields(Settings):
            self._check_kind(each.name, get_args(each.type) or (each.type,))
        for name, least in LEAST.items():
            value = getattr(self, name)
            if value is not None and not value >= least:  # also NaN
                why = " It is the length of a target; try 64." if name == "dim" else ""
                raise InputError(f"{name} must be at least {least}, got {value}.{why}")
            if value is not None and value >= (2**63 if isinstance(value, Integral) else math.inf):
                raise InputError(f"{name} is too large: {value}.")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise InputError(f"{name} is one of {known}, got {getattr(self, name)!r}.")
        for name in ("warmup", "momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} is a share in [0, 1), got {getattr(self, name)}.")
        if self.whole_set and self.matching == "soft":
            raise InputError(
                "whole_set needs one target an image: use it with matching='fast' or 'exact'."
            )
        if self.resolved_views().kind != self.kind:
            raise InputError(
                f"The network {self.network!r} and the views {self.views!r} don't go together: one is for images, "
                "one for signals. Take NAT(), NAT.signals() or NAT.vectors()."
            )
        if self.kind == "signals" and self.stem != "standard":
            raise InputError(f"{self.network} has no other stem. Leave stem out.")

    def _check_kind(self, name: str, kinds: tuple) -> None:
        value, numbers = getattr(self, name), {int: Integral, float: Real}
        if not isinstance(value, tuple(numbers.get(kind, kind) for kind in kinds)):
            wanted = " or ".join(KINDS[kind] for kind in kinds)
            raise InputError(f"{name} is {wanted}, got {value!r}.")

    @property
    def kind(self) -> str:
        """What the network takes: "images", or "signals", which vectors are too."""
        return kind_of(self.network)

    def resolved_views(self) -> Views | SignalViews:
        """The views, also where they are given by the name of a preset."""
        return preset(self.views) if isinstance(self.views, str) else self.views

    def plain(self) -> dict:
        """As plain values for JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(Settings)}
        if not isinstance(self.views, str):
            values["views"] = {k: _plain(v) for k, v in asdict(self.views).items()}
        return {name: _plain(value) for name, value in values.items()}


def _plain(value):
    """Numbers of NumPy and paths as JSON knows them."""
    if isinstance(value, np.generic):
        return value.item()
    return str(value) if isinstance(value, Path) else value
