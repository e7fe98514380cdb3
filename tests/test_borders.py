"""The import graph is part of the design, so it is a test."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {  # a room: the rooms below it; it may always import its own files
    "natkit": {"natkit.core.errors", "natkit.core.labels", "natkit.data.decoding"},
    "natkit/core": set(),
    "natkit/facts": {"natkit.core"},
    "natkit/data": {"natkit.core"},
    "natkit/method": {"natkit.core", "natkit.data"},
    "natkit/method/objectives": {"natkit.core", "natkit.method.settings"},
    "natkit/method/networks": {"natkit.core", "natkit.method.batches"},
    "natkit/method/views": {"natkit.core"},
    "natkit/method/training": {"natkit.core", "natkit.data"}
    | {f"natkit.method.{room}" for room in ("objectives", "views", "batches", "settings")},
    "natkit/method/embed": {"natkit.core", "natkit.data"}
    | {f"natkit.method.{room}" for room in ("networks", "views", "batches", "settings", "inputs")},
    "natkit/method/supervised": {"natkit.core", "natkit.data", "natkit.method"},
    "natkit/evidence": {"natkit.core", "natkit.facts", "natkit.data"},
    "natkit/money": {"natkit.core", "natkit.facts"},
    "natkit/runs": {"natkit.core", "natkit.facts", "natkit.evidence"},
    "natkit/look": {"natkit.core", "natkit.data"},
    "natkit/show": {
        "natkit.core",
        "natkit.facts",
        "natkit.data",
        "natkit.look",
        "natkit.show.words",
    },
    "natkit/show/words": {"natkit.core", "natkit.facts", "natkit.money"},
    "natkit/show/blocks": {"natkit.core", "natkit.facts", "natkit.show.words", "natkit.show.style"},
    "natkit/show/report": {
        "natkit.core",
        "natkit.facts",
        "natkit.data",
        "natkit.money",
        "natkit.show",
    },
    "natkit/show/compare": {"natkit.core", "natkit.facts", "natkit.runs", "natkit.show"},
    "natkit/show/explorer": {"natkit.core", "natkit.facts", "natkit.show"},
    "natkit/show/widgets": {
        "natkit.core",
        "natkit.facts",
        "natkit.data",
        "natkit.look",
        "natkit.money",
    }
    | {"natkit.show"},
    "natkit/app": {"natkit.core", "natkit.money.prices", "natkit.show.compare"}
    | {"data_prep.rules.columns", "data_prep.scanning.listing"},
    "data_prep": set(),
    "data_prep/scanning": {"natkit.core", "natkit.data"},
    "data_prep/rules": {"natkit.core", "natkit.data", "natkit.facts.numbers", "data_prep.scanning"},
    "data_prep/repair": {"natkit.core", "natkit.data", "data_prep.scanning", "data_prep.rules"},
    "data_prep/deciding": {"natkit.core", "natkit.data", "data_prep.scanning", "data_prep.rules"}
    | {"data_prep.repair"},
    "data_prep/writing": {"natkit.core", "natkit.data", "data_prep.scanning", "data_prep.rules"}
    | {"data_prep.repair", "data_prep.deciding"},
    "data_prep/samples": {"natkit.core", "natkit.data"},
}
DOORS = {  # each heavy package is imported here alone
    "umap": {"natkit/look/layout.py"},
    "torchdr": {"natkit/look/layout.py"},
    "hdbscan": {"natkit/look/clusters.py"},
    "pynndescent": {"natkit/look/space.py"},
    "bokeh": {"natkit/show/explorer/page.py"},
    "jscatter": {"natkit/show/widgets/explore.py"},
    "torchvision": {"natkit/method/networks/sources.py", "natkit/method/networks/weights.py"},
    "timm": {"natkit/method/networks/sources.py"},
    "jinja2": {"natkit/show/pages.py"},
    "pptx": {"natkit/show/report/deck.py", "natkit/show/report/shapes.py"},
    "papermill": {"natkit/app/notebooks.py"},
    "elpv_dataset": {"data_prep/samples/sets.py"},
    "matplotlib_fontja": {"natkit/show/style.py"},
}
FILES = sorted(p for room in ("natkit", "data_prep") for p in (ROOT / room).rglob("*.py"))


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module(path) for path in FILES}


def imports(source: str) -> set[str]:
    """Every module that a source imports, also inside functions: ``from a import b`` gives a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def ours(path: Path) -> set[str]:
    """Modules and packages of ours that a file imports."""
    found = imports(path.read_text())
    return {name for name in found if name in MODULES} - {"natkit"}


def within(name: str, rooms: set[str]) -> bool:
    return any(name == room or name.startswith(room + ".") for room in rooms)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_imports_run_downhill(path):
    if path.name == "__main__.py":  # what torchrun starts: nothing imports it
        return
    room = path.parent.relative_to(ROOT).as_posix()
    own = room.replace("/", ".")
    bad = {name for name in ours(path) if not within(name, MAY_IMPORT[room] | {own})}
    assert not bad, f"{path.name} may not import {sorted(bad)}"


def test_no_import_runs_in_a_circle():
    below = {module(path): {m for m in ours(path) if m != module(path)} for path in FILES}
    while free := {name for name, under in below.items() if not under & below.keys()}:
        below = {name: under for name, under in below.items() if name not in free}
    assert not below, f"in or above a circle: {sorted(below)}"


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_says_what_it_is_for(room):
    tree = ast.parse((ROOT / room / "__init__.py").read_text())
    assert 1 <= len(ast.get_docstring(tree).splitlines()) <= 4


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
    assert not loaded_by("import natkit.app.cli") & HEAVY


@pytest.mark.parametrize("package", ["natkit", "data_prep"])
def test_every_public_name_is_there_and_hides_no_room(package):
    """``natkit.data`` stays the package that it is: a function of that name would come and go with imports."""
    ours = importlib.import_module(package)
    rooms = {path.stem for path in (ROOT / package).iterdir() if path.suffix in ("", ".py")}
    own = {"samples"}  # which is public, and a room
    assert not set(ours.__all__) & (rooms - own)
    assert all(getattr(ours, name) is not None for name in ours.__all__)
    assert dir(ours) == ours.__all__
