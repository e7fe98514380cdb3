"""What a second process brings on this machine, and how far two processes are from one.

    uv run python tests/benchmarks/distributed.py [--batch 64] [--repeats 5]

One process and two gloo processes train the default network (96 × 96 grey, two full and four small views, soft
matching) on the same batches, each process on one core; medians of the ratio over alternating repeats, and quartiles.
"""

import argparse
import multiprocessing
import os
import socket
import time

import numpy as np
import torch

from natkit import NAT
from natkit.method.training.distributed import joined

IMAGES, EPOCHS = 128, 2


def train(pipe, rank: int, size: int, port: int, settings: dict) -> None:
    """In a process of its own: train as it is told to, again and again; send weights and seconds a step."""
    torch.set_num_threads(1)
    os.environ["NATKIT_PROGRESS"] = os.devnull
    if size > 1:
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size)}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    pixels = np.random.default_rng(0).integers(0, 255, (IMAGES, 96, 96), dtype=np.uint8)
    with joined():
        while pipe.recv():
            start = time.perf_counter()
            model = NAT(**settings).fit(pixels)
            seconds = (time.perf_counter() - start) / (EPOCHS * (IMAGES // settings["batch_size"]))
            weights = {k: v.numpy() for k, v in model.backbone.state_dict().items()}
            pipe.send((seconds, weights, model.assignment))


class Team:
    """Processes that wait to be told to train."""

    def __init__(self, size: int, settings: dict):
        context = multiprocessing.get_context("spawn")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.pipes = []
        for rank in range(size):
            ours, theirs = context.Pipe()
            context.Process(target=train, args=(theirs, rank, size, port, settings)).start()
            self.pipes.append(ours)

    def once(self) -> tuple:
        """Seconds a step, weights and assignment of one training."""
        for pipe in self.pipes:
            pipe.send(True)
        return [pipe.recv() for pipe in self.pipes][0]

    def end(self) -> None:
        for pipe in self.pipes:
            pipe.send(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    settings = {"epochs": EPOCHS, "batch_size": chosen.batch, "device": "cpu"}
    one, two = Team(1, settings), Team(2, settings)
    found = []
    for repeat in range(chosen.repeats + 1):
        first, second = (one, two) if repeat % 2 else (two, one)
        a, b = first.once(), second.once()
        found.append((a, b) if repeat % 2 else (b, a))
    one.end(), two.end()
    seconds = np.array([(a[0], b[0]) for a, b in found[1:]])
    low, middle, high = np.percentile(seconds[:, 1] / seconds[:, 0], (25, 50, 75))
    alone, pair = found[-1]
    away = max(np.abs(alone[1][k] - v).max() for k, v in pair[1].items() if "tracked" not in k)
    least, most = np.median(seconds, axis=0) * 1000
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; batch {chosen.batch}")
    print(f"step: one process {least:.0f} ms, two {most:.0f} ms")
    print(f"two / one, median (quartiles): {middle:.2f} ({low:.2f}–{high:.2f})")
    print(
        f"largest difference of a backbone's weights after {EPOCHS} epochs in float32: {away:.1e}"
    )
    print(f"images with the same nearest target: {(alone[2] == pair[2]).mean():.1%}")


if __name__ == "__main__":
    main()
