"""Laws of the widgets without a browser: a click is kept, a thread can be stopped, bad input is told, not raised.

``tests/app/test_lab.py`` clicks them in JupyterLab.
"""

import asyncio
import shutil
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel
from PIL import Image

import natkit
from natkit.core.errors import InputError
from natkit.look.suggest import label_next
from natkit.show import widgets
from natkit.show.widgets.monitor import Monitor

pytestmark = pytest.mark.filterwarnings(
    "ignore:The inplace keyword in DataFrame.set_index"  # jupyter-scatter's own call of pandas
)
SMALL = {"epochs": 3, "size": 16, "batch_size": 32, "device": "cpu", "head_width": 32}


@pytest.fixture
def images(prepared_line, tmp_path):
    shutil.copytree(prepared_line, tmp_path / "all")
    return natkit.load(tmp_path / "all" / "prepared")


@pytest.fixture
def emb(images):
    rng = np.random.default_rng(0)
    return natkit.Embedding(rng.standard_normal((len(images), 8)), images.ids, {"name": "NAT"})


@pytest.fixture
def section(images):
    n = len(images)
    points = [[i % 10, i // 10, i % 3 - 1] for i in range(n)]
    clusters = [{"cluster": c, "name": name} for c, name in ((0, None), (1, "dark <b>"))]
    return {"n": n, "points": points, "ids": images.ids.tolist(), "clusters": clusters}


def inside(widget):
    """The widget and all within it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from inside(child)


def buttons(widget, text):
    return [
        one
        for one in inside(widget)
        if getattr(one, "description", "") == text and hasattr(one, "click")
    ]


def upload(search, content):
    facts = {"name": "x", "type": "", "size": len(content), "last_modified": datetime.now(UTC)}
    search.upload.value = (facts | {"content": memoryview(content)},)


def test_what_is_selected_on_the_map_is_shown_and_labelled(images, section):
    explorer = widgets.Explorer(images, section, by="Sato", selected=images.ids[:2])
    assert explorer.selected == images.ids[:2].tolist()
    explorer.scatter.widget.selection = np.array([5, 6, 7])  # what the lasso does
    assert explorer.selected == images.ids[5:8].tolist()
    assert len(explorer.gallery.children) == 3
    assert "3 of" in explorer.count.value
    (one,) = buttons(explorer.widget, "1")
    one.click()
    after = natkit.load(images.prepared.folder)
    assert (after.table.set_index("id").loc[images.ids[5:8], "defect"] == 1).all()
    assert set(after.prepared.ledger["by"].iloc[-3:]) == {"Sato"}
    (aside,) = buttons(explorer.widget, "Set aside")
    aside.click()
    assert explorer.images.table["set_aside_by_eye"].sum() == 3


def test_nothing_selected_offers_nothing(images, section):
    explorer = widgets.Explorer(images, section)
    assert explorer.selected == []
    assert explorer.actions.children == ()
    explorer.select([int(images.ids[3]), 10**6])
    assert explorer.selected == [images.ids[3]]


def test_a_map_without_its_files_is_still_a_map(images, section):
    shutil.rmtree(images.prepared.root)
    explorer = widgets.Explorer(images, section, selected=images.ids[:1])
    assert len(explorer.gallery.children) == 1


def test_a_map_of_other_images_is_refused(images, section):
    section["ids"] = [i + 10_000 for i in section["ids"]]
    with pytest.raises(InputError, match="points are of images that are not there, such as 10000"):
        widgets.Explorer(images, section)


def test_the_next_ones_are_labelled_by_one_click(images, emb):
    labels = images.table["defect"].where(np.arange(len(images)) % 2 == 0)
    found = label_next(emb, labels, n=4)
    widget = widgets.LabelNext(images, found, lang="ja")
    ones = buttons(widget.widget, "1")
    assert len(ones) == 4
    ones[2].click()
    row = natkit.load(images.prepared.folder).table.set_index("id").loc[found["id"][2]]
    assert row["defect"] == 1


def test_what_cannot_be_said_is_told(images, emb):
    widget = widgets.LabelNext(
        images, label_next(emb, images.table["defect"].map(lambda _: None), n=2)
    )
    widget.mark([int(images.ids[0])], label="<bad>")
    assert "can&#x27;t be" in widget.note.value
    assert "&lt;bad&gt;" in widget.note.value


def test_search_goes_from_image_to_image(images, emb):
    search = widgets.Search(images, emb)
    first = search.found
    assert first["id"].iloc[0] != emb.ids[0]
    assert {"distance", "path", "defect"} <= set(first.columns)
    buttons(search.grid, "Similar")[1].click()
    expected = natkit.similar(emb, int(first["id"].iloc[1]), k=12)
    assert search.found["id"].tolist() == expected["id"].tolist()


def test_an_uploaded_copy_finds_its_image(images, tmp_path):
    """The encoder here is the picture itself."""
    pixels = images.pixels(16).reshape(len(images), -1)
    emb = natkit.Embedding(pixels, images.ids, {"name": "pixels"})
    search = widgets.Search(images, emb, encode=lambda new: new.reshape(1, -1), size=16)
    file = images.prepared.file(images.table["path"].iloc[9])
    upload(search, file.read_bytes())
    assert search.found["id"].iloc[0] == images.ids[9]
    assert search.found["distance"].iloc[0] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n cut"])
def test_an_upload_that_is_no_image_is_told(images, emb, content):
    search = widgets.Search(images, emb, encode=lambda new: new, size=16)
    before = search.found
    upload(search, content)
    assert "<b>" in search.note.value
    assert search.found is before


def test_an_upload_of_other_channels_is_told(images, tmp_path):
    model = natkit.NAT(**SMALL | {"epochs": 1}).fit(images)
    search = widgets.Search(images, model.embed(images), encode=model.transform, size=16)
    Image.new("RGBA", (20, 20)).save(tmp_path / "rgba.png")
    upload(search, (tmp_path / "rgba.png").read_bytes())
    assert "but these have 4" in search.note.value


def test_a_watched_training_is_the_same_training(images):
    """Looking on changes nothing. Both train in a thread of their own, which may sum in another order than here."""
    plain = natkit.NAT(**SMALL)
    alone = threading.Thread(target=plain.fit, args=(images,))
    alone.start()
    alone.join()
    model = natkit.NAT(**SMALL)
    monitor = Monitor(model, images).wait()
    assert np.allclose(model.transform(images), plain.transform(images), atol=1e-4)
    assert monitor.bar.value == monitor.bar.max > 0
    assert "Finished after 3 epochs" in monitor.line.value
    assert monitor.curve.value[:4] == b"\x89PNG"
    assert model.running is None


def test_the_button_ends_a_training_with_its_epoch(images):
    model = natkit.NAT(**SMALL | {"epochs": 5000})
    monitor = Monitor(model, images)
    while model.running is None or not model.running.history:
        time.sleep(0.05)
    while "loss" not in monitor.line.value:
        time.sleep(0.05)
    assert "images/s" in monitor.line.value
    assert 0 < monitor.bar.value < monitor.bar.max
    monitor.stop.click()
    monitor.wait()
    assert 0 < len(model.history) < 5000
    assert np.isfinite(model.transform(images)).all()


class Slow:
    """A model that trains until it is told to stop."""

    running, history = None, ()

    def __init__(self):
        self.end = threading.Event()

    def fit(self, _images):
        self.told = self.end.wait(60)

    def stop(self):
        self.end.set()


def test_while_a_cell_waits_clicks_are_heard():
    async def cell():
        monitor = Monitor(Slow(), np.zeros((8, 4, 4)))
        asyncio.get_running_loop().call_later(0.3, monitor.stop.click)
        return await monitor.ended()

    monitor = asyncio.run(cell())
    assert monitor.stop.disabled
    assert monitor.model.told  # not ended by its own patience


def test_a_click_from_jupyter_ends_a_training_that_the_running_cell_waits_for():
    """Run All: the cell that waits is already running when the message of the click arrives."""
    setup = """
import sys; sys.path.insert(0, TESTS)
import numpy as np
from test_live import Monitor, Slow
monitor = Monitor(Slow(), np.zeros((8, 4, 4)))
print("id", monitor.stop.model_id)
""".replace("TESTS", repr(str(Path(__file__).parent)))
    manager, client = start_new_kernel(startup_timeout=120)
    try:
        said = []
        client.execute_interactive(setup, timeout=120, output_hook=said.append, allow_stdin=False)
        (button,) = [
            m["content"]["text"].split()[1] for m in said if m["msg_type"] == "stream"
            and m["content"]["text"].startswith("id")
        ]  # fmt: skip
        client.execute(
            "await monitor.ended(); print('told:', monitor.model.told)", allow_stdin=False
        )
        time.sleep(1)
        data = {"method": "custom", "content": {"event": "click"}}
        client.shell_channel.send(client.session.msg("comm_msg", {"comm_id": button, "data": data}))
        for _ in range(200):
            message = client.get_iopub_msg(timeout=30)
            if message["content"].get("text", "").startswith("told: True"):
                break
        else:
            pytest.fail("the cell still waits")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_training_that_fails_says_why(images):
    monitor = Monitor(natkit.NAT(**SMALL), images[images.split == "none"], lang="ja")
    with pytest.raises(InputError, match="at least 8 images"):
        monitor.wait()
    assert "学習に失敗しました" in monitor.line.value
