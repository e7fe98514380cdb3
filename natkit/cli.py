"""`natkit demo` and `natkit poc`: the notebooks, run in order into one folder."""

import argparse
import contextlib
import errno
import hashlib
import importlib.util
import json
import logging
import os
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from natkit.errors import InputError
from natkit.files import sha256, write_json

STEPS = ("01_clean", "02_train", "03_look", "04_score", "05_report")
FORMAT, VERSION = "natkit-poc", 1


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status: 0 done, 1 failed, 2 unusable input, 130 stopped."""
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = _parser().parse_args(arguments)
    command = shlex.join(["natkit", *arguments])
    try:
        return _poc(chosen, command)
    except InputError as error:
        return _fail(str(error), 2)
    except KeyboardInterrupt:
        return _fail(
            f"Stopped. What is finished is kept; go on with the same command: {command}", 130
        )
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return _fail(_disk_full(chosen.out), 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="natkit", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="the whole path on real solar-cell images")
    poc = commands.add_parser("poc", help="the whole path on your own folder of images")
    poc.add_argument("images", help="folder of images")
    poc.add_argument(
        "--table", default="", help="CSV with one row an image: path, label, groups, …"
    )
    poc.add_argument("--label", default="", help="column of the table that is to be predicted")
    poc.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="COL",
        help="column such as camera, line, shift, lot; may be given several times",
    )
    poc.add_argument(
        "--fixed-pose",
        action="store_true",
        help="parts always lie the same way round: train on no turned or mirrored views",
    )
    for command in (demo, poc):
        command.add_argument(
            "--out", default=f"natkit-{command.prog.split()[-1]}", help="folder for the results"
        )
        command.add_argument(
            "--lang", choices=("en", "ja"), default="en", help="language of the report"
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
        parameters |= {"any_orientation": not chosen.fixed_pose}
    elif importlib.util.find_spec("elpv_dataset") is None:
        print(
            "The package elpv-dataset (real solar cells) is not installed: the demo takes a drawn "
            'production line. For the cells: pip install "natkit[demo]".'
        )
    state = _open(out, parameters, command)
    for number, step in enumerate(STEPS, 1):
        if step in state["finished"]:
            print(f"[{number}/{len(STEPS)}] {step}: done before")
            continue
        start = time.monotonic()
        with _shown(out, f"[{number}/{len(STEPS)}] {step}"):
            _execute(step, out, parameters)
        state["finished"][step] = round(time.monotonic() - start, 1)
        write_json(out / "run.json", state)
        print(f"[{number}/{len(STEPS)}] {step}: {state['finished'][step]:.0f} s")
    print(f"\nReport: {out / 'report.html'}")
    return 0


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


def notebooks() -> Path:
    """Where the notebooks lie: in the wheel, or in the checkout of an editable install."""
    packed = Path(__file__).parent / "_notebooks"
    return packed if packed.is_dir() else Path(__file__).parent.parent / "notebooks"


def _execute(step: str, out: Path, parameters: dict) -> None:
    """Run one notebook into ``out/notebooks``; it gets its name only when it ran through."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    # after Ctrl-C asyncio reports each task that the kernel's death ended; our sentence says it better
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    source = notebooks() / f"{step}.ipynb"
    known = papermill.inspect_notebook(str(source))
    wanted = {name: value for name, value in parameters.items() if name in known}
    folder = out / "notebooks"
    folder.mkdir(exist_ok=True)
    part = folder / f"{step}.unfinished.ipynb"
    undo = _before(out)
    try:
        papermill.execute_notebook(
            str(source), str(part), wanted, cwd=str(out), progress_bar=False, log_output=False
        )
    except BaseException as error:
        undo()
        told = _told(error) if isinstance(error, PapermillExecutionError) else error
        if isinstance(error, DeadKernelError):
            told = InputError(
                f"The process that ran {step} was killed, most often because memory ran out. Close other "
                "programs or take fewer images, and repeat the same command to go on."
            )
        if told is not None:
            part.unlink(missing_ok=True)
            raise told from None
        raise InputError(
            f"The notebook {step} failed: {error.ename}: {error.evalue}. This should not happen; "
            f"please report it with {part}."
        ) from None
    part.replace(folder / f"{step}.ipynb")


def _told(error) -> BaseException | None:
    """The exception inside a kernel that the user can do something about; None for any other."""
    if error.ename == "InputError":
        return InputError(error.evalue)
    if error.ename == "KeyboardInterrupt":
        return KeyboardInterrupt()
    if f"[Errno {errno.ENOSPC}]" in error.evalue:
        return OSError(errno.ENOSPC, error.evalue)
    return None


def _before(out: Path):
    """Remember what lies in ``out``, so that an interrupted step leaves nothing of its own behind."""
    kept = {p.name for p in out.iterdir()} | {
        "notebooks",
        "progress.jsonl",
    }  # the caller looks after these

    def undo() -> None:
        for path in out.iterdir():
            if path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    return undo


@contextlib.contextmanager
def _shown(out: Path, title: str) -> Iterator[None]:
    """Draw the progress that the notebook's kernel tells in ``progress.jsonl``."""
    from tqdm import tqdm

    log, over = out / "progress.jsonl", threading.Event()
    log.write_text("")
    os.environ["NATKIT_PROGRESS"] = str(log)
    terminal = os.fdopen(os.dup(2), "w")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)  # a kernel that is stopped complains on the stream that it inherits
    bar = tqdm(
        desc=title, bar_format="{desc}: {elapsed}", leave=False, dynamic_ncols=True, file=terminal
    )

    def draw() -> None:
        place, what = 0, None
        while not over.wait(0.3):
            with open(log, encoding="utf-8") as file:
                file.seek(place)
                lines = file.readlines()
                place = file.tell()
            if lines and lines[-1].endswith("\n"):
                told = json.loads(lines[-1])
                if told["what"] != what:
                    what = told["what"]
                    bar.reset(told["total"])
                    bar.bar_format = (
                        "{desc} {percentage:3.0f}% |{bar:20}| {elapsed}, {remaining} left"
                    )
                    bar.set_description(f"{title}: {what}", refresh=False)
                bar.update(told["done"] - bar.n)
            bar.refresh()

    thread = threading.Thread(target=draw, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        bar.close()
        os.dup2(terminal.fileno(), 2)
        terminal.close()
        os.close(silence)
        log.unlink(missing_ok=True)


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
