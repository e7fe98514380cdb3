"""Is it training? Signs that need no label, each beside what it would be without learning."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from natkit.core.errors import InputError
from natkit.method.embed.features import read_features
from natkit.method.inputs import SETS, Data, stored
from natkit.method.nat import NAT
from natkit.method.objectives.assignment import match
from natkit.method.objectives.targets import targets
from natkit.method.views.images import view

MOST, LEAST = 512, 32  # images that are looked at
ABOVE = 1.5  # how far "kept" has to be above the untrained network's
GAP = 0.1  # how far "gap" has to be above it
LIMITS = {  # each stands between the healthy and the broken runs of tests/benchmarks/health.py
    "one_sided": 0.5,
    "views": 0.999,
    "copies": 0.05,
}
COPY = 0.9999  # cosine of backbone features above which two images are taken for one


def health(
    model: NAT,
    held_out: Data,
    trained_on: Data | None = None,
    seed: int = 0,
) -> dict:
    """Look at a trained model through images that it was not trained on.

    The usual meters of collapse are blind here: random vectors on the sphere read "perfect" on rank and
    deviation. These signs ask whether the noise was learnt as something that belongs to the images.

    Parameters
    ----------
    model
        A fitted NAT with its head.
    held_out
        An ImageSet, whose split ``val`` is used, or an array as for ``NAT.fit``. The first 512 of more.
    trained_on
        The images trained on, for the sign ``copies``. An ImageSet as ``held_out`` brings them along.
    seed
        Of the views.

    Returns
    -------
    dict
        ``{"healthy": bool, "n": int, "signs": [{"sign", "value", "control", "limit", "good"}, …]}``; with fewer than
        32 images ``healthy`` is None, there are no signs, and ``reason`` is "too_few". The signs:

        ``kept``
            Each held-out image chooses a target by one view (an exact matching with as many targets); the share of
            that cosine which its other view keeps. Control: the untrained network. Good: above 1.5 × the
            control. Else nothing was learnt, or only these very pixels.
        ``gap``
            Cosine between two views of a held-out image, less that between views of two images. Control: the untrained
            network. Good: more than 0.1 above it. Else it learns far too slowly, as with a loss averaged
            over dimensions. On easy images (digits) such a run learns something all the same, and may pass.
        ``one_sided``
            Share of the head's outputs that have the same sign, or are 0, for all images. Control: the untrained
            network. Good: below 0.5. Else, as behind a ReLU, the targets on the other side can't be reached.
        ``views``
            Cosine between the two views of an image in the last epoch; control: between two images. Good:
            below 0.999, else views are off. Not for one view.
        ``changed``
            Share of the images that traded their target in the first epoch (one target an image alone).
            Control: in the last. Good: above 0.
        ``copies``
            Share of the images trained on with a twin that the backbone can't tell from it; control 0. Good:
            below 5 %. One target each drives twins apart.

    Raises
    ------
    InputError
        For a model without head.
    """
    if getattr(model, "head", None) is None:
        raise InputError("health() needs a trained model with its head. Call fit(images) first.")
    if isinstance(held_out, SETS):
        trained_on = held_out[held_out.split == "train"]
        held_out = held_out[held_out.split == "val"]
    pixels, _ = stored(held_out, model)
    if len(pixels) < LEAST:
        return {"healthy": None, "n": len(pixels), "signs": [], "reason": "too_few"}
    net = model.first_backbone()
    first = nn.Sequential(net, model.new_head(net.features)).to(model.device_)
    first.train()  # its batch norms have seen nothing yet: they use the batch itself
    ours = _noise_learnt(model, nn.Sequential(model.backbone, model.head), pixels[:MOST], seed)
    start = _noise_learnt(model, first, pixels[:MOST], seed)
    signs = []

    enough = min(ABOVE * start["kept"], 0.99)
    limits = LIMITS | {"kept": enough, "gap": start["gap"] + GAP, "changed": 0.0}

    def sign(name: str, value: float, control: float, good: bool) -> None:
        row = {"sign": name, "value": value, "control": control, "limit": limits[name]}
        signs.append(row | {"good": bool(good)})

    sign("kept", ours["kept"], start["kept"], ours["kept"] > enough)
    sign("gap", ours["gap"], start["gap"], ours["gap"] > limits["gap"])
    sides, begun = ours["one_sided"], start["one_sided"]
    sign("one_sided", sides, begun, sides < LIMITS["one_sided"])
    last, begin = model.history[-1], model.history[0]
    if last["agreement"] is not None:
        sign("views", last["agreement"], last["others"], last["agreement"] < LIMITS["views"])
    if begin["changed"] is not None:
        sign("changed", begin["changed"], last["changed"], begin["changed"] > 0)
    if trained_on is not None:
        some = stored(trained_on, model)[0][: 4 * MOST]
        twins = _twins(read_features(model.backbone, some, model.scaling))
        sign("copies", twins, 0.0, twins < LIMITS["copies"])
    return {"healthy": all(row["good"] for row in signs), "n": len(pixels[:MOST]), "signs": signs}


@torch.inference_mode()
def _noise_learnt(model: NAT, encoder: nn.Sequential, pixels: np.ndarray, seed: int) -> dict:
    """What the signs ``kept``, ``gap`` and ``one_sided`` read of an encoder."""
    light = model.scaling.light(pixels, model.device_)
    generator = torch.Generator(model.device_).manual_seed(seed)
    views = model.resolved_views()
    one, other = (
        functional.normalize(
            encoder(model.scaling.standard(view(light, views, generator))).float(), dim=1
        )
        for _ in range(2)
    )
    noise = targets(torch.arange(len(one), device=one.device), model.dim, model.seed + 1)
    one[(one == 0).all(dim=1)] = 1 / model.dim**0.5  # no direction: all of these in one corner
    chosen = noise[match(one, noise)]
    cosine = _cosine(one, chosen)
    shuffled = _cosine(other, chosen.roll(1, dims=0))
    return {
        "kept": (_cosine(other, chosen) - shuffled) / max(cosine, 1e-6),
        "one_sided": ((one >= 0).all(dim=0) | (one <= 0).all(dim=0)).float().mean().item(),
        "gap": _cosine(one, other) - _cosine(one, other.roll(1, dims=0)),
    }


def _cosine(a: Tensor, b: Tensor) -> float:
    return (a * b).sum(dim=1).mean().item()


def _twins(features: np.ndarray) -> float:
    unit = functional.normalize(torch.from_numpy(features), dim=1)
    cosine = unit @ unit.T
    return (cosine.fill_diagonal_(0).amax(dim=1) > COPY).float().mean().item()
