"""The loop: views of a batch, a target for each image, one step of the square loss."""

import math
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from natkit.errors import InputError
from natkit.files import write_json
from natkit.method.assignment import match, soft_match
from natkit.method.targets import targets
from natkit.method.views import Views, view
from natkit.progress import progress

N_VIEWS = 2
MIN_IMAGES = 8  # fewer say nothing to a batch norm, and nothing to a manager


@dataclass(kw_only=True)
class Settings:
    """Everything that decides how a run goes, besides its images. Saved with the run."""

    epochs: int = 20  # passes over the training images
    batch_size: int = 64  # images; also the pool that is matched together
    matching: str = (
        "soft"  # "soft": debiased Sinkhorn; "exact": one target per image, as in the paper
    )
    dim: int = 64  # length of a target
    n_targets: int = 2048  # targets of the soft matching; exact matching has one for each image
    temperature: float = 0.2  # entropic blur of the soft matching
    optimizer: str = "adamw"  # or "sgd" (momentum 0.9)
    lr: float = 2e-3  # peak step size; cosine to 0
    warmup: float = 0.1  # share of the steps spent rising to lr
    weight_decay: float = 1e-4
    head_width: int = 1024
    network: str = "small"  # the backbone: "small" for a CPU, "resnet18"
    size: int = 96  # pixels; images are resized to size × size
    views: Views = field(default_factory=Views)
    seed: int = 0  # of weights, targets, batches and views
    device: str = "auto"  # "auto": CUDA if there is one, else "cpu"

    def check(self) -> None:
        """Raise InputError for a value that can't be used."""
        for name in ("epochs", "batch_size", "n_targets", "head_width", "size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.dim < 2:
            raise InputError(f"dim is the length of a target, at least 2, got {self.dim}. Try 64.")
        for name, known in (("matching", ("soft", "exact")), ("optimizer", ("adamw", "sgd"))):
            if getattr(self, name) not in known:
                raise InputError(f"{name} is one of {known}, got {getattr(self, name)!r}.")
        if not 0 <= self.warmup < 1:
            raise InputError(f"warmup is a share of the run in [0, 1), got {self.warmup}.")


@dataclass(frozen=True)
class Scaling:
    """From stored pixels to network input: divide by ``peak``, then standardise each channel."""

    peak: float  # 255 for uint8, 65535 for uint16, 1 for float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, pixels: np.ndarray) -> "Scaling":
        """From the training images (n, h, w, c)."""
        peak = np.iinfo(pixels.dtype).max if np.issubdtype(pixels.dtype, np.integer) else 1
        mean = pixels.mean(axis=(0, 1, 2), dtype=np.float64) / peak
        std = pixels.std(axis=(0, 1, 2), dtype=np.float64) / peak
        if not (std > 0).any():
            raise InputError(
                "All training images are one constant colour, so there is nothing to learn. "
                "Look at a few of them, and scan the folder again."
            )
        std = np.where(std > 0, std, 1)  # a constant channel carries nothing; leave it at 0
        return cls(float(peak), tuple(map(float, mean)), tuple(map(float, std)))

    def light(self, batch: np.ndarray, device: torch.device) -> Tensor:
        """Stored pixels (n, h, w, c) → float32 (n, c, h, w) with 0 as black."""
        planes = np.array(np.moveaxis(batch, 3, 1), order="C")  # a copy: the cache is read-only
        return torch.from_numpy(planes).to(device).float() / self.peak

    def standard(self, light: Tensor) -> Tensor:
        """What the network sees: channels-last, mean 0, deviation 1 over the training images."""
        mean = torch.tensor(self.mean, device=light.device)[:, None, None]
        std = torch.tensor(self.std, device=light.device)[:, None, None]
        return ((light - mean) / std).contiguous(memory_format=torch.channels_last)


def autocast(device: torch.device) -> torch.autocast:
    """bf16 on CUDA, full precision elsewhere."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def train(
    encoder: nn.Sequential,
    pixels: np.ndarray,
    ids: np.ndarray,
    scaling: Scaling,
    settings: Settings,
) -> tuple[list[dict], np.ndarray]:
    """Train ``encoder`` (backbone, then head) in place against noise.

    For each batch: two views, features of unit length, their mean matched with targets, and the square loss
    ``½‖mean − target‖² + ½ mean over views ‖view − mean‖²``, summed over dimensions and averaged over images.
    (The mean over dimensions would make the step dim times smaller: the best known way to fail.)

    Parameters
    ----------
    encoder
        On the device that trains.
    pixels
        (n, h, w, c), n ≥ 8; may be memory-mapped.
    ids
        int64 (n,): the index of each image's own target (exact matching).
    scaling
        Of these pixels.
    settings
        See :class:`Settings`.

    Returns
    -------
    history : list of dict
        One row an epoch: epoch, loss, agreement (mean cosine between two views of one image), others (the
        same between views of two images: what agreement is without learning), changed (exact matching
        alone, else None: share of the images seen that traded their target), seconds since the start.
    assignment : ndarray
        int64 (n,): index of the target that each image holds in the end (soft: its nearest).

    Raises
    ------
    InputError
        If the loss becomes NaN or infinite.
    """
    n, batch = len(pixels), min(settings.batch_size, len(pixels))
    device = next(encoder.parameters()).device
    order = np.random.default_rng(settings.seed)
    generator = torch.Generator(device).manual_seed(settings.seed)
    optimizer = _optimizer(encoder, settings)
    exact = settings.matching == "exact"
    common = targets(torch.arange(settings.n_targets, device=device), settings.dim, settings.seed)
    held = ids.copy() if exact else np.full(n, -1)
    before, history, marks = held.copy(), [], []
    per_epoch = n // batch  # what is left over waits for the next epoch's shuffle
    steps, start = per_epoch * settings.epochs, time.perf_counter()
    encoder.train()
    for step in progress(range(steps), "train NAT"):
        if step % per_epoch == 0:
            shuffled = order.permutation(n)
        rows = np.sort(shuffled[step % per_epoch * batch :][:batch])
        light = scaling.light(pixels[rows], device)
        seen = torch.cat(
            [scaling.standard(view(light, settings.views, generator)) for _ in range(N_VIEWS)]
        )
        with autocast(device):
            features = encoder(seen)
        features = functional.normalize(features.float(), dim=1).view(N_VIEWS, batch, -1)
        middle = features.mean(dim=0)
        unit = functional.normalize(middle.detach(), dim=1)
        if exact:
            own = torch.from_numpy(held[rows]).to(device)
            own = own[match(unit, targets(own, settings.dim, settings.seed))]
            goal, held[rows] = targets(own, settings.dim, settings.seed), own.cpu().numpy()
        else:
            move, nearest = soft_match(unit, common, settings.temperature)
            goal, held[rows] = middle.detach() + move, nearest.cpu().numpy()
        loss = 0.5 * ((middle - goal) ** 2).sum(dim=1).mean()
        loss = loss + 0.5 * ((features - middle) ** 2).sum(dim=2).mean()
        for group in optimizer.param_groups:
            group["lr"] = settings.lr * _schedule(step, steps, settings.warmup)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        marks.append((loss.item(), *_likeness(features.detach())))
        if not math.isfinite(marks[-1][0]):
            raise InputError(
                f"Training broke down: the loss is {marks[-1][0]} at step {step + 1} of {steps}. "
                f"Use a smaller learning rate than {settings.lr:g}."
            )
        if len(marks) == per_epoch:
            seen_now = shuffled[: per_epoch * batch]
            changed = float(np.mean(held[seen_now] != before[seen_now])) if exact else None
            row = dict(
                zip(("loss", "agreement", "others"), np.mean(marks, axis=0).tolist(), strict=True)
            )
            seconds = round(time.perf_counter() - start, 3)
            history.append(
                {"epoch": len(history) + 1, **row, "changed": changed, "seconds": seconds}
            )
            before, marks = held.copy(), []
    encoder.eval()
    return history, held


def _likeness(features: Tensor) -> tuple[float, float]:
    """Mean cosine between two views of one image, and between views of two images; (2, n, d) unit rows."""
    cosine = features[0] @ features[1].T
    own = cosine.diagonal().mean()
    others = (cosine.sum() - cosine.diagonal().sum()) / max(1, cosine.numel() - len(cosine))
    return own.item(), others.item()


def describe(model, file: str | Path | None = None) -> dict:
    """``summary["training"]`` of a fitted NAT: what was trained, how long, on what; also to ``file``."""
    history, seconds = model.history, model.history[-1]["seconds"]
    section = {
        "images": len(model.ids),
        "epochs": model.epochs,
        "seconds": seconds,
        "images_per_second": round(len(model.ids) * len(history) / seconds, 1),
        "device": device_name(model.device_),
        "backbone": model.network,
        "features": model.backbone.features,
        "dim": model.dim,
        "n_targets": len(model.ids) if model.matching == "exact" else model.n_targets,
        "matching": model.matching,
        "views": N_VIEWS,
        "seed": model.seed,
        "params": settings_of(model),
        "history": history,
    }
    if file is not None:
        write_json(file, section)
    return section


def device_name(device: torch.device) -> str:
    """The GPU's own name, or "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def settings_of(settings: Settings) -> dict:
    """Settings as plain values for JSON."""
    values = {f.name: getattr(settings, f.name) for f in fields(Settings)}
    return values | {"views": asdict(settings.views)}


def _optimizer(encoder: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            encoder.parameters(), settings.lr, momentum=0.9, weight_decay=settings.weight_decay
        )
    return torch.optim.AdamW(encoder.parameters(), settings.lr, weight_decay=settings.weight_decay)


def _schedule(step: int, steps: int, warmup: float) -> float:
    """Share of the peak learning rate: a straight rise, then half a cosine down to 0."""
    rise = warmup * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
