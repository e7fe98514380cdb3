"""Mutated images: no crash, no hang, bounded memory, each image one row with a reason.

    uv run python tests/soak/images.py [--images 10000] [--seed 0] [--keep FOLDER]

Whole pictures of every format, depth and compression are changed in one of thirteen ways. A process of its own reads
each with `natkit.data.decoding.read_image` and with the scan's `measure`, and then folders of 500 with
`data_prep.scan`.
What a mutant must show is known in part: a picture under another suffix, or with more bytes behind it, is the same
picture; one that was cut is the same picture or not readable. Prints counts by mutation and status, and each fault with
the file that shows it, kept in --keep. Exits 1 if there was a fault. About 15 ms an image on one core.
"""

import argparse
import io
import json
import os
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

import data_prep
from data_prep.scanning.measuring import measure
from data_prep.scanning.statistics import STATISTICS
from natkit.data import decoding

sys.path.insert(0, str(Path(__file__).parents[1] / "data_prep"))
import test_fuzz as fuzz

BATCH = 500  # images of one folder, and of one process that reads them
SLOW = 20  # s that one image may take
MEMORY = 1.2 * 2**30  # bytes that the process may ever hold; the libraries alone take 0.4
NET = 2**33  # bytes at which the system ends the process, to save the machine
SAME = {"whole", "renamed", "followed"}  # mutations after which the picture is still the same
SUFFIXES = (*decoding.SUFFIXES, ".gif", ".avif", ".jfif", ".heic", ".raw")


def originals() -> dict[str, bytes]:
    """The whole files of the tests, and what only a soak looks at."""
    files = fuzz.originals()
    grey, deep = fuzz.drawn(), fuzz.drawn(top=65535)
    rgb, deep_rgb = (np.stack([a, a[::-1], a[:, ::-1]], axis=2) for a in (grey, deep))
    colour = Image.fromarray(rgb)
    moving = {"save_all": True, "append_images": [colour.rotate(9)]}
    tile = {"tile": (16, 16)}
    return files | {
        "deep_rgb.png": imagecodecs.png_encode(deep_rgb),
        "colour.gif": fuzz.pillow("GIF", colour),
        "moving.gif": fuzz.pillow("GIF", colour, **moving),
        "colour.avif": fuzz.pillow("AVIF", colour),
        "moving.avif": fuzz.pillow("AVIF", colour, **moving),
        "phone.jfif": fuzz.pillow("JPEG", colour),
        "rgba.webp": fuzz.pillow("WEBP", colour.convert("RGBA")),
        "rgba.bmp": fuzz.pillow("BMP", colour.convert("RGBA")),
        "tiled_deep.tif": fuzz.tiff(deep, compression="lzw", **tile),
        "tiled_big.tif": fuzz.tiff((deep / 9).astype(np.float32), bigtiff=True, **tile),
        "tiled_jpeg.tif": fuzz.tiff(rgb, photometric="rgb", compression="jpeg", **tile),
        "double.tif": fuzz.tiff(deep / 7.0),
        "signed.tif": fuzz.tiff(deep.astype(np.int16)),
        "ints.tif": fuzz.tiff(deep.astype(np.uint32), compression="lzma"),
        "deep_rgb.tif": fuzz.tiff(deep_rgb, photometric="rgb", compression="deflate"),
        "extra.tif": fuzz.tiff(np.dstack([deep_rgb, deep]), photometric="rgb"),
        "webp.tif": fuzz.tiff(rgb, photometric="rgb", compression="webp"),
        "lerc.tif": fuzz.tiff(grey, compression="lerc"),
    }


# Mutations beside those of the tests: (content, generator, another file's content) → content.


def whole(data: bytes, _rng: np.random.Generator, _other: bytes) -> bytes:
    return data


renamed = whole  # under another suffix


