"""Training with labels: which layers learn when, and which epoch is kept."""

import copy

import numpy as np
import torch
from torch import nn

from natkit.method.batches import autocast
from natkit.method.embed import read_features
from natkit.method.goals import Loss
from natkit.method.loop import Loop, parts_of, schedule
from natkit.method.views import view

LEAST_STEPS = 15  # of an epoch: fifty labels in twenty passes would be twenty steps
FROZEN = 0.2  # share of the epochs in which a trained backbone waits for its classifier
SLOWER = 0.25  # its learning rate then, as a share of the classifier's
LAST = 0.25  # share of the layers that "last" trains


class Labelled(Loop):
    """Steps on labelled images; after each epoch the loss on val, and a copy of the weights where it is lowest.

    ``parts`` are the rows of ``pixels`` to train on and to choose on, ``only`` the layers of the backbone that learn
    (None: all of them).
    """

    only: set[nn.Module] | None = None

    def __init__(self, network, pixels, parts, loss: Loss, scaling, settings, tuned: bool):
        self.train_rows, self.val_rows = parts
        self.waits = min(round(FROZEN * settings.epochs), settings.epochs - 1) if tuned else 0
        super().__init__(network, pixels[self.train_rows], scaling, settings)
        self.val, self.loss, self.tuned = pixels[self.val_rows], loss, tuned
        self.best, self.lowest, self.kept = 0, np.inf, None

    def _groups(self) -> list[dict]:
        return [{"params": list(part.parameters())} for part in self.encoder]

    def _steps_an_epoch(self) -> int:
        return max(super()._steps_an_epoch(), LEAST_STEPS)

    def _order(self, rng: np.random.Generator) -> np.ndarray:
        """As many shuffles as the epoch needs, each in whole batches, so that no batch has an image twice."""
        whole = self.n - self.n % self.batch
        shuffles = -(-self.per_epoch * self.batch // whole)
        return np.concatenate([rng.permutation(self.n)[:whole] for _ in range(shuffles)])

    def _open(self, epoch: int) -> np.ndarray:
        """Which layers learn in this epoch; the batch norms of the others stay as they are."""
        backbone, waits = self.encoder[0], epoch < self.waits
        backbone.train(not waits)
        for layer in _layers(backbone):
            learns = not waits and (self.only is None or layer in self.only)
            layer.train(learns)
            for weight in layer.parameters(recurse=False):
                weight.requires_grad_(learns)
        return super()._open(epoch)

    def _rates(self, step: int) -> list[float]:
        waits = self.waits * self.per_epoch
        if step < waits:
            return [0.0, self.settings.lr]
        rate = self.settings.lr * schedule(step - waits, self.steps - waits, self.settings)
        return [rate * (SLOWER if self.tuned else 1), rate]

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
        if not len(self.val):
            self.best = row["epoch"]
            return
        scores = torch.from_numpy(read_features(self.encoder, self.val, self.batches.scaling, ""))
        row["val"] = self.loss(scores.to(self.device), self.val_rows).mean().item()
        if row["val"] < self.lowest:
            self.best, self.lowest = row["epoch"], row["val"]
            self.kept = copy.deepcopy(self.encoder.state_dict())

    def finish(self) -> None:
        """Take the best epoch, every weight free to learn again, and scores that can be compared."""
        if self.kept is not None:
            self.encoder.load_state_dict(self.kept)
        self.encoder.requires_grad_(True)
        self.loss.settle(self.encoder[1])


def last_layers(net: nn.Module) -> set[nn.Module]:
    """The last quarter of the layers that have weights, in the order in which the network lists them."""
    layers = _layers(net)
    return set(layers[-max(1, round(LAST * len(layers))) :])


def _layers(net: nn.Module) -> list[nn.Module]:
    return [layer for layer in net.modules() if any(True for _ in layer.parameters(recurse=False))]
