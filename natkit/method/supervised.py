"""The same network with labels: from scratch, and fine-tuned from what it learnt without them."""

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from natkit.embedding import Embedding
from natkit.errors import InputError
from natkit.images import ImageSet
from natkit.method.batches import Scaling, autocast
from natkit.method.embed import read_features, source, stored_pixels
from natkit.method.goals import Goals, goals_of
from natkit.method.loop import MIN_IMAGES, Loop, parts_of, schedule
from natkit.method.nat import NAT
from natkit.method.settings import Settings
from natkit.method.views import view
from natkit.progress import progress

LEAST_STEPS = 15  # of an epoch: fifty labels in twenty passes would be twenty steps
FROZEN = 0.2  # share of the epochs in which a trained backbone waits for its classifier
SLOWER = 0.25  # its learning rate then, as a share of the classifier's
LAST = 0.25  # share of the layers that "last" trains


@dataclass(frozen=True, eq=False, repr=False)
class Supervised:
    """A network trained with labels, as :func:`supervised` makes it.

    Attributes
    ----------
    network : torch.nn.Module
        Backbone, then classifier: standardised images (n, c, size, size) → scores (n, k).
    history : list of dict
        One row an epoch: epoch, loss, val (loss on the labelled images of val; None without), seconds.
    meta : dict
        What its embeddings say of it, see :func:`supervised`.
    """

    network: nn.Module
    scaling: Scaling
    size: int
    history: list[dict]
    meta: dict

    def __repr__(self) -> str:
        return f"Supervised({self.meta['name']}, {self.meta['labels']} labels)"

    def embed(self, images: ImageSet, corruption: tuple[str, float] | None = None) -> Embedding:
        """Scores of every image; ``corruption`` as for :meth:`natkit.NAT.embed`."""
        pixels = stored_pixels(images, self.size, corruption)
        vectors = read_features(self.network, pixels, self.scaling)
        return Embedding(vectors, images.ids, self.meta | source(images, corruption))


def supervised(
    images: ImageSet,
    label: str | Sequence[str],
    start: NAT,
    *,
    train_ids: np.ndarray | None = None,
    layers: str = "all",
    choose: str = "val",
    epochs: int | None = None,
    lr: float | None = None,
    seed: int | None = None,
    quiet: bool = False,
) -> Supervised:
    """Train a backbone and a linear classifier with labels: what a label is worth to the same network.

    A classifier on a trained backbone is first trained alone, for a fifth of the epochs; then both, the
    backbone at a quarter of the rate, so that the untrained classifier does not spoil it.

    Parameters
    ----------
    images
        Images without a label are not used. Trained on are those of the split train.
    label
        Column with classes, or with a measurement (more than 50 different numbers); or a list of columns of
        0 and 1, any number of which may be 1 in an image (a missing one is not counted).
    start
        A trained NAT: fine-tuned from its backbone. Its ``untrained()``, or one that was never fitted: from
        scratch. Its settings hold: network, size, views (the full ones), optimiser, epochs, batch, device.
    train_ids
        int64: train on these images of the split train alone (a budget of labels). By default all labelled.
    layers
        Of a trained backbone: "all", or "last", the last quarter of its layers (the fourth block of "small",
        ``layer4`` of a ResNet-18); the others stay frozen, their batch norms too.
    choose
        "val": keep the epoch with the lowest loss on the labelled images of val. "last": the last epoch.
    epochs, lr, seed
        In place of those of ``start``. An epoch is a pass over the labelled images, but at least 15 steps.
    quiet
        Draw no bar.

    Returns
    -------
    Supervised
        Its ``embed(images)`` is float32 (n, k): log-odds of each class before the softmax, of each column, or (n, 1)
        the measurement in its own unit. ``meta``: name ("supervised" or "fine-tuned"), layer ("class scores"),
        classes (sorted text; the columns), task ("classes", "columns" or "measurement"), labels, val_labels (how
        many were learnt and chosen from), chosen_on ("val" or "last epoch"), epoch, layers, network, seed.

    Raises
    ------
    InputError
        For an absent column, fewer than 8 labelled images or one class alone among those trained on, ``train_ids``
        outside train, a setting out of range, a loss that becomes NaN.

    Notes
    -----
    Classes count alike: each image's cross-entropy is weighted by n / (k · images of its class). An epoch of 1,574
    images of 64×64 in two views: about 2 s on one CPU core. Ctrl-C ends the epoch and leaves a usable model.

    References
    ----------
    Classifier first: Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform
    Out-of-Distribution", ICLR 2022.
    """
    return _trained(images, label, start, train_ids, layers, choose, epochs, lr, seed, quiet)[0]


def on_draws(
    images: ImageSet,
    label: str | Sequence[str],
    draws: Sequence[np.ndarray],
    start: NAT,
    *,
    folder: str | Path | None = None,
    **options,
) -> list[Embedding]:
    """:func:`supervised` on each of several draws of labelled images, and what each makes of all images.

    Parameters
    ----------
    draws
        Each int64: ids of images of the split train.
    folder
        Keeps each embedding; the same call goes on where it was stopped, by Ctrl-C too.
    options
        Of :func:`supervised`: layers, choose, epochs, lr, seed.

    Returns
    -------
    list of Embedding
        One a draw, in their order; ``meta["draw"]`` is its number.
    """
    found = []
    for number, ids in enumerate(progress(draws, "train with labels")):
        ids = np.asarray(ids, np.int64)
        file = None
        if folder is not None:
            file = Path(folder) / f"{_key(images, label, ids, start, options)}.npz"
        if file is not None and file.exists():
            emb = Embedding.load(file)
        else:
            given = {"layers": "all", "choose": "val", "epochs": None, "lr": None, "seed": None}
            made, whole = _trained(images, label, start, ids, quiet=True, **given | options)
            if not whole:
                raise KeyboardInterrupt
            emb = made.embed(images)
            if file is not None:
                emb.save(file)
        found.append(Embedding(emb.vectors, emb.ids, emb.meta | {"draw": number}))
    return found