def followed(data: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """Another file, or noise, behind the end of this one."""
    return data + (other if rng.random() < 0.5 else rng.bytes(int(rng.integers(1, 5000))))


def inserted(data: bytes, rng: np.random.Generator, _other: bytes) -> bytes:
    place = int(rng.integers(0, len(data)))
    return data[:place] + rng.bytes(int(rng.integers(1, 300))) + data[place:]


def removed(data: bytes, rng: np.random.Generator, _other: bytes) -> bytes:
    start = int(rng.integers(0, len(data)))
    return data[:start] + data[start + int(rng.integers(1, 300)) :]


def shuffled(data: bytes, rng: np.random.Generator, _other: bytes) -> bytes:
    """Sectors of 512 bytes in another order, as a broken card returns them; the first stays."""
    parts = [data[i : i + 512] for i in range(0, len(data), 512)]
    return parts[0] + b"".join(parts[1 + i] for i in rng.permutation(len(parts) - 1))


MUTATIONS = {
    how.__name__: how for how in (whole, *fuzz.OPERATORS, followed, inserted, removed, shuffled)
} | {"renamed": renamed}


def mutant(number: int, seed: int, files: dict[str, bytes]) -> tuple[str, str, str, bytes]:
    """One of them: its mutation, the name of its original, its own file name, and its content."""
    rng, names = np.random.default_rng([seed, number]), list(files)
    mutation = list(MUTATIONS)[number % len(MUTATIONS)]
    origin, other = names[rng.integers(len(names))], names[rng.integers(len(names))]
    data = MUTATIONS[mutation](files[origin], rng, files[other])
    suffix = SUFFIXES[rng.integers(len(SUFFIXES))]
    stem = f"{number:06d}_{mutation}_{Path(origin).stem}"
    return mutation, origin, stem + (suffix if mutation == "renamed" else Path(origin).suffix), data


# The process that reads: one line of JSON before and after each file, one at the end.


def peak() -> int:
    """Most bytes that this process ever held."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def say(**what) -> None:
    print(json.dumps(what), flush=True)


def look(folder: Path, name: str) -> dict:
    """What natkit tells of one file."""
    start = time.monotonic()
    try:
        pixels = decoding.read_image(folder / name)
        told = {"read": "ok", "pixels": data_prep.scanning.measuring.pixel_hash(pixels)}
    except decoding.UnreadableImage as error:
        told = {"read": error.reason}
    except Exception as error:
        told = {"read": "raised", "error": f"{type(error).__name__}: {error}"}
    row = measure(folder, name)
    numbers = [row[key] for key in STATISTICS]
    finite = row["status"] != "ok" or bool(np.isfinite(np.array(numbers, float)).all())
    told |= {"status": row["status"], "finite": finite}
    return told | {"seconds": time.monotonic() - start, "peak": peak()}


def work(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (NET, NET))
    for name in sorted(os.listdir(folder)):
        say(at=name)
        say(**look(folder, name))
    say(at="scan")
    try:
        table = data_prep.scan(folder).table
        rows = table[["path", "status"]].to_dict("records")
        say(rows=rows, peak=peak())
    except Exception as error:
        say(error=f"{type(error).__name__}: {error}", peak=peak())


# The process that watches.


def watched(folder: Path) -> tuple[dict[str, dict], dict]:
    """What the reader told of each file and of the scan; one that hangs or dies is started again without the file."""
    told: dict[str, dict] = {}
    while True:
        command = [sys.executable, __file__, "--work", str(folder)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        with subprocess.Popen(command, **pipes) as reader:
            at = "start"
            while True:
                limit = 60 if at == "start" else 10 * SLOW if at == "scan" else SLOW
                ready, _, _ = select.select([reader.stdout], [], [], limit)
                line = reader.stdout.readline() if ready else ""
                if not line.endswith("\n"):
                    reader.kill()
                    code = reader.wait()
                    fault = f"crash, status {code}" if ready else f"hang, {limit} s"
                    break
                said = json.loads(line)
                if "at" in said:
                    at = said["at"]
                elif at == "scan":
                    return told, said
                else:
                    told[at] = said
        if at in ("start", "scan"):
            return told, {"error": fault}
        told[at] = {"status": fault, "error": fault}
        (folder / at).unlink()


def faults(name: str, mutation: str, said: dict, same: str) -> list[str]:
    """What is wrong with what was told of one file; ``same`` is the hash of its original's pixels."""
    out = [said["error"]] if "error" in said else []
    if "read" not in said:  # it hung or crashed
        return out
    known = fuzz.REASONS - {"absent"}
    if said["status"] not in known:
        out.append(f"status {said['status']}")
    if said["read"] not in (said["status"], "raised"):
        out.append(f"read_image says {said['read']}, the scan {said['status']}")
    if not said["finite"]:
        out.append("statistics that are not finite")
    if said["seconds"] > SLOW / 4:
        out.append(f"{said['seconds']:.1f} s")
    if mutation in SAME and same and said.get("pixels") != same:
        out.append(f"the same picture, but {said['read']}")
    if mutation == "cut" and said["read"] == "ok" and said["pixels"] != same:
        out.append("cut, but read as a whole picture")
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("soak-images"))
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        work(chosen.work)
        return 0
    files, start = originals(), time.monotonic()
    same = {}  # pixels of the originals that can be read at all
    for name, data in files.items():
        try:
            same[name] = data_prep.scanning.measuring.pixel_hash(
                decoding.decode(io.BytesIO(data)).pixels
            )
        except decoding.UnreadableImage as error:
            print(f"original {name}: {error.reason}")
    counts: dict[str, Counter] = {m: Counter() for m in MUTATIONS}
    bad, most, longest = [], 0, 0.0
    for first in range(0, chosen.images, BATCH):
        folder = Path(tempfile.mkdtemp(prefix="soak-images-"))
        made = {}
        for number in range(first, min(first + BATCH, chosen.images)):
            mutation, origin, name, data = mutant(number, chosen.seed, files)
            (folder / name).write_bytes(data)
            made[name] = mutation, origin, data
        told, scanned = watched(folder)
        if "error" in scanned:
            bad.append(("scan", f"images {first} to {first + BATCH}", scanned["error"]))
        rows = {row["path"]: row["status"] for row in scanned.get("rows", [])}
        for name, (mutation, origin, data) in made.items():
            said = told[name]
            counts[mutation][said["status"]] += 1
            wrong = faults(name, mutation, said, same.get(origin, ""))
            must_have = "rows" in scanned and "read" in said
            must_have &= name.lower().endswith(decoding.SUFFIXES)  # the others are passed over
            if must_have and rows.get(name) != said["status"]:
                wrong.append(f"the scan's row says {rows.get(name)}, not {said['status']}")
            for fault in wrong:
                bad.append((mutation, name, fault))
                chosen.keep.mkdir(parents=True, exist_ok=True)
                (chosen.keep / name).write_bytes(data)
            most = max(most, said.get("peak", 0))
            longest = max(longest, said.get("seconds", 0.0))
        most = max(most, scanned.get("peak", 0))
        shutil.rmtree(folder)
        print(f"{first + len(made)} images, {len(bad)} faults", file=sys.stderr, flush=True)
    if most > MEMORY:
        bad.append(("memory", "", f"{most / 2**30:.2f} GB"))
    show(counts)
    print(f"\n{chosen.images} images, seed {chosen.seed}, {time.monotonic() - start:.0f} s; the slowest "
          f"{longest:.2f} s, at most {most / 2**20:.0f} MB; {len(bad)} faults")  # fmt: skip
    for mutation, name, fault in bad:
        print(f"{mutation}: {name}: {fault[:200]}")
    return int(bool(bad))


def show(counts: dict[str, Counter]) -> None:
    """Counts by mutation and status, as a table in Markdown."""
    names = sorted({status for row in counts.values() for status in row})
    print("| mutation | " + " | ".join(names) + " |\n|---" + "|---" * len(names) + "|")
    for mutation, row in counts.items():
        print(f"| {mutation} | " + " | ".join(str(row[name]) for name in names) + " |")
    total = sum(counts.values(), Counter())
    print("| all | " + " | ".join(str(total[name]) for name in names) + " |")


if __name__ == "__main__":
    sys.exit(main())
