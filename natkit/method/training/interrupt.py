"""Ctrl-C during a training: once lets the epoch end, twice stops at once."""

import signal
import threading

from natkit.core.progress import tell


class Interrupt:
    """While it lasts, Ctrl-C asks to stop after this epoch; the second one stops at once."""

    to_stop = False

    def __enter__(self) -> "Interrupt":
        self.mine = threading.current_thread() is threading.main_thread()
        if self.mine:
            self.before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_) -> None:
        if self.mine:
            signal.signal(signal.SIGINT, self.before)

    def _ask(self, *_) -> None:
        if self.to_stop:
            raise KeyboardInterrupt
        self.to_stop = True
        tell(
            "Stopping when this epoch ends; what is trained so far is kept. Ctrl-C again stops at once."
        )
