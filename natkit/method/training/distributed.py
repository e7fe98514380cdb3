r"""Several processes that train and embed as one: torchrun starts them, and alone nothing changes.

Write what is to be done into ``run.json`` (:mod:`natkit.method.torchrun` says what it may hold)::

    {"prepared": "prepared", "settings": {"epochs": 20, "batch_size": 256},
     "checkpoint": "training", "run": "run", "embedding": "nat.npz"}

On one host, with as many processes as it has GPUs::

    torchrun --nproc-per-node=2 -m natkit.method.training --config run.json
    torchrun --nproc-per-node=2 -m natkit.method.embed --config run.json

By Slurm, on two hosts that see the same folders (``sbatch train.sbatch``)::

    #!/bin/bash
    #SBATCH --nodes=2
    #SBATCH --ntasks-per-node=1
    #SBATCH --gpus-per-node=4
    first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
    srun torchrun --nnodes="$SLURM_NNODES" --nproc-per-node="$SLURM_GPUS_ON_NODE" \
      --rdzv-id="$SLURM_JOB_ID" --rdzv-backend=c10d --rdzv-endpoint="$first:29500" \
      -m natkit.method.training --config run.json

torchrun gives each process one CPU thread, unless OMP_NUM_THREADS says otherwise. Stopped, killed or out of disk, the
same command goes on from the last epoch that ended, also with another number of processes. From Python, in a file that
torchrun starts::

    with distributed.joined() as team:
        model = natkit.NAT(batch_size=256).fit(natkit.load("prepared"), checkpoint="training")
        team.on_rank_zero(lambda: model.save("run"))

How N processes stay one training: each takes its part of every batch, what doesn't fill a batch waits for the next
shuffle, and no image is ever in two parts. Views are drawn for the whole batch, so that an image gets the same ones
wherever it is. Batch norms see the whole batch (:mod:`natkit.method.training.norms`). The features of all are
gathered, the first process alone matches them and keeps the assignment (two kinds of CPU may round, and so match,
differently), and sends everyone the gradient of the loss with respect to them. Gradients of the weights are averaged
by DistributedDataParallel. Two processes so learn what one would, up to rounding (of which AdamW makes much where a
gradient is almost 0; in float64 they are the same to 12 digits). Two things differ: dropout, which each process draws
for itself, and ``micro_batch``, which counts for each process, so that batch norms see that many images of each.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import natkit
from natkit.core.errors import InputError
from natkit.method.training.norms import gathered

PATIENCE = timedelta(minutes=30)  # with a host that vanished; a dead process is noticed at once
T = TypeVar("T")


@dataclass(frozen=True)
class Team:
    """The processes that train together, seen from one of them; by default there is no other.

    What follows is called by all processes of a team, in the same order.
    """

    rank: int = 0  # 0 … size - 1; the first, 0, matches and writes
    size: int = 1

    @classmethod
    def here(cls) -> "Team":
        """That of torch.distributed, where it is under way."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()

    def part(self, n: int) -> slice:
        """Which of n rows are this process's; n is a multiple of ``size``."""
        each = n // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def all_gather(self, mine: Tensor, dim: int = 0) -> Tensor:
        """The tensors of all, one behind the other, as :meth:`part` deals them out. Without gradient."""
        if self.size == 1:
            return mine
        every = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(every, mine.contiguous())
        return torch.cat(every, dim)

    def broadcast(self, tensor: Tensor) -> Tensor:
        """The first one's tensor; the others give one of its shape."""
        if self.size > 1:
            tensor = tensor.contiguous()
            dist.broadcast(tensor, 0)
        return tensor

    def every(self, value: T) -> list[T]:
        """What each has to say: small, and nothing but plain values."""
        if self.size == 1:
            return [value]
        said = [None] * self.size
        dist.all_gather_object(said, value)
        return said

    def on_rank_zero(self, act: Callable[[], T]) -> T:
        """Let the first process do something: everyone gets what it returns, or the exception that it raises."""
        if self.size == 1:
            return act()
        told = [None, None]
        if self.rank == 0:
            try:
                told[0] = act()
            except Exception as error:
                told[1] = error
        dist.broadcast_object_list(told, 0)
        if told[1] is not None:
            raise told[1]
        return told[0]

    def agree(self, facts: dict) -> None:
        """Raise InputError, in all processes, if one has other facts than another: which, and who has what.

        The versions of natkit and torch are among them.
        """
        facts = {"natkit": natkit.__version__, "torch": torch.__version__} | facts
        every = self.every({name: str(value) for name, value in facts.items()})
        for name in facts:
            values = [other.get(name, "none") for other in every]
            if len(set(values)) > 1:
                said = "; ".join(
                    f"{_ranks([r for r, v in enumerate(values) if v == value])} {value}"
                    for value in dict.fromkeys(values)
                )
                raise InputError(
                    f"The processes of this training differ in {name}: {said}. Give every host the same images, "
                    "settings and versions."
                )

    def must_divide(self, batch: int) -> None:
        """Raise InputError if a batch can't be dealt out evenly."""
        if batch % self.size:
            less = batch - batch % self.size
            fit = f"{less} or {less + self.size}" if less else f"{self.size}"
            raise InputError(
                f"A batch of {batch} images can't be dealt evenly to {self.size} processes. Set batch_size to "
                f"{fit} (there must be as many images), or start another number of processes."
            )

    def network(self, encoder: nn.Module) -> nn.Module:
        """What to send a part of a batch through: gradients of the weights of ``encoder`` become those of all."""
        if self.size == 1:
            return encoder
        with warnings.catch_warnings():  # the newer name is not in torch 2.11
            warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
            return DistributedDataParallel(gathered(encoder), broadcast_buffers=False)


ALONE = Team()


def _ranks(ranks: list[int]) -> str:
    return f"rank{'s' * (len(ranks) > 1)} {', '.join(map(str, ranks))} ha{'ve' if len(ranks) > 1 else 's'}"


@contextmanager
def joined() -> Iterator[Team]:
    """Be one of the processes that torchrun started, until the block ends; without torchrun, the only one.

    They talk by NCCL between GPUs, one each, and by gloo between CPUs.

    Raises
    ------
    InputError
        For more processes on a host than it has GPUs; if another process ends before this one.
    """
    if "RANK" not in os.environ:
        yield Team()
        return
    gpus, place = torch.cuda.device_count(), int(os.environ["LOCAL_RANK"])
    if gpus and place >= gpus:
        raise InputError(
            f"This host has {gpus} GPUs and more processes than that. Start torchrun with --nproc-per-node={gpus}, or "
            "with CUDA_VISIBLE_DEVICES= to use the CPU."
        )
    if gpus:
        torch.cuda.set_device(place)
    dist.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=PATIENCE)
    try:
        yield Team.here()
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error):
            raise InputError(
                "Another process of this training has ended, so this one ends too. What that one said last tells "
                "why; to go on from the last checkpoint, repeat the same command."
            ) from error
        raise
    dist.destroy_process_group()
