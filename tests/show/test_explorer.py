"""The map to explore: one offline file, safe, small, and what a reader does in it has its exact effect."""

import base64
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from natkit.core.errors import InputError
from natkit.data import manifest
from natkit.look.project import DRAWN as MOST
from natkit.show.explorer import columns as colours
from natkit.show.explorer.page import COLOURS, LIMIT, MARKERS, explorer
from natkit.show.gallery import as_shown
from natkit.show.words.catalogue import words

HOSTILE = [
    "<script>alert(1)</script>.png",
    '"><img src=x onerror=alert(1)>.png',
    "</script><script>alert(2)</script><!--.png",
    "Gnp.\u202eGNP.exe",
    "n" * 300 + ".png",
    "@{path} @names{safe} $index $& {n} {n:a|b}.png",
    "$$x^2$$ &lt;b&gt; \\u003c \udc80 & '.png",
]
A, B = 80, 24  # images in the two planted groups
both = pytest.mark.parametrize("lang", ["en", "ja"])


def section(points, n=None, names=None):
    found = sorted({int(p[2]) for p in points if p[2] >= 0})
    shown = {"share": 0.1, "medoid": 0, "typical": [], "borderline": [], "odd": []}
    shown |= {"picture": None, "because": None, "labels": None, "n": 1}
    return {
        "n_neighbors": 15,
        "min_dist": 0.1,
        "engine": "umap",
        "honesty": [],
        "purity": [],
        "n": n or len(points),
        "seed": 0,
        "trustworthiness": 0.95,
        "points": [list(map(float, p[:2])) + [int(p[2])] for p in points],
        "ids": list(range(100, 100 + len(points))),
        "clusters": [{"cluster": c, "name": (names or {}).get(c), **shown} for c in found],
        "noise": sum(p[2] < 0 for p in points),
        "method": "HDBSCAN",
        "explained_by": [],
        "colour": {"column": None, "values": []},
    }


def manifest_of(n, **own):
    ids = np.arange(100, 100 + n)
    names = [f"{id:05d}.png" for id in ids]
    return pd.DataFrame({"id": ids, "path": names, "split": "train", **own})


def grey(n, side=32):
    """Pictures of one grey each: the number of the image."""
    return np.repeat(np.arange(n), side * side).reshape(n, side, side, 1).astype(np.uint8)


def ring(middle, n):
    turn = 2 * np.pi * np.arange(n) / n
    return np.stack([middle + 0.1 * np.cos(turn), 0.1 * np.sin(turn)], axis=1)


def planted():
    """Two rings left and right, one image exactly in the middle, in no cluster."""
    xy = np.concatenate([ring(-1, A), ring(1, B), [[0, 0]]])
    return np.column_stack([xy, [0] * A + [1] * B + [-1]])


