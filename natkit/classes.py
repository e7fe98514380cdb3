"""The old name of :mod:`natkit.core.labels`, for one version."""

from natkit.core.labels import *  # noqa: F401, F403
