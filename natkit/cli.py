"""`natkit demo`, `poc`: the notebooks, run; `lab`: to step through; `compare`: what moved between runs."""

import argparse
import errno
import hashlib
import importlib.util
import json
import shlex
import sys
import time
import tomllib
from dataclasses import fields
from datetime import datetime
from pathlib import Path

from natkit import lab, notebooks
from natkit.errors import InputError
from natkit.files import sha256, write_json

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
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen, jupyter = _parsed(arguments)
    command = shlex.join(["natkit", *arguments])
    try:
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
        if error.errno != errno.ENOSPC:
            raise
        return _fail(_disk_full(chosen.folder if chosen.command == "lab" else chosen.out), 1)


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
    out = Path(chosen.out).absolute()
    parameters = {"out_dir": str(out), "lang": chosen.lang, "device": chosen.device}
    parameters |= {"seed": chosen.seed, "fast": chosen.fast}
    if chosen.command == "poc":
        images = Path(chosen.images).absolute()
        if out.is_relative_to(images):
            raise InputError(
                f"--out {out} lies inside the image folder, which is never written to. Give another folder."
            )
        parameters |= {"images": str(images), "label": chosen.label, "groups": chosen.group}
        parameters |= {"table": str(Path(chosen.table).absolute()) if chosen.table else ""}
        parameters |= {"missing": chosen.missing} if chosen.missing else {}
        parameters |= {"views": chosen.views, "target": chosen.target}
        parameters |= {"money": _money(chosen.prices) if chosen.prices else {}}
    elif importlib.util.find_spec("elpv_dataset") is None:
        print(
            "The package elpv-dataset (real solar cells) is not installed: the demo takes a drawn "
            'production line. For the cells: pip install "natkit[demo]".'
        )
    if chosen.command == "demo":
        parameters |= {"money": EXAMPLE}
    state = _open(out, parameters, command)
    for number, step in enumerate(STEPS, 1):
        if step in state["finished"]:
            print(f"[{number}/{len(STEPS)}] {step}: done before")
            continue
        start = time.monotonic()
        with notebooks.shown(out, f"[{number}/{len(STEPS)}] {step}"):
            notebooks.run(step, out, parameters)
        state["finished"][step] = round(time.monotonic() - start, 1)
        write_json(out / "run.json", state)
        print(f"[{number}/{len(STEPS)}] {step}: {state['finished'][step]:.0f} s")
    print(f"\nReport: {out / 'report.html'}")
    print(f"Map to explore: {out / 'explorer.html'}")
    return 0


def _compare(chosen: argparse.Namespace) -> int:
    from natkit.show.report.runs import compare_runs

    page = compare_runs(chosen.runs, Path(chosen.out), chosen.lang, chosen.same_line)
    print(f"Comparison: {page.absolute()}")
    return 0


def _lab(chosen: argparse.Namespace, jupyter: list[str]) -> int:
    folder = Path(chosen.folder).absolute()
    new, kept = lab.copied(folder, chosen.lang)
    print(f"The notebooks are in {folder}" + (f" (new: {', '.join(new)})." if new else "."))
    if kept:
        print(
            f"Left as they are, since they differ from natkit's own: {', '.join(kept)}. "
            "For fresh ones, or the other language, give another folder."
        )
    sys.stdout.flush()  # before the server's first line
    options = ["--no-browser"] if chosen.no_browser else []
    options += [] if chosen.port is None else [f"--port={chosen.port}"]
    lab.start(folder, [*options, *jupyter])
    return 0


def _money(file: str) -> dict:
    """The tables of a TOML file of prices, checked before hours of work rest on them."""
    from natkit.evidence.prices import Line, Prices, Work

    try:
        told = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file} could not be read as TOML ({error}). The README shows an example."
        ) from error
    kinds = {"prices": Prices, "line": Line, "work": Work}
    for table, values in told.items():
        known = [field.name for field in fields(kinds[table])] if table in kinds else []
        wrong = sorted(set(values) - set(known)) if known else [table]
        if wrong:
            raise InputError(
                f"{file} holds {wrong[0]!r}, which is not known here; {', '.join(known or kinds)} are. "
                "Correct it, or take it out."
            )
        kinds[table](**{"currency": "JPY"} | values if table == "prices" else values)
    if "currency" not in told.get("prices", {}):
        raise InputError(
            f'{file} names no currency. Write currency = "JPY" (or "EUR", …) under [prices].'
        )
    return told


def _open(out: Path, parameters: dict, command: str) -> dict:
    """Start a results folder, or go on with one that has the same parameters and data; refuse any other."""
    ours = {"parameters": parameters, "data": _data_hash(parameters)}
    fresh = {"format": FORMAT, "version": VERSION, "command": command, **ours}
    if out.exists() and not out.is_dir():
        raise InputError(
            f"{out} is a file, but results need a folder. Give another name with --out."
        )
    fresh |= {"started": datetime.now().astimezone().isoformat(timespec="seconds"), "finished": {}}
    if not out.exists() or not any(out.iterdir()):
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / "run.json", fresh)
        return fresh
    try:
        state = json.loads((out / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(
            f"{out} is not empty and holds no natkit results. Give an empty or new folder with --out."
        ) from None
    if state.get("finished") == {}:  # it stopped before anything was done: nothing to go on with
        write_json(out / "run.json", fresh)
        return fresh
    for what in ours:
        if state.get(what) != ours[what]:
            raise InputError(
                f"{out} holds the results of another run (its {what} differ: {state.get('command')}). "
                "Give a new folder with --out, or repeat that command to go on with it."
            )
    return state


def _data_hash(parameters: dict) -> str:
    """A hash over names, sizes and times of the user's files: enough to know that nothing moved."""
    if "images" not in parameters:
        return "demo"
    images, digest = Path(parameters["images"]), hashlib.sha256()
    if not images.is_dir():
        raise InputError(f"There is no folder {images}. Give the folder that holds the images.")
    for file in sorted(p for p in images.rglob("*") if p.is_file()):
        status = file.stat()
        digest.update(
            f"{file.relative_to(images)} {status.st_size} {status.st_mtime_ns}\n".encode()
        )
    if parameters["table"]:
        if not Path(parameters["table"]).is_file():
            raise InputError(
                f"There is no table {parameters['table']}. Give a CSV file with --table."
            )
        digest.update(sha256(parameters["table"]).encode())
    return digest.hexdigest()


def _disk_full(out: str) -> str:
    return (
        f"The disk that holds {out} is full. Nothing half-written is kept; make room (a run of 2,600 images "
        "needs about 300 MB) and repeat the same command to go on."
    )


def _fail(sentence: str, status: int) -> int:
    print(f"natkit: {sentence}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
