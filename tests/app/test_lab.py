"""JupyterLab as a user meets it: in Chromium, with real clicks on the widgets."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
import papermill
import pytest
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

import data_prep
import natkit
from data_prep import samples
from natkit.app.cli import STEPS
from natkit.show.words.catalogue import words

ROOT = Path(__file__).parents[2]

SECONDS = 60_000  # for a kernel to start on a busy machine, in milliseconds


@contextlib.contextmanager
def lab(folder: Path, *command: str):
    """A server of JupyterLab in ``folder``, or the one that ``command`` starts; gives its address."""
    own = {**os.environ, "JUPYTER_CONFIG_DIR": str(folder / ".config")}
    own |= {"JUPYTER_DATA_DIR": str(folder / ".data"), "JUPYTER_RUNTIME_DIR": str(folder / ".run")}
    own.pop("MPLBACKEND", None)  # kernels draw into the page, as a user's do
    plain = ("jupyterlab", f"--ServerApp.root_dir={folder}", "--no-browser", "--port=0")
    command = [sys.executable, "-m", *(command or plain), "--allow-root", "--ServerApp.token=t"]
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


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory):
    """What 01_clean and 02_train leave of a small line: prepared folder and embeddings."""
    folder = tmp_path_factory.mktemp("look")
    table = samples.synthetic_line(folder / "line", 150, seed=1)
    scan = data_prep.scan(table.parent, table)
    scan.table.loc[scan.table.index[::5], "defect"] = None  # some are not labelled yet
    data_prep.prepare(data_prep.audit(scan, "defect", ["camera"]), folder / "out" / "prepared")
    images = natkit.load(folder / "out" / "prepared")
    model = natkit.NAT(epochs=2, size=32, device="cpu").fit(images)
    made = (model.embed(images), model.untrained().embed(images), natkit.pixels(images, 16))
    for emb in made:
        emb.save(folder / "out" / "embeddings" / f"{emb.name}.npz")
    return folder


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_lasso_selects_and_two_clicks_label(lang, looked_at, tmp_path, chromium):
    """03_look from the menu: what is lassoed gets a tag, two images get a label, and all stand in the saved table."""
    shutil.copytree(looked_at, tmp_path / "look")
    out, say = tmp_path / "look" / "out", words(lang)
    papermill.execute_notebook(
        ROOT / "notebooks" / "03_look.ipynb",
        tmp_path / "03_look.ipynb",
        {"out_dir": str(out), "lang": lang, "by": "Sato"},
        prepare_only=True,
        progress_bar=False,
    )
    with opened(tmp_path, "03_look.ipynb", chromium) as page:
        trust = say.sentences["notebook.trust"].split("{")[0]
        page.get_by_text(trust).last.wait_for(timeout=4 * SECONDS)
        canvas = page.locator(".jp-OutputArea canvas").first
        canvas.scroll_into_view_if_needed()
        page.wait_for_timeout(2000)  # the points are drawn
        lasso(page, canvas.bounding_box(), right=0.5)
        tag = page.get_by_placeholder(say("lab.tag"))
        tag.fill("left")
        page.get_by_role("button", name=say("lab.tag"), exact=True).click()
        page.get_by_text(say("lab.said_tag", n=0, value="left").split("0")[0]).wait_for()
        page.screenshot(path=tmp_path / f"lasso-{lang}.png")
        for card in range(2):
            one = page.get_by_role("button", name="1", exact=True).nth(
                1 + card
            )  # the first is the lasso's
            one.scroll_into_view_if_needed()
            one.click()
            page.get_by_text("✓ 1").nth(card).wait_for()
        page.screenshot(path=tmp_path / f"labels-{lang}.png")
    table = natkit.load(out / "prepared").table.set_index("id")
    asked = pd.read_excel(out / "label_next.xlsx")["id"]
    before = natkit.load(looked_at / "out" / "prepared").table.set_index("id")["defect"]
    assert before[asked].isna().all()
    assert table["defect"].loc[asked[:2]].tolist() == [1, 1]
    assert table["defect"].notna().sum() == before.notna().sum() + 2
    section = json.loads((out / "sections" / "map.json").read_text())
    x = pd.Series([point[0] for point in section["points"]], index=section["ids"])
    left = table["tag_by_eye"] == "left"
    assert 2 <= left.sum() <= len(table) - 2
    assert x[left[left].index].max() < x[left[~left].index].max()
    assert x[left[left].index].mean() < x[left[~left].index].mean()
    ledger = natkit.load(out / "prepared").prepared.ledger
    assert set(ledger["by"][ledger["rule"].isin(["label", "tag"])]) == {"Sato"}


def lasso(page: Page, box: dict, right: float) -> None:
    """Draw around the left part of a canvas."""
    corners = [(0.02, 0.02), (right, 0.02), (right, 0.98), (0.02, 0.98), (0.02, 0.05)]
    page.mouse.move(box["x"] + 0.02 * box["width"], box["y"] + 0.02 * box["height"])
    page.mouse.down()
    for x, y in corners:
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=12)
    page.mouse.up()


def test_a_training_is_stopped_by_a_click(tmp_path, chromium):
    """Beside the running fit the button is heard, and the next cell has a model to use."""
    book(
        tmp_path / "watch.ipynb",
        "import numpy as np, natkit\nfrom natkit.show.widgets.monitor import Monitor\n"
        "pictures = np.random.default_rng(0).integers(0, 255, (64, 16, 16), dtype=np.uint8)\n"
        "model = natkit.NAT(epochs=100_000, size=16, batch_size=16, device='cpu')\n"
        "monitor = Monitor(model, pictures)\n"
        "while not model.running: pass\nmonitor",
        "import time\nwhile model.running and not model.running.history: time.sleep(0.1)\n"
        "print('still', 'training' if model.running else 'nothing')",
    )
    with opened(tmp_path, "watch.ipynb", chromium) as page:
        page.get_by_text("still training").wait_for()
        expect(page.locator(".jp-OutputArea img").last).to_be_visible()  # the curve
        page.screenshot(path=tmp_path / "watch.png")
        page.get_by_role("button", name="Stop after this epoch").click()
        page.get_by_text("Finished after").wait_for()
        page.locator(".jp-Notebook .jp-Cell").last.click()
        page.keyboard.press("Shift+Enter")
        expect(page.get_by_text("still nothing")).to_be_visible()


def test_a_price_typed_into_the_what_if_changes_the_sentence(tmp_path, chromium):
    """The chart is there without a click; a dearer miss moves the threshold, and so the sentence."""
    book(
        tmp_path / "cost.ipynb",
        "import numpy as np\nfrom scipy.stats import norm\nfrom natkit.money.prices import Line, Prices, Work\n"
        "from natkit.show.widgets.whatif import WhatIf\n"
        "def scored(n, seed):\n    rng = np.random.default_rng(seed)\n    bad = rng.random(n) < 0.3\n"
        "    return bad, norm.cdf(rng.normal(size=n) + 1.4 * bad - 0.7)",
        "prices = Prices('JPY', missed=800, false_alarm=12, label=30, engineer_hour=6000, upkeep_year=4e5)\n"
        "line = Line(0.012, 250_000, today_missed=0.35, today_false_alarms=0.05, today_part=5)\n"
        "work = Work(labels=2537, engineer_hours=240, gpu_hours=0)\n"
        "what = WhatIf(prices, line, work, scored(493, 1), scored(523, 2), lang='ja')\nwhat",
    )
    with opened(tmp_path, "cost.ipynb", chromium) as page:
        chart = page.locator(".jupyter-widgets.widget-image").first
        chart.wait_for()
        expect(page.get_by_text("年間効果は").first).to_be_visible()
        before = page.get_by_text("しきい値0.").first.inner_text()
        field = page.locator(".widget-text input").first
        expect(field).to_have_value("800")
        field.fill("8,000")
        field.press("Enter")
        expect(page.get_by_text(before)).to_have_count(0)
        expect(page.get_by_text("しきい値0.").first).to_be_visible()
        page.screenshot(path=tmp_path / "cost.png")


NEWS = re.compile("Jupyter news")


def told_about_news(page: Page, url: str, name: str) -> bool:
    """Whether a new user of the server is asked about news, once ``name`` stands in the list of files."""
    page.goto(f"{url}lab?token=t")
    page.get_by_text(name, exact=True).first.wait_for()
    page.locator("#jp-main-statusbar").wait_for()
    page.wait_for_timeout(4000)  # the question comes some time after the rest
    return page.get_by_text(NEWS).count() > 0


def test_the_lab_opens_the_notebooks_and_asks_nothing(tmp_path, chromium):
    """The six notebooks in the language asked for, no question about news; plain JupyterLab asks it."""
    command = ["natkit.app.cli", "lab", str(tmp_path / "mine"), "--lang", "ja"]
    command += ["--no-browser", "--port", "0", "--"]
    with sync_playwright() as play:
        browser = play.chromium.launch(**chromium)
        with lab(tmp_path, *command) as url:
            page = browser.new_page(viewport={"width": 1500, "height": 1100}, locale="ja-JP")
            page.set_default_timeout(SECONDS)
            assert not told_about_news(page, url, "00_tour.ipynb")
            listed = page.locator(".jp-DirListing-itemText").all_inner_texts()
            assert [name for name in listed if name.endswith(".ipynb")] == [
                f"{name}.ipynb" for name in ("00_tour", *STEPS, "06_signals")
            ]
            page.get_by_text("00_tour.ipynb", exact=True).first.dblclick()
            expect(page.get_by_role("heading", name="natkitは何をするのか")).to_be_visible()
            page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
            page.screenshot(path=tmp_path / "lab.png")
        with lab(tmp_path) as url:  # the question is there to be seen
            other = browser.new_page()
            other.set_default_timeout(SECONDS)
            assert told_about_news(other, url, "mine")
        browser.close()


def saved(page: Page, path: Path) -> list:
    """The code cells of an open notebook once all have run, as they are saved."""
    for _ in range(300):
        page.keyboard.press("Control+s")
        page.wait_for_timeout(1000)
        cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
        failed = [o for c in cells for o in c.outputs if o.output_type == "error"]
        if failed or all(c.execution_count for c in cells):
            return cells
    raise AssertionError(f"{path.name} did not come to its end")


def scrolled_to(page: Page, what: str):
    """The first ``what`` of the open notebook; cells far from the window are not part of the page until one scrolls."""
    page.mouse.move(700, 450)
    page.mouse.wheel(0, -100_000)
    for _ in range(100):
        page.wait_for_timeout(200)
        if page.locator(what).count():
            break
        page.mouse.wheel(0, 500)
    page.locator(what).first.scroll_into_view_if_needed()
    return page.locator(what).first


def keep(page: Page, path: Path) -> None:
    """A picture of the page; for the README too, where NATKIT_SHOTS is set: 64 colours do."""
    page.screenshot(path=path)
    if os.environ.get("NATKIT_SHOTS"):
        small = Image.open(path).convert("RGB").quantize(64, dither=Image.Dither.NONE)
        small.save(ROOT / "notebooks" / "images" / path.name, optimize=True)


def test_two_notebooks_from_top_to_bottom_in_japanese(demo_run, tmp_path, chromium):
    """Run All in 00_tour and 05_report as `natkit lab` opens them: no error, no word on stderr, the figures are there.

    A chart whose font lacks a letter would warn on stderr. The pictures of the README::

        NATKIT_SHOTS=1 pytest tests/app/test_lab.py -k top_to_bottom
    """
    mine = tmp_path / "mine"
    command = [
        "natkit.app.cli",
        "lab",
        str(mine),
        "--lang",
        "ja",
        "--no-browser",
        "--port",
        "0",
        "--",
    ]
    with sync_playwright() as play, lab(tmp_path, *command) as url:
        ignored = shutil.ignore_patterns("data", "training", "report.*", "summary.json")
        shutil.copytree(demo_run[0], mine / "natkit-demo", ignore=ignored)
        browser = play.chromium.launch(**chromium)
        page = browser.new_page(viewport={"width": 1180, "height": 820}, locale="ja-JP")
        page.set_default_timeout(SECONDS)
        for name, shot, seen in (
            ("00_tour", "lab_tour_ja", ".jp-OutputArea img"),
            ("05_report", "lab_report_ja", ".jp-OutputArea blockquote"),
        ):
            path = mine / f"{name}.ipynb"
            book = nbformat.read(path, as_version=4)
            for cell in book.cells:
                if cell.cell_type == "code":  # one was stored with its output, to be compared
                    cell.execution_count, cell.outputs = None, []
            nbformat.write(book, path)
            # in a workspace of its own, the line that says "Idle" speaks of this notebook
            page.goto(f"{url}lab/workspaces/{shot}/tree/{name}.ipynb?token=t")
            page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
            run_all(page)
            cells = saved(page, path)
            outputs = [output for cell in cells for output in cell.outputs]
            assert [o for o in outputs if o.output_type == "error"] == []
            assert [o.text for o in outputs if o.get("name") == "stderr"] == []
            shown = scrolled_to(page, seen)
            expect(shown).to_be_visible()
            page.wait_for_timeout(500)
            keep(page, tmp_path / f"{shot}.png")
        browser.close()
    for folder in ("natkit-tour", "natkit-demo"):
        assert 'lang="ja"' in (mine / folder / "report.html").read_text(encoding="utf-8")
