"""What NAT costs beside what it is compared with: ratios, each measured side by side in one run.

    uv run --group bench python tests/benchmarks/speed.py [--device cuda] [--repeats 15]

Prints a table with the median of the ratio over alternating repeats and its quartiles.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import solvers  # beside this file
import torch
import views as view_speed
from PIL import Image
from steps import Steps, ratios  # beside this file
from torch.nn import functional
from torchvision import datasets, transforms

import data_prep
import natkit
from natkit.method.batches import Batches, Scaling, autocast


def steps(device: torch.device, repeats: int) -> list[dict]:
    """NAT's step beside a supervised one and SimCLR's."""
    from lightly.loss import NTXentLoss

    network, size, batch = ("resnet18", 224, 256) if device.type == "cuda" else ("small", 96, 64)
    at = Steps(device, network, size, batch)
    labels = torch.randint(10, (batch,), device=device)
    supervised = at.other(1, 10, lambda out: functional.cross_entropy(out, labels))
    contrast = NTXentLoss(0.2)
    simclr = at.other(2, 64, lambda out: contrast(*out.chunk(2)))
    name = f"{network}, {size} px, batch {batch}"
    pairs = [
        (
            "one view, exact matching / supervised",
            at.nat(n_views=1, matching="exact"),
            supervised,
            1.05,
        ),
        ("two views, soft matching / SimCLR", at.nat(), simclr, 1.03),
        ("two views, exact matching / SimCLR", at.nat(matching="exact"), simclr, 1.03),
    ]
    return [
        {"what": f"{what} ({name})", "ratios": ratios(ours, other, repeats), "reach": f"≤ {reach}"}
        for what, ours, other, reach in pairs
    ]


def resident(device: torch.device, repeats: int) -> list[dict]:
    """The loop's step beside the same on random tensors that lie on the GPU, with no images and no assignment."""
    at = Steps(device, "resnet18", 224, 256)
    encoder = at.encoder(64)
    optimizer = torch.optim.AdamW(encoder.parameters(), 2e-3)
    seen = torch.randn(512, 1, 224, 224, device=device).contiguous(
        memory_format=torch.channels_last
    )
    goal = functional.normalize(torch.randn(512, 64, device=device), dim=1)

    def bare() -> float:
        with autocast(device):
            out = encoder(seen)
        value = ((functional.normalize(out.float(), dim=1) - goal) ** 2).sum(dim=1).mean()
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        return value.item()

    found = ratios(bare, at.nat(), repeats)
    return [{"what": "bare loop / NAT's loop (GPU)", "ratios": found, "reach": "≥ 0.9"}]


def cache(repeats: int, n: int = 1000, size: int = 96) -> list[dict]:
    """An epoch from the pixel cache beside ImageFolder and DataLoader, 300×300 PNG files; speed-up."""
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images"
        (images / "one").mkdir(parents=True)
        rng = np.random.default_rng(0)
        smooth = rng.random((n, 19, 19)) * 255
        for number in range(n):
            picture = Image.fromarray(smooth[number].astype(np.uint8)).resize((300, 300))
            picture.save(images / "one" / f"{number}.png")
        data_prep.prepare(data_prep.audit(data_prep.scan(images)), Path(folder) / "prepared")
        loaded = natkit.load(Path(folder) / "prepared")
        loaded.pixels(size)  # the first epoch makes the cache
        change = transforms.Compose(
            [transforms.Grayscale(), transforms.Resize((size, size)), transforms.ToTensor()]
        )
        loader = torch.utils.data.DataLoader(
            datasets.ImageFolder(images, change),
            64,
            shuffle=True,
            num_workers=2,
            persistent_workers=True,
        )

        def ours() -> None:
            pixels = loaded.pixels(size)
            batches = Batches(pixels, Scaling.of(pixels[:64]), torch.device("cpu"))
            order = rng.permutation(n)
            for start in range(0, n, 64):
                batches.light(np.sort(order[start : start + 64]))

        def theirs() -> None:
            for _ in loader:
                pass

        found = ratios(theirs, ours, max(3, repeats // 5))
    return [{"what": "second epoch: ImageFolder / pixel cache", "ratios": found, "reach": "≥ 5"}]


WAIT = """
import time, numpy as np, sys
if sys.argv[1] == "passive":
    import natkit.method
import torch
sys.path.insert(0, sys.argv[2])
import steps
step = steps.Steps(torch.device("cpu"), "small", 96, 64).nat()
step()
print(np.median([steps.timed(step) for _ in range(8)]))
"""


def waiting() -> list[dict]:
    """A step with threads that sleep while they wait beside one with threads that spin (OMP_WAIT_POLICY)."""

    def once(policy: str) -> float:
        environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
        if policy == "active":
            environment["OMP_WAIT_POLICY"] = "ACTIVE"
        command = [sys.executable, "-c", WAIT, policy, str(Path(__file__).parent)]
        return float(subprocess.check_output(command, env=environment, stderr=subprocess.DEVNULL))

    rows = []
    for where, busy in (("alone", 0), ("beside one busy process", 1)):
        endless = [sys.executable, "-c", "while True: pass"]
        neighbours = [subprocess.Popen(endless) for _ in range(busy)]
        try:
            found = [once("passive") / once("active") for _ in range(3)]
        finally:
            for neighbour in neighbours:
                neighbour.kill()
        what = f"step, {where}: threads that sleep / spin"
        rows.append({"what": what, "ratios": np.array(found), "reach": ""})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument(
        "--only", choices=["steps", "resident", "waiting", "cache", "solvers", "views"]
    )
    chosen = parser.parse_args()
    device = torch.device(chosen.device)
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or "CPU"
    print(f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    parts = {
        "steps": lambda: steps(device, chosen.repeats),
        "resident": lambda: resident(device, chosen.repeats) if device.type == "cuda" else [],
        "waiting": lambda: waiting() if device.type == "cpu" else [],
        "cache": lambda: cache(chosen.repeats),
        "solvers": lambda: solvers.measure(device),
        "views": lambda: view_rows(device),
    }
    for name, part in parts.items():
        for row in part() if chosen.only in (None, name) else []:
            low, middle, high = np.quantile(row["ratios"], [0.25, 0.5, 0.75])
            print(
                f"{row['what']:110} {middle:7.3f}  [{low:.3f}, {high:.3f}]  {row['reach']}",
                flush=True,
            )


def view_rows(device: torch.device) -> list[dict]:
    """Images a second of the views beside torchvision's."""
    return [
        {
            "what": f"views: natkit / torchvision v2, images/s ({v['channels']} channels, batch {v['batch']})",
            "ratios": np.array([v["ratio"]]),
            "reach": "≥ 5" if v["device"] == "cuda" else "≥ 2",
        }
        for v in view_speed.measure()
        if v["device"] == device.type
    ]


if __name__ == "__main__":
    main()
