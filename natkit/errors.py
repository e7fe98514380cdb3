"""The old name of :mod:`natkit.core.errors`, for one version."""

from natkit.core.errors import InputError  # noqa: F401
