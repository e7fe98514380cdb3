"""Mutated tables: each is read right, cell for cell, or refused in a sentence.

    uv run python tests/soak/tables.py [--tables 2000] [--seed 0] [--only MUTATION] [--keep FOLDER]

A table about 24 images is drawn: lots with leading zeros, serial numbers of 17 digits, codes such as 26E401 and 1.10,
measured numbers, classes, notes. It is written in one of many ways (`table_texts.py`: encodings, separators, quotes,
line ends, what spreadsheet programs add; `table_books.py`: XLSX, Parquet) or damaged (`table_damage.py`: bytes
flipped, cut, inserted in text, zip and pages), and joined with the images by `data_prep.scan`. What it must give is
known: what was drawn; of damaged text, what Python's own csv module reads in the encoding and separator that it was
written in. A text must come back letter for letter, a measured number as the same number; where the bytes fit another
encoding as well, it is enough that the scan tells the one that it took. Prints counts by mutation,
and every table that was read wrong or ended by another exception than InputError; those files are kept in --keep.
Exits 1 if there is one. About 30 ms a table on one core.
"""

import argparse
import contextlib
import datetime
import io
import json
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import table_books  # noqa: F401  these three fill the lists below
import table_damage  # noqa: F401
import table_texts  # noqa: F401
from PIL import Image
from table_drawing import DAMAGING, GAP, KEEPING, NAMES, UNKNOWN, Made

import data_prep
from natkit import InputError

SLOW = 20  # s that one table may take
# what may stand for a gap, or be kept as it is
GAPS = {"", "NaN", "nan", "NA", "N/A", "n/a", "#N/A", "NULL", "null"}


# What came, against what must come.


