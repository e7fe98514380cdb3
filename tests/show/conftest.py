"""The example summaries, under one fixture."""

import importlib.util
from pathlib import Path

import pytest


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
