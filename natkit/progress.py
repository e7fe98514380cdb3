"""Progress with the time left: in a notebook, in a terminal, or told to the command that waits."""

import json
import os
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm.auto import tqdm

LOG = "NATKIT_PROGRESS"  # environment variable: the file to which a notebook tells its progress
T = TypeVar("T")


def progress(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Iterate over ``items`` and show how far it is and how long it will take.

    A bar made in a notebook's kernel never reaches the terminal of the command that runs the
    notebook. So with the variable ``NATKIT_PROGRESS`` set no bar is drawn; lines
    ``{"what", "done", "total"}`` are appended to that file, at most five a second, and
    ``natkit demo`` and ``natkit poc`` draw them.

    Parameters
    ----------
    items
        What to iterate over.
    what
        Name of the step, a few words.
    total
        Number of items; taken from ``len(items)`` if not given.
    """
    if total is None:
        total = len(items)
    log = os.environ.get(LOG)
    if not log:
        yield from tqdm(items, desc=what, total=total, leave=False, mininterval=0.2)
        return
    last = 0.0
    for done, item in enumerate(items):
        if time.monotonic() - last > 0.2:
            last = time.monotonic()
            _tell(log, what, done, total)
        yield item
    _tell(log, what, total, total)


def _tell(log: str, what: str, done: int, total: int) -> None:
    line = json.dumps({"what": what, "done": done, "total": total}, ensure_ascii=False)
    with open(log, "a", encoding="utf-8") as file:
        file.write(line + "\n")