def gap(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or value != value


def same(got: object, text: str | None, number: bool) -> bool:
    """Is a cell what was written? A text letter for letter; a number if it can be nothing else."""
    if text == UNKNOWN:
        return True
    if text is GAP or text.strip() in GAPS:
        return gap(got) or got == (text or "")
    if gap(got):
        return False
    if isinstance(got, str):
        if got == text:
            return True
        with contextlib.suppress(ValueError):
            return number and float(got) == float(text)
        return False
    if isinstance(got, bool | np.bool_):
        return str(got) == text
    if isinstance(got, pd.Timestamp | datetime.date):
        return got.isoformat().startswith(text)
    if isinstance(got, int | float | np.number):
        value = float(got)
        if number:
            with contextlib.suppress(ValueError):
                return value == float(text)
        whole = {str(int(got))} if value.is_integer() else set()  # 1.0 for 1 where a gap is near
        return text in {str(got), repr(value)} | whole
    return str(got) == text


def judged(made: Made, table: pd.DataFrame) -> str:
    """What is wrong with the table of a scan; "" if nothing is."""
    if made.must_refuse:
        return "read, though it can't be read right"
    got = table.set_index("path")
    known = {name: row for name, row in made.truth.items() if name in got.index}
    names = {c for row in made.truth.values() for c in row} - {""}
    for column in sorted(names):
        if column not in got.columns:
            if column == "path" or all(row.get(column) in (GAP, UNKNOWN) for row in known.values()):
                continue
            return f"column {str(column)!r} is not there, but {list(got.columns[-len(names) :])}"
    for name in got.index[got["listed"]]:
        if name in NAMES and name not in known:
            return f"{name} is given a row, but the table has none with this name"
    told = {name.replace("\\", "/").rpartition("/")[2] for name in made.truth}
    for path in set() if "\ufffd" in "".join(told) else set(got.index) - set(NAMES):
        if path.rpartition("/")[2] not in told:
            return f"an image {path!r}, which neither the folder nor a row of the table has"
    faults = {}  # the first of each column
    for name, row in known.items():
        if not got.loc[name, "listed"]:
            return f"the row of {name} is lost"
        for column, text in row.items():
            if column in ("", "path", "file") or column not in got.columns:
                continue
            if not same(value := got.loc[name, column], text, column in made.numbers):
                fault = f"{name}, {column}: {value!r}, but {text!r} is written"
                faults.setdefault(column, fault)
    return "; ".join(faults.values())


@contextlib.contextmanager
def limited() -> Iterator[None]:
    def late(*_):
        raise TimeoutError(f"more than {SLOW} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SLOW)
    try:
        yield
    finally:
        signal.alarm(0)


def tried(made: Made, folder: Path, cache: Path, file: Path) -> tuple[str, str]:
    """Outcome (right, refused, told, wrong, raised) and what there is to say."""
    file.write_bytes(made.data)
    try:
        with limited(), warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            scan = data_prep.scan(folder, file, cache=cache)
    except InputError as error:
        sentence = str(error)
        plain = "\n" not in sentence and "Traceback" not in sentence
        return ("refused", sentence) if plain else ("wrong", f"no sentence: {sentence!r}")
    except Exception as error:
        return "raised", f"{type(error).__name__}: {error}"
    fault = judged(made, scan.table)
    guessed = [facts for rule, facts in getattr(scan, "told", ()) if rule == "encoding"]
    if (
        fault and guessed
    ):  # the bytes fit another encoding as well, and the user is told which was taken
        return "told", fault
    return ("wrong", fault) if fault else ("right", "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="one mutation, as it is called in the table")
    parser.add_argument("--keep", type=Path, default=Path("soak-tables"))
    chosen = parser.parse_args()
    how = KEEPING | DAMAGING
    if chosen.only:
        how = {chosen.only: how[chosen.only]}
    names, start = list(how), time.monotonic()
    counts: dict[str, Counter] = {name: Counter() for name in names}
    said: dict[str, Counter] = {name: Counter() for name in names}
    with tempfile.TemporaryDirectory(prefix="soak-tables-") as base:
        folder = Path(base) / "images"
        folder.mkdir()
        for i, name in enumerate(NAMES):
            pixels = np.random.default_rng(i).integers(0, 255, (24, 24), np.uint8)
            Image.fromarray(pixels).save(folder / name)
        for number in range(chosen.tables):
            name = names[number % len(names)]
            made = how[name](np.random.default_rng([chosen.seed, number]))
            file = Path(base) / f"table{made.suffix}"
            outcome, told = tried(made, folder, Path(base) / "cache.jsonl", file)
            counts[name][outcome] += 1
            if outcome in ("wrong", "raised"):
                chosen.keep.mkdir(parents=True, exist_ok=True)
                kept = chosen.keep / f"{number:05d} {name}{made.suffix}"
                kept.write_bytes(made.data)
                print(f"{outcome}: {kept.name}: {told[:300]}", flush=True)
            elif outcome == "refused":
                said[name][told.replace(str(file), "FILE")[:160]] += 1
            file.unlink()
    show(counts)
    total = sum(counts.values(), Counter())
    print(
        f"\n{chosen.tables} tables, seed {chosen.seed}, {time.monotonic() - start:.0f} s: "
        + json.dumps(total)
    )
    for name, sentences in said.items():
        if name in KEEPING and sentences:
            sentence, n = sentences.most_common(1)[0]
            print(f"refused {n} × {name}: {sentence}")
    return int(bool(total["wrong"] + total["raised"]))


def show(counts: dict[str, Counter]) -> None:
    """Counts by mutation and outcome, as a table in Markdown."""
    outcomes = ("right", "refused", "told", "wrong", "raised")
    print("\n| mutation | " + " | ".join(outcomes) + " |\n|---" + "|---" * len(outcomes) + "|")
    for name, row in {**counts, "all": sum(counts.values(), Counter())}.items():
        print(f"| {name.replace('_', ' ')} | " + " | ".join(str(row[o]) for o in outcomes) + " |")


if __name__ == "__main__":
    sys.exit(main())
