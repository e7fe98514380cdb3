"""The one error that is meant for the user's eyes."""


class InputError(ValueError):
    """Something the user gave can't be used.

    The message is one sentence in three parts: what came, what was expected, what to do. The
    commands print it alone, without a traceback.
    """
