"""Kills at random moments: the same command goes on to the same end, and the user's files stay.

    uv run python tests/soak/kills.py poc [--kills 60] [--each 12] [--seed 0]
    uv run python tests/soak/kills.py training [--kills 140] [--each 8] [--seed 0]

``poc``: `natkit poc --fast` on a drawn line is ended by SIGKILL at moments spread over its whole time, half of them at
once after something has changed in its folder: all its processes (as a power cut), the command alone (the kernel goes
on for a while, and the command is given again at once), or the kernel alone (the command must say so in a sentence).
After --each kills it may end. The summary must be that of a run that nobody disturbed, without times; so must every
file that holds no time, and nothing may be left over. Files that the user puts into the results while it runs stay.
About 25 s a kill.

``training``: `NAT.fit(…, checkpoint=…)` of a prepared folder is ended by SIGKILL after a random time, again and again;
weights, targets and history must be those of an undisturbed one, to the bit. About 5 s a kill.

Images and table are hashed before and after. Exits 1 if anything was wrong.
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
from poc import STEPS, differences, draw, hashes, report, said, started

import data_prep

LATE = 900  # s after which a run counts as hung
OWN = ("notes.txt", "notebooks/mine.ipynb", "figures/photo.png")  # the user's, in our folder
CONTENT = b"the user's own work\n"
HOW = ("all", "command", "kernel")


# --- natkit poc


def kill(process: subprocess.Popen, how: str) -> list[psutil.Process]:
    """SIGKILL; returns the processes that the command had started. Of those that aren't there yet none is killed."""
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children(recursive=True)
        if how != "kernel":
            process.kill()
        for child in children if how != "command" else []:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        return children
    return []


def names(folder: Path) -> set[str]:
    """All that lies in a folder which another process changes meanwhile."""
    with suppress(OSError):
        return {str(p) for p in folder.rglob("*")}
    return set()


def wait(process: subprocess.Popen, out: Path, step: int, seconds: float, changes: int) -> str:
    """Wait until a run has been in a step for so long, or has changed its folder so often in it.

    Returns "time" or "write"; "end" if the command ended before, "hung" if nothing comes for too long.
    """
    begun, reached, before = time.monotonic(), steps(out), names(out)
    while process.poll() is None:
        if steps(out) > reached:
            begun, reached = time.monotonic(), steps(out)
        if reached > step or (reached == step and time.monotonic() - begun > seconds):
            return "time"
        if time.monotonic() - begun > LATE:
            return "hung"
        now = names(out)
        if reached == step and changes and now != before:
            changes -= 1
            if not changes:
                return "write"
        before = now
        time.sleep(0.002)
    return "end"


def steps(out: Path) -> int:
    """How many steps are finished."""
    return sum((out / "notebooks" / f"{step}.ipynb").exists() for step in STEPS)


def moments(clock: random.Random, lasts: list[float], each: int) -> list[tuple[int, float, int]]:
    """So many moments of a run, evenly spread over its steps' times: step, second in it, and a number of changes (0:
    the second counts)."""
    out = []
    for _ in range(each):
        step = clock.choices(range(len(lasts)), lasts)[0]
        changes = clock.randint(1, 8) if clock.random() < 0.5 else 0
        out.append((step, clock.uniform(0, lasts[step]) + 1e3 * (changes > 0), changes))
    return sorted(out, reverse=True)  # the first is taken from the end


def put(out: Path, clock: random.Random, own: set[str]) -> None:
    """Sometimes the user saves a file into the results."""
    name = clock.choice(OWN)
    if name not in own and (out / "run.json").exists() and (out / name).parent.is_dir():
        (out / name).write_bytes(CONTENT)
        own.add(name)


def kills_of_poc(number: int, each: int, clock: random.Random, base: Path) -> int:
    line, log = draw(base / "line"), base / "log"
    before = hashes(line)
    assert started(line, base / "calm", log).wait(LATE) == 0, log.read_text()
    lasts = list(json.loads((base / "calm" / "run.json").read_text())["finished"].values())
    print(f"undisturbed: {sum(lasts):.0f} s", flush=True)
    done, faults, ends, children = Counter(), [], 0, []
    while sum(done.values()) < number:
        out, own, left = base / f"poc{ends + 1}", set(), moments(clock, lasts, each)
        step = how = "nothing"
        while (moment := wait(process := started(line, out, log), out, *left[-1])) != "end":
            put(out, clock, own)
            step = (*STEPS, "end")[steps(out)]
            how = clock.choice(HOW)
            killed = kill(process, how)
            children += killed
            if how == "kernel" and killed:
                code = process.wait(LATE)
                # what was killed may have been no kernel, and the command gone on without it
                if code not in (0, 2) or (code == 2 and "killed" not in said(log)):
                    faults.append(
                        f"{out.name}: kernel of {step} killed: status {code}, {said(log)}"
                    )
            process.kill()
            process.wait()
            done[how, moment, step] += 1
            faults += [f"{out.name}: {step} hung"] if moment == "hung" else []
            print(f"{sum(done.values())}: {step}, {how}, {moment}", flush=True)
            faults += [
                f"{out.name}: {name} is gone after {how} in {step}" for name in lost(out, own)
            ]
            left.pop()
            if not left:
                left = [(len(STEPS), LATE, 0)]
        if process.returncode != 0:
            faults.append(
                f"{out.name}: after {step}, {how}: status {process.returncode}, {said(log)}"
            )
        else:
            faults += [f"{out.name}: {fault}" for fault in differences(out, base / "calm", own)]
        faults += [f"{out.name}: {name} is gone" for name in lost(out, own)]
        ends += 1
        print(f"end {ends}, {len(faults)} faults so far", *faults[-3:], sep="\n  ", flush=True)
    time.sleep(5)
    faults += [f"process {child.pid} lives on" for child in children if child.is_running()]
    faults += [] if hashes(line) == before else ["the user's files have changed"]
    rows = [("kills of natkit poc", sum(done.values())), ("runs that ended", ends)]
    for k, kinds in enumerate((HOW, ("time", "write"), STEPS)):
        for kind in kinds:
            rows.append((f"… {kind}", sum(n for key, n in done.items() if key[k] == kind)))
    return report("kills.py poc", rows, faults)