def embedded(path):
    """The data that a page carries."""
    source = path.read_text(encoding="utf-8")
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', source, re.S)
    return json.loads(found[1])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The planted map in a language, with hostile names in the middle of the right ring."""
    folder = tmp_path_factory.mktemp("explorer")

    def make(lang):
        file = folder / f"{lang}.html"
        if not file.exists():
            n = A + B + 1
            side = ["west"] * A + ["east"] * B + [None]
            if lang == "ja":
                side = ["左"] * A + ["右"] * B + [None]
            table = manifest_of(n, **{"側": side, "値": np.arange(n) / 8, "番": range(n)})
            if lang == "en":
                table["path"] = table["path"].astype(object)  # a lone surrogate is no Arrow string
                table.loc[A : A + len(HOSTILE) - 1, "path"] = HOSTILE
                own = pd.Series(["@{x}</script>"] * (n - 56) + HOSTILE * 8, dtype=object)
                table["<img src=x onerror=alert(3)>"] = own
            facts = section(planted(), names={1: HOSTILE[1]} if lang == "en" else None)
            explorer(file, facts, table, grey(n), table["id"].to_numpy(), lang)
        return file

    return make


@both
def test_one_file_that_asks_for_nothing(lang, made):
    source = made(lang).read_text(encoding="utf-8")
    page = re.sub(r"<script.*?</script>", "", source, flags=re.S)
    assert not re.search(r"\b(src|href|srcset|action|data)\s*=", page)
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page
    assert "unsafe-eval" not in page
    assert len(re.findall(r"<script", page + "".join(re.findall(r"<script[ >]", source)))) == 3
    assert f'<html lang="{lang}">' in page
    w = words(lang)
    for key in ("explorer.no_script", "chart.map.read"):
        assert w(key) in page
    assert w("chart.map.trust_high", value="0.95") in page
    assert w("chart.map.found", clusters=2, noise=w.percent(1 / (A + B + 1))) in page


def test_the_same_map_gives_the_same_bytes(tmp_path):
    table = manifest_of(A + B + 1)
    facts = section(planted(), names={0: '"id": "p1001"'})
    first, again = (explorer(tmp_path / name, facts, table, None, None) for name in ("a", "b"))
    assert first.read_bytes() == again.read_bytes()
    assert embedded(first)["columns"][0]["labels"][0] == '"id": "p1001"'


def test_five_thousand_pictures_of_noise_fit(tmp_path):
    """Noise is the worst case for WebP; file names and columns are long too."""
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.normal(size=(MOST, 2)), rng.integers(-1, 9, MOST)])
    table = manifest_of(MOST, lot=[f"lot {i:050d}" for i in range(MOST)], width=64)
    table["path"] = [f"{'d' * 200}/{i:05d}.png" for i in range(MOST)]
    pixels = rng.integers(0, 256, (MOST, 64, 64, 3), dtype=np.uint8)
    file = explorer(tmp_path / "noise.html", section(points), table, pixels, table["id"].to_numpy())
    assert 0.8 * LIMIT < file.stat().st_size <= LIMIT
    pictures = embedded(file)["pictures"]
    assert len(pictures) == MOST
    assert max(Image.open(io.BytesIO(base64.b64decode(pictures[-1]))).size) >= 16


def test_what_does_not_fit_is_left_out_and_named(tmp_path):
    n = 4000
    long = {f"remark {k}": [f"{k} {i} " + "é" * 60 for i in range(n)] for k in range(9)}
    table = manifest_of(n, **long)
    table["path"] = [f"<{'<' * 900}{i:05d}" for i in range(n)]
    points = np.column_stack([np.arange(n), np.arange(n), np.zeros(n)])
    file = explorer(tmp_path / "long.html", section(points), table, grey(n), table["id"].to_numpy())
    assert file.stat().st_size <= LIMIT
    data = embedded(file)
    assert data["names"][7].endswith("<00007")
    kept = {column["name"] for column in data["columns"]}
    assert "remark 0" in kept
    assert "remark 8" not in kept
    assert re.search("Columns left out to keep this file small:.*remark 8", file.read_text("utf-8"))


def test_a_sample_says_that_it_is_one(tmp_path):
    facts = section(planted(), n=50_000)
    file = explorer(tmp_path / "many.html", facts, manifest_of(A + B + 1), None, None)
    assert "105 of 50,000 images shown" in file.read_text("utf-8")


def test_columns_become_scales_or_categories(tmp_path):
    n = 1000
    own = {
        "number": [*np.linspace(0, 1, n - 2), np.nan, np.inf],
        "class": np.arange(n) % 10,
        "ratio": np.arange(n) % 4 / 3,
        "serial": np.arange(n) + 1_234_567,
        "lot": [f"lot {i % 500}" for i in range(n)],
        "flag": np.arange(n) % 2 == 0,
        "note": [" ", None, *["kept"] * (n - 2)],
        "weight": 1.0,
    }
    points = np.column_stack([np.arange(n), np.arange(n), np.zeros(n)])
    file = explorer(tmp_path / "columns.html", section(points), manifest_of(n, **own), None, None)
    of = {column["name"]: column for column in embedded(file)["columns"]}
    assert list(of) == ["Cluster", "Parts", *list(own)[:-1]]
    assert of["number"]["values"][-3:] == [1, None, None]
    assert 0 < of["number"]["low"] < 0.02
    assert of["serial"]["values"][2] == 1_234_569
    assert of["class"]["labels"] == [str(c) for c in range(10)]
    assert of["ratio"]["labels"][1] == "0.333333"
    assert len(of["lot"]["labels"]) == 500
    assert of["flag"]["labels"] == ["False", "True"]
    assert (of["note"]["labels"], of["note"]["codes"][:3]) == (["kept"], [-1, -1, 0])


def test_colours_and_marks_tell_the_values_apart():
    assert set(colours.OURS) == set(manifest.COLUMNS) - {"split"}
    assert len(set(COLOURS)) == len(COLOURS) == len(MARKERS) == len(set(MARKERS)) == 7


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_any_depth_is_shown_as_on_contact_sheets(kind, channels, tmp_path):
    ramp = (np.linspace(0, 250, 6) * {"u1": 1, "u2": 100, "f4": 0.004}[kind]).astype(kind)
    pixels = np.broadcast_to(ramp[:, None, None, None], (6, 32, 20, channels))
    ids = np.arange(105, 99, -1)  # in another order than the points
    points = np.column_stack([np.arange(6), np.arange(6), np.zeros(6)])
    file = explorer(tmp_path / "deep.html", section(points), manifest_of(6), pixels, ids)
    seen = [Image.open(io.BytesIO(base64.b64decode(p))) for p in embedded(file)["pictures"]]
    assert {picture.size for picture in seen} == {(20, 32)}
    assert {picture.mode for picture in seen} == {"RGB"}  # neither is a channel taken for alpha
    expected = as_shown(pixels)(pixels)[::-1, 0, 0, 0].astype(int)
    assert expected[-1] <= 5
    assert expected[0] >= 250
    assert np.abs([np.asarray(picture)[16, 10, 0] for picture in seen] - expected).max() <= 3


def test_what_cannot_be_shown_is_refused_in_words(tmp_path):
    facts, table = section(planted()), manifest_of(A + B + 1)
    ids, pixels = table["id"].to_numpy(), grey(A + B + 1)
    for given, message in [
        (({**facts, "points": [], "ids": []}, table, pixels, ids), "0 points and 0 ids"),
        (({"reason": "not_run"}, table, pixels, ids), "0 points and 0 ids"),
        ((facts, table[1:], pixels, ids), r"1 of 105 points .* not in the table .* 100\)"),
        ((facts, table.drop(columns="path"), pixels, ids), "columns id and path"),
        ((facts, table, pixels[:-2], ids[:-2]), "2 of 105 points .* not among the pixels"),
        ((facts, table, pixels[:-2], ids), r"\(103, 32, 32, 1\) and 105 ids"),
        ((facts, table, pixels[..., 0], ids), r"\(105, 32, 32\) and 105 ids"),
        ((facts, table, pixels, None), "and no ids"),
    ]:
        with pytest.raises(InputError, match=message):
            explorer(tmp_path / "none.html", *given)
    with pytest.raises(InputError, match="en or ja"):
        explorer(tmp_path / "none.html", facts, table, None, None, "fr")
    assert list(tmp_path.iterdir()) == []


class Reader:
    """Somebody who has opened the page offline; ``said`` is all that went wrong or out."""

    def __init__(self, browser, path):
        self.context = browser.new_context(offline=True, viewport={"width": 1360, "height": 1000})
        self.view, self.said = self.context.new_page(), []
        self.view.on("console", self._console)
        self.view.on("pageerror", lambda error: self.said.append(str(error)))
        self.view.on("dialog", self._dialog)
        self.view.on("request", self._request)
        self.view.goto(path.as_uri())
        self.view.locator("#legend > *").first.wait_for()
        self.view.locator("#plot canvas").first.wait_for()

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.said.append(message.text)

    def _dialog(self, dialog):
        self.said.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _request(self, request):
        if not request.url.startswith(("file:", "data:")):
            self.said.append(request.url)

    def at(self, across, down):
        """Screen place of a share of the map's width and height."""
        box = self.view.locator("#plot").bounding_box()
        return box["x"] + across * box["width"], box["y"] + down * box["height"]

    def drag(self, *places):
        self.view.mouse.move(*self.at(*places[0]))
        self.view.mouse.down()
        for place in places[1:]:
            self.view.mouse.move(*self.at(*place), steps=4)
        self.view.mouse.up()

    def hover(self, across, down):
        self.view.mouse.move(*self.at(across, down))

    def text(self, where):
        return self.view.locator(where).inner_text()

    def waits_for(self, where, text):
        self.view.locator(where, has_text=text).first.wait_for(timeout=5000)


