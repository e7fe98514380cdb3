"""What a training takes, as stored pixels (n, h, w, c) and ids: images, signals, vectors, or plain arrays of them."""

import numpy as np

from natkit.core.errors import InputError
from natkit.data.images import ImageSet, resize
from natkit.data.signals import Signals, checked
from natkit.method.batches import Scaling, peak_of
from natkit.method.embed.features import as_pixels, stored_pixels
from natkit.method.networks.backbones import Backbone
from natkit.method.settings import Settings
from natkit.method.training.loop import MIN_IMAGES
from natkit.method.training.sampling import checked as checked_weights
from natkit.method.views.images import small_side

SETS = (ImageSet, Signals)
Data = ImageSet | Signals | np.ndarray
DEPTHS = (np.uint8, np.uint16, np.float32, np.float64)


def stored(data: Data, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n, size, size, c) and ids int64 (n,), checked.

    Signals become pictures of height 1: (n, 1, length, channels); vectors (n, 1, 1, d). The network of the settings
    says what an array is meant to be.
    """
    check_kind(data, settings)
    if isinstance(data, ImageSet):
        return data.stream(settings.size), data.ids
    if isinstance(data, Signals):
        return stored_pixels(data, settings.size), data.ids
    if settings.kind == "signals":
        values = checked(data)
        return as_pixels(values), np.arange(len(values))
    if np.ma.isMaskedArray(data) and data.mask.any():  # else what is masked would be trained on
        data = data.astype(np.float32).filled(np.nan)
    try:
        images = np.asarray(data)
    except ValueError as error:
        raise InputError(
            "These images differ in size or channels. Bring them to one, or prepare their folder and load it."
        ) from error
    if images.ndim not in (3, 4) or images.dtype not in DEPTHS or not images.size:
        raise InputError(
            f"Images are an ImageSet or an array (n, h, w) or (n, h, w, c) of uint8, uint16 or float, but "
            f"this is {images.dtype} {images.shape}. Load a prepared folder with natkit.load(folder)."
        )
    if images.ndim == 4 and _channels_first(images.shape):
        raise InputError(
            f"These images are {images.shape}; as (n, h, w, c) that would be {images.shape[3]} channels, but it looks "
            "like (n, c, h, w). Put the channels last: images.transpose(0, 2, 3, 1)."
        )
    bad = ~np.isfinite(images).reshape(len(images), -1).all(axis=1)
    if bad.any():
        raise InputError(
            f"{bad.sum()} of {len(images)} images hold NaN or infinite pixels, the first is image "
            f"{int(bad.argmax())}. Mend or drop them."
        )
    if images.dtype == np.float64:
        images = images.astype(np.float32)
    return np.stack([resize(image, settings.size) for image in images]), np.arange(len(images))


def _channels_first(shape: tuple[int, ...]) -> bool:
    """Does the second axis hold the channels? It is short and the last is not, or the last two make a square."""
    _, second, height, width = shape
    square = second < height == width
    return width > 4 and (second <= 4 or square)


def for_training(data: Data, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`stored`, of a set its split ``train`` alone; InputError for fewer than 8 rows."""
    if isinstance(data, SETS):
        data = data[data.split == "train"]
    pixels, ids = stored(data, settings)
    if len(pixels) < MIN_IMAGES:
        what = "signals or vectors" if settings.kind == "signals" else "images"
        raise InputError(
            f"Training needs at least {MIN_IMAGES} {what} and should have hundreds, but got "
            f"{len(pixels)}. Add some to the split 'train'."
        )
    return pixels, ids


def row_weights(sample_weight: np.ndarray, data: Data, n: int, settings: Settings) -> np.ndarray:
    """Weights of the ``n`` rows of training, out of one for each row of ``data``; InputError where they can't be."""
    weights = checked_weights(sample_weight, len(data), 1)
    if isinstance(data, SETS):
        weights = weights[data.split == "train"]
    return checked_weights(weights, n, min(settings.batch_size, n))


def same_kind(pixels: np.ndarray, scaling: Scaling) -> None:
    """Raise InputError for other channels, or another depth, than the network was trained on."""
    if pixels.shape[3] != len(scaling.mean):
        raise InputError(
            f"The network was trained on images with {len(scaling.mean)} channels, but these have "
            f"{pixels.shape[3]}. Convert them, or train again."
        )
    if peak_of(pixels.dtype) != scaling.peak:
        kinds = {255.0: "uint8", 65535.0: "uint16"}
        raise InputError(
            f"The network was trained on {kinds.get(scaling.peak, 'float')} pixels (white is {scaling.peak:g}), but "
            f"these are {pixels.dtype}. Convert them, or train again."
        )


def must_read_small(net: Backbone, settings: Settings, channels: int) -> None:
    """Raise InputError for a network that can't read the small views: some read one size alone."""
    views = settings.resolved_views()
    side = small_side(settings.size, views) if views.small else 0
    if side and not net.reads(side, channels):
        raise InputError(
            f"{settings.network} can't read small views of {side}×{side} pixels. Leave them out with "
            "views=Views(..., small=0), or make them larger with small_size."
        )


def check_kind(data: Data, settings: Settings) -> None:
    """Raise InputError where images meet a network for signals, or signals one for images."""
    if not isinstance(data, SETS):
        return
    kind = "signals" if isinstance(data, Signals) else "images"
    if kind != settings.kind:
        way = "NAT.signals() or NAT.vectors()" if kind == "signals" else "NAT()"
        raise InputError(
            f"{kind.capitalize()} came, but the network {settings.network!r} is for {settings.kind}. Take {way}."
        )
