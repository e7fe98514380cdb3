"""06_signals runs under nbval as a reader would step through it; its Japanese report lacks no word."""

import json
import subprocess
import sys

import nbformat
import papermill

from natkit.app import cli, notebooks

HOLDS = """
assert np.isfinite(signals.values).all()
assert [row["found"] for row in rows] == [row["planted"] for row in rows]
assert all(row["planted"] for row in rows)
"""


def test_the_notebook_of_signals(tmp_path):
    copy, out = tmp_path / "06_signals.ipynb", tmp_path / "out"
    values = {"out_dir": str(out), "fast": True}
    papermill.execute_notebook(
        notebooks.source("06_signals", "ja"), copy, values, prepare_only=True, progress_bar=False
    )
    book = nbformat.read(copy, as_version=4)
    book.cells.append(nbformat.v4.new_code_cell(HOLDS))
    nbformat.write(book, copy)
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q"]
    command += ["--nbval-cell-timeout=300", "-p", "no:cacheprovider", str(copy)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-3000:]
    page = (out / "report.html").read_text(encoding="utf-8")
    for text in ("生の値", "スペクトル", "センサーの固着", "信号の短い欠落"):
        assert text in page
    facts = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert {row["name"] for row in facts["evidence"]["scores"]} >= {"NAT", "values", "spectrum"}
    assert "signal_lost" in facts["data"]["looked_for"]


def test_it_is_no_part_of_the_path():
    assert "06_signals" not in cli.STEPS
