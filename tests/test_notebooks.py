"""The tour runs under nbval, as a reader would step through it, in both languages."""

import subprocess
import sys

import nbformat
import papermill
import pytest

from natkit import notebooks


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_tour(lang, tmp_path):
    """Parameters are set in the copy, then nbval runs every cell; the last one asserts."""
    copy = tmp_path / "00_tour.ipynb"
    values = {"out_dir": str(tmp_path / "tour"), "lang": lang, "fast": True}
    papermill.execute_notebook(
        notebooks.source("00_tour", lang), copy, values, prepare_only=True, progress_bar=False
    )
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q"]
    command += ["--nbval-cell-timeout=300", "-p", "no:cacheprovider", str(copy)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-3000:]
    assert f'lang="{lang}"' in (tmp_path / "tour" / "report.html").read_text(encoding="utf-8")


def unheld(book) -> list[str]:
    """Check cells whose output nbval would not compare: never counted, or nothing stored."""
    checks = (c for c in book.cells if "nbval-check-output" in c.metadata.get("tags", []))
    return [cell.source for cell in checks if not (cell.execution_count and cell.outputs)]


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_check_cells_hold_what_they_check(lang):
    paths = sorted(notebooks.source("", lang).parent.glob("*.ipynb"))
    books = {path.name: nbformat.read(path, as_version=4) for path in paths}
    assert {name: unheld(book) for name, book in books.items()} == dict.fromkeys(books, [])
    (cell,) = (
        c
        for c in books["00_tour.ipynb"].cells
        if "nbval-check-output" in c.metadata.get("tags", [])
    )
    for lost in ("execution_count", "outputs"):
        bare = nbformat.from_dict({"cells": [cell | {lost: None}]})
        assert unheld(bare) == [cell.source]
