"""The import graph is part of the design, so it is a test."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GROUND = {"natkit.errors", "natkit.files", "natkit.progress", "natkit"}
MAY_IMPORT = {
    "natkit/errors.py": set(),
    "natkit/files.py": set(),
    "natkit/progress.py": set(),
    "natkit/__init__.py": set(),
    "natkit/classes.py": set(),
    "natkit/columns.py": set(),
    "natkit/marks.py": GROUND,
    "natkit/manifest.py": GROUND | {"natkit.columns", "natkit.marks"},
    "natkit/colours.py": set(),
    "natkit/invalid.py": set(),
    "natkit/decoding.py": {"natkit.colours", "natkit.invalid"},
    "natkit/wording.py": set(),
    "natkit/sources.py": set(),
    "natkit/cramer.py": set(),
    "natkit/shards.py": GROUND | {"natkit.manifest", "natkit.decoding"},
    "natkit/signals.py": GROUND | {"natkit.manifest"},
    "natkit/images.py": GROUND
    | {"natkit.manifest", "natkit.marks", "natkit.decoding", "natkit.shards", "natkit.signals"},
    "natkit/workbooks.py": GROUND | {"natkit.images"},
    "natkit/embedding.py": GROUND,
    "natkit/method": GROUND
    | {"natkit.method", "natkit.images", "natkit.decoding", "natkit.shards", "natkit.signals"}
    | {"natkit.embedding", "natkit.classes"},
    "natkit/evidence": GROUND
    | {"natkit.evidence", "natkit.embedding", "natkit.manifest", "natkit.classes"}
    | {"natkit.sources"},
    "natkit/look": GROUND | {"natkit.look", "natkit.embedding", "natkit.classes", "natkit.cramer"},
    "natkit/show": GROUND
    | {
        "natkit.show",
        "natkit.evidence",
        "natkit.look",
        "natkit.embedding",
        "natkit.images",
        "natkit.decoding",
        "natkit.workbooks",
        "natkit.wording",
        "natkit.sources",
    },
    "natkit/console.py": set(),
    "natkit/kernels.py": set(),
    "natkit/notebooks.py": GROUND | {"natkit.console", "natkit.kernels"},
    "natkit/lab.py": GROUND | {"natkit.notebooks"},
    "natkit/preflight.py": GROUND
    | {"natkit.evidence.prices", "data_prep.rules", "data_prep.scanning"},
    "natkit/cli.py": GROUND
    | {"natkit.console", "natkit.lab", "natkit.notebooks", "natkit.preflight"}
    | {"natkit.show.report"},
    "data_prep": GROUND
    | {"data_prep", "natkit.manifest", "natkit.marks", "natkit.images", "natkit.embedding"}
    | {"natkit.signals", "natkit.workbooks", "natkit.decoding", "natkit.wording"}
    | {"natkit.classes", "natkit.columns", "natkit.sources", "natkit.cramer"},
}
DOORS = {  # each heavy package is imported here alone
    "umap": {"natkit/look/layout.py"},
    "torchdr": {"natkit/look/layout.py"},
    "hdbscan": {"natkit/look/clusters.py"},
    "pynndescent": {"natkit/look/space.py"},
    "bokeh": {"natkit/show/explorer.py"},
    "jscatter": {"natkit/show/live.py"},
    "torchvision": {"natkit/method/sources.py", "natkit/method/weights.py"},
    "timm": {"natkit/method/sources.py"},
    "jinja2": {"natkit/show/pages.py"},
    "pptx": {"natkit/show/report/deck.py"},
    "papermill": {"natkit/notebooks.py"},
    "elpv_dataset": {"data_prep/samples.py"},
    "matplotlib_fontja": {"natkit/show/style.py"},
}
FILES = sorted(p for room in ("natkit", "data_prep") for p in (ROOT / room).rglob("*.py"))


def imports(source: str) -> set[str]:
    """Every module that a source imports, also inside functions: ``from a import b`` gives a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room_of(path: Path) -> str:
    name = path.relative_to(ROOT).as_posix()
    return next(room for room in MAY_IMPORT if name == room or name.startswith(room + "/"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_imports_run_downhill(path):
    allowed = MAY_IMPORT[room_of(path)]
    ours = {m for m in imports(path.read_text()) if m.split(".")[0] in ("natkit", "data_prep")}
    bad = {
        m for m in ours if not any(m == a or m.startswith(a + ".") for a in allowed - {"natkit"})
    }
    assert not bad - {"natkit"}, f"{path.name} may not import {sorted(bad)}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_each_heavy_package_has_one_door(path):
    name = path.relative_to(ROOT).as_posix()
    for package, doors in DOORS.items():
        if any(name == door or name.startswith(door + "/") for door in doors):
            continue
        assert package not in {m.split(".")[0] for m in imports(path.read_text())}


def test_the_check_sees_an_import():
    found = imports("from natkit.method import nat\ndef f():\n    import torch.nn as nn")
    assert found == {"natkit.method", "natkit.method.nat", "torch.nn"}


def loaded_by(code: str) -> set[str]:
    """Top-level modules that a fresh Python has loaded after ``code``."""
    code += "\nimport sys; print(' '.join({m.split('.')[0] for m in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


HEAVY = {
    "torch",
    "torchvision",
    "numba",
    "umap",
    "pandas",
    "numpy",
    "sklearn",
    "matplotlib",
    "scipy",
}


@pytest.mark.parametrize("code", ["import natkit", "import data_prep"])
def test_importing_the_package_loads_nothing_heavy(code):
    assert not loaded_by(code) & HEAVY


@pytest.mark.parametrize(
    "names", ["natkit.Embedding", "natkit.load", "natkit.project", "natkit.score", "natkit.report"]
)
def test_looking_and_scoring_never_load_torch(names):
    assert "torch" not in loaded_by(f"import natkit; {names}")


def test_the_loading_check_can_fail():
    assert "torch" in loaded_by("import natkit; natkit.NAT")


def test_the_command_itself_stays_light():
    assert not loaded_by("import natkit.cli") & HEAVY
