"""The example summaries and a prepared folder, each under one fixture."""

import importlib.util
from pathlib import Path

import pytest

import data_prep
from data_prep import samples


def _examples():
    path = Path(__file__).with_name("example_summary.py")
    spec = importlib.util.spec_from_file_location("example_summary", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def examples():
    """``examples.complete()`` and the other cases; ``examples.CASES`` by name."""
    return _examples()


@pytest.fixture(scope="session")
def prepared_line(tmp_path_factory):
    """A folder with the synthetic line (``line``, 120 images) and its prepared folder (``prepared``)."""
    folder = tmp_path_factory.mktemp("line")
    table = samples.synthetic_line(folder / "line", 120, seed=1)
    scan = data_prep.scan(table.parent, table)
    data_prep.prepare(data_prep.audit(scan, "defect", ["camera"]), folder / "prepared")
    return folder
