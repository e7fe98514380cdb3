"""The loop: views of a batch, a target for each image, one step of the square loss."""

import math
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from natkit.errors import InputError
from natkit.files import write_json
from natkit.method.batches import Batches, Scaling, autocast
from natkit.method.matching import Matcher
from natkit.method.sampling import weighted_epoch
from natkit.method.settings import Settings
from natkit.method.views import small_view, view
from natkit.progress import progress, tell

MIN_IMAGES = 8  # fewer say nothing to a batch norm, and nothing to a manager
FORECAST = 3.0  # seconds after which the length of the run is foretold


def square_loss(views: Tensor, goals: Tensor) -> Tensor:
    """``½‖view − goal‖²`` of each image, summed over dimensions, averaged over its views.

    (The mean over dimensions would make the step dim times smaller: the best known way to fail.)

    Parameters
    ----------
    views
        float32 (v, n, dim), unit rows.
    goals
        (v, n, dim) or (1, n, dim): the target or pseudo-target of each view; no gradient flows to it.

    Returns
    -------
    Tensor
        float32 (n,).

    References
    ----------
    Bojanowski and Joulin, ICML 2017, eq. 2. With one target for all views of an image it equals
    ``½‖mean − target‖² + ½ mean over views ‖view − mean‖²``: the best target for the mean is the best for all.
    """
    return 0.5 * ((views - goals) ** 2).sum(dim=2).mean(dim=0)


