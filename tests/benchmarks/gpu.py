"""What one GPU trains in a second, in how much memory, and what NAT's step costs beside a supervised one.

    uv run python tests/benchmarks/gpu.py [--device cuda] [--networks resnet18 resnet50] [--size 224] [--batch 256]

Prints a Markdown table with the name of the device. Without a GPU it measures the CPU, on the small network.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from steps import Steps, ratios  # beside this file
from torch.nn import functional

from natkit.method.describe import device_name


def measured(step: Callable[[], object], device: torch.device, batch: int, repeats: int) -> dict:
    """Images a second (median of the steps), and the most memory that the device has held."""
    step()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    memory = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None
    return {"rate": batch / np.median(seconds), "memory": memory}


def rows(device: torch.device, network: str, size: int, batch: int, repeats: int) -> list[str]:
    """Lines of the table for one network."""
    at = Steps(device, network, size, batch)
    labels = torch.randint(10, (batch,), device=device)
    supervised = at.other(1, 10, lambda out: functional.cross_entropy(out, labels))
    kinds = {
        "supervised, one view": supervised,
        "NAT, one view, exact matching": at.nat(n_views=1, matching="exact"),
        "NAT, two views, exact matching": at.nat(matching="exact"),
        "NAT, two views, soft matching": at.nat(),
    }
    lines = []
    for kind, step in kinds.items():
        got = measured(step, device, batch, repeats)
        low, ratio, high = np.quantile(ratios(step, supervised, repeats), [0.25, 0.5, 0.75])
        memory = "–" if got["memory"] is None else f"{got['memory']:.1f} GiB"
        beside = "1" if step is supervised else f"{ratio:.2f} ({low:.2f}–{high:.2f})"
        what = f"{network}, {size} px, batch {batch}"
        lines.append(f"| {what} | {kind} | {got['rate']:,.0f} | {memory} | {beside} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    gpu = torch.cuda.is_available()
    parser.add_argument("--device", default="cuda" if gpu else "cpu")
    parser.add_argument(
        "--networks", nargs="+", default=["resnet18", "resnet50"] if gpu else ["small"]
    )
    parser.add_argument("--size", type=int, default=224 if gpu else 96)
    parser.add_argument("--batch", type=int, default=256 if gpu else 64)
    parser.add_argument("--repeats", type=int, default=15)
    chosen = parser.parse_args()
    device = torch.device(chosen.device)
    name, threads = device_name(device), torch.get_num_threads()
    print(
        f"Device: **{name}**, torch {torch.__version__}"
        + (f", {threads} threads" if name == "cpu" else "")
    )
    print(
        "\n| network | step | images/s | memory | step / supervised step (quartiles) |\n|---|---|---|---|---|"
    )
    for network in chosen.networks:
        for line in rows(device, network, chosen.size, chosen.batch, chosen.repeats):
            print(line, flush=True)


if __name__ == "__main__":
    main()