@pytest.fixture
def reading(browser):
    """``reading(path)`` opens a page; at the end nothing may have gone wrong or out."""
    readers = []

    def read(path):
        readers.append(Reader(browser, path))
        return readers[-1]

    yield read
    for reader in readers:
        reader.context.close()
        assert reader.said == []


LASSO = [(0.72, 0.01), (0.98, 0.01), (0.98, 0.99), (0.72, 0.99), (0.72, 0.01)]


@both
def test_axe_finds_no_serious_fault(lang, made, browser, axe):
    """As it opens, with a selection, and with a scale for a legend; a lost label is seen."""
    size = {"width": 1360, "height": 1000}
    view = browser.new_context(offline=True, viewport=size, bypass_csp=True).new_page()
    view.goto(made(lang).as_uri())
    view.locator("#plot canvas").first.wait_for()
    assert axe(view) == []
    view.fill("#search", "0")
    view.press("#search", "Enter")
    view.locator("#gallery img").first.wait_for()
    view.select_option("#colour", label="値")
    assert axe(view) == []
    view.evaluate(
        "document.querySelector('label:has(#search)').replaceWith(document.getElementById('search'))"
    )
    view.evaluate("document.getElementById('search').placeholder = ''")
    assert [found.split(":")[0] for found in axe(view)] == ["label"]
    view.context.close()


