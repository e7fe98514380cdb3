"""Training with labels: which layers learn when, and which epoch is kept."""

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from natkit.method.batches import Scaling, autocast
from natkit.method.embed.features import read_features
from natkit.method.settings import Settings
from natkit.method.supervised.tasks import Loss
from natkit.method.training.loop import Loop, parts_of
from natkit.method.views.images import view

LEAST_STEPS = 15  # of an epoch: fifty labels in twenty passes would be twenty steps
SLOWER = 0.25  # learning rate of a trained backbone, as a share of the one from scratch
LAST = 0.25  # share of the layers that "last" trains


class Labelled(Loop):
    """Steps on labelled images; after each epoch a look at val, and a copy of the weights where they order it best.

    ``parts`` are the rows of ``pixels`` to train on and to choose on; ``tuned``: the backbone is trained already, and
    the classifier is fitted to it first; ``only`` the layers of the backbone that learn (None: all of them).
    """

    def __init__(
        self,
        network: nn.Sequential,
        pixels: np.ndarray,
        parts: tuple[np.ndarray, np.ndarray],
        loss: Loss,
        scaling: Scaling,
        settings: Settings,
        tuned: bool,
        only: set[nn.Module] | None = None,
    ):
        self.train_rows, self.val_rows = parts
        super().__init__(network, pixels[self.train_rows], scaling, settings)
        self.val, self.loss, self.tuned, self.only = pixels[self.val_rows], loss, tuned, only
        self.best, self.highest, self.kept = 0, -np.inf, None

    def _steps_an_epoch(self) -> int:
        return max(super()._steps_an_epoch(), LEAST_STEPS)

    def _order(self, rng: np.random.Generator) -> np.ndarray:
        """As many shuffles as the epoch needs, each in whole batches, so that no batch has an image twice."""
        whole = self.n - self.n % self.batch
        shuffles = -(-self.per_epoch * self.batch // whole)
        return np.concatenate([rng.permutation(self.n)[:whole] for _ in range(shuffles)])

    def _begin(self) -> None:
        """A trained backbone first gets the classifier that suits it as it is; val may find that best."""
        if not self.tuned:
            return
        known = read_features(self.encoder[0], self.batches.pixels, self.batches.scaling, "")
        features = torch.from_numpy(known).to(self.device)
        fit_classifier(self.encoder[1], features, lambda scores: self.loss(scores, self.train_rows))
        self._keep(0, self._val_ranks())

    def _open(self, epoch: int) -> np.ndarray:
        """Which layers learn; the batch norms of the others stay as they are."""
        self.encoder.train()
        for layer in _layers(self.encoder[0]):
            learns = self.only is None or layer in self.only
            layer.train(learns)
            for weight in layer.parameters(recurse=False):
                weight.requires_grad_(learns)
        return super()._open(epoch)

    def _gradients(self, rows: np.ndarray, epoch: int) -> dict:
        light, n, total = self.batches.light(rows), self.settings.n_views, 0.0
        views = [view(light, self.views, self.generator) for _ in range(n)]
        for part in parts_of(len(rows), self.micro):
            seen = torch.cat([self.batches.scaling.standard(each[part]) for each in views])
            with autocast(self.device):
                scores = self.network(seen)
            losses = self.loss(scores.float(), np.tile(self.train_rows[rows[part]], n))
            share = losses.sum() / (n * len(rows))
            share.backward()
            total += share.item()
        return {"loss": total}

    def look(self) -> None:
        """At the end of an epoch: is it the best so far?"""
        row = self.history[-1]
        row["val"] = self._val_ranks()
        self._keep(row["epoch"], row["val"])

    def _val_ranks(self) -> float | None:
        if not len(self.val):
            return None
        scores = read_features(self.encoder, self.val, self.batches.scaling, "")
        return self.loss.ranks(scores, self.val_rows)

    def _keep(self, epoch: int, ranks: float | None) -> None:
        """The weights as they are, if val ranks its images better by them; without val those of the last epoch."""
        if ranks is None:
            self.best = epoch
        elif ranks > self.highest:
            self.best, self.highest = epoch, ranks
            self.kept = copy.deepcopy(self.encoder.state_dict())

    def finish(self) -> None:
        """Take the best epoch, every weight free to learn again, and scores that can be compared."""
        if self.kept is not None:
            self.encoder.load_state_dict(self.kept)
        self.encoder.requires_grad_(True)
        self.loss.settle(self.encoder[1])


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
