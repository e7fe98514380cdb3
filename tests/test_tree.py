"""The tree is tidy: formatted, stripped, in step with itself, and nothing in it that doesn't belong."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TOP = {
    "notebooks",
    "natkit",
    "data_prep",
    "tests",
    "environment.yml",
    "README.md",
    "pyproject.toml",
}
TOP |= {"LICENSE", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff"}
CONDA_NAMES = {"torch": "pytorch"}  # PyPI's name → conda-forge's, where they differ


def tracked() -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listing.stdout.splitlines() if (ROOT / name).exists()]


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff(arguments):
    run = subprocess.run(["ruff", *arguments, "."], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_notebooks_are_stripped():
    files = sorted(str(p) for p in (ROOT / "notebooks").rglob("*.ipynb"))
    assert files
    command = [sys.executable, "-m", "nbstripout", "--verify", "--keep-count", *files]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_only_known_names_at_the_top():
    names = {name.split("/")[0] for name in tracked()}
    assert {n for n in names if not n.startswith(".")} <= TOP


def test_no_lock_file_and_nothing_large():
    assert "uv.lock" not in tracked()
    assert [n for n in tracked() if (ROOT / n).stat().st_size > 2**20] == []


def split(requirement: str) -> tuple[str, str]:
    name, bound = re.fullmatch(r"([\w.-]+)(>=[\w.]+)?", requirement).groups()
    return name, bound or ""


def test_environment_yml_asks_for_what_pyproject_asks_for():
    """Same packages, same lower bounds; pip brings what conda-forge lacks, and natkit itself."""
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = next(item["pip"] for item in listed if isinstance(item, dict))
    assert pip.pop() == "-e ."
    conda = dict(split(item) for item in listed if isinstance(item, str))
    assert conda.pop("python") == PROJECT["project"]["requires-python"]
    assert conda.pop("pip") == ""
    groups = PROJECT["dependency-groups"]
    needed = PROJECT["project"]["dependencies"] + groups["dev"] + groups["demo"]
    expected = {CONDA_NAMES.get(name, name): bound for name, bound in map(split, needed)}
    assert conda | dict(map(split, pip)) == expected


def test_what_the_customer_fixed_is_there():
    fixed = {"torch", "torchvision", "jupyterlab", "ipywidgets", "matplotlib", "umap-learn"}
    fixed |= {"scikit-learn", "scipy", "nbval"}
    asked = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]
    assert fixed <= {split(item)[0] for item in asked}


def test_the_citation_is_complete():
    """The keys that the Citation File Format asks for, the package's own version, and the paper."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert cited["version"] == PROJECT["project"]["version"]
    assert cited["license"] == PROJECT["project"]["license"]
    (paper,) = cited["references"]
    assert {"type", "title", "authors", "year"} <= set(paper)
    assert [author["family-names"] for author in paper["authors"]] == ["Bojanowski", "Joulin"]


def test_the_changelog_starts_with_what_is_unreleased():
    heads = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert heads[0] == "Unreleased"


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "notebooks").rglob("*.ipynb")),
    ids=lambda p: p.relative_to(ROOT / "notebooks").as_posix(),
)
def test_notebook_form(path):
    """At most 30 code cells, median at most 4 lines, none over 12; one parameters cell of literals."""
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    lines = sorted(len(cell.source.splitlines()) for cell in code)
    assert len(code) <= 30
    assert lines[len(lines) // 2] <= 4
    assert lines[-1] <= 12
    parameters = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    assert len(parameters) == 1
    assert {"out_dir", "lang", "fast", "seed"} <= set(
        re.findall(r"^(\w+): ", parameters[0].source, re.M)
    )
    assert not any(re.search(r"^\s*assert\b", cell.source, re.M) for cell in code)
    assert book.cells[0].source.startswith("# ")
    question = "**問い：**" if path.parent.name == "ja" else "**Question.**"
    assert question in book.cells[0].source