def test_hovering_shows_the_image_and_its_name(made, reading):
    reader = reading(made("en"))
    assert not reader.view.locator("#tip").is_visible()
    reader.hover(0.5, 0.5)
    reader.waits_for("#tip b", f"{100 + A + B:05d}.png")
    assert "in no cluster" in reader.text("#tip")
    picture = reader.view.locator("#tip img")
    assert picture.is_visible()
    assert picture.evaluate("p => p.decode().then(() => p.naturalWidth)") == 32
    corner = """p => { const c = document.createElement("canvas").getContext("2d");
        c.drawImage(p, 0, 0); return c.getImageData(9, 9, 1, 1).data[0] }"""
    assert abs(picture.evaluate(corner) - (A + B)) <= 3
    reader.view.select_option("#colour", label="値")
    reader.hover(0.5, 0.5)
    reader.waits_for("#tip", f"値: {(A + B) / 8:g}")
    reader.hover(0.0791, 0.037)  # three dots overlap here
    reader.waits_for("#tip b", f"{100 + A // 4:05d}.png")
    reader.hover(0.3, 0.9)
    reader.view.locator("#tip").wait_for(state="hidden")


def test_lasso_and_box_select_exactly_what_they_surround(made, reading):
    reader = reading(made("ja"))
    reader.drag(*LASSO)
    reader.waits_for("#count", f"{A + B + 1}枚中{B}枚を選択")
    assert reader.view.locator("#gallery img").count() == B
    listed = reader.view.locator("#names li").all_inner_texts()
    assert listed == [f"{100 + i:05d}.png" for i in range(A, A + B)]
    reader.view.click("#box")
    reader.drag((0.02, 0.01), (0.55, 0.99))
    reader.waits_for("#count", f"{A + B + 1}枚中{A + 1}枚を選択")
    shares = reader.view.locator("#shares .share").all_inner_texts()
    assert [" ".join(s.split()) for s in shares] == [
        f"クラスター0 {A}枚中{A}枚",
        "クラスターなし 1枚中1枚",
    ]
    assert reader.view.locator("#gallery img").count() == 30
    reader.view.click("#clear")
    reader.waits_for("#count", words("ja")("explorer.live.none"))
    reader.view.click("#move")
    reader.drag((0.5, 0.5), (0.5, 0.1))
    reader.hover(0.5, 0.1)
    reader.waits_for("#tip b", f"{100 + A + B:05d}.png")
    reader.view.click("#whole")
    reader.hover(0.5, 0.5)
    reader.waits_for("#tip b", f"{100 + A + B:05d}.png")


def test_another_colour_changes_legend_and_counts(made, reading):
    reader = reading(made("en"))
    legend = reader.view.locator("#legend")
    reader.drag(*LASSO)
    reader.view.select_option("#colour", label="側")
    assert legend.inner_text().split() == ["west", "80", "east", "24", "(empty)", "1"]
    assert reader.view.locator("#shares").inner_text().split() == ["east", "24", "of", "24"]
    legend.locator("button", has_text="west").click()
    reader.waits_for("#count", "80 of 105 images selected")
    reader.view.select_option("#colour", label="値")
    assert legend.inner_text().split() == [
        "≤",
        "0.13",
        "≥",
        "12.87",
        "105",
        "images",
        "with",
        "a",
        "value",
    ]
    assert reader.text("#shares") == "値: 0 to 9.875, median 4.875"
    reader.view.select_option("#colour", label="Parts")
    assert legend.inner_text().split() == ["train", "105"]


