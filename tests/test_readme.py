"""What the README says works: its Python runs, its commands exist, its figures are in the tree."""

import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

import natkit
from data_prep import samples
from natkit.app import cli, preflight

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
INDENTED = [line.strip() for line in README.splitlines() if line.startswith("    ")]
COMMANDS = [c for line in INDENTED for c in line.split(" && ")]
RUN_ELSEWHERE = {  # each with where it is run, or why it can't be
    "pip install uv": ".ci/run",
    "uv run pytest": ".ci/run runs exactly this",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_known(command):
    """Those of natkit parse; test_cli.py runs demo and poc with the same options."""
    if command.startswith("uv run natkit "):
        cli._parser().parse_args(shlex.split(command)[3:])
    else:
        assert command in RUN_ELSEWHERE


def test_the_python_runs(tmp_path):
    """In a folder with images/ and parts.csv, as the text assumes."""
    line = samples.synthetic_line(tmp_path / "line", n=200, seed=0).parent
    code = "\n".join(re.findall(r"```python\n(.*?)```", README, re.S))
    run = subprocess.run([sys.executable, "-c", code], cwd=line, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    assert {"backbone.safetensors", "backbone.onnx", "training"} <= {p.name for p in line.iterdir()}
    assert 'lang="ja"' in (line / "report" / "report.html").read_text(encoding="utf-8")


def test_the_prices_are_a_file_that_poc_takes(tmp_path):
    (text,) = re.findall(r"```toml\n(.*?)```", README, re.S)
    (tmp_path / "prices.toml").write_text(text, encoding="utf-8")
    told = preflight.money(str(tmp_path / "prices.toml"))
    assert told["line"]["allowed_cost"] == 150
    assert told == tomllib.loads(text)


def test_pictures_and_notebooks_exist():
    for target in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README):
        assert (ROOT / target).is_file()
    named = re.findall(r"^\| `(\d\d_\w+)` \|", README, re.M)
    assert named == sorted(p.stem for p in (ROOT / "notebooks").glob("*.ipynb"))
    assert list(cli.STEPS) == named[1:6]  # 06_signals is for those who have signals


def test_contributing_tells_the_house_as_it_is():
    """Each room stands in the picture, each file that is named is there, and the glossary stays short."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for package in ("natkit", "data_prep"):
        rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
        assert rooms <= set(re.findall(r"^      (\w+)/", text, re.M))
    for named in re.findall(r"`((?:natkit|data_prep|tests|notebooks)/[\w./]*)`", text):
        assert (ROOT / named).exists(), named
    glossary = re.findall(r"^\| (?!word |---)([^|]+) \|", text, re.M)
    assert 10 < len(", ".join(glossary).split(", ")) <= 40


def test_every_setting_is_explained_where_it_is_asked_for():
    """``help(natkit.NAT)`` has a line on each; the words stand in the settings alone."""
    told = natkit.NAT.__doc__.partition("Parameters")[2].partition("Attributes")[0]
    names = set(re.findall(r"\w+", " ".join(re.findall(r"^ {0,4}(\w[\w, ]*)$", told, re.M))))
    assert {field.name for field in fields(natkit.NAT)} <= names
