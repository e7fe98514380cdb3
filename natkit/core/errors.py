"""The one error that is meant for the user's eyes, and the stop of a notebook that is none."""


class InputError(ValueError):
    """Something the user gave can't be used.

    The message is one sentence in three parts: what came, what was expected, what to do. The
    commands print it alone, without a traceback.
    """


class Stop(Exception):
    """The rest of a notebook has nothing to work on: ``raise Stop(sentence)`` ends it there, and is no failure.

    JupyterLab runs no further cell and shows the sentence alone; `natkit poc` goes on with the next notebook.
    """

    def _render_traceback_(self) -> list[str]:
        return [str(self)]