def test_search_selects_by_file_name_and_says_how_many(made, reading):
    reader = reading(made("en"))
    reader.view.fill("#search", "0010")
    reader.waits_for("#found", "10 file names contain “0010”")
    reader.waits_for("#count", "10 of 105 images selected")
    assert reader.view.locator("#names li").first.inner_text() == "00100.png"
    reader.view.fill("#search", "gnp.EXE")
    reader.waits_for("#found", "1 file name contains “gnp.EXE”")
    reader.view.fill("#search", "<b>$&nowhere")
    reader.waits_for("#found", "0 file names contain “<b>$&nowhere”")
    reader.waits_for("#count", "Nothing is selected")
    reader.drag(*LASSO)
    reader.waits_for("#count", "24 of 105 images selected")
    assert reader.text("#found") == ""


def test_hostile_names_are_shown_and_not_obeyed(made, reading):
    reader = reading(made("en"))
    reader.drag(*LASSO)
    reader.waits_for("#count", "24 of 105")
    shown = [h.replace("\u202e", "⟨U+202E⟩").replace("\udc80", "\\udc80") for h in HOSTILE]
    assert reader.view.locator("#names li").all_text_contents()[: len(HOSTILE)] == shown
    assert shown[1] in reader.view.locator("#legend").text_content()
    reader.view.select_option("#colour", index=5)
    assert reader.text("#column") == "<img src=x onerror=alert(3)>"
    assert "@{x}</script>" in reader.text("#legend")
    hits = 0
    for step in range(60):  # over the right ring, where the hostile names are
        turn = 2 * np.pi * step / 60
        reader.hover(0.9216 + 0.0421 * np.cos(turn), 0.5 - 0.463 * np.sin(turn))
        if reader.view.locator("#tip").is_visible():
            hits += reader.view.locator("#tip b").text_content() in shown
    assert hits
    elements = "s => document.querySelectorAll(s).length"
    assert reader.view.evaluate(elements, "img:not([src^='data:image/webp'])") == 0
    assert reader.view.evaluate(elements, "script") == 3


def test_markup_that_gets_in_does_nothing(made, reading):
    reader = reading(made("en"))
    reader.view.evaluate(
        """document.body.insertAdjacentHTML("beforeend", '<img src="data:," onerror="window.ran = 1">');
        document.body.append(Object.assign(document.createElement("script"), {textContent: "window.ran = 2"}))"""
    )
    sent = "fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')"
    assert reader.view.evaluate(sent) == "refused"
    reader.view.wait_for_timeout(200)
    assert reader.view.evaluate("window.ran") is None
    assert any("Content Security Policy" in line for line in reader.said)
    reader.said.clear()


def test_the_japanese_page_has_no_english_left(made, reading):
    reader = reading(made("ja"))
    reader.drag(*LASSO)
    seen = []
    for column in range(4):
        reader.view.select_option("#colour", index=column)
        reader.hover(0.5, 0.5)
        reader.view.locator("#tip").wait_for()
        seen.append(reader.text("main"))
    reader.view.fill("#search", "1")
    seen.append(reader.text("#found"))
    named = """[...document.querySelectorAll('*')].flatMap(e => ['title', 'aria-label', 'placeholder',
        'alt'].map(a => e.getAttribute(a) ?? ''))"""
    text = " ".join([*seen, *reader.view.evaluate(named), reader.view.title()])
    allowed = {"natkit", "trustworthiness", "Shift", "png", "train"}
    assert set(re.findall(r"[A-Za-z]{3,}", text)) <= allowed
    assert reader.view.locator("#colour option").all_text_contents()[0] == "クラスター"


def test_without_pictures_the_page_says_so_and_works(tmp_path, reading):
    table = manifest_of(A + B + 1)
    file = explorer(tmp_path / "bare.html", section(planted()), table, None, None)
    reader = reading(file)
    assert "This file holds no pictures" in reader.text("footer")
    reader.hover(0.5, 0.5)
    reader.waits_for("#tip b", f"{100 + A + B:05d}.png")
    reader.drag(*LASSO)
    reader.waits_for("#count", "24 of 105 images selected")
    assert reader.view.locator("img").count() == 0
