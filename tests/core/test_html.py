"""What a notebook shows of our things: escaped, named for who can't see, and light."""

import xml.etree.ElementTree as tree

import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter

import data_prep
import natkit
from data_prep import samples
from natkit.core import html

WICKED = "<script>alert(\"x\")</script> & 'y'"


def parsed(made: str) -> tree.Element:
    return tree.fromstring(f"<div>{made}</div>")


def test_a_table_escapes_and_counts_what_it_leaves_out():
    rows = [(WICKED, 1234), (None, 0.5), *[("", True)] * html.MOST]
    root = parsed(html.table(WICKED, pd.DataFrame(rows, columns=[WICKED, "n"], dtype=object)))
    assert root.find(".//script") is None
    assert root.find("table/caption").text == WICKED
    assert [(th.text, th.get("scope")) for th in root.iter("th")] == [(WICKED, "col"), ("n", "col")]
    assert [td.text for td in root.iter("td")][:6] == [WICKED, "1,234", "–", "0.500", None, "True"]
    assert len(list(root.iter("tr"))) == 1 + html.MOST
    assert root.find("p").text == "… and 2 more"


def test_a_strip_names_each_picture_and_what_can_not_be_read():
    root = parsed(html.strip(WICKED, [(WICKED, b"\x89PNG"), ("gone.png", None)]))
    assert root.find("figure/figcaption").text == WICKED
    (image,) = root.iter("img")
    assert image.get("alt") == WICKED
    assert root.find("figure/span").text == "gone.png (can't be read)"


@pytest.fixture(scope="module")
def things(tmp_path_factory) -> dict:
    """One of each kind, of a small drawn line with a wicked name of a camera."""
    folder = tmp_path_factory.mktemp("line")
    samples.synthetic_line(folder, n=150, seed=0)
    table = pd.read_csv(folder / "parts.csv")
    table["camera"] = WICKED
    table["half"] = np.arange(150) % 2
    scan = data_prep.scan(folder / "images", table=table)
    audit = data_prep.audit(scan, label="defect", groups=["camera"])
    images = natkit.load(data_prep.prepare(audit, folder / "prepared").folder)
    model = natkit.NAT(epochs=1, size=16, device="cpu").fit(images)
    emb = natkit.Embedding(
        np.eye(150, 8, dtype=np.float32) + images.ids[:, None], images.ids, {"name": WICKED}
    )
    control = natkit.pixels(images)
    few, proof = (natkit.score(emb, [control], images.table, c) for c in ("defect", "half"))
    return {"audit": audit, "images": images, "model": model, "untrained": natkit.NAT(),
            "map": natkit.project(control), "proof": proof, "few": few}  # fmt: skip


@pytest.mark.parametrize("name", ["audit", "images", "model", "untrained", "map", "proof", "few"])
def test_a_notebook_shows_more_than_a_line(things, name):
    thing = things[name]
    shown, _ = DisplayFormatter().format(thing)
    root = parsed(shown["text/html"])
    assert shown["text/plain"] == repr(thing)
    assert root.find(".//script") is None
    assert len(list(root.iter("tr"))) > 1 or len(list(root.iter("img"))) > 2
    assert len(shown["text/html"]) < 150_000


def test_they_say_what_they_are(things):
    told = {name: "".join(parsed(t._repr_html_()).itertext()) for name, t in things.items()}
    assert "ImageSet(150 images" in told["images"]
    assert "train" in told["images"]
    assert "epochs1" in told["model"]
    assert "features192" in told["model"]
    assert told["untrained"].startswith("NAT, not trained yet")
    assert "control" in told["map"]
    assert WICKED in told["proof"]
    assert things["audit"].table["name"].iloc[0] in told["audit"]
