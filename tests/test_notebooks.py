"""All notebooks run under nbval in order, as a reader would step through them, in both languages.

Solar cells, no label, and a run that is stopped are in ``test_cli.py``; here it is a small drawn line with a label.
"""

import json
import re
import subprocess
import sys

import nbformat
import papermill
import pytest
from pptx import Presentation

from data_prep import samples
from natkit.app import cli, notebooks

STEPS = ("00_tour", *cli.STEPS)
PARTS = 300  # enough defects in test for 04_score to have something to score
DEEPER = {"02_train": ["natkit.show.words"], "05_report": ["natkit.show.report"]}
HOLDS = {  # what must be so after each notebook, in its own names
    "00_tour": """
assert (out / "report.html").exists()
assert facts["verdict"]["decision"] in ("go", "no_go", "not_enough")
""",
    "01_clean": """
kept = prepared.table
assert kept["pixel_hash"].is_unique or decisions or audit.held, "a copy was kept"
assert not audit.quarantined & set(kept["path"])
assert not demo or all(row["missed"] <= 0.1 * row["planted"] for row in planted[0])
""",
    "02_train": """
assert figures.concentration(tiny.agreement[-1]) > figures.concentration(tiny.nat[-1])
assert set(model.ids) <= set(images.ids[images.split == "train"])
ours, control, _ = (e.vectors for e in embeddings)
assert ours.shape == control.shape
assert len(ours) == len(images)
assert (ours.std(axis=0) > 0).any(), "every image got the same vector"
assert abs(ours - control).max() > 0, "training changed nothing"
""",
    "03_look": """
assert len(section["points"]) == len(section["ids"])
assert {row["measure"] for row in section["honesty"]} >= {"trustworthiness", "islands"}
assert set(near["id"]) <= set(embedding.ids) - {first}
assert near["distance"].is_monotonic_increasing
assert page.stat().st_size <= 5_000_000
""",
    "04_score": """
verdict = proof.verdict
low, high = verdict["difference"]["low"], verdict["difference"]["high"]
assert (verdict["comparison"] == "ahead") == (low > 0)
assert (verdict["comparison"] == "behind") == (high < 0)
assert verdict["decision"] != "go" or target or line.allowed_cost
scored = [row["score"] for row in proof.facts["scores"]]
assert all(row["low"] <= row["value"] <= row["high"] for row in scored)
""",
    "05_report": """
html = (out / "report.html").read_text(encoding="utf-8")
assert 'src="http' not in html
assert f'lang="{lang}"' in html
assert len(slides) > 3
assert (out / "report.html").stat().st_size <= 5_000_000, "the report is too large to mail"
assert facts["data"]["counts"]["kept"] > 0
""",
}


def parameters(folder, lang: str) -> dict:
    """Of all notebooks together; each takes those that it has."""
    line = folder / "line"
    samples.synthetic_line(line, PARTS, seed=0)
    values = {"images": str(line / "images"), "table": str(line / "parts.csv"), "label": "defect"}
    values |= {"groups": ["camera", "lot"], "effect_epochs": 1, "device": "cpu"}
    return values | {"out_dir": str(folder / "out"), "lang": lang, "fast": True}


def copied(step: str, folder, values: dict):
    """A copy of the notebook, not yet run: ``values`` behind its parameters cell, ``HOLDS`` as its last."""
    lang, copy = values["lang"], folder / f"{step}.ipynb"
    source = notebooks.source(step, lang)
    if step == "00_tour":
        values = values | {"out_dir": str(folder / "tour")}
    known = papermill.inspect_notebook(str(source))
    ours = {name: value for name, value in values.items() if name in known}
    papermill.execute_notebook(source, copy, ours, prepare_only=True, progress_bar=False)
    book = nbformat.read(copy, as_version=4)
    book.cells.append(nbformat.v4.new_code_cell(HOLDS[step]))
    nbformat.write(book, copy)
    return copy


def nbval(folder, *paths) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q"]
    command += ["--nbval-cell-timeout=300", "-p", "no:cacheprovider", *map(str, paths)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_all_notebooks_in_order(lang, tmp_path):
    """Parameters are set in the copies, then nbval runs every cell, and what must hold after each."""
    values = parameters(tmp_path, lang)
    run = nbval(tmp_path, *(copied(step, tmp_path, values) for step in STEPS))
    assert run.returncode == 0, run.stdout[-3000:]
    for folder in ("tour", "out"):
        page = (tmp_path / folder / "report.html").read_text(encoding="utf-8")
        assert f'lang="{lang}"' in page
    facts = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert facts["evidence"]["label"] == "defect"
    assert facts["training"]["device"] == "cpu"
    assert len(Presentation(tmp_path / "out" / "report.pptx").slides) > 3


def test_nbval_sees_an_output_that_differs(tmp_path):
    """The check of a stored output can fail: a copy of the notebooks' own kind of cell, with another number."""
    check = nbformat.v4.new_code_cell("print(0.6)", execution_count=1)
    check.metadata["tags"] = ["nbval-check-output", "keep_output"]
    stored = {0.6: 0, 0.7: 1}
    for number, status in stored.items():
        check.outputs = [nbformat.v4.new_output("stream", name="stdout", text=f"{number}\n")]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        book = nbformat.v4.new_notebook(cells=[check], metadata=kernel)
        nbformat.write(book, tmp_path / "check.ipynb")
        assert nbval(tmp_path, tmp_path / "check.ipynb").returncode == status


@pytest.mark.parametrize("step", [*STEPS, "06_signals"])
def test_a_notebook_takes_what_it_uses_from_the_top(step):
    """And a chart or a section of the summary is one call."""
    book = nbformat.read(notebooks.source(step, "en"), as_version=4)
    code = "\n".join(cell.source for cell in book.cells if cell.cell_type == "code")
    assert "write_json" not in code
    assert "plt.subplots(figsize" not in code
    deeper = re.findall(r"^from ((?:natkit|data_prep)\.\S+) import", code, re.M)
    assert deeper == DEEPER.get(step, [])


def unheld(book) -> list[str]:
    """Check cells whose output nbval would not compare: never counted, or nothing stored."""
    checks = (c for c in book.cells if "nbval-check-output" in c.metadata.get("tags", []))
    return [cell.source for cell in checks if not (cell.execution_count and cell.outputs)]


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_check_cells_hold_what_they_check(lang):
    books = {step: nbformat.read(notebooks.source(step, lang), as_version=4) for step in STEPS}
    for name, book in books.items():
        tags = [cell.metadata.get("tags", []) for cell in book.cells]
        assert ["nbval-check-output", "keep_output"] in tags, name
        assert unheld(book) == [], name
    cell = next(c for c in book.cells if "nbval-check-output" in c.metadata.get("tags", []))
    for lost in ("execution_count", "outputs"):
        bare = nbformat.from_dict({"cells": [cell | {lost: None}]})
        assert unheld(bare) == [cell.source]
