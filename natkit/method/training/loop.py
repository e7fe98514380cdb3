"""The one loop that every training shares: shuffled batches, a schedule, Ctrl-C, memory that runs short."""

import math
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from natkit.core.errors import InputError
from natkit.core.progress import progress
from natkit.method.batches import Batches, Scaling
from natkit.method.objectives.assigned import width
from natkit.method.objectives.objective import Objective
from natkit.method.settings import Settings
from natkit.method.training.descent import optimizer, schedule
from natkit.method.training.distributed import ALONE, Team
from natkit.method.training.interrupt import Interrupt
from natkit.method.training.passes import Passes
from natkit.method.training.randomness import set_random_state
from natkit.method.training.sampling import weighted_epoch

MIN_IMAGES = 8  # fewer say nothing to a batch norm, and nothing to a manager
FORECAST = 3.0  # seconds after which the length of the run is foretold
HUGE = 1e15  # a product of some weights of that size leaves float32
KEEP = 600.0  # seconds from one state kept within an epoch to the next


class Loop:
    """Steps of an optimiser over shuffled batches, towards any :class:`Objective`; never subclassed.

    Batches and what is random in them depend on (seed, epoch) alone, and the state holds how far the random numbers
    of an epoch have come, so a run that goes on from any step goes on exactly as it would have.

    Parameters
    ----------
    encoder
        The network, on the device that trains. Trained in place.
    pixels
        (n, h, w, c), n ≥ 8; may be memory-mapped, or a :class:`natkit.data.shards.Stream`, which has an order of its
        own.
    scaling
        What the pixels are divided by and standardised with.
    settings
        See :class:`natkit.method.settings.Settings`.
    objective
        What is learnt.
    sample_weight
        float (n,): how often each image is shown; by default each once an epoch.
    team
        The processes that train together.

    Attributes
    ----------
    history : list of dict
        One row an epoch: epoch, loss, what the objective reports of it, seconds since the start. For NAT: agreement
        (mean cosine between two full views of one image), others (the same between views of two images: what
        agreement is without learning), changed (one target an image alone, else None: share of the images seen
        that traded their target).
    done, steps : int
        Steps of the optimiser so far and in all; ``stop.set()`` ends the run with its epoch.
    """

    def __init__(
        self,
        encoder: nn.Module,
        pixels: np.ndarray,
        scaling: Scaling,
        settings: Settings,
        objective: Objective,
        sample_weight: np.ndarray | None = None,
        team: Team = ALONE,
    ):
        self.encoder, self.settings, self.objective, self.team = encoder, settings, objective, team
        self.sample_weight, self.n = sample_weight, len(pixels)
        self.device = next(encoder.parameters()).device
        self.batches = Batches(pixels, scaling, self.device)
        self.batch = min(settings.batch_size, self.n)
        self.passes = Passes(encoder, self.batches, self.batch, settings, team, objective.unit)
        self.optimizer = optimizer(encoder.parameters(), settings)
        # what is left over waits for the next shuffle
        self.per_epoch = max(self.n // self.batch, objective.least_steps)
        self.steps = self.per_epoch * settings.epochs
        self.history: list[dict] = []
        self.done = 0  # steps
        self.marks: list[dict] = []  # of the steps of this epoch
        self.middle: dict[str, Tensor] = {}  # of the epoch in which this run goes on
        self.stop = threading.Event()  # set: end with this epoch

    def train(
        self,
        end_epoch: Callable[[], None] = lambda: None,
        in_epoch: Callable[[], None] = lambda: None,
    ) -> None:
        """Train to the last epoch; ``end_epoch`` is called after each (to keep a checkpoint).

        ``in_epoch`` is called every ten minutes between two steps, where an epoch lasts that long; not in several
        processes, whose clocks differ, nor where the objective can't be kept there.

        Ctrl-C lets the epoch end and then stops; pressed twice it stops at once.

        Raises
        ------
        InputError
            If the loss becomes NaN or infinite, or one image alone does not fit into the GPU's memory.
        """
        self.start = time.perf_counter() - (self.history[-1]["seconds"] if self.history else 0)
        self.done = first = len(self.history) * self.per_epoch + len(self.marks)
        note: dict[str, str] = {}
        own = [self.device] if self.device.type == "cuda" else []  # none of the host's other GPUs
        with Interrupt() as asked, torch.random.fork_rng(own):
            self.encoder.train()
            if not self.done:
                self.objective.begin(self._everyone)
            kept = began = time.perf_counter()
            what = "" if self.team.rank else self.objective.what
            for step in progress(range(first, self.steps), what, note=note):
                epoch, place = divmod(step, self.per_epoch)
                if place == 0:
                    stopping = any(self.team.every(asked.to_stop or self.stop.is_set()))
                    if stopping and self.history:  # with no epoch at all there is no model
                        break
                if place == 0 or step == first:
                    order = self._open(epoch)
                rows = np.sort(order[place * self.batch :][: self.batch])
                self.marks.append(self.step(rows, step))
                note |= self._note(step + 1 - first, time.perf_counter() - began)
                if place + 1 == self.per_epoch:
                    self._close(order[: self.per_epoch * self.batch])
                    kept = time.perf_counter()
                    end_epoch()
                elif self._to_be_kept(kept):
                    self._must_be_sound()
                    in_epoch()
                    kept = time.perf_counter()
        self.objective.end(self.team.broadcast)
        self.encoder.eval()

    def step(self, rows: np.ndarray, step: int) -> dict:
        """One step of the optimiser on the images at ``rows``, and its mark: the loss and what else is reported.

        Halves the images at once as often as the GPU's memory asks for.
        """
        share = schedule(step, self.steps, self.settings)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.lr * share
        found: list[tuple[Tensor, Tensor]] = []  # features and loss, of each try
        drawn = self.passes.generator.get_state()
        while True:
            try:
                self.optimizer.zero_grad(set_to_none=True)
                self.passes.learn(rows, lambda features: self._slope(features, rows, step, found))
                break
            except torch.OutOfMemoryError as error:
                self.passes.take_fewer(error, step + 1)
                self.passes.generator.set_state(drawn)
        features, loss = found[-1]
        mark = {"loss": loss.mean().item()} | self.objective.report(features)
        if not math.isfinite(mark["loss"]):
            raise InputError(
                f"Training broke down: the loss is {mark['loss']} at step {step + 1} of {self.steps}. "
                f"Use a smaller learning rate than {self.settings.lr:g}."
            )
        self.optimizer.step()
        self.done = step + 1
        self.objective.after_step(self.done / self.steps)
        return mark

    def _slope(self, features: Tensor, rows: np.ndarray, step: int, found: list) -> Tensor:
        """Gradient of the loss with respect to features (views, n, dim) of the whole batch, from the first process.

        Features and loss are put into ``found``, to be read when the way back is under way: a GPU need not wait. The
        gradients of the weights are averaged over the processes, each of which sends back its part: hence the factor.
        """
        self.objective.check(features, f"step {step + 1} of {self.steps}")
        loss, slope = features.new_empty(len(rows)), torch.empty_like(features)
        if self.team.rank == 0:
            features.requires_grad_()
            loss = self.objective.loss(features, rows, step // self.per_epoch)
            total = loss.sum() if self.settings.reduction == "sum" else loss.mean()
            (slope,) = torch.autograd.grad(total, features)
        found.append((features.detach(), self.team.broadcast(loss.detach())))
        return self.team.broadcast(slope) * self.team.size

    def _everyone(self) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Rows and features of all images; the running statistics of the network stay as they are."""
        buffers = {name: value.clone() for name, value in self.encoder.named_buffers()}
        whole = False
        while not whole:
            self._seed(0)
            try:
                yield from self.passes.everyone(self.n)
                whole = True
            except torch.OutOfMemoryError as error:
                self.passes.take_fewer(error, 1)
        self.encoder.load_state_dict(buffers, strict=False)

    def _open(self, epoch: int) -> np.ndarray:
        """Begin an epoch, or go on in it: the modes of the layers, what is random, and the order, which is returned."""
        self.encoder.train()
        self.objective.open(epoch)
        order = self._order(self._seed(epoch))
        if self.middle:
            self._go_on()
        return order

    def _go_on(self) -> None:
        """Set what is random to where it was when the state was kept within this epoch."""
        drawn = self.middle["views"]
        if len(drawn) == len(self.passes.generator.get_state()):  # the same kind of device
            self.passes.generator.set_state(drawn)
        set_random_state(self.middle, self.device)
        self.start = time.perf_counter() - self.middle["seconds"].item()
        self.middle = {}

    def _seed(self, epoch: int) -> np.random.Generator:
        """Set what is random in an epoch: views, dropout of the network; and what draws the order."""
        sequence = np.random.SeedSequence([self.settings.seed, epoch])
        seed = int(sequence.generate_state(1)[0])
        self.passes.generator.manual_seed(seed)
        torch.manual_seed(seed + self.team.rank)  # dropout differs from process to process
        return np.random.default_rng(sequence)

    def _order(self, rng: np.random.Generator) -> np.ndarray:
        """Rows of an epoch, one batch after another.

        As many shuffles as it needs, each in whole batches, so that no batch has an image twice.
        """
        if self.sample_weight is not None:
            return weighted_epoch(self.sample_weight, self.batch, rng)
        pixels = self.batches.pixels
        if hasattr(pixels, "order"):
            return pixels.order(rng)
        rows = np.arange(self.n, dtype=width(self.n))
        whole = self.n - self.n % self.batch
        shuffles = -(-self.per_epoch * self.batch // whole)
        parts = [rng.permutation(rows)[:whole] for _ in range(shuffles)]
        return parts[0] if shuffles == 1 else np.concatenate(parts)

    def _close(self, seen: np.ndarray) -> None:
        """End an epoch that saw the images at these rows: a row of the history."""
        self._must_be_sound()
        row = {"epoch": len(self.history) + 1} | self.team.on_rank_zero(lambda: self._row(seen))
        row["seconds"] = round(time.perf_counter() - self.start, 3)
        self.history.append(row)
        self.marks = []

    def _row(self, seen: np.ndarray) -> dict:
        """Means of the marks, and what the objective of the first process adds."""
        row = {}
        for key in self.marks[0]:
            values = [mark[key] for mark in self.marks]
            row[key] = None if None in values else float(np.mean(values))
        return row | self.objective.close(seen)

    def _to_be_kept(self, kept: float) -> bool:
        """Whether it is time to keep the state between two steps."""
        allowed = self.objective.kept_in_epoch and self.team.size == 1
        return allowed and time.perf_counter() - kept >= KEEP

    def _must_be_sound(self) -> None:
        """Raise InputError if the last steps broke the weights: such a state is neither kept nor returned."""
        if not all(p.detach().abs().max() < HUGE for p in self.encoder.parameters()):  # NaN is not
            raise InputError(
                f"Training broke down: the weights are NaN or huge after step {self.done} of {self.steps}. "
                f"Use a smaller learning rate than {self.settings.lr:g}."
            )

    def _note(self, steps: int, seconds: float) -> dict[str, str]:
        """What the progress line says beside the time left."""
        note = {"loss": f"{self.marks[-1]['loss']:.3f}"}
        note["images/s"] = f"{steps * self.batch / seconds:.0f}"
        if seconds > FORECAST:
            note["in all"] = f"{seconds / steps * self.steps / 60:.1f} min"
        return note | self.objective.note(self.history)
