"""A small line, clean and soiled, and the path over the soiled one; made once for the room."""

import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest

import data_prep

GROUPS = ["camera", "shift", "lot", "part"]


def _tree_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes() if path.is_file() else b"/")
    return digest.hexdigest()


@pytest.fixture(scope="session")
def tree_hash():
    """Function: one hash of all names and bytes under a folder."""
    return _tree_hash


@pytest.fixture(scope="session")
def line(tmp_path_factory):
    """The table of a clean line of 240 pictures."""
    return data_prep.samples.synthetic_line(tmp_path_factory.mktemp("line") / "clean", 240, seed=3)


@pytest.fixture(scope="session")
def path_walked(line, tree_hash):
    """The whole path over a soiled copy, with the hashes of what may not change."""
    base = line.parent.parent
    source = tree_hash(line.parent)
    table = data_prep.samples.soil(line.parent, base / "soiled", seed=3)
    before = tree_hash(table.parent)
    scan = data_prep.scan(table.parent, table=table)
    audit = data_prep.audit(scan, label="defect", groups=GROUPS)
    prepared = data_prep.prepare(audit, base / "prepared")
    return SimpleNamespace(
        scan=scan,
        audit=audit,
        prepared=prepared,
        truth=table.parent / "truth.csv",
        unchanged=(source == tree_hash(line.parent), before == tree_hash(table.parent)),
    )
