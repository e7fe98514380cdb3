"""The parts of the summary as files: each notebook leaves its own in ``sections/`` of the results folder."""

import json
from pathlib import Path

from natkit.core.errors import InputError
from natkit.core.files import write_json

SECTIONS = ("training", "map", "evidence", "planted", "cost", "mended")


def save_section(out: str | Path, name: str, content: dict | list | tuple) -> None:
    """Leave one section of the summary in the results folder ``out``; :func:`natkit.collect` takes it from there.

    Raises
    ------
    InputError
        For a name that is none of ``SECTIONS``.
    """
    write_json(_file(out, name), content)


def load_section(out: str | Path, name: str) -> dict | list | None:
    """The section of that name; None if it was not left yet."""
    file = _file(out, name)
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def _file(out: str | Path, name: str) -> Path:
    if name not in SECTIONS:
        raise InputError(
            f"There is no section {name!r}; there are {', '.join(SECTIONS)}. Take one."
        )
    return Path(out) / "sections" / f"{name}.json"