class Run:
    """One training: its networks, optimiser and assignment, and how far it has come.

    Batches and views depend on (seed, epoch) alone, so a run that goes on from the end of an epoch goes on
    exactly as it would have.

    Parameters
    ----------
    encoder
        Backbone, then head, on the device that trains. Trained in place.
    pixels
        (n, h, w, c), n ≥ 8; may be memory-mapped.
    held
        int64 (n,): index of the target that each image holds at first; -1 (soft matching): none yet.
    scaling
        What the pixels are divided by and standardised with.
    settings
        See :class:`natkit.method.settings.Settings`.
    weights
        float (n,): how often each image is shown; by default each once an epoch.

    Attributes
    ----------
    history : list of dict
        One row an epoch: epoch, loss, agreement (mean cosine between two views of one image), others (the
        same between views of two images: what agreement is without learning), changed (one target an
        image alone, else None: share of the images seen that traded their target), seconds since the start.
    done, steps : int
        Steps of the optimiser so far and in all; ``stop.set()`` ends the run with its epoch.
    """

    def __init__(
        self,
        encoder: nn.Sequential,
        pixels: np.ndarray,
        held: np.ndarray,
        scaling: Scaling,
        settings: Settings,
        weights: np.ndarray | None = None,
    ):
        self.weights = weights
        self.encoder, self.settings = encoder, settings
        self.device = next(encoder.parameters()).device
        self.network = torch.compile(encoder) if settings.compile else encoder
        self.views = settings.resolved_views()
        self.batches = Batches(pixels, scaling, self.device)
        self.soft = settings.matching == "soft"
        self.matcher = Matcher(held.copy(), settings, self.device)
        self.optimizer = _optimizer(encoder, settings)
        self.batch = min(settings.batch_size, len(pixels))
        self.micro = min(settings.micro_batch or self.batch, self.batch)
        self.per_epoch = len(pixels) // self.batch  # what is left over waits for the next shuffle
        self.steps = self.per_epoch * settings.epochs
        self.history: list[dict] = []
        self.done = 0  # steps
        self.stop = threading.Event()  # set: end with this epoch
        self.generator = torch.Generator(self.device)

    def train(self, end_epoch: Callable[[], None] = lambda: None) -> None:
        """Train to the last epoch; ``end_epoch`` is called after each (to keep a checkpoint).

        Ctrl-C lets the epoch end and then stops; pressed twice it stops at once.

        Raises
        ------
        InputError
            If the loss becomes NaN or infinite, or one image alone does not fit into the GPU's memory.
        """
        start = time.perf_counter() - (self.history[-1]["seconds"] if self.history else 0)
        first = len(self.history) * self.per_epoch
        note: dict[str, str] = {}
        self.encoder.train()
        with _Interrupt() as asked, torch.random.fork_rng():
            if self.settings.whole_set and not self.history:
                self._match_all()
            began = time.perf_counter()
            for step in progress(range(first, self.steps), "train NAT", note=note):
                epoch, place = divmod(step, self.per_epoch)
                if place == 0:
                    if asked.to_stop or self.stop.is_set():
                        break
                    shuffled, marks, before = self._open(epoch), [], self.matcher.held.copy()
                rows = np.sort(shuffled[place * self.batch :][: self.batch])
                marks.append(self._step(rows, step))
                self.done = step + 1
                note |= self._note(marks[-1], step + 1 - first, time.perf_counter() - began)
                if place + 1 == self.per_epoch:
                    self.matcher.end_epoch()
                    seen = shuffled[: self.per_epoch * self.batch]
                    self._close(marks, before[seen] != self.matcher.held[seen], start)
                    end_epoch()
        self.matcher.close()
        self.encoder.eval()

    def _open(self, epoch: int) -> np.ndarray:
        """Set what is random in an epoch: views, dropout of the network, and the order, which is returned."""
        sequence = np.random.SeedSequence([self.settings.seed, epoch])
        seed = int(sequence.generate_state(1)[0])
        self.generator.manual_seed(seed)
        torch.manual_seed(seed)
        rng = np.random.default_rng(sequence)
        if self.weights is not None:
            return weighted_epoch(self.weights, self.batch, rng)
        return rng.permutation(len(self.matcher.held))

    def _close(self, marks: list[dict], changed: np.ndarray, start: float) -> None:
        row = {"epoch": len(self.history) + 1}
        for key in ("loss", "agreement", "others"):
            values = [mark[key] for mark in marks]
            row[key] = None if None in values else float(np.mean(values))
        row["changed"] = None if self.soft else float(changed.mean())
        row["seconds"] = round(time.perf_counter() - start, 3)
        self.history.append(row)

    def _step(self, rows: np.ndarray, step: int) -> dict:
        """One step of the optimiser; halves the images at once as often as the GPU's memory asks for."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.lr * _schedule(step, self.steps, self.settings)
        state = self.generator.get_state()
        while True:
            try:
                self.optimizer.zero_grad(set_to_none=True)
                mark = self._gradients(rows, step // self.per_epoch)
                break
            except torch.OutOfMemoryError as error:
                if self.micro * self.settings.n_views <= 2:  # a batch norm needs two
                    raise InputError(
                        f"One image of {self.settings.size}×{self.settings.size} does not fit into the memory "
                        "of the GPU. Use a smaller size or network."
                    ) from error
                self.micro = (self.micro + 1) // 2
                self.generator.set_state(state)
                torch.cuda.empty_cache()
                tell(
                    f"The GPU's memory is too small for {self.batch} images at once: from step {step + 1} "
                    f"on they go through the network by {self.micro}. The pool that is matched stays the same."
                )
        if not math.isfinite(mark["loss"]):
            raise InputError(
                f"Training broke down: the loss is {mark['loss']} at step {step + 1} of {self.steps}. "
                f"Use a smaller learning rate than {self.settings.lr:g}."
            )
        self.optimizer.step()
        return mark

    def _gradients(self, rows: np.ndarray, epoch: int) -> dict:
        """Gradients of the loss of one batch; its images go through the network ``micro`` at a time.

        In parts the batch goes through twice: without gradients for the features, by which all of it is matched;
        then with gradients, towards the targets that it got.
        """
        parts = _parts(len(rows), self.micro)
        views = self._views(self.batches.light(rows))
        seen = [[group[:, part] for group in views] for part in parts]
        with torch.set_grad_enabled(len(parts) == 1):
            features = [self._features(part) for part in seen]
        known = torch.cat([part.detach() for part in features], dim=1)
        full = known[: self.settings.n_views]
        goals = self.matcher.goals(full, rows, epoch)
        if len(known) > len(full):  # small crops go where the full views are
            goals = goals.expand(len(full), -1, -1)
            goals = torch.cat([goals, goals.mean(dim=0).expand(len(known) - len(full), -1, -1)])
        loss = square_loss(known, goals)
        for i, part in enumerate(parts):
            again = features[i] if len(parts) == 1 else self._features(seen[i])
            share = square_loss(again, goals[:, part]).sum()
            (share if self.settings.reduction == "sum" else share / len(rows)).backward()
        return {"loss": loss.mean().item(), **likeness(full)}

    def _views(self, light: Tensor) -> list[Tensor]:
        """Standardised views (views, n, c, h, w): the full ones, then the small crops if there are any."""
        full = [view(light, self.views, self.generator) for _ in range(self.settings.n_views)]
        small = [small_view(light, self.views, self.generator) for _ in range(self.views.small)]
        standard = self.batches.scaling.standard
        return [torch.stack([standard(v) for v in group]) for group in (full, small) if group]

    def _features(self, views: list[Tensor]) -> Tensor:
        """Views (v, n, c, h, w) of one or two sizes → float32 (views, n, dim), unit rows."""
        out = []
        for group in views:
            flat = group.flatten(0, 1).contiguous(memory_format=torch.channels_last)
            with autocast(self.device):
                features = self.network(flat)
            unit = functional.normalize(features.float(), dim=1)
            out.append(unit.view(*group.shape[:2], -1))
        return torch.cat(out)

    def _match_all(self) -> None:
        """Match all images with their targets by the features of the network as it is."""
        buffers = {name: value.clone() for name, value in self.encoder.named_buffers()}
        self._open(0)
        with torch.no_grad():
            everyone = np.arange(len(self.matcher.held))
            for part in _parts(len(everyone), self.batch):
                rows = everyone[part]
                features = self._features(self._views(self.batches.light(rows)))
                self.matcher.remember(features, rows)
        self.matcher.held = self.matcher.match_all(self.matcher.bank, self.matcher.held)
        for name, value in self.encoder.named_buffers():
            value.copy_(buffers[name])

    def _note(self, mark: dict, steps: int, seconds: float) -> dict[str, str]:
        """What the progress line says beside the time left."""
        note = {"loss": f"{mark['loss']:.3f}"}
        if not self.soft and self.history:
            note["changed"] = f"{self.history[-1]['changed']:.0%}"
        note["images/s"] = f"{steps * self.batch / seconds:.0f}"
        if seconds > FORECAST:
            note["in all"] = f"{seconds / steps * self.steps / 60:.1f} min"
        return note

    def state(self) -> dict[str, Tensor]:
        """Everything that a resumed run needs besides the history, as tensors; at the end of an epoch."""
        kept = {f"encoder.{name}": value for name, value in self.encoder.state_dict().items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            kept |= {f"optimizer.{index}.{name}": value for name, value in slots.items()}
        return kept | {f"matcher.{name}": value for name, value in self.matcher.state().items()}

    def restore(self, kept: dict[str, Tensor], history: list[dict]) -> None:
        """Go on from a :meth:`state`."""

        def part(name: str) -> dict[str, Tensor]:
            return {key[len(name) + 1 :]: kept[key] for key in kept if key.startswith(name + ".")}

        self.encoder.load_state_dict(part("encoder"))
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in part("optimizer").items():
            index, name = key.split(".")
            slots.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": slots, "param_groups": groups})
        self.matcher.restore(part("matcher"))
        self.history = history


class _Interrupt:
    """While it lasts, Ctrl-C asks to stop after this epoch; the second one stops at once."""

    to_stop = False

    def __enter__(self) -> "_Interrupt":
        self.mine = threading.current_thread() is threading.main_thread()
        if self.mine:
            self.before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_) -> None:
        if self.mine:
            signal.signal(signal.SIGINT, self.before)

    def _ask(self, *_) -> None:
        if self.to_stop:
            raise KeyboardInterrupt
        self.to_stop = True
        tell(
            "Stopping when this epoch ends; what is trained so far is kept. Ctrl-C again stops at once."
        )


def _parts(n: int, most: int) -> list[slice]:
    """0 … n - 1 in as few parts as possible of at most ``most``, all about as large."""
    ends = np.linspace(0, n, -(-n // most) + 1).round().astype(int)
    return [slice(start, end) for start, end in zip(ends[:-1], ends[1:], strict=True)]


def likeness(features: Tensor) -> dict[str, float | None]:
    """Mean cosine between views of one image, and between views of two images; (v, n, d) unit rows.

    With one view there is none to compare with: None.
    """
    if len(features) < 2:
        return {"agreement": None, "others": None}
    cosine = features[0] @ features[1].T
    own = cosine.diagonal().mean()
    others = (cosine.sum() - cosine.diagonal().sum()) / max(1, cosine.numel() - len(cosine))
    return {"agreement": own.item(), "others": others.item()}


def describe(model, file: str | Path | None = None) -> dict:
    """``summary["training"]`` of a fitted NAT: what was trained, how long, on what; also to ``file``."""
    history, seconds = model.history, model.history[-1]["seconds"]
    section = {
        "images": len(model.ids),
        "epochs": len(history),
        "seconds": seconds,
        "images_per_second": round(len(model.ids) * len(history) / seconds, 1),
        "device": device_name(model.device_),
        "backbone": model.network,
        "features": model.backbone.features,
        "dim": model.dim,
        "n_targets": model.n_targets if model.matching == "soft" else len(model.ids),
        "matching": model.matching,
        "views": model.n_views,
        "seed": model.seed,
        "params": model.plain(),
        "history": history,
    }
    if file is not None:
        write_json(file, section)
    return section


def device_name(device: torch.device) -> str:
    """The GPU's own name, or "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _optimizer(encoder: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            encoder.parameters(),
            settings.lr,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
        )
    # not fused: that one mixes up weights and moments of different memory formats after loading
    return torch.optim.AdamW(encoder.parameters(), settings.lr, weight_decay=settings.weight_decay)


def _schedule(step: int, steps: int, settings: Settings) -> float:
    """Share of the peak learning rate: a straight rise, then half a cosine down to 0, or level."""
    rise = settings.warmup * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    if settings.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
