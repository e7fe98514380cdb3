"""Sample data: real solar cells, a drawn production line, and known faults planted in either."""

import importlib.util
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from data_prep.samples.drawing import CAMERAS, DEFECTS, Lot, draw_part, noise_bank
from data_prep.samples.planting import compare, soil
from natkit.core.errors import InputError
from natkit.core.files import scratch, writing
from natkit.core.progress import progress

__all__ = ["LICENCE", "compare", "demo", "soil", "solar_cells", "synthetic_line"]

LICENCE = (
    "Solar cell images: elpv-dataset, © ZAE Bayern and the authors, CC BY-NC-SA 4.0 (no commercial "
    "use). Deitsch et al., Automatic classification of defective photovoltaic module cells in "
    "electroluminescence images, Solar Energy 185 (2019) 455–468; Buerhop-Lutz et al., EU PVSEC "
    "2018."
)
SHIFTS = ("day", "night")
IMAGES_A_LOT = 12


def solar_cells(folder: str | Path, n: int | None = None) -> Path:
    """Write the 2,624 pictures of elpv-dataset and their table as a plant would have them.

    Solar cells, seen in the light they give off when a current is sent through them.

    Parameters
    ----------
    folder
        Must not exist or be empty. Gets ``images/cell0001.png`` … (8-bit grey, 300 × 300) and
        ``cells.csv`` with the columns path, probability (that the cell is defective, by experts: 0,
        1/3, 2/3, 1), defect (1 where probability ≥ 0.5), type (mono, poly).
    n
        So many of them, evenly spread over the set; by default all.

    Returns
    -------
    Path of ``cells.csv``. For the licence see ``LICENCE``: no commercial use.

    Raises
    ------
    InputError
        If elpv-dataset is not installed, or the folder holds something.
    """
    spec = importlib.util.find_spec("elpv_dataset")
    if spec is None:
        raise InputError(
            "The solar cell images come with the package elpv-dataset, which is not installed. "
            'Install it (pip install "natkit[demo]"), or take data_prep.samples.synthetic_line(), '
            "which needs nothing."
        )
    source = Path(spec.origin).parent / "data"
    table = pd.read_csv(source / "labels.csv", sep=r"\s+", names=["path", "probability", "type"])
    table.insert(2, "defect", (table["probability"] >= 0.5).astype(int))
    if n is not None:
        table = table.iloc[np.linspace(0, len(table) - 1, n).round().astype(int)]
    with writing(_free(folder)) as part:
        (part / "images").mkdir(parents=True)
        for path in table["path"]:
            shutil.copyfile(source / path, part / path)
        table.to_csv(part / "cells.csv", index=False)
        (part / "LICENCE.txt").write_text(LICENCE + "\n", encoding="utf-8")
    return Path(folder) / "cells.csv"


def synthetic_line(folder: str | Path, n: int = 600, seed: int = 0) -> Path:
    """Draw ``n`` pictures of a small production line: no download, and the truth is known.

    Lots of about 12 pictures share a form and a finish; three cameras differ in light, tint,
    sharpness and noise; one part in ten is seen twice. A quarter of the parts is defective,
    independent of lot, camera and shift.

    Parameters
    ----------
    folder
        Must not exist or be empty. Gets ``images/part00001.png`` … (8-bit RGB, 128 × 128) and
        ``parts.csv`` with the columns path, part, lot, camera (A, B, C), shift (day, night), defect
        (0, 1), kind (ok, scratch, dent, stain, missing_hole).
    n
        Number of pictures; at least 1.

    Returns
    -------
    Path of ``parts.csv``. About 5 ms a picture on one core.
    """
    if n < 1:
        raise InputError(f"A line needs at least 1 picture, but n is {n}. Give a larger n.")
    rng = np.random.default_rng(seed)
    bank = noise_bank(rng)
    lots = [Lot.draw(rng) for _ in range(-(-n // IMAGES_A_LOT))]
    rows = _plan(n, rng)
    with writing(_free(folder)) as out:
        (out / "images").mkdir(parents=True)

        def draw(row: int) -> None:
            facts = rows[row]
            kind = None if facts["kind"] == "ok" else facts["kind"]
            own = np.random.default_rng([seed, int(facts["part"][1:])])
            pixels = draw_part(lots[row // IMAGES_A_LOT], facts["camera"], kind, bank, own)
            Image.fromarray(pixels).save(out / facts["path"], compress_level=1)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in progress(pool.map(draw, range(n)), "draw the line", n):
                pass
        pd.DataFrame(rows).to_csv(out / "parts.csv", index=False)
    return Path(folder) / "parts.csv"


def demo(
    folder: str | Path, small: bool = False, seed: int = 0
) -> tuple[Path, Path, str, list[str]]:
    """Make what the demonstration runs on: soiled solar cells, or without elpv-dataset a line.

    Parameters
    ----------
    folder
        Gets ``solar_cells/`` or ``line/`` with the planted faults and ``truth.csv``. What an
        earlier call left there is used again.
    small
        800 images instead of all 2,624 (600 instead of 2,400 of the line).
    seed
        For the faults, and for the line.

    Returns
    -------
    Folder of the images, table, name of the label column, names of the group columns.
    """
    folder = Path(folder)
    cells = importlib.util.find_spec("elpv_dataset") is not None
    if not cells:
        print(
            "The package elpv-dataset is not installed, so the demonstration takes a drawn "
            "production "
            'line instead of real solar cells. For those: pip install "natkit[demo]".'
        )
    target = folder / ("solar_cells" if cells else "line")
    name = "cells.csv" if cells else "parts.csv"
    if not target.exists():
        with scratch(folder) as clean:
            if cells:
                solar_cells(clean / "clean", 800 if small else None)
            else:
                synthetic_line(clean / "clean", 600 if small else 2400, seed)
            soil(clean / "clean", target, seed)
    groups = ["type", "camera", "shift"] if cells else ["camera", "shift", "lot"]
    return target, target / name, "defect", groups


def _plan(n: int, rng: np.random.Generator) -> list[dict]:
    """Rows of the table of a line: what is on each picture."""
    rows, part_no, again = [], 0, True
    for row in range(n):
        again = bool(row % IMAGES_A_LOT and not again and rng.random() < 0.1)  # never a third time
        camera = CAMERAS[rng.integers(len(CAMERAS))]
        if again:  # the same part before another camera
            camera = CAMERAS[(CAMERAS.index(rows[-1]["camera"]) + 1) % len(CAMERAS)]
        else:
            part_no += 1
            kind = DEFECTS[rng.integers(len(DEFECTS))] if rng.random() < 0.25 else "ok"
        rows.append(
            {
                "path": f"images/part{row + 1:05d}.png",
                "part": f"P{part_no:05d}",
                "lot": f"L{row // IMAGES_A_LOT + 1:03d}",
                "camera": camera,
                "shift": SHIFTS[rng.integers(len(SHIFTS))],
                "defect": int(kind != "ok"),
                "kind": kind,
            }
        )
    return rows


def _free(folder: str | Path) -> Path:
    """``folder``, if it can be made: it is absent, or empty and so removed."""
    folder = Path(folder)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
    if folder.exists():
        raise InputError(
            f"{folder} holds something already, and sample data never overwrites. Give a new "
            "folder."
        )
    return folder
