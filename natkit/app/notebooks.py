"""One notebook, run to its end or not at all, with its progress shown."""

import builtins
import contextlib
import errno
import json
import logging
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from natkit.app.console import Terminal
from natkit.core.errors import InputError, Stop
from natkit.core.files import RECORD, take_back

SPARED = ("training", "scan.jsonl")  # from which an interrupted training or scan goes on
ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE)
SYSTEM_ERROR = re.compile(
    r"\[(?:Errno|WinError) (?P<number>\d+)\] (?P<cause>.*?)(?:: '(?P<path>.*)')?$", re.DOTALL
)


def folder() -> Path:
    """Where the notebooks lie: in the wheel, or in the checkout of an editable install."""
    packed = Path(__file__).parents[1] / "_notebooks"
    return packed if packed.is_dir() else Path(__file__).parents[2] / "notebooks"


def source(step: str, lang: str) -> Path:
    """The notebook of a step, in the language of its prose; its code is the same in each."""
    return folder() / ("ja" if lang == "ja" else "") / f"{step}.ipynb"


def run(step: str, out: Path, parameters: dict) -> None:
    """Run one notebook into ``out/notebooks``; it gets its name only when it ran through.

    A notebook that raises :class:`natkit.Stop` ran through: what it wrote stays, and the cells below are empty.

    What it writes is noted, so that a step that did not end is taken back: at once, or, if this process was killed,
    by the next run. Call :func:`settle` once it is known that the step is done.

    Raises
    ------
    InputError
        If the notebook says so, its process can't start or is killed, or another natkit works in ``out``.
    OSError
        If a file or folder can't be read or written.
    """
    done = out / "notebooks"
    done.mkdir(exist_ok=True)
    part, record = done / f"{step}.unfinished.ipynb", done / f".{step}.written.jsonl"
    _take_over(record)
    try:
        _attempt(step, part, record, parameters)
    except BaseException:
        take_back(record, SPARED)
        raise
    part.replace(done / f"{step}.ipynb")


def settle(step: str, out: Path) -> None:
    """What the step wrote is there to stay."""
    (out / "notebooks" / f".{step}.written.jsonl").unlink(missing_ok=True)


def _take_over(record: Path) -> None:
    """End and take back what a run that was killed left, and note who works here now."""
    text = record.read_text(encoding="utf-8", errors="replace") if record.exists() else ""
    for kind, process in filter(None, map(_alive, text.splitlines())):
        if kind == "command":
            raise InputError(
                f"Another natkit is at work in {record.parents[1]} (process {process.pid}). Wait for "
                "it, or give another folder with --out."
            )
        process.kill()
        process.wait(30)
    take_back(record, SPARED)
    _sign(record, "command", os.getpid())


def _alive(line: str) -> tuple[str, psutil.Process] | None:
    """The process that signed a line of the record, if it still runs; its number may be another's by now."""
    with contextlib.suppress(ValueError, LookupError, TypeError, psutil.Error):
        told = json.loads(line)
        process = psutil.Process(told["process"])
        same = process.create_time() == told["since"] and process.pid != os.getpid()
        if same and process.status() != psutil.STATUS_ZOMBIE:
            return told["kind"], process
    return None


def _sign(record: Path, kind: str, process: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess), open(record, "a", encoding="utf-8") as file:
        since = psutil.Process(process).create_time()
        file.write(json.dumps({"kind": kind, "process": process, "since": since}) + "\n")


def _attempt(step: str, part: Path, record: Path, parameters: dict) -> None:
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from natkit.app.kernels import kernel

    # after Ctrl-C asyncio reports each task that the kernel's death ended; our sentence says it better
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    notebook = source(step, parameters["lang"])
    known = papermill.inspect_notebook(str(notebook))
    wanted = {name: value for name, value in parameters.items() if name in known}
    scratch = tempfile.TemporaryDirectory(prefix="natkit-", ignore_cleanup_errors=True)
    with scratch as home, tempfile.TemporaryFile() as complaints:
        ours = kernel(
            Path(home),
            {RECORD: str(record)},
            complaints,
            lambda process: _sign(record, "kernel", process),
        )
        try:
            _interruptible(
                lambda: papermill.execute_notebook(
                    str(notebook),
                    str(part),
                    wanted,
                    kernel_manager_class=ours,
                    progress_bar=False,
                    log_output=False,
                    store_widget_state=False,
                    start_timeout=300,
                )
            )
        except PapermillExecutionError as error:
            if error.ename == Stop.__name__:
                _unmarked(part)
                return
            if (told := _told(error)) is None:
                raise InputError(
                    f"The notebook {step} failed: {error.ename}: {error.evalue}. This should not happen; "
                    f"please report it with {part}."
                ) from None
            part.unlink(missing_ok=True)
            raise told from None
        except DeadKernelError:
            part.unlink(missing_ok=True)
            raise _killed(step) from None
        except RuntimeError as error:  # of jupyter_client, which has no word of its own for it
            part.unlink(missing_ok=True)
            complaints.seek(0)
            last = complaints.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
            if not last and "died" in str(error):  # else Python says why it can't start
                raise _killed(step) from None
            raise InputError(
                f"{sys.executable} could not start the process that runs {step} "
                f"({(last or str(error)).rstrip('.')}). Install natkit afresh, and repeat the same command."
            ) from None
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _killed(step: str) -> InputError:
    return InputError(
        f"The process that ran {step} was killed, most often because memory ran out. Close other "
        "programs or take fewer images, and repeat the same command to go on."
    )


def _unmarked(book: Path) -> None:
    """Take papermill's notice of a failure out of a notebook that only came to its stop."""
    from papermill.execute import remove_error_markers
    from papermill.iorw import load_notebook_node, write_ipynb

    write_ipynb(remove_error_markers(load_notebook_node(str(book))), str(book))


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
    found = SYSTEM_ERROR.search(error.evalue)
    kind = getattr(builtins, error.ename, None)
    own = isinstance(kind, type) and issubclass(kind, OSError)
    if found and (own or int(found["number"]) in ROOM):  # some libraries wrap a full disk
        return OSError(int(found["number"]), found["cause"], found["path"])
    return OSError(error.evalue) if own else None


@contextlib.contextmanager
def shown(out: Path, title: str) -> Iterator[None]:
    """Draw the progress that the notebook's kernel tells in ``progress.jsonl``."""
    from tqdm import tqdm

    log, over = out / "progress.jsonl", threading.Event()
    log.write_text("")
    os.environ["NATKIT_PROGRESS"] = str(log)
    terminal = Terminal(2)
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
