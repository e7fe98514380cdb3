"""What the command prints: it never ends a run, whatever becomes of the terminal."""

import contextlib
import io
import os
import sys


def open_streams() -> None:
    """Make the three streams usable: one may be closed (a service, pythonw), a terminal may lack letters (cp932)."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            stream = os.fdopen(number, "w", encoding="utf-8", closefd=False)
            setattr(sys, name, stream)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(sentence: str, to: str = "stdout") -> None:
    """Print at once; if nobody reads any more (`natkit poc … | head -1`), go on in silence."""
    stream = getattr(sys, to)
    try:
        print(sentence, file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Terminal(io.TextIOWrapper):
    """Where a bar is drawn; if it goes away, the work goes on without it."""

    def __init__(self, number: int):
        file = os.fdopen(os.dup(number), "wb")
        super().__init__(file, sys.stderr.encoding, "backslashreplace")

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            super().close()
