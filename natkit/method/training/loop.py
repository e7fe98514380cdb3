"""The loop that every training shares: shuffled batches, a schedule, Ctrl-C, memory that runs short."""

import math
import signal
import threading
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from natkit.core.errors import InputError
from natkit.core.progress import progress, tell
from natkit.method.batches import Batches, Scaling
from natkit.method.objectives.assigned import width
from natkit.method.settings import Settings
from natkit.method.training.distributed import ALONE, Team

MIN_IMAGES = 8  # fewer say nothing to a batch norm, and nothing to a manager
FORECAST = 3.0  # seconds after which the length of the run is foretold
HUGE = 1e15  # a product of some weights of that size leaves float32
KEEP = 600.0  # seconds from one state kept within an epoch to the next


class Loop:
    """Steps of an optimiser over shuffled batches. What a step learns, a kind of training says in ``_gradients``.

    Batches and what is random in them depend on (seed, epoch) alone.

    Parameters
    ----------
    encoder
        The network, on the device that trains. Trained in place.
    pixels
        (n, h, w, c), n ≥ 8; may be memory-mapped, or a :class:`natkit.data.shards.Stream`, which has an order of its
    own. scaling
        What the pixels are divided by and standardised with.
    settings
        See :class:`natkit.method.settings.Settings`.
    team
        The processes that train together: ``_gradients`` takes this one's part of the rows.

    Attributes
    ----------
    history : list of dict
        One row an epoch: epoch, what ``_close`` makes of its steps, seconds since the start.
    done, steps : int
        Steps of the optimiser so far and in all; ``stop.set()`` ends the run with its epoch.
    """

    what = "train"  # beside the bar; "" draws none

    def __init__(
        self,
        encoder: nn.Sequential,
        pixels: np.ndarray,
        scaling: Scaling,
        settings: Settings,
        team: Team = ALONE,
    ):
        self.encoder, self.settings, self.team = encoder, settings, team
        self.device = next(encoder.parameters()).device
        network = team.network(encoder)
        self.network = torch.compile(network) if settings.compile else network
        self.views = settings.resolved_views()
        self.batches = Batches(pixels, scaling, self.device)
        self.n = len(pixels)
        self.optimizer = optimizer(self._groups(), settings)
        self.batch = min(settings.batch_size, self.n)
        team.must_divide(self.batch)
        self.micro = min(settings.micro_batch or self.batch, self.batch)
        if self._alone(self.micro):
            raise InputError(
                f"{self.batch} images, {self.micro} at a time: one view would go through the network alone, which "
                "is too little for a batch norm. Use a larger batch_size or micro_batch."
            )
        self.per_epoch = self._steps_an_epoch()
        self.steps = self.per_epoch * settings.epochs
        self.history: list[dict] = []
        self.done = 0  # steps
        self.marks: list[dict] = []  # of the steps of this epoch
        self.stop = threading.Event()  # set: end with this epoch
        self.generator = torch.Generator(self.device)

    def train(
        self,
        end_epoch: Callable[[], None] = lambda: None,
        in_epoch: Callable[[], None] = lambda: None,
    ) -> None:
        """Train to the last epoch; ``end_epoch`` is called after each (to keep a checkpoint).

        ``in_epoch`` is called every ten minutes between two steps, where an epoch lasts that long.

        Ctrl-C lets the epoch end and then stops; pressed twice it stops at once.

        Raises
        ------
        InputError
            If the loss becomes NaN or infinite, or one image alone does not fit into the GPU's memory.
        """
        self.start = time.perf_counter() - (self.history[-1]["seconds"] if self.history else 0)
        self.done = first = len(self.history) * self.per_epoch + len(self.marks)
        note: dict[str, str] = {}
        self.encoder.train()
        own = [self.device] if self.device.type == "cuda" else []  # none of the host's other GPUs
        with Interrupt() as asked, torch.random.fork_rng(own):
            self._begin()
            kept = began = time.perf_counter()
            what = "" if self.team.rank else self.what
            for step in progress(range(first, self.steps), what, note=note):
                epoch, place = divmod(step, self.per_epoch)
                if place == 0:
                    stopping = any(self.team.every(asked.to_stop or self.stop.is_set()))
                    if stopping and self.history:  # with no epoch at all there is no model
                        break
                    shuffled = self._open(epoch)
                elif step == first:
                    shuffled = self._open(epoch)
                    self._go_on()
                rows = np.sort(shuffled[place * self.batch :][: self.batch])
                self.marks.append(self._step(rows, step))
                self.done = step + 1
                note |= self._note(self.marks[-1], step + 1 - first, time.perf_counter() - began)
                if place + 1 == self.per_epoch:
                    self._must_be_sound()
                    row = self._close(self.marks, shuffled[: self.per_epoch * self.batch])
                    row = {"epoch": len(self.history) + 1} | row
                    row["seconds"] = round(time.perf_counter() - self.start, 3)
                    self.history.append(row)
                    self.marks, kept = [], time.perf_counter()
                    end_epoch()
                elif time.perf_counter() - kept >= KEEP:
                    self._must_be_sound()
                    in_epoch()
                    kept = time.perf_counter()
        self.encoder.eval()

    def _must_be_sound(self) -> None:
        """Raise InputError if the last steps broke the weights: such a state is neither kept nor returned."""
        if not all(p.detach().abs().max() < HUGE for p in self.encoder.parameters()):  # NaN is not
            raise InputError(
                f"Training broke down: the weights are NaN or huge after step {self.done} of {self.steps}. "
                f"Use a smaller learning rate than {self.settings.lr:g}."
            )

    def _groups(self) -> list[dict]:
        """The optimiser's groups of weights."""
        return [{"params": list(self.encoder.parameters())}]

    def _steps_an_epoch(self) -> int:
        return self.n // self.batch  # what is left over waits for the next shuffle

    def _begin(self) -> None:
        """Before the first step."""

    def _go_on(self) -> None:
        """Set what is random to where it was when the state was kept in the middle of an epoch."""

    def _open(self, epoch: int) -> np.ndarray:
        """Set what is random in an epoch: views, dropout of the network, and the order, which is returned."""
        sequence = np.random.SeedSequence([self.settings.seed, epoch])
        seed = int(sequence.generate_state(1)[0])
        self.generator.manual_seed(seed)
        torch.manual_seed(seed + self.team.rank)  # dropout differs from process to process
        return self._order(np.random.default_rng(sequence))

    def _order(self, rng: np.random.Generator) -> np.ndarray:
        """Rows of an epoch, one batch after another."""
        pixels = self.batches.pixels
        if hasattr(pixels, "order"):
            return pixels.order(rng)
        return rng.permutation(np.arange(self.n, dtype=width(self.n)))

    def _close(self, marks: list[dict], seen: np.ndarray) -> dict:
        """What the history says of an epoch, from the marks of its steps and the rows seen."""
        return {"loss": float(np.mean([mark["loss"] for mark in marks]))}

    def _rates(self, step: int) -> list[float]:
        """Learning rate of each group of weights at a step."""
        share = schedule(step, self.steps, self.settings)
        return [self.settings.lr * share] * len(self.optimizer.param_groups)

    def _step(self, rows: np.ndarray, step: int) -> dict:
        """One step of the optimiser; halves the images at once as often as the GPU's memory asks for."""
        for group, rate in zip(self.optimizer.param_groups, self._rates(step), strict=True):
            group["lr"] = rate
        state = self.generator.get_state()
        while True:
            try:
                self.optimizer.zero_grad(set_to_none=True)
                mark = self._gradients(rows, step // self.per_epoch)
                break
            except torch.OutOfMemoryError as error:
                self._take_fewer(error, step)
                self.generator.set_state(state)
        if not math.isfinite(mark["loss"]):
            raise InputError(
                f"Training broke down: the loss is {mark['loss']} at step {step + 1} of {self.steps}. "
                f"Use a smaller learning rate than {self.settings.lr:g}."
            )
        self.optimizer.step()
        return mark

    def _take_fewer(self, error: torch.OutOfMemoryError, step: int) -> None:
        """Halve the images at once; InputError where that can't be."""
        if self.team.size > 1:  # the others are in the middle of this step
            raise InputError(
                f"The GPU's memory is too small for {self.batch // self.team.size} images at once. Set "
                "micro_batch, the number of images that each process takes at once."
            ) from error
        half = (self.micro + 1) // 2
        if half == self.micro or self._alone(half):
            raise InputError(
                f"One image of {self.settings.size}×{self.settings.size} does not fit into the memory "
                "of the GPU. Use a smaller size or network."
            ) from error
        self.micro = half
        torch.cuda.empty_cache()
        tell(
            f"The GPU's memory is too small for {self.batch} images at once: from step {step + 1} "
            f"on they go through the network by {self.micro}. A step still learns from all of them."
        )

    def _alone(self, micro: int) -> bool:
        """Whether with ``micro`` images at once one view would be alone somewhere: a batch norm needs two."""
        each = self.batch // self.team.size
        return each // -(-each // micro) * min(self.settings.n_views, self.views.small or 2) < 2

    def _gradients(self, rows: np.ndarray, epoch: int) -> dict:
        """Gradients of the loss of the images at ``rows``, and a mark of the step with its "loss"."""
        raise NotImplementedError

    def _note(self, mark: dict, steps: int, seconds: float) -> dict[str, str]:
        """What the progress line says beside the time left."""
        note = {"loss": f"{mark['loss']:.3f}"}
        note["images/s"] = f"{steps * self.batch / seconds:.0f}"
        if seconds > FORECAST:
            note["in all"] = f"{seconds / steps * self.steps / 60:.1f} min"
        return note


class Interrupt:
    """While it lasts, Ctrl-C asks to stop after this epoch; the second one stops at once."""

    to_stop = False

    def __enter__(self) -> "Interrupt":
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


def parts_of(n: int, most: int) -> list[slice]:
    """0 … n - 1 in as few parts as possible of at most ``most``, all about as large."""
    ends = np.linspace(0, n, -(-n // most) + 1).round().astype(int)
    return [slice(start, end) for start, end in zip(ends[:-1], ends[1:], strict=True)]


def optimizer(groups: list[dict], settings: Settings) -> torch.optim.Optimizer:
    """The optimiser that the settings name, for these groups of weights."""
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            groups,
            settings.lr,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
        )
    # not fused: that one mixes up weights and moments of different memory formats after loading
    return torch.optim.AdamW(groups, settings.lr, weight_decay=settings.weight_decay)


def schedule(step: int, steps: int, settings: Settings) -> float:
    """Share of the peak learning rate: a straight rise, then half a cosine down to 0, or level."""
    rise = settings.warmup * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    if settings.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
