"""NAT, the estimator: fit, partial_fit, transform, embed, export, save, load."""

import copy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from torch import nn

from natkit.core import html
from natkit.core.errors import InputError
from natkit.data.embedding import Embedding
from natkit.data.images import ImageSet
from natkit.data.shards import Stream
from natkit.data.signals import Signals
from natkit.method.batches import Scaling, device_named
from natkit.method.embed.features import read_features, source, stored_pixels
from natkit.method.inputs import (
    SETS,
    Data,
    check_kind,
    for_training,
    must_read_small,
    row_weights,
    same_kind,
    stored,
)
from natkit.method.networks.backbones import backbone, head
from natkit.method.networks.export import export
from natkit.method.networks.weights import load_weights
from natkit.method.objectives.assigned import narrow
from natkit.method.objectives.matching import NoiseAsTargets
from natkit.method.settings import PAPER, SIGNALS, VECTORS, Settings
from natkit.method.training import checkpoint as disk
from natkit.method.training.distributed import Team
from natkit.method.training.loop import Loop

SHOWN = ("network", "size", "matching", "dim", "n_targets", "views")  # settings in a notebook


@dataclass(kw_only=True, eq=False, repr=False)
class NAT(Settings, TransformerMixin, BaseEstimator):
    """Train an encoder with no labels by Noise As Targets.

    Every image is pulled towards fixed random points on a sphere, and images trade points so that like
    images come to hold neighbouring ones. The points are spread evenly and stay where they are, so the
    features can't collapse. After training the head is thrown away; what is kept is the backbone.

    Parameters
    ----------
    {settings}

    Attributes
    ----------
    backbone : torch.nn.Module
        The trained network: standardised images (n, c, size, size) → (n, features).
    history : list of dict
        One row an epoch, see :class:`natkit.method.training.loop.Loop`.
    assignment : ndarray
        int32, int64 from 2³¹ targets on: index of the target that each training image holds.
    ids : ndarray
        int32 or int64: the training images, in the order of ``assignment``.
    running : Loop or None
        The training that is under way, for who looks on from another thread.

    References
    ----------
    Bojanowski and Joulin, "Unsupervised Learning by Predicting Noise", ICML 2017. The default matching
    is its debiased soft form, see :func:`natkit.method.objectives.soft.soft_match`.

    Examples
    --------
    >>> pictures = np.random.default_rng(0).integers(0, 255, (32, 16, 16), dtype=np.uint8)
    >>> model = NAT(epochs=1, size=16, device="cpu").fit(pictures)
    >>> model.transform(pictures).shape
    (32, 192)
    """

    running: ClassVar[Loop | None] = None

    @classmethod
    def paper(cls, **changes) -> "NAT":
        """The recipe of the paper: AlexNet with batch norm on grey gradients, one view, exact matching.

        One random crop and flip; i.i.d. targets of length 2,048; the batch of 256 matched in every third
        epoch; plain SGD, step 0.01, on the summed loss. For large sets: on small ones it loses to an
        untrained network. ``changes`` replace single settings.
        """
        return cls(**PAPER | changes)

    @classmethod
    def signals(cls, **changes) -> "NAT":
        """For signals (n, channels, length): a residual network over time, and views of a machine that runs steadily.

        For strokes and cycles, which begin where their recording begins: ``views="cycle"``.
        """
        return cls(**SIGNALS | changes)

    @classmethod
    def vectors(cls, **changes) -> "NAT":
        """For vectors (n, d): a small MLP, and views by noise and masked numbers."""
        return cls(**VECTORS | changes)

    def fit(
        self,
        images: Data,
        y=None,
        *,
        sample_weight: np.ndarray | None = None,
        checkpoint: str | Path | None = None,
    ) -> "NAT":
        """Train from random weights, or from those in the file ``weights``.

        Parameters
        ----------
        images
            An ImageSet or Signals: only its split ``train`` is used. Or an array (n, h, w) or (n, h, w, c) of uint8,
            uint16 or float, for :meth:`signals` (n, channels, length), for :meth:`vectors` (n, d): all of it is
            used, and its row numbers are the ids.
        y
            Ignored: there are no labels.
        sample_weight
            float, one for each of ``images``: how often each is shown, so that a rare group is seen as often
            as a common one; ``images.table["weight"]`` balances class and groups. By default all alike.
        checkpoint
            Folder that keeps the state after each epoch, and every ten minutes. The same call goes on from
            there if it was stopped, with the same result to the bit (on a CPU with the same number of threads).

        Returns
        -------
        NAT
            Itself, trained.

        Raises
        ------
        InputError
            For fewer than 8 images, NaN pixels, one constant colour, a setting out of range, a checkpoint of
            other settings or images, a loss that becomes NaN.

        Notes
        -----
        1,968 images of 96×96: under 1.5 GB; 20 epochs of two full views, as many pixels as the default's 13 with
        four small ones besides, took about 100 s on two CPU cores. Ctrl-C ends the epoch and leaves a usable model.
        """
        self.check()
        pixels, ids = for_training(images, self)
        vars(self).pop("backbone", None)  # should this training fail, the model is untrained
        self.scaling = Scaling.of(pixels)
        self.device_ = device_named(self.device)
        net = self.first_backbone()
        held = np.full(len(ids), -1) if self.matching == "soft" else ids
        if isinstance(pixels, Stream) and (self.whole_set or sample_weight is not None):
            raise InputError(
                "Images in shards are shown once an epoch in an order of their own, so whole_set and sample_weight "
                "can't be had with them. Leave these out, or move the folder shards away."
            )
        if sample_weight is not None:
            sample_weight = row_weights(sample_weight, images, len(ids), self)
        outer = self.new_head(net.features)
        run = self._train(net, outer, pixels, ids, held, checkpoint, sample_weight)
        self.ids, self.assignment, self.history = narrow(ids), run.objective.held, run.history
        return self

    def partial_fit(
        self,
        images: Data,
        y=None,
        *,
        old: Data | None = None,
        checkpoint: str | Path | None = None,
    ) -> "NAT":
        """Go on training with new images. They take the next targets; old images keep theirs.

        Parameters
        ----------
        images
            New images alone, as for :meth:`fit`. In ``ids`` and ``assignment`` they get the next numbers.
        y
            Ignored.
        old
            The images of the earlier trainings, in the same order, to be trained along so that they are not
            forgotten. Without them the network sees new images only.
        checkpoint
            As for :meth:`fit`; not the folder of an earlier training.

        Returns
        -------
        NAT
            Itself, trained for ``epochs`` more. The pixels are scaled as at first, so that embeddings from
            before and after can be told apart by the training alone.

        Raises
        ------
        InputError
            As for :meth:`fit`; for other channels than before; if ``old`` are not as many as trained on.
        """
        if not hasattr(self, "backbone"):
            return self.fit(images, checkpoint=checkpoint)
        if self.head is None or not self.history:
            raise InputError(
                f"This model ({self.name}) holds no training to go on with: it was made by untrained(). Call "
                "partial_fit on the trained model, or fit."
            )
        self.check()
        pixels, _ = for_training(images, self)
        same_kind(pixels, self.scaling)
        n_old, n_new = len(self.ids), len(pixels)
        first = int(self.ids.max(initial=-1)) + 1
        ids = np.concatenate([self.ids, np.arange(first, first + n_new)])
        unmet = np.full(n_new, -1) if self.matching == "soft" else ids[n_old:]
        held = np.concatenate([self.assignment, unmet])
        rows, past = slice(n_old, None), {"ids": self.ids, "targets": self.assignment}
        if old is not None:
            before, _ = for_training(old, self)
            same_kind(before, self.scaling)
            if len(before) != n_old:
                raise InputError(
                    f"old holds {len(before)} images, but this model was trained on {n_old}. Give the same "
                    "images in the same order."
                )
            pixels, rows, past = np.concatenate([before, pixels]), slice(None), {}
        net, outer = copy.deepcopy(self.backbone), copy.deepcopy(self.head)
        past["history"] = self.history
        run = self._train(net, outer, pixels, ids[rows], held[rows], checkpoint, past=past)
        held[rows] = run.objective.held
        self.ids, self.assignment = narrow(ids), narrow(held)
        self.history = disk.joined(self.history, run.history)
        return self

    def _train(
        self, net, outer, pixels, ids, held, checkpoint, sample_weight=None, past=None
    ) -> Loop:
        """Train copies of the networks, and take them over when all went well."""
        must_read_small(net, self, len(self.scaling.mean))
        team, facts = Team.here(), {"data": None, "scaling": asdict(self.scaling)}
        if checkpoint is not None or team.size > 1:
            facts["data"] = disk.fingerprint(pixels, ids, sample_weight)
        team.agree(self.plain() | {"device": self.device_.type, "images": facts["data"]})
        net = net.to(self.device_, memory_format=torch.channels_last)
        encoder = nn.Sequential(net, outer.to(self.device_))
        objective = self.new_objective(held)
        run = Loop(encoder, pixels, self.scaling, self, objective, sample_weight, team)
        self.running = run
        try:
            if checkpoint is None:
                run.train()
            else:
                disk.train(run, checkpoint, facts, ids, past or {})
        finally:
            self.running = None
        self._place(net, outer, "NAT")
        return run

    def stop(self) -> None:
        """Let a training that runs in another thread end with its epoch; it leaves a usable model."""
        if self.running is not None:
            self.running.stop.set()

    def transform(self, images: Data) -> np.ndarray:
        """Features of the backbone, float32 (n, features); the head is not used.

        Takes what :meth:`fit` takes; all rows, whatever their split. About 1,000 images of 96×96 a second
        on two CPU cores.
        """
        self._must_be_fitted()
        pixels, _ = stored(images, self)
        same_kind(pixels, self.scaling)
        return read_features(self.backbone, pixels, self.scaling)

    def embed(
        self, images: ImageSet | Signals, corruption: tuple[str, float] | None = None
    ) -> Embedding:
        """Features of every image, with their ids and where they came from.

        ``corruption`` shows the images under a fault of the line: a kind and a strength of
        :func:`natkit.method.views.corruptions.corrupted`, such as ``("blur", 0.01)``.
        """
        self._must_be_fitted()
        if not isinstance(images, SETS):
            raise InputError(
                f"embed takes an ImageSet or Signals, whose ids it keeps, but got {type(images).__name__}. For an "
                "array use transform."
            )
        check_kind(images, self)
        streamed = corruption is None and isinstance(images, ImageSet)
        pixels = (
            images.stream(self.size) if streamed else stored_pixels(images, self.size, corruption)
        )
        same_kind(pixels, self.scaling)
        meta = {"name": self.name, "layer": "backbone", "network": self.network, "seed": self.seed}
        vectors = read_features(self.backbone, pixels, self.scaling)
        return Embedding(vectors, images.ids, meta | source(images, corruption))

    def untrained(self, images: Data | None = None) -> "NAT":
        """The control: the same network with the weights from which training began.

        ``images`` are needed where nothing was trained yet: what :meth:`fit` would take, for their channels and
        brightness.
        """
        control = NAT(**self.get_params(deep=False))
        if images is None:
            self._must_be_fitted()
            control.scaling = self.scaling
        else:
            self.check()
            control.scaling = Scaling.of(for_training(images, self)[0])
        control.history, none = [], np.empty(0, np.int64)
        control.ids, control.assignment = none, none
        return control._place(control.first_backbone(), None, "untrained")

    def _repr_html_(self) -> str:
        """What it is and how it was trained; in a notebook this stands in place of scikit-learn's diagram."""
        facts = {name: getattr(self, name) for name in SHOWN}
        name = "NAT, not trained yet"
        if hasattr(self, "backbone"):
            name = self.name
            facts |= {"features": self.backbone.features, "device": self.device_}
            facts |= {"images": len(self.ids), "epochs": len(self.history)}
            last = self.history[-1] if self.history else {}
            known = {key: last.get(key) for key in ("agreement", "others")}
            facts |= {key: f"{value:.3f}" for key, value in known.items() if value is not None}
        rows = [(fact, str(value)) for fact, value in facts.items()]
        return html.table(name, pd.DataFrame(rows, columns=["fact", "value"]))

    def _repr_mimebundle_(self, **_) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def export(self, file: str | Path) -> None:
        """Write the backbone for other programs: ``.safetensors`` or ``.onnx``.

        See :func:`natkit.method.networks.export.export`. An existing file is never overwritten.
        """
        self._must_be_fitted()
        export(self.backbone, self.scaling, self.size, file)

    def save(self, folder: str | Path) -> None:
        """Write a run: config.json, backbone and head as safetensors, assignment, history, environment."""
        self._must_be_fitted()
        disk.save(self, folder)

    @classmethod
    def load(cls, folder: str | Path) -> "NAT":
        """Read a run that :meth:`save` wrote, or the folder of a checkpoint. No pickle is ever opened."""
        return disk.load(cls, folder)

    def new_backbone(self) -> nn.Module:
        """The backbone with random weights, for the images' channels."""
        return backbone(self.network, len(self.scaling.mean), self.seed, self.stem, self.size)

    def first_backbone(self) -> nn.Module:
        """The backbone from which training begins: random, or with the weights of a file."""
        net = self.new_backbone()
        if self.weights:
            load_weights(net, self.weights)
        return net

    def new_head(self, features: int) -> nn.Module:
        """The head before training."""
        return head(features, (self.head_width,) * self.head_layers, self.dim, self.seed)

    def new_objective(self, held: np.ndarray) -> NoiseAsTargets:
        """What is learnt, by images that hold the targets ``held`` (n,) at first."""
        return NoiseAsTargets(held, self, self.device_)

    def _place(self, net: nn.Module, outer: nn.Module | None, name: str) -> "NAT":
        """Take the networks to the device, ready to read features."""
        self.device_ = device_named(self.device)
        self.backbone = net.to(self.device_, memory_format=torch.channels_last).eval()
        self.head = None if outer is None else outer.to(self.device_).eval()
        self.name = name
        return self

    def _must_be_fitted(self) -> None:
        if not hasattr(self, "backbone"):
            raise InputError(
                "This model is not trained yet. Call fit(images), or NAT.load(folder)."
            )


NAT.__doc__ = NAT.__doc__.replace(
    "{settings}", Settings.__doc__.partition("----------\n")[2].strip()
)
