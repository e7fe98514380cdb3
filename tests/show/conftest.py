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


@pytest.fixture(scope="session")
def axe():
    """``axe(view)``: the serious and critical faults that axe-core finds in an open page, as "rule: element"."""
    from importlib.resources import files

    source = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")

    def check(view) -> list[str]:
        if not view.evaluate("'axe' in window"):
            view.add_script_tag(content=source)
        found = view.evaluate(
            "axe.run(document, {resultTypes: ['violations'], elementRef: false, preload: false})"
        )
        assert len(found["passes"]) > 20  # it has run
        grave = [f for f in found["violations"] if f["impact"] in ("serious", "critical")]
        return [f"{f['id']}: {node['html'][:120]}" for f in grave for node in f["nodes"]]

    return check