def lost(out: Path, own: set[str]) -> list[str]:
    """Files of the user's that are not as they were; each is told once."""
    gone = [n for n in own if not (out / n).exists() or (out / n).read_bytes() != CONTENT]
    own.difference_update(gone)
    return gone


# --- training

TRAIN = """
import sys, torch, natkit
torch.set_num_threads(1)
prepared, checkpoint, end, how = sys.argv[1:]
settings = {"soft": {}, "exact": {"matching": "exact", "pool": 32, "whole_set": True},
            "sgd": {"optimizer": "sgd", "lr": 0.1}}[how]
images = natkit.load(prepared)
print("ready", flush=True)
model = natkit.NAT(epochs=20, size=32, batch_size=16, device="cpu", seed=5, **settings)
model.fit(images, checkpoint=checkpoint).save(end)
"""
SETTINGS = ("soft", "exact", "sgd")


def trained(prepared: Path, checkpoint: Path, end: Path, how: str) -> subprocess.Popen:
    """A training that has read its images."""
    arguments = [str(prepared), str(checkpoint), str(end), how]
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    process.stdout.readline()
    return process


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """Status and last line of what a training complained of."""
    _, err = process.communicate(timeout=LATE)
    return process.returncode, (err.strip().splitlines() or [""])[-1]


def kills_of_training(number: int, each: int, clock: random.Random, base: Path) -> int:
    line = draw(base / "line")
    scan = data_prep.scan(line, line / "parts.csv")
    data_prep.prepare(data_prep.audit(scan, label="defect"), base / "prepared")
    cache = ("prepared/cache",)
    calm, seconds = {}, {}
    for how in SETTINGS:
        process, start = (
            trained(base / "prepared", base / f"calm-{how}", base / how, how),
            time.monotonic(),
        )
        assert ended(process)[0] == 0
        seconds[how], calm[how] = time.monotonic() - start, run_of(base / how)
        print(f"undisturbed, {how}: {seconds[how]:.1f} s", flush=True)
    before = hashes(line), hashes(base / "prepared", cache)
    kills, ends, faults = Counter(), Counter(), []
    while sum(kills.values()) < number:
        how = SETTINGS[sum(ends.values()) % len(SETTINGS)]
        name = f"{how}{sum(ends.values())}"
        state, end, left = base / f"state-{name}", base / f"end-{name}", each
        while not end.exists():
            process = trained(base / "prepared", state, end, how)
            if left:
                pause = clock.uniform(0, 2.5 * seconds[how] / each)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(pause)
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                    kills[how] += 1
                    left -= 1
            code, complaint = ended(process)
            if code not in (0, -signal.SIGKILL):
                faults.append(f"{name}: status {code}, {complaint}")
                break
        else:
            faults += [f"{name}: {fault}" for fault in unlike(run_of(end), calm[how])]
            debris = {p.name for p in state.iterdir()} - {"state.safetensors"}
            faults += [f"{name}: {file} is left over" for file in sorted(debris)]
        ends[how] += 1
        print(f"{sum(kills.values())} kills, {name} ended, {len(faults)} faults", flush=True)
    if (hashes(line), hashes(base / "prepared", cache)) != before:
        faults.append("the user's files have changed")
    rows = [
        ("kills of a training", sum(kills.values())),
        ("trainings that ended", sum(ends.values())),
    ]
    rows += [(f"… {how}", f"{kills[how]} kills, {ends[how]} ends") for how in SETTINGS]
    return report("kills.py training", rows, faults)


def run_of(folder: Path) -> dict:
    """What a saved run holds, without times."""
    history = pd.read_csv(folder / "history.csv").drop(columns="seconds")
    return hashes(folder, ("history.csv",)) | {"history.csv": history.to_csv(index=False)}


def unlike(ours: dict, theirs: dict) -> list[str]:
    return [f"{name} differs" for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("poc", "training"))
    parser.add_argument("--kills", type=int)
    parser.add_argument("--each", type=int, help="kills before a run may end")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    soak, kills, each = (
        (kills_of_poc, 60, 12) if chosen.what == "poc" else (kills_of_training, 140, 8)
    )
    base = Path(tempfile.mkdtemp(prefix="soak-kills-"))
    try:
        return soak(chosen.kills or kills, chosen.each or each, random.Random(chosen.seed), base)
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    sys.exit(main())
