"""`natkit demo`, `poc`: the notebooks, run; `lab`: to step through; `compare`: what moved between runs."""

import argparse
import errno
import hashlib
import importlib.util
import json
import os
import shlex
import sys
import time
from datetime import datetime
from pathlib import Path

from natkit.app import lab, notebooks, preflight
from natkit.app.console import open_streams, say
from natkit.core.errors import InputError
from natkit.core.files import sha256, write_json

STEPS = ("01_clean", "02_train", "03_look", "04_score", "05_report")
VIEWS = ("fixed_pose", "orientation_free", "texture", "colour_matters", "natural")
FORMAT, VERSION = "natkit-poc", 1


EXAMPLE = {  # what the demo reckons with; its report says that it is made up
    "prices": {"currency": "JPY", "missed": 3000, "false_alarm": 300, "label": 15, "engineer_hour": 6000,
               "gpu_hour": 300, "own_gpu": 400_000, "own_gpu_years": 4, "own_gpu_hour": 30,
               "upkeep_year": 600_000, "made_up": True},
    "line": {"defect_rate": 0.02, "parts_a_year": 1_000_000, "today_missed": 0.2,
             "today_false_alarms": 0.05, "today_part": 8, "allowed_missed": 0.1},
    "work": {"labels": 2624, "engineer_hours": 160, "gpu_hours": 5, "trainings_a_year": 12},
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status: 0 done, 1 failed, 2 unusable input, 130 stopped."""
    open_streams()
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen, jupyter = _parsed(arguments)
    command = shlex.join(["natkit", *arguments])
    try:
        preflight.refuse_bytes(arguments)
        if chosen.command == "compare":
            return _compare(chosen)
        return _lab(chosen, jupyter) if chosen.command == "lab" else _poc(chosen, command)
    except InputError as error:
        return _fail(str(error), 2)
    except KeyboardInterrupt:
        return _fail(
            f"Stopped. What is finished is kept; go on with the same command: {command}", 130
        )
    except OSError as error:
        out = chosen.folder if chosen.command == "lab" else chosen.out
        return _fail(_of_the_system(error, out), 1)


def _parsed(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Our own arguments, and what stands after ``--``: options of JupyterLab, for `natkit lab` alone."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    parser = _parser()
    chosen, jupyter = parser.parse_args(arguments[:end]), arguments[end + 1 :]
    if jupyter and chosen.command != "lab":
        parser.error("only natkit lab takes options after --: they are JupyterLab's")
    return chosen, jupyter


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="natkit", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="the whole path on real solar-cell images")
    poc = commands.add_parser("poc", help="the whole path on your own folder of images")
    lab = commands.add_parser(
        "lab",
        help="the notebooks in JupyterLab, to step through",
        epilog="What stands after -- is passed to JupyterLab: natkit lab -- --ServerApp.ip=0.0.0.0",
    )
    compare = commands.add_parser("compare", help="what has moved between two runs or more")
    compare.add_argument(
        "runs", nargs="+", metavar="RUN",
        help="results folder of natkit poc or demo, or its summary.json; the others are compared with the first",
    )  # fmt: skip
    compare.add_argument(
        "--out",
        default="natkit-compare",
        help="folder for the report, or a name that ends in .html",
    )
    compare.add_argument(
        "--lang", choices=("en", "ja"), default="en", help="language of the report"
    )
    compare.add_argument(
        "--same-line", action="store_true",
        help="the images come from one line (before and after cleaning, last month and now): compare them "
        "although the test images differ",
    )  # fmt: skip
    lab.add_argument(
        "folder",
        nargs="?",
        default="natkit-lab",
        help="where the notebooks are copied to; what is there is never overwritten",
    )
    lab.add_argument("--lang", choices=("en", "ja"), default="en", help="language of the notebooks")
    lab.add_argument("--no-browser", action="store_true", help="only print the address")
    lab.add_argument("--port", type=int, help="where JupyterLab listens; 0: any free port")
    poc.add_argument("images", help="folder of images")
    poc.add_argument(
        "--table", default="", help="CSV with one row an image: path, label, groups, …"
    )
    poc.add_argument(
        "--missing", action="append", metavar="TEXT",
        help="text in the table that stands for no value; may be given several times, and \"\" for none at all, so "
        "that NA can be a class (default: NA, N/A, NaN, NULL and a spreadsheet's errors)",
    )  # fmt: skip
    poc.add_argument("--label", default="", help="column of the table that is to be predicted")
    poc.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="COL",
        help="column such as camera, line, shift, lot; may be given several times",
    )
    poc.add_argument(
        "--views",
        choices=VIEWS,
        default="orientation_free",
        help="what may differ between two pictures of one thing (fixed_pose: parts always lie the same way round)",
    )
    poc.add_argument(
        "--target", type=float, default=0.0, metavar="SCORE",
        help="the score that would be good enough, agreed beforehand; without one the verdict never says go",
    )  # fmt: skip
    poc.add_argument(
        "--prices", metavar="TOML",
        help="file with [prices], [line] and [work]: what errors, labels and hours cost; see the README",
    )  # fmt: skip
    for command in (demo, poc):
        command.add_argument(
            "--out", default=f"natkit-{command.prog.split()[-1]}", help="folder for the results"
        )
        command.add_argument(
            "--lang", choices=("en", "ja"), default="en", help="language of notebooks and report"
        )
        command.add_argument("--device", default="auto", help="auto, cpu or cuda")
        command.add_argument("--seed", type=int, default=0)
        command.add_argument(
            "--fast", action="store_true", help="little training: to see the path, not the score"
        )
    return parser


def _poc(chosen: argparse.Namespace, command: str) -> int:
    parameters = preflight.check(chosen)
    out = Path(parameters["out_dir"])
    if chosen.command == "demo":
        parameters |= {"money": EXAMPLE}
        if importlib.util.find_spec("elpv_dataset") is None:
            say(
                "The package elpv-dataset (real solar cells) is not installed: the demo takes a drawn "
                'production line. For the cells: pip install "natkit[demo]".'
            )
    state = _open(out, parameters, command)
    for number, step in enumerate(STEPS, 1):
        if step in state["finished"]:
            notebooks.settle(step, out)  # a kill may have come in between
            say(f"[{number}/{len(STEPS)}] {step}: done before")
            continue
        start = time.monotonic()
        with notebooks.shown(out, f"[{number}/{len(STEPS)}] {step}"):
            notebooks.run(step, out, parameters)
        state["finished"][step] = round(time.monotonic() - start, 1)
        write_json(out / "run.json", state)
        notebooks.settle(step, out)
        say(f"[{number}/{len(STEPS)}] {step}: {state['finished'][step]:.0f} s")
    say(f"\nReport: {out / 'report.html'}")
    say(f"Map to explore: {out / 'explorer.html'}")
    return 0


def _compare(chosen: argparse.Namespace) -> int:
    from natkit.show.compare.page import compare_runs

    page = compare_runs(chosen.runs, Path(chosen.out), chosen.lang, chosen.same_line)
    say(f"Comparison: {page.absolute()}")
    return 0


def _lab(chosen: argparse.Namespace, jupyter: list[str]) -> int:
    if chosen.port is not None and not 0 <= chosen.port < 65536:
        raise InputError(
            f"--port is {chosen.port}, but it must be 0 to 65535. Take 8888, or 0 for any free one."
        )
    folder = Path(chosen.folder).absolute()
    new, kept = lab.copied(folder, chosen.lang)
    say(f"The notebooks are in {folder}" + (f" (new: {', '.join(new)})." if new else "."))
    if kept:
        say(
            f"Left as they are, since they differ from natkit's own: {', '.join(kept)}. "
            "For fresh ones, or the other language, give another folder."
        )
    options = ["--no-browser"] if chosen.no_browser else []
    options += [] if chosen.port is None else [f"--port={chosen.port}"]
    lab.start(folder, [*options, *jupyter])
    return 0


def _open(out: Path, parameters: dict, command: str) -> dict:
    """Start a results folder, or go on with one that has the same parameters and data; refuse any other."""
    ours = {"parameters": parameters, "data": _data_hash(parameters)}
    fresh = {"format": FORMAT, "version": VERSION, "command": command, **ours}
    fresh |= {"started": datetime.now().astimezone().isoformat(timespec="seconds"), "finished": {}}
    if not out.exists() or not any(out.iterdir()):
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / "run.json", fresh)
        return fresh
    state = _state(out / "run.json")
    if state["finished"] == {}:  # it stopped before anything was done: nothing to go on with
        write_json(out / "run.json", fresh)
        return fresh
    for what in ours:
        if state.get(what) != ours[what]:
            raise InputError(
                f"{out} holds the results of another run (its {what} differ: {state.get('command')}). "
                "Give a new folder with --out, or repeat that command to go on with it."
            )
    return state


def _state(file: Path) -> dict:
    """What ``run.json`` says of the run in its folder; refused if it is not as natkit writes it."""
    try:
        state = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(
            f"{file.parent} is not empty and holds no natkit results. Give an empty or new folder with --out."
        ) from None
    except (ValueError, RecursionError):
        state = None
    known = isinstance(state, dict) and (state.get("format"), state.get("version"))
    finished = state.get("finished") if known == (FORMAT, VERSION) else None
    seconds = finished.values() if isinstance(finished, dict) else [None]
    if not all(isinstance(s, int | float) for s in seconds) or not set(finished) <= set(STEPS):
        raise InputError(
            f"{file} is not as this natkit writes it. Give a new folder with --out, or put back the file as it was."
        )
    return state


def _data_hash(parameters: dict) -> str:
    """A hash over names, sizes and times of the user's files: enough to know that nothing moved."""
    if "images" not in parameters:
        return "demo"
    images, digest = Path(parameters["images"]), hashlib.sha256()
    for file in sorted(p for p in images.rglob("*") if p.is_file()):
        status = file.stat()
        facts = f"{file.relative_to(images)} {status.st_size} {status.st_mtime_ns}\n"
        digest.update(facts.encode("utf-8", "surrogateescape"))
    if parameters["table"]:
        digest.update(sha256(parameters["table"]).encode())
    return digest.hexdigest()


def _of_the_system(error: OSError, out: str) -> str:
    """What the operating system refused, as a sentence with the path and the cause."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"The disk that holds {out} is full{', or your share of it' * (error.errno == errno.EDQUOT)}. Nothing "
            "half-written is kept; make room (a run of 2,600 images needs about 300 MB) and repeat the same "
            "command to go on."
        )
    remedies = {
        errno.ENAMETOOLONG: "Give a shorter name.",
        errno.EMFILE: "Raise the limit (ulimit -n 1024), and repeat the same command to go on.",
    }
    denied = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST)
    remedies |= dict.fromkeys(
        denied, "Give another place, or mend this one, and repeat the command."
    )
    cause = (error.strerror or str(error) or type(error).__name__).rstrip(".")
    where = error.filename if error.filename is not None else out
    if isinstance(where, bytes):
        where = os.fsdecode(where)
    remedy = remedies.get(error.errno, "Mend this, and repeat the same command to go on.")
    return f"The system refused to work with {where}: {cause}. {remedy}"


def _fail(sentence: str, status: int) -> int:
    say(f"natkit: {sentence}", "stderr")
    return status


if __name__ == "__main__":
    sys.exit(main())
