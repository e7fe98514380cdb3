"""The old name of :mod:`natkit.data.decoding`, for one version."""

from natkit.data.decoding import *  # noqa: F401, F403
