"""JupyterLab as a user meets it: in Chromium, with real clicks on the widgets."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from playwright.sync_api import Page, expect, sync_playwright

from data_prep import samples

SECONDS = 60_000  # for a kernel to start on a busy machine, in milliseconds


@contextlib.contextmanager
def lab(folder: Path):
    """A server of JupyterLab in ``folder``; gives its address with the token."""
    own = {**os.environ, "JUPYTER_CONFIG_DIR": str(folder / ".config")}
    own |= {"JUPYTER_DATA_DIR": str(folder / ".data"), "JUPYTER_RUNTIME_DIR": str(folder / ".run")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.port=0"]
    command += ["--allow-root", f"--ServerApp.root_dir={folder}", "--ServerApp.token=t"]
    with open(folder / ".server.log", "w") as log:
        server = subprocess.Popen(command, env=own, stdout=log, stderr=log)
    try:
        for _ in range(600):
            for file in (folder / ".run").glob("jpserver-*.json"):
                with contextlib.suppress(ValueError, KeyError):
                    yield json.loads(file.read_text())["url"]
                    return
            assert server.poll() is None, (folder / ".server.log").read_text()
            time.sleep(0.1)
        raise AssertionError((folder / ".server.log").read_text())
    finally:
        server.terminate()
        server.wait(20)


@contextlib.contextmanager
def opened(folder: Path, notebook: str, chromium: dict):
    """A page of JupyterLab with ``notebook`` open and run from the menu."""
    with lab(folder) as url, sync_playwright() as play:
        browser = play.chromium.launch(**chromium)
        page = browser.new_page(viewport={"width": 1700, "height": 1600})
        page.set_default_timeout(SECONDS)
        page.goto(f"{url}lab/tree/{notebook}?token=t")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        run_all(page)
        yield page
        browser.close()


def run_all(page: Page) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def book(path: Path, *cells: str) -> None:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(made, path)


def test_a_click_in_the_review_reaches_the_audit(tmp_path, chromium):
    """The dropdown changes the pictures, a click decides, and the next cell has the decision."""
    table = samples.synthetic_line(tmp_path / "clean", 220, seed=1)
    samples.soil(table.parent, tmp_path / "line", seed=1)
    book(
        tmp_path / "review.ipynb",
        "import json, pathlib, data_prep\n"
        "scan = data_prep.scan('line', table='line/parts.csv')\n"
        "audit = data_prep.audit(scan, 'defect', ['camera', 'shift', 'lot'])\n"
        "review = data_prep.Review(audit, by='Sato')\nreview",
        "rows = [[d.path, d.rule, d.action, d.by] for d in review.audit.decisions]\n"
        "_ = pathlib.Path('decisions.json').write_text(json.dumps(rows))\n"
        "print('one' if len(rows) == 1 else 'no', 'decision')",
    )
    with opened(tmp_path, "review.ipynb", chromium) as page:
        choice = page.locator(".widget-dropdown select")
        choice.wait_for()
        choice.select_option(label=next(
            text for text in choice.locator("option").all_inner_texts() if text.startswith("Darker")
        ))  # fmt: skip
        cards = page.locator(".widget-gridbox .widget-vbox")
        cards.first.get_by_role("button", name="keep").wait_for()  # unreadable files had none
        expect(cards.first.locator("img")).to_be_visible()
        assert cards.first.locator("img").evaluate("image => image.naturalWidth") > 40
        cards.first.get_by_role("button", name="quarantine").click()
        expect(page.get_by_text("151 → 136")).to_be_visible()
        page.screenshot(path=tmp_path / "review.png")
        page.locator(".jp-Notebook .jp-Cell").last.click()
        page.keyboard.press("Shift+Enter")
        expect(page.get_by_text("one decision")).to_be_visible()
    ((path, rule, action, by),) = json.loads((tmp_path / "decisions.json").read_text())
    assert (rule, action, by) == ("dark", "quarantined", "Sato")
    assert (tmp_path / "line" / path).exists()  # decided, not deleted
