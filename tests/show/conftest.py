"""The example summaries and a browser, each under one fixture."""

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


@pytest.fixture(scope="module")
def browser(chromium):
    """Chromium, for pages that are opened offline."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(**chromium)
        yield opened
        opened.close()
