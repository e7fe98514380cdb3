"""The same network with labels: from scratch, and fine-tuned from what it learnt without them."""

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import nn

from natkit.core.errors import InputError
from natkit.core.progress import progress
from natkit.data.embedding import Embedding
from natkit.data.images import ImageSet
from natkit.method.batches import Scaling
from natkit.method.embed.features import read_features, source, stored_pixels
from natkit.method.inputs import same_kind
from natkit.method.nat import NAT
from natkit.method.supervised.labelled import SLOWER, Labelled, full_views, last_layers
from natkit.method.supervised.tasks import Goals, Loss, goals_of
from natkit.method.training.checkpoint import FREE
from natkit.method.training.loop import MIN_IMAGES, Loop

LAYERS, CHOICES = ("all", "last"), ("val", "last")
VERSION = 1  # of what a kept draw is made of


@dataclass(frozen=True, eq=False, repr=False)
class Supervised:
    """A network trained with labels, as :func:`supervised` makes it.

    Attributes
    ----------
    network : torch.nn.Module
        Backbone, then classifier: standardised images (n, c, size, size) → scores (n, k).
    history : list of dict
        One row an epoch: epoch, loss, val: AUROC on the labelled images of val (of a measurement less the mean squared
        error in deviations; None without), and seconds.
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
) -> Supervised:
    """Train a backbone and a linear classifier with labels: what a label is worth to the same network.

    A trained backbone first gets the linear classifier that suits it as it is, then both are trained at a quarter of
    the rate: a classifier that knows nothing yet would spoil the backbone.

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
        "val": keep the epoch with the highest AUROC (a measurement: least squared error) on the labelled images of val,
        as the probes choose; fine-tuned, 0 is the classifier on the backbone as it was. "last": the last epoch.
    epochs, lr, seed
        In place of those of ``start`` (fine-tuned: a quarter of its lr). An epoch is a pass over the labelled images,
        but at least 15 steps.

    Returns
    -------
    Supervised
        Its ``embed(images)`` is float32 (n, k): the logarithms of the classes' chances less their mean (a softmax gives
        the chances; of two classes the second alone ranks the images); of columns the log-odds of 1; or (n, 1) the
        measurement in its own unit. ``meta``: name ("supervised" or "fine-tuned"), layer ("class scores"),
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
    images of 64×64 in two views: about 5 s on one CPU core. Ctrl-C ends the epoch and leaves a usable model.

    References
    ----------
    Classifier first: Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform
    Out-of-Distribution", ICLR 2022.
    """
    options = {"layers": layers, "choose": choose, "epochs": epochs, "lr": lr, "seed": seed}
    return _trained(images, label, start, train_ids, quiet=False, **options)[0]


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
        One a draw, in their order.
    """
    found = []
    for ids in progress(draws, "train with labels"):
        file = None
        if folder is not None:
            file = Path(folder) / f"{_key(images, label, start, ids, options)}.npz"
        if file is not None and file.exists():
            found.append(Embedding.load(file))
            continue
        made, whole = _trained(images, label, start, ids, quiet=True, **options)
        if not whole:  # Ctrl-C let its epoch end: what is half trained is not kept
            raise KeyboardInterrupt
        found.append(made.embed(images))
        if file is not None:
            found[-1].save(file)
    return found


def _trained(
    images: ImageSet,
    label: str | Sequence[str],
    start: NAT,
    train_ids: np.ndarray | None,
    quiet: bool,
    layers: str = "all",
    choose: str = "val",
    **changes,
) -> tuple[Supervised, bool]:
    """The network, and whether it was trained to its last epoch."""
    for name, value, known in (("layers", layers, LAYERS), ("choose", choose, CHOICES)):
        if value not in known:
            raise InputError(f"{name} is one of {known}, got {value!r}.")
    if not isinstance(start, NAT):
        raise InputError(
            f"start is a NAT: trained, or for a start from scratch its untrained(). Got {start!r}."
        )
    tuned = getattr(start, "name", "untrained") != "untrained"
    changes = {name: value for name, value in changes.items() if value is not None}
    settings = replace(start, **{"lr": start.lr * (SLOWER if tuned else 1)} | changes)
    settings.check()
    model = start if tuned else settings.untrained(images)
    goals = goals_of(images.table, label)
    train, val = _rows(images, goals, train_ids)
    val = val if choose == "val" else val[:0]
    pixels = images.pixels(settings.size)
    same_kind(pixels, model.scaling)
    net = copy.deepcopy(model.backbone)
    classifier = nn.Linear(net.features, len(goals.names)).to(model.device_)
    nn.init.zeros_(classifier.weight)
    nn.init.zeros_(classifier.bias)
    loss = Loss(goals, train, model.device_)
    only = last_layers(net) if tuned and layers == "last" else None
    network, parts = nn.Sequential(net, classifier), (train, val)
    objective = Labelled(network, pixels, model.scaling, parts, loss, tuned, only)
    objective.what = "" if quiet else "fine-tune" if tuned else "train with labels"
    run = Loop(network, objective.train_pixels, model.scaling, full_views(settings), objective)
    run.train()
    meta = {
        "name": "fine-tuned" if tuned else "supervised",
        "layer": "class scores",
        "classes": goals.names,
        "task": goals.task,
        "labels": len(train),
        "val_labels": len(val),
        "chosen_on": "last epoch" if objective.kept is None else "val",
        "epoch": objective.best,
        "layers": layers if tuned else "all",
        "network": settings.network,
        "seed": settings.seed,
    }
    made = Supervised(network, model.scaling, settings.size, run.history, meta)
    return made, len(run.history) == settings.epochs


def _rows(
    images: ImageSet, goals: Goals, train_ids: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """int64: rows of the labelled images to train on, and of those of val."""
    train = images.split == "train"
    if train_ids is not None:
        wanted = np.asarray(train_ids)
        outside = np.setdiff1d(wanted, images.ids[train])
        if len(outside):
            raise InputError(
                f"train_ids are ids of the split train, but {len(outside)} of {len(wanted)} are not, the first is "
                f"{outside[0]}. Draw from images.ids[images.split == 'train']."
            )
        train = np.isin(images.ids, wanted)
    train = np.flatnonzero(train & goals.known)
    if len(train) < MIN_IMAGES:
        raise InputError(
            f"Training needs at least {MIN_IMAGES} labelled images of the split train, but got {len(train)}. "
            "Label more."
        )
    return train, np.flatnonzero((images.split == "val") & goals.known)


def _key(images: ImageSet, label, start: NAT, ids: np.ndarray, options: dict) -> str:
    """Names what a draw was made of: images, splits, labels, settings and weights of the start."""
    settings = {k: v for k, v in start.plain().items() if k not in FREE}
    goals = goals_of(images.table, label)
    told = [VERSION, images.prepared.data_hash, label, goals.names, settings, options]
    digest = hashlib.sha256(json.dumps(told, default=list).encode())
    digest.update(goals.values.tobytes() + images.ids.tobytes() + "".join(images.split).encode())
    digest.update(np.sort(np.asarray(ids, np.int64)).tobytes())
    if getattr(start, "name", "untrained") != "untrained":
        for weight in start.backbone.state_dict().values():
            digest.update(weight.cpu().numpy().tobytes())
    return digest.hexdigest()[:32]
