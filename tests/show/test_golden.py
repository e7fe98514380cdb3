"""The main figures look as they did when somebody last looked at them.

The pictures stand in ``tests/golden``. After a change that is meant, make them anew and look at each::

    NATKIT_GOLDEN=1 pytest tests/show/test_golden.py

Two pictures are alike if every patch of 8 x 8 pixels looks like one within 5 pixels of its place in the
other: another version of matplotlib moves words that far. ``LIMIT`` lies between changes that do no harm
(0.11 at most, words drawn without hinting) and those that do (0.21 at least); both are drawn below. Hairlines
and single small grey numbers are below it; they have laws of their own.
"""

import os
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from natkit.show import gallery, style
from natkit.show.blocks import figures
from natkit.show.blocks.idea import idea
from natkit.show.blocks.toy import circles
from natkit.show.words.catalogue import words

FOLDER = Path(__file__).parents[1] / "golden"
PATCH, AROUND = 8, 11  # pixels: side of a patch, and of the square in which its middle may lie
WIDE = {"views": (10.8, 5.4)}  # inches; else its title might take one line or two
LIMIT = 0.16  # of black to white
PAPER = (1.0, 0.0, 0.0)  # white, as ``read`` gives it


def pictures():
    """Four discs, the larger the darker, and five views of each; the last view is all white."""
    y, x = np.mgrid[:24, :32]
    far = np.hypot(y - 11.5, x - 15.5)
    images = np.stack([np.where(far < 2 * k, 0.9 - 0.2 * k, 0.8) for k in range(1, 5)])[..., None]
    by = np.array([0.0, 0.15, -0.15, -0.3, 1.0])[:, None, None, None]
    return images, np.clip(images[:, None] + by, 0, 1)


def toy():
    """Points in the form of ``natkit.method.toy.Toy``: without targets they gather, with targets they stay."""
    n, steps = 48, (0, 20, 300)
    angle = 2 * np.pi * np.arange(n) / n
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    gathered = [np.stack([np.cos(angle * by), np.sin(angle * by)], axis=1) for by in (1, 0.5, 0)]
    held = np.stack([np.arange(n) * by % n for by in (17, 5, 1)])
    nat, kinds = np.stack([circle] * 3), np.arange(n) * 4 // n
    return SimpleNamespace(
        kinds=kinds, steps=steps, agreement=np.stack(gathered), nat=nat, targets=circle, held=held
    )


def map_section(examples, lang):
    section = examples.map_section(n=700, clusters=9)
    section["clusters"][3]["name"] = {"en": "scratched edge", "ja": "縁のキズ"}[lang]
    return section


CHARTS = {
    "finding_counts": lambda ax, x, w: figures.finding_counts(
        ax, x.data()["findings"], w, x.data()["counts"]
    ),
    "found_planted": lambda ax, x, w: figures.found_planted(ax, x.data()["planted"], w),
    "training_curve": lambda ax, x, w: figures.training_curve(ax, x.training()["history"], w, 1521),
    "map_cluster": lambda ax, x, w: figures.map_points(ax, map_section(x, w.lang), w),
    "map_label": lambda ax, x, w: figures.map_points(ax, map_section(x, w.lang), w, by="label"),
    "map_new": lambda ax, x, w: figures.map_new(
        ax, map_section(x, w.lang), np.random.default_rng(1).normal(3, 2, (40, 2)), w
    ),
    "score_ladder": lambda ax, x, w: figures.score_ladder(ax, x.evidence(), w),
    "label_curve": lambda ax, x, w: figures.label_curve(ax, x.curve(), w),
    "idea": lambda ax, x, w: idea(ax, w),
    "views": lambda ax, x, w: figures.views(ax, *pictures(), w),
    "toy": lambda ax, x, w: circles(ax, toy(), w),
    "cost_curve": lambda ax, x, w: figures.cost_curve(ax, x.cost(), w),
    "payback": lambda ax, x, w: figures.payback(ax, x.cost(), w),
}
NAMES = [f"{chart}_{lang}" for chart in CHARTS for lang in ("en", "ja")]


