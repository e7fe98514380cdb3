"""One notebook, run to its end or not at all, with its progress shown."""

import contextlib
import errno
import json
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from natkit.errors import InputError


def folder() -> Path:
    """Where the notebooks lie: in the wheel, or in the checkout of an editable install."""
    packed = Path(__file__).parent / "_notebooks"
    return packed if packed.is_dir() else Path(__file__).parent.parent / "notebooks"


def source(step: str, lang: str) -> Path:
    """The notebook of a step, in the language of its prose; its code is the same in each."""
    return folder() / ("ja" if lang == "ja" else "") / f"{step}.ipynb"


def run(step: str, out: Path, parameters: dict) -> None:
    """Run one notebook into ``out/notebooks``; it gets its name only when it ran through."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    # after Ctrl-C asyncio reports each task that the kernel's death ended; our sentence says it better
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    notebook = source(step, parameters["lang"])
    known = papermill.inspect_notebook(str(notebook))
    wanted = {name: value for name, value in parameters.items() if name in known}
    done = out / "notebooks"
    done.mkdir(exist_ok=True)
    part = done / f"{step}.unfinished.ipynb"
    undo = _before(out)
    try:
        _interruptible(
            lambda: papermill.execute_notebook(
                str(notebook),
                str(part),
                wanted,
                cwd=str(out),
                progress_bar=False,
                log_output=False,
                store_widget_state=False,
            )
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
    part.replace(done / f"{step}.ipynb")


def _interruptible(work: Callable[[], object]) -> None:
    """Do ``work`` in a thread, so that Ctrl-C reaches this one; then end the kernel and the thread.

    In the main thread nbclient takes the signal for itself, and loses it while a kernel starts.
    """
    failed: list[BaseException] = []

    def attempt() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.2)
    except KeyboardInterrupt:
        while thread.is_alive():
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            thread.join(0.2)
        raise
    if failed:
        raise failed[0]


def _told(error) -> BaseException | None:
    """The exception inside a kernel that the user can do something about; None for any other."""
    if error.ename == "InputError":
        return InputError(error.evalue)
    if f"[Errno {errno.ENOSPC}]" in error.evalue:
        return OSError(errno.ENOSPC, error.evalue)
    return None


def _before(out: Path):
    """Remember what lies in ``out``, so that an interrupted step leaves nothing of its own behind."""
    kept = {p.name for p in out.iterdir()}
    kept |= {"notebooks", "progress.jsonl"}  # the caller looks after these
    kept |= {"training", "scan.jsonl"}  # from which an interrupted training or scan goes on

    def undo() -> None:
        for path in out.iterdir():
            if path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    return undo


@contextlib.contextmanager
def shown(out: Path, title: str) -> Iterator[None]:
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
                        "{desc} {percentage:3.0f}% |{bar:20}| {elapsed}, {remaining} left{postfix}"
                    )
                    bar.set_description(f"{title}: {what}", refresh=False)
                bar.set_postfix(told["note"], refresh=False)
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