def _trained(
    images, label, start, train_ids, layers, choose, epochs, lr, seed, quiet
) -> tuple[Supervised, bool]:
    """The network, and whether it was trained to the end."""
    _check(layers, choose)
    changes = {"epochs": epochs, "lr": lr, "seed": seed}
    changes = {key: value for key, value in changes.items() if value is not None}
    settings = replace(_settings(start), **changes)
    settings.check()
    if not hasattr(start, "backbone"):
        start = start.untrained(images)
    tuned = start.name != "untrained"
    goals = goals_of(images.table, label)
    train, val = _rows(images, goals, train_ids)
    pixels = images.pixels(settings.size)
    start._same_channels(pixels)
    net = copy.deepcopy(start.backbone)
    classifier = nn.Linear(net.features, len(goals.names))
    nn.init.zeros_(classifier.weight)
    nn.init.zeros_(classifier.bias)
    network = nn.Sequential(net, classifier.to(start.device_))
    goals = goals.for_training(train)
    val = val if choose == "val" else val[:0]
    run = _Run(network, pixels, train, val, goals, start.scaling, settings, tuned, layers)
    run.what = "" if quiet else "fine-tune" if tuned else "train with labels"
    run.train(run.look)
    run.finish()
    meta = {
        "name": "fine-tuned" if tuned else "supervised",
        "layer": "class scores",
        "classes": goals.names,
        "task": goals.task,
        "labels": len(train),
        "val_labels": len(val),
        "chosen_on": "val" if len(val) else "last epoch",
        "epoch": run.best,
        "layers": layers if tuned else "all",
        "network": settings.network,
        "seed": settings.seed,
    }
    made = Supervised(network.eval(), start.scaling, settings.size, run.history, meta)
    return made, len(run.history) == settings.epochs


class _Run(Loop):
    """Steps on labelled images; after each epoch the loss on val, of which the lowest is kept."""

    def __init__(self, network, pixels, train, val, goals: Goals, scaling, settings, tuned, layers):
        self.tuned = tuned
        self.goals, self.train_rows = goals, train
        self.waits = round(FROZEN * settings.epochs) if tuned else 0  # epochs
        self.waits = min(self.waits, settings.epochs - 1)
        self.layers = last_layers(network[0]) if tuned and layers == "last" else None
        super().__init__(network, pixels[train], scaling, settings)
        self.val, self.val_goals = pixels[val], goals.rows(val, self.device)
        self.train_goals = goals.rows(train, self.device)
        self.best, self.lowest, self.kept = 0, np.inf, None

    def _groups(self) -> list[dict]:
        return [{"params": list(part.parameters())} for part in self.encoder]

    def _steps_an_epoch(self) -> int:
        return max(super()._steps_an_epoch(), LEAST_STEPS)

    def _order(self, rng: np.random.Generator) -> np.ndarray:
        """Whole shuffles, one after another; of a shuffle's end that fills no batch nothing is used."""
        each = self.n // self.batch
        shuffles = [rng.permutation(self.n)[: each * self.batch] for _ in range(-(-self.per_epoch // each))]
        return np.concatenate(shuffles)[: self.per_epoch * self.batch]

    def _open(self, epoch: int) -> np.ndarray:
        """Which layers learn in this epoch: those that don't keep their batch norms as they are."""
        self.encoder.train()
        for layer in leaves(self.encoder[0]):
            learns = epoch >= self.waits and (self.layers is None or layer in self.layers)
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
        light, loss = self.batches.light(rows), 0.0
        goals = self.train_goals.at(rows)
        many = self.settings.n_views
        views = [view(light, self.views, self.generator) for _ in range(many)]
        for part in parts_of(len(rows), self.micro):
            seen = torch.cat([self.batches.scaling.standard(each[part]) for each in views])
            with autocast(self.device):
                scores = self.network(seen.contiguous(memory_format=torch.channels_last))
            share = goals.loss(scores.float(), part, many).sum() / (len(rows) * many)
            share.backward()
            loss += share.item()
        return {"loss": loss}

    def look(self) -> None:
        """At the end of an epoch: the loss on val, and a copy of the weights where it is the lowest."""
        row = self.history[-1]
        row["val"] = None
        if not len(self.val):
            self.best = row["epoch"]
            return
        scores = torch.from_numpy(read_features(self.encoder, self.val, self.batches.scaling, ""))
        loss = self.val_goals.loss(scores.to(self.device), slice(None), 1).mean().item()
        row["val"] = loss
        if loss < self.lowest:
            self.best, self.lowest = row["epoch"], loss
            self.kept = {k: v.clone() for k, v in self.encoder.state_dict().items()}

    def finish(self) -> None:
        """Take the epoch that was chosen, and give a measurement its own unit."""
        if self.kept is not None:
            self.encoder.load_state_dict(self.kept)
        for weight in self.encoder.parameters():
            weight.requires_grad_(True)
        with torch.no_grad():
            self.goals.in_own_unit(self.encoder[1])
