"""A page that plans the training of very many images, from what scale.py has measured and what its user assumes."""

import argparse
import math

import pandas as pd

HOUR = 3600e9  # nanoseconds


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can't be measured here is an input."""
    parser.add_argument("--images", type=float, default=1e9)
    parser.add_argument("--epochs", type=int, default=10, help="passes over the images")
    parser.add_argument("--rate", type=float, default=1500, help="images/s that one GPU trains on")
    parser.add_argument("--gpus", type=int, default=8, help="GPUs of a machine")
    parser.add_argument("--cores", type=int, default=96, help="CPU cores of a machine")
    parser.add_argument("--machines", type=int, default=8)
    parser.add_argument(
        "--price",
        type=float,
        default=2.5,
        help="of a GPU for an hour, its share of the machine in it",
    )
    parser.add_argument("--currency", default="USD")


def page(table: pd.DataFrame, given: argparse.Namespace) -> str:
    """The plan as Markdown; every number in it comes from the table or is named as an assumption."""
    matching = table[table["part"] == "matching"].set_index("n")
    decode, manifest = (table[table["part"] == part].iloc[0] for part in ("decode", "manifest"))
    largest = matching.loc[matching.index.max()]
    n, gpus = given.images, given.machines * given.gpus
    shown = n * given.epochs
    busy = shown / (given.rate * gpus) / 3600
    match_ns, file_gb = matching["ns"].max(), largest["file_mb"] / matching.index.max() * n / 1024
    wide = 2 if n >= 2**31 else 1  # int64 from there on
    need = given.rate * given.gpus * decode["ns"] / 1e9
    needed_cores = math.ceil(need) + 1
    bound = "enough" if needed_cores <= given.cores else "NOT enough: the GPUs would wait"
    serial = shown * match_ns / HOUR
    hours = busy + serial  # a step waits for the matching of its batch
    rows = [
        ("Shards (image files as they are, 300 × 300 grey PNG)", f"{n * decode['file_mb'] / 2**20:,.1f} TB"),
        ("Assignment on disk, ids included", f"{file_gb * wide:,.1f} GB"),
        ("Assignment in memory, where it is matched", f"{4 * wide * n / 1e9:,.1f} GB; {12 * wide * n / 1e9:,.1f} GB "
         "in training (with the order of the epoch, and who held what before it)"),
        ("Save / load it", f"{largest['save_s'] / matching.index.max() * n * wide:,.0f} s / "
         f"{largest['load_s'] / matching.index.max() * n * wide:,.0f} s"),
        ("Manifest as CSV", f"{n * manifest['file_mb'] / 1024:,.0f} GB; in memory "
         f"{n * manifest['memory_mb'] / 1024:,.0f} GB; {n * manifest['ns'] / HOUR:,.1f} h to read"),
        ("Shown in all", f"{shown:.2g} images"),
        ("Training", f"**{hours:,.0f} h** on {given.machines} machines of {given.gpus} GPUs: {busy:,.0f} h of "
         f"GPU work, {serial:,.0f} h of matching, for which they wait"),
        ("GPU hours", f"{hours * gpus:,.0f}"),
        ("Money", f"**{hours * gpus * given.price:,.0f} {given.currency}**"),
        ("CPU cores of a machine that decode, and one that matches", f"{needed_cores} of {given.cores}: {bound}"),
    ]  # fmt: skip
    lines = [f"# A plan for {n:.3g} images", "", "| what | how much |", "|---|---|"]
    lines += [f"| {what} | {much} |" for what, much in rows]
    lines += ["", "**Measured** (tests/benchmarks/scale.csv; CPU time of one core):", ""]
    lines += [
        f"- targets, exact matching and write back {matching['ns'].min() / 1000:.1f}–{match_ns / 1000:.1f} µs an "
        f"image from {matching.index.min():,} to {matching.index.max():,} images; the plan takes the highest",
        f"- an image decoded from shards: {decode['ns'] / 1e6:.2f} ms, {decode['file_mb'] * 1024:.0f} kB",
        f"- a row of the manifest: {manifest['file_mb'] * 2**20:.0f} bytes, "
        f"{manifest['memory_mb'] * 2**20:.0f} in memory",
        f"- on: {largest['machine']}",
        "",
        "**Assumed**, not measured:",
        "",
        f"- a GPU trains on {given.rate:,.0f} images/s (not measured: no GPU was at hand; tests/benchmarks/gpu.py "
        "measures it)",
        f"- a GPU costs {given.price} {given.currency} an hour, its share of the machine in it",
        f"- {given.epochs} epochs; every GPU added trains as fast as the first; images are read as fast as they are "
        "decoded",
        "- cost an image stays flat from the largest set measured to this one",
        "- one process holds the assignment and matches a batch of all machines while they wait, as natkit does it",
    ]
    if n * manifest["memory_mb"] / 1024 > 64:
        lines += [
            "",
            "**The manifest comes first.** One CSV of this length does not fit the memory of a machine. Prepare, train "
            "and report by parts (a plant, a year) of up to a hundred million images, or sample: the probe and the "
            "verdict need thousands of images, not all.",
        ]
    if serial > busy / 4:
        lines += [
            "",
            f"**The matching takes {serial / hours:.0%} of the time:** one core does it for {gpus} GPUs. The soft "
            "matching, which runs on the GPU, or matching in every third epoch (`match_every=3`) makes it small again.",
        ]
    return "\n".join(lines)
