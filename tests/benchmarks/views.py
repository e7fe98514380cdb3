"""Views of a batch on the device against torchvision.transforms.v2, image by image in two workers.

    uv run python tests/benchmarks/views.py [--seconds 3]

Prints images a second of both, and their ratio, for stored uint8 images of 96×96 pixels: one channel with the
default views, three channels with the natural ones; on the CPU, and on a GPU if there is one. Both sides go
all the way from stored pixels to a float batch on the device, and take turns, so that a busy machine slows
both alike; the best of the turns counts. Where others use the machine too, set OMP_WAIT_POLICY=passive:
threads that spin for each other's core cost up to fifty times the work itself.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from natkit.method.views.images import PRESETS, Views, view

SIDE, WORKERS, TURNS, IMAGES = 96, 2, 3, 2048
CASES = [(1, Views()), (3, PRESETS["natural"])]


class Stored(Dataset):
    """uint8 images (c, h, w) at random, each through torchvision's transforms; it does not end."""

    def __init__(self, channels: int, views: Views):
        self.pixels = pixels(channels)
        self.transform = v2.Compose(
            [
                v2.RandomResizedCrop(SIDE, scale=views.crop),
                v2.RandomHorizontalFlip(0.5 if views.flip else 0.0),
                v2.ColorJitter(views.brightness, views.contrast, views.saturation, views.hue),
                v2.RandomGrayscale(views.grey),
                v2.RandomApply([v2.GaussianBlur(3)], views.blur),
                v2.ToDtype(torch.float32, scale=True),
            ]
        )

    def __len__(self) -> int:
        return 2**30

    def __getitem__(self, row: int) -> torch.Tensor:
        return self.transform(self.pixels[row % IMAGES])


def pixels(channels: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (IMAGES, channels, SIDE, SIDE)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def natkit_batches(channels: int, views: Views, batch: int, device: str) -> Iterator[torch.Tensor]:
    """Pixels stay on the device."""
    stored, generator = pixels(channels).to(device), torch.Generator(device).manual_seed(0)
    while True:
        rows = torch.randint(IMAGES, (batch,), generator=generator, device=device)
        yield view(stored[rows].float().div_(255), views, generator)


def torchvision_batches(channels: int, views: Views, batch: int, device: str) -> Iterator:
    pinned = device == "cuda"
    loader = DataLoader(Stored(channels, views), batch, num_workers=WORKERS, pin_memory=pinned)
    for images in loader:
        yield images.to(device, non_blocking=pinned)


def rate(batches: Iterator[torch.Tensor], seconds: float, wait: Callable[[], None]) -> float:
    """Images a second, after a start that fills every queue and touches all memory."""
    for _ in range(2 * WORKERS + 2):
        seen = len(next(batches))
    wait()
    seen, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        seen += len(next(batches))
    wait()
    return seen / (time.perf_counter() - start)


def measure(seconds: float = 3.0) -> list[dict]:
    """One row a device, number of channels and batch size: images a second of both, and the ratio."""
    rows = []
    for device in ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]:
        wait = torch.cuda.synchronize if device == "cuda" else lambda: None
        for channels, views in CASES:
            for batch in (64, 256):
                case = (channels, views, batch, device)
                turns = [  # workers end with their iterator, before the next is measured
                    (rate(natkit_batches(*case), seconds, wait),
                     rate(torchvision_batches(*case), seconds, wait))
                    for _ in range(TURNS)
                ]  # fmt: skip
                ours, theirs = (max(turn[i] for turn in turns) for i in (0, 1))
                rows.append(
                    {"device": device, "channels": channels, "batch": batch, "natkit": round(ours),
                     "torchvision": round(theirs), "ratio": round(ours / theirs, 1)}
                )  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="a turn of one side")
    print(f"{torch.get_num_threads()} threads, {WORKERS} workers, {SIDE}×{SIDE}, images a second")
    for row in measure(parser.parse_args().seconds):
        print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