def draw(name, examples, folder, change=lambda ax: None):
    """File of a chart as reports get it, a third as wide; ``change`` meddles with the finished Axes."""
    chart, lang = name.rsplit("_", 1)
    said = words(lang).with_sentences(examples.sentences())

    def paint(ax):
        CHARTS[chart](ax, examples, said)
        change(ax)
        return ax

    path = folder / f"{name}.png"
    with figures.theme(lang):
        figures.figure(paint, path, WIDE.get(chart, style.SIZE))
    with Image.open(path) as picture:
        small = picture.convert("RGB").reduce(3)
    small.save(path)
    return path


def sheet(folder):
    """The contact sheet of one cluster: striped pictures of rising brightness, odd ones steep."""
    y, x = np.mgrid[:48, :64]
    tilt = np.arange(24)[:, None, None] // 12 + 1
    grey = (np.arange(24)[:, None, None] * 11 % 24 * 8 + 40 * ((x + tilt * y) // 12 % 2)).astype(
        np.uint8
    )
    cluster = {"cluster": 0, "medoid": 5, "typical": [2, 5, 7, 9, 11, 1, 3, 4],
               "borderline": [6, 8, 10], "odd": [20, 21, 22, 23]}  # fmt: skip
    gallery.cluster_sheets([cluster], grey[..., None], np.arange(24), folder)
    return (folder / "cluster_0.png").rename(folder / "contact_sheet.png")


def read(path):
    """Brightness and two contrasts of colour, which count threefold: words move, but they are grey."""
    with Image.open(path) as picture:
        red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB"), dtype=float) / 255, 2, 0)
    return np.stack([(red + green + blue) / 3, 3 * (red - green), 3 * (green - blue)], axis=2)


def difference(a, b):
    """Largest difference between a patch of one picture and all those near its place in the other."""
    if a.shape != b.shape:
        return np.inf
    edge = ((PATCH, PATCH), (PATCH, PATCH), (0, 0))
    a, b = (np.pad(x - PAPER, edge) for x in (a, b))
    a, b = (ndimage.uniform_filter(x, (PATCH, PATCH, 1)) for x in (a, b))
    return max(_beyond(a, b), _beyond(b, a))


def _beyond(a, b):
    near = (AROUND, AROUND, 1)
    over = np.maximum(a - ndimage.maximum_filter(b, near), ndimage.minimum_filter(b, near) - a)
    return float(over.max())


def check(drawn, golden):
    """Fails with the names of both files; writes the golden one if that is asked for."""
    if os.environ.get("NATKIT_GOLDEN"):
        assert not os.environ.get("CI"), "golden pictures are made by people, who look at them"
        with Image.open(drawn) as picture:
            picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
                golden, optimize=True
            )
    assert golden.exists(), f"{golden} is missing; {drawn} is what would stand there"
    found = difference(read(drawn), read(golden))
    assert found < LIMIT, f"{drawn} differs from {golden} by {found:.3f}"


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_looks_as_it_did(name, examples, tmp_path):
    check(draw(name, examples, tmp_path), FOLDER / f"{name}.png")


def test_a_contact_sheet_looks_as_it_did(tmp_path):
    check(sheet(tmp_path), FOLDER / "contact_sheet.png")


def test_the_folder_holds_these_pictures_and_they_are_small():
    sizes = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert set(sizes) == {f"{name}.png" for name in [*NAMES, "contact_sheet"]}
    assert max(sizes.values()) < 40_000
    assert sum(sizes.values()) < 500_000


def test_a_picture_that_differs_stays_and_is_named(examples, tmp_path, monkeypatch):
    monkeypatch.delenv("NATKIT_GOLDEN", raising=False)
    drawn = draw("views_en", examples, tmp_path)
    for golden, said in (("views_ja", "differs from"), ("nowhere", "is what would stand there")):
        with pytest.raises(AssertionError, match=said) as failure:
            check(drawn, FOLDER / f"{golden}.png")
        assert str(drawn) in str(failure.value)
        assert f"{golden}.png" in str(failure.value)
    assert drawn.exists()
    assert not (FOLDER / "nowhere.png").exists()


