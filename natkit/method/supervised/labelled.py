"""Labels as an objective: which layers learn when, and which epoch is kept."""

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from natkit.method.batches import Scaling
from natkit.method.embed.features import read_features
from natkit.method.objectives.objective import Everyone, Objective
from natkit.method.settings import Settings
from natkit.method.supervised.tasks import Loss

LEAST_STEPS = 15  # of an epoch: fifty labels in twenty passes would be twenty steps
SLOWER = 0.25  # learning rate of a trained backbone, as a share of the one from scratch
LAST = 0.25  # share of the layers that "last" trains


class Labelled(Objective):
    """The loss of labelled images; after each epoch a look at val, and a copy of the weights where they order it best.

    Parameters
    ----------
    network
        Backbone, then classifier.
    pixels, scaling
        All images, and what they are standardised with.
    parts
        Rows of ``pixels`` to train on and to choose on.
    loss
        Of scores and rows of ``pixels``.
    tuned
        The backbone is trained already, and the classifier is fitted to it first.
    only
        The layers of the backbone that learn; None: all of them.

    Attributes
    ----------
    best : int
        The epoch that is kept, counted from 1; 0 is the network before the first step.
    """

    unit = False
    least_steps = LEAST_STEPS

    def __init__(
        self,
        network: nn.Sequential,
        pixels: np.ndarray,
        scaling: Scaling,
        parts: tuple[np.ndarray, np.ndarray],
        loss: Loss,
        tuned: bool,
        only: set[nn.Module] | None = None,
    ):
        self.network, self.scaling, self.of = network, scaling, loss
        self.tuned, self.only = tuned, only
        self.train_rows, self.val_rows = parts
        self.train_pixels, self.val_pixels = (pixels[rows] for rows in parts)
        self.epoch, self.best, self.highest, self.kept = 0, 0, -np.inf, None

    def begin(self, everyone: Everyone) -> None:
        """A trained backbone first gets the classifier that suits it as it is; val may find that best."""
        if not self.tuned:
            return
        known = read_features(self.network[0], self.train_pixels, self.scaling, "")
        classifier = self.network[1]
        features = torch.from_numpy(known).to(classifier.weight.device)
        fit_classifier(classifier, features, lambda scores: self.of(scores, self.train_rows))
        self._keep(self._val_ranks())

    def open(self, epoch: int) -> None:
        """Which layers learn; the batch norms of the others stay as they are."""
        self.epoch = epoch + 1
        for layer in _layers(self.network[0]):
            learns = self.only is None or layer in self.only
            layer.train(learns)
            for weight in layer.parameters(recurse=False):
                weight.requires_grad_(learns)

    def loss(self, features: Tensor, rows: np.ndarray, epoch: int) -> Tensor:
        """The mean over the views (views, n, k) of each image."""
        n_views, n = features.shape[:2]
        losses = self.of(features.flatten(0, 1), np.tile(self.train_rows[rows], n_views))
        return losses.view(n_views, n).mean(dim=0)

    def close(self, rows: np.ndarray) -> dict[str, float | None]:
        """Is it the best epoch so far?"""
        ranks = self._val_ranks()
        self._keep(ranks)
        return {"val": ranks}

    def end(self, broadcast: Callable[[Tensor], Tensor]) -> None:
        """Take the best epoch, every weight free to learn again, and scores that can be compared."""
        if self.kept is not None:
            self.network.load_state_dict(self.kept)
        self.network.requires_grad_(True)
        self.of.settle(self.network[1])

    def _val_ranks(self) -> float | None:
        if not len(self.val_pixels):
            return None
        scores = read_features(self.network, self.val_pixels, self.scaling, "")
        return self.of.ranks(scores, self.val_rows)

    def _keep(self, ranks: float | None) -> None:
        """The weights as they are, if val ranks its images better by them; without val those of the last epoch."""
        if ranks is None:
            self.best = self.epoch
        elif ranks > self.highest:
            self.best, self.highest = self.epoch, ranks
            self.kept = copy.deepcopy(self.network.state_dict())


def full_views(settings: Settings) -> Settings:
    """The same settings without small views."""
    views = settings.resolved_views()
    return replace(settings, views=replace(views, small=0)) if views.small else settings


def fit_classifier(
    layer: nn.Linear, features: Tensor, loss: Callable[[Tensor], Tensor], c: float = 0.01
) -> None:
    """The best linear layer on features (n, d), float32, as they are: least Σ loss + ‖weight‖² / 2c.

    The weight is that of standardised features; ``loss`` turns scores (n, k) into (n,). With cross-entropy it is
    scikit-learn's ``LogisticRegression(C=c)`` of three classes or more, ``C=2 * c`` of two. L-BFGS, under a second.
    """
    mean, std = features.mean(dim=0), features.std(dim=0, correction=0)
    std = torch.where(std > 0, std, 1)
    x = (features - mean) / std
    weight, bias = (torch.zeros_like(p, requires_grad=True) for p in (layer.weight, layer.bias))
    solver = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def total() -> Tensor:
        solver.zero_grad()
        value = loss(x @ weight.T + bias).mean() + (weight**2).sum() / (2 * c * len(x))
        value.backward()
        return value

    solver.step(total)
    with torch.no_grad():
        layer.weight.copy_(weight / std)
        layer.bias.copy_(bias - layer.weight @ mean)


def last_layers(net: nn.Module) -> set[nn.Module]:
    """The last quarter of the layers that have weights, in the order in which the network lists them."""
    layers = _layers(net)
    return set(layers[-max(1, round(LAST * len(layers))) :])


def _layers(net: nn.Module) -> list[nn.Module]:
    return [layer for layer in net.modules() if any(True for _ in layer.parameters(recurse=False))]
