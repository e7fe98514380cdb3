"""What the soaks of `natkit poc` share: a drawn line, the command, and what two runs must have in common."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from data_prep import samples

PARTS = 150
STEPS = ("01_clean", "02_train", "03_look", "04_score", "05_report")
# what may differ between two runs of one command: times, speeds, the folder's name
OF_THE_RUN = {"time", "command", "seconds", "started", "images_per_second"}
WITH_TIMES = {"findings.xlsx", "report.html", "report.pptx", "report.xlsx", "run.json"}
WITH_TIMES |= {f"notebooks/{step}.ipynb" for step in STEPS}
WITH_TIMES |= {"prepared/ledger.csv", "run/history.csv", "training/state.safetensors"}
WITH_TIMES |= {"summary.json", "sections/training.json", "scan.jsonl"}


def draw(folder: Path) -> Path:
    """A small line with a table of labels and groups: what the user has."""
    samples.synthetic_line(folder, n=PARTS, seed=0)
    return folder


def command(line: Path, out: Path) -> list[str]:
    """``natkit poc … --fast`` with a table, a label and two groups."""
    table = ["--table", str(line / "parts.csv"), "--label", "defect"]
    groups = ["--group", "camera", "--group", "lot"]
    start = [sys.executable, "-m", "natkit.app.cli", "poc", str(line), *table, *groups]
    return [*start, "--fast", "--out", str(out)]


def started(line: Path, out: Path, log: Path, before: tuple[str, ...] = ()) -> subprocess.Popen:
    """The command as a process of its own group; what it prints goes into ``log``."""
    with open(log, "wb") as file:
        return subprocess.Popen(
            [*before, *command(line, out)],
            stdout=file, stderr=subprocess.STDOUT, start_new_session=True, cwd=log.parent,
        )  # fmt: skip


def said(log: Path) -> str:
    """The sentence that a command ended with; more than that is a fault."""
    text = log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n")
    if "Traceback" in text:
        return "a traceback: " + text.strip().splitlines()[-1]
    rows = [row for row in text.splitlines() if row.startswith("natkit: ")]
    return rows[0].removeprefix("natkit: ") if len(rows) == 1 else f"{len(rows)} sentences"


def hashes(folder: Path, besides: tuple[str, ...] = ()) -> dict[str, str]:
    """Path → hash of all files below ``folder``; of a link its target."""
    out = {}
    for file in sorted(p for p in folder.rglob("*") if p.is_file() or p.is_symlink()):
        name = file.relative_to(folder).as_posix()
        if not name.startswith(besides or "\0"):
            content = os.readlink(file).encode() if file.is_symlink() else file.read_bytes()
            out[name] = hashlib.sha256(content).hexdigest()
    return out


def facts(value: object) -> object:
    """A summary, or a part of one, without what may differ from run to run."""
    if isinstance(value, dict):
        return {k: facts(v) for k, v in value.items() if k not in OF_THE_RUN}
    return [facts(v) for v in value] if isinstance(value, list) else value


def differences(out: Path, calm: Path, own: set[str]) -> list[str]:
    """What a finished run has other than an undisturbed one; ``own`` are files of the user's in it."""
    found = []
    ours, theirs = (json.loads((o / "summary.json").read_text("utf-8")) for o in (out, calm))
    for section in sorted({*ours, *theirs}):
        if facts(ours.get(section)) != facts(theirs.get(section)):
            found.append(f"summary: {section} differs")
    here, there = hashes(out), hashes(calm)
    found += [f"{name} lacks" for name in sorted(set(there) - set(here))]
    found += [f"{name} is left over" for name in sorted(set(here) - set(there) - own)]
    both = set(here) & set(there) - WITH_TIMES
    return found + [f"{name} differs" for name in sorted(both) if here[name] != there[name]]


def report(title: str, rows: list[tuple[str, object]], faults: list[str]) -> int:
    """Print a table of two columns and the faults; the exit status."""
    print(f"\n| {title} | |\n|---|---|")
    for name, value in rows:
        print(f"| {name} | {value} |")
    print(f"| faults | {len(faults)} |")
    for fault in faults:
        print(f"fault: {fault}")
    return int(bool(faults))
