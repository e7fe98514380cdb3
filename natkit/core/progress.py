"""Progress with the time left: in a notebook, in a terminal, or told to the command that waits."""

import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm.auto import tqdm

LOG = "NATKIT_PROGRESS"  # environment variable: the file to which a notebook tells its progress
T = TypeVar("T")


def progress(
    items: Iterable[T], what: str, total: int | None = None, note: dict[str, str] | None = None
) -> Iterator[T]:
    """Iterate over ``items`` and show how far it is and how long it will take.

    A bar made in a notebook's kernel never reaches the terminal of the command that runs the
    notebook. So with the variable ``NATKIT_PROGRESS`` set no bar is drawn; lines
    ``{"what", "done", "total", "note"}`` are appended to that file, at most five a second, and
    ``natkit demo`` and ``natkit poc`` draw them. In any thread but the main one nothing is drawn.

    Parameters
    ----------
    items
        What to iterate over.
    what
        Name of the step, a few words; "" shows nothing, for a step within another.
    total
        Number of items; taken from ``len(items)`` if not given.
    note
        Shown behind the bar, as it is at the time: the loop changes it as it goes.
    """
    if not what:
        yield from items
        return
    if total is None:
        total = len(items)
    note = {} if note is None else note
    log = os.environ.get(LOG)
    if not log and threading.current_thread() is not threading.main_thread():
        yield from items  # a thread has no cell of its own to draw in; who started it can look
        return
    if not log:
        bar = tqdm(items, desc=what, total=total, leave=False, mininterval=0.2)
        for item in bar:
            yield item
            bar.set_postfix(note, refresh=False)
        return
    last = 0.0
    for done, item in enumerate(items):
        if time.monotonic() - last > 0.2:
            last = time.monotonic()
            _append(log, what, done, total, note)
        yield item
    _append(log, what, total, total, note)


def tell(sentence: str) -> None:
    """Say something that matters now, on a line of its own above the bar; a notebook keeps it."""
    tqdm.write(sentence)


def _append(log: str, what: str, done: int, total: int, note: dict[str, str]) -> None:
    line = {"what": what, "done": done, "total": total, "note": note}
    with open(log, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")  # ASCII: a name may hold what UTF-8 can't
