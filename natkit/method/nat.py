"""NAT, the estimator: fit, transform, embed, save, load."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from torch import nn

from natkit.embedding import Embedding
from natkit.errors import InputError
from natkit.images import ImageSet, resize
from natkit.method import checkpoint
from natkit.method.backbones import backbone, head
from natkit.method.embed import read_features
from natkit.method.training import MIN_IMAGES, Scaling, Settings, train


@dataclass(kw_only=True, eq=False, repr=False)
class NAT(Settings, TransformerMixin, BaseEstimator):
    """Train an encoder with no labels by Noise As Targets.

    Every image is pulled towards fixed random points on a sphere, and images trade points so that like
    images come to hold neighbouring ones. The points are spread evenly and stay where they are, so the
    features can't collapse. After training the head is thrown away; what is kept is the backbone.

    Parameters
    ----------
    epochs, batch_size, matching, dim, …
        See :class:`natkit.method.training.Settings`; every setting is a keyword.

    Attributes
    ----------
    backbone : torch.nn.Module
        The trained network: standardised images (n, c, size, size) → (n, features).
    history : list of dict
        One row an epoch: epoch, loss, changed, seconds.
    assignment : ndarray
        int64: index of the target that each training image holds.
    ids : ndarray
        int64: the training images, in the order of ``assignment``.

    References
    ----------
    Bojanowski and Joulin, "Unsupervised Learning by Predicting Noise", ICML 2017. The default matching
    is its debiased soft form, see :func:`natkit.method.assignment.soft_match`.

    Examples
    --------
    >>> pictures = np.random.default_rng(0).integers(0, 255, (32, 16, 16), dtype=np.uint8)
    >>> model = NAT(epochs=1, size=16, device="cpu").fit(pictures)
    >>> model.transform(pictures).shape
    (32, 192)
    """

    def fit(self, images: ImageSet | np.ndarray, y=None) -> "NAT":
        """Train from random weights.

        Parameters
        ----------
        images
            An ImageSet: only its split ``train`` is used. Or an array (n, h, w) or (n, h, w, c) of uint8,
            uint16 or float: all of it is used, and its row numbers are the ids.
        y
            Ignored: there are no labels.

        Returns
        -------
        NAT
            Itself, trained.

        Raises
        ------
        InputError
            For fewer than 8 images, NaN pixels, one constant colour, a setting out of range.

        Notes
        -----
        1,968 images of 96×96, 20 epochs of two views: about 100 s on two CPU cores, under 1.5 GB.
        """
        self.check()
        if isinstance(images, ImageSet):
            images = images[images.split == "train"]
        pixels, ids = self._pixels(images)
        if len(pixels) < MIN_IMAGES:
            raise InputError(
                f"Training needs at least {MIN_IMAGES} images and should have hundreds, but got "
                f"{len(pixels)}. Add images to the split 'train'."
            )
        self.scaling = Scaling.of(pixels)
        net = backbone(self.network, pixels.shape[3], self.seed)
        self._place(net, head(net.features, self.head_width, self.dim, self.seed), "NAT")
        encoder = nn.Sequential(self.backbone, self.head)
        self.history, self.assignment = train(encoder, pixels, ids, self.scaling, self)
        self.ids = ids
        return self

    def transform(self, images: ImageSet | np.ndarray) -> np.ndarray:
        """Features of the backbone, float32 (n, features); the head is not used.

        Takes what :meth:`fit` takes; all rows, whatever their split. About 1,000 images of 96×96 a second
        on two CPU cores.
        """
        self._must_be_fitted()
        pixels, _ = self._pixels(images)
        if pixels.shape[3] != len(self.scaling.mean):
            raise InputError(
                f"The network was trained on images with {len(self.scaling.mean)} channels, but these have "
                f"{pixels.shape[3]}. Convert them, or train again."
            )
        return read_features(self.backbone, pixels, self.scaling)

    def embed(self, images: ImageSet) -> Embedding:
        """Features of every image, with their ids and where they came from."""
        meta = {"name": self.name, "layer": "backbone", "network": self.network, "seed": self.seed}
        meta["data_hash"] = images.prepared.data_hash
        return Embedding(self.transform(images), images.ids, meta)

    def untrained(self) -> "NAT":
        """The control: the same network with the random weights from which training began."""
        self._must_be_fitted()
        control = NAT(**self.get_params(deep=False))
        control.scaling, control.history = self.scaling, []
        control.ids, control.assignment = self.ids[:0], self.assignment[:0]
        net = backbone(self.network, len(self.scaling.mean), self.seed)
        return control._place(net, None, "untrained")

    def save(self, folder: str | Path) -> None:
        """Write a run: config.json, backbone and head as safetensors, assignment, history, environment."""
        self._must_be_fitted()
        checkpoint.save(self, folder)

    @classmethod
    def load(cls, folder: str | Path) -> "NAT":
        """Read a run that :meth:`save` wrote. No pickle is ever opened."""
        return checkpoint.load(cls, folder)

    def _place(self, net: nn.Module, outer: nn.Module | None, name: str) -> "NAT":
        """Take the networks to the device, ready to read features."""
        self.device_ = _device(self.device)
        self.backbone = net.to(self.device_, memory_format=torch.channels_last).eval()
        self.head = None if outer is None else outer.to(self.device_).eval()
        self.name = name
        return self

    def _must_be_fitted(self) -> None:
        if not hasattr(self, "backbone"):
            raise InputError(
                "This model is not trained yet. Call fit(images), or NAT.load(folder)."
            )

    def _pixels(self, images: ImageSet | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, size, size, c) and ids, checked."""
        if isinstance(images, ImageSet):
            return images.pixels(self.size), images.ids
        images = np.asarray(images)
        if images.ndim not in (3, 4) or images.dtype not in (
            np.uint8,
            np.uint16,
            np.float32,
            np.float64,
        ):
            raise InputError(
                f"Images are an ImageSet or an array (n, h, w) or (n, h, w, c) of uint8, uint16 or float, but "
                f"this is {images.dtype} {images.shape}. Load a prepared folder with natkit.load(folder)."
            )
        bad = ~np.isfinite(images).reshape(len(images), -1).all(axis=1)
        if bad.any():
            raise InputError(
                f"{bad.sum()} of {len(images)} images hold NaN or infinite pixels, the first is image "
                f"{int(bad.argmax())}. Mend or drop them."
            )
        if images.dtype == np.float64:
            images = images.astype(np.float32)
        return np.stack([resize(image, self.size) for image in images]), np.arange(len(images))


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(
            f"device is {name!r}, but torch sees no CUDA GPU here. Use 'auto' or 'cpu'."
        )
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise InputError(f"device is 'auto', 'cpu' or 'cuda', got {name!r}.") from error