def test_golden_pictures_are_not_made_on_ci(tmp_path, monkeypatch):
    monkeypatch.setenv("NATKIT_GOLDEN", "1")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(AssertionError, match="by people"):
        check(tmp_path / "drawn.png", tmp_path / "golden.png")


def golden(name):
    return read(FOLDER / f"{name}.png")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pixels", [1, 5])
def test_a_shift_by_some_pixels_does_no_harm(name, pixels):
    picture = golden(name)
    shifted = (
        np.pad(picture - PAPER, ((pixels, 0), (pixels, 0), (0, 0)))[:-pixels, :-pixels] + PAPER
    )
    assert difference(shifted, picture) < LIMIT / 4


@pytest.mark.parametrize("name", ["finding_counts_ja", "score_ladder_en", "views_en"])
def test_other_shapes_of_letters_do_no_harm(name, examples, tmp_path, monkeypatch):
    """Without hinting every letter is a little wider or narrower, and lines of words end elsewhere."""
    monkeypatch.setitem(matplotlib.rcParamsDefault, "text.hinting", "none")  # what charts stand on
    assert 0.04 < difference(read(draw(name, examples, tmp_path)), golden(name)) < LIMIT


def without(words):
    return lambda ax: next(text for text in ax.texts if words in text.get_text()).remove()


def longer(ax):
    ax.patches[0].set_width(ax.patches[0].get_width() * 31 / 30)


def retitled(ax):
    ax._left_title.set_text(ax._left_title.get_text().replace("new", "old"))


HARM = {
    "a bar longer by a thirtieth": ("finding_counts_en", longer),
    "a number missing": ("finding_counts_en", without("33")),
    "a mark missing": ("found_planted_ja", without("△")),
    "a name missing": ("map_cluster_ja", without("縁のキズ")),
    "a line in another colour": (
        "training_curve_en", lambda ax: ax.lines[0].set_color(style.GREEN)
    ),
    "a cluster in another colour": (
        "map_cluster_en", lambda ax: ax.collections[3].set_color(style.BLUE)
    ),
    "no legend": ("map_label_en", lambda ax: ax.get_legend().remove()),
    "another word in the title": ("map_new_en", retitled),
    "no reference": ("score_ladder_ja", without("0.5")),
    "another way of today": ("cost_curve_ja", without("現行検査")),
    "a threshold moved": (
        "cost_curve_en", lambda ax: ax.lines[-1].set_xdata([ax.lines[-1].get_xdata()[0] + 0.1])
    ),
    "no interval of the payback": ("payback_en", lambda ax: ax.lines[-2].remove()),
    "a kind in another colour": (
        "toy_en", lambda ax: ax.collections[0].set_color(style.VERMILLION)
    ),
    "another view": ("views_ja", lambda ax: ax.images[0].get_array().__setitem__(np.s_[:24], 0.5)),
}  # fmt: skip


@pytest.mark.parametrize("what", HARM)
def test_a_change_that_matters_exceeds_the_limit(what, examples, tmp_path):
    name, change = HARM[what]
    assert difference(read(draw(name, examples, tmp_path, change)), golden(name)) > LIMIT


def test_another_language_is_another_picture():
    for chart in CHARTS:
        assert difference(golden(f"{chart}_en"), golden(f"{chart}_ja")) > LIMIT


def test_two_pictures_of_the_contact_sheet_swapped_are_seen():
    sheet = golden("contact_sheet")
    swapped = sheet.copy()
    side = 112 + gallery.GAP
    swapped[:side, :side], swapped[:side, side : 2 * side] = (
        sheet[:side, side : 2 * side], sheet[:side, :side],
    )  # fmt: skip
    assert difference(swapped, sheet) > LIMIT
