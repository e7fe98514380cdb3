"""Charts say their finding, in both languages, in colours that all can tell apart."""

import math

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from natkit.show import figures, style
from natkit.show.words import titles, words

CHARTS = {
    "finding_counts": lambda ax, f, w: figures.finding_counts(
        ax, f["data"]["findings"], w, f["data"]["counts"]
    ),
    "found_planted": lambda ax, f, w: figures.found_planted(ax, f["data"]["planted"], w),
    "training_curve": lambda ax, f, w: figures.training_curve(ax, f["training"]["history"], w),
    "map_cluster": lambda ax, f, w: figures.map_points(ax, f["map"], w),
    "map_label": lambda ax, f, w: figures.map_points(ax, f["map"], w, by="label"),
    "score_ladder": lambda ax, f, w: figures.score_ladder(ax, f["evidence"], w),
    "views": lambda ax, f, w: figures.views(ax, *PICTURES, w),
}
LEVELS = np.array([0.2, 0.6])[:, None, None, None]
PICTURES = (  # two even images; views 0.1 darker, 0.1 lighter, and a small one that is the same
    np.broadcast_to(LEVELS, (2, 20, 24, 1)),
    np.stack([np.broadcast_to(LEVELS + d, (2, 20, 24, 1)) for d in (-0.1, 0.1, 0.0)], axis=1),
)
PICTURES[1][:, 2, :6] = np.nan


def drawn(name, facts, lang="en"):
    """The Axes of a chart after a full draw (missing glyphs are warnings, so errors)."""
    with figures.theme(lang):
        fig = Figure(figsize=style.SIZE, layout="constrained")
        ax = CHARTS[name](fig.subplots(), facts, words(lang))
        FigureCanvasAgg(fig).draw()
    return ax


def texts(ax):
    labels = [ax.get_title("left"), ax.get_xlabel(), *(t.get_text() for t in ax.texts)]
    legend = ax.get_legend()
    labels += [t.get_text() for t in ax.get_yticklabels()]
    return " | ".join(labels + ([t.get_text() for t in legend.get_texts()] if legend else []))


def luminance(colour):
    rgb = np.array(matplotlib.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("colour", [*style.PALETTE, style.GREY, style.INK])
def test_colours_stand_out_on_white(colour):
    """WCAG 2.2, 1.4.11: contrast of graphics at least 3 to 1."""
    assert 1.05 / (luminance(colour) + 0.05) >= 3


def test_the_contrast_law_can_fail():
    assert 1.05 / (luminance("#E69F00") + 0.05) < 3  # Okabe and Ito's orange


def test_theme_leaves_matplotlib_as_it_was():
    with matplotlib.rc_context({"font.family": ["monospace"], "axes.titlesize": 31}):
        before = dict(matplotlib.rcParams)
        with figures.theme("ja"):
            assert matplotlib.rcParams["font.family"] == ["IPAexGothic", "DejaVu Sans"]
            assert matplotlib.rcParams["axes.titleweight"] == "normal"
        assert dict(matplotlib.rcParams) == before


def test_a_notebook_that_begins_to_show_figures_goes_on_to():
    """Its backend turns interaction on with the first figure, which may be drawn inside the theme."""
    with figures.theme("en"):
        matplotlib.interactive(True)
    assert matplotlib.is_interactive()
    matplotlib.interactive(False)


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_theme_has_every_glyph_that_factories_write(lang):
    with figures.theme(lang):
        fig = Figure()
        canvas = FigureCanvasAgg(fig)
        fig.text(0.1, 0.5, "µm ± 25 ℃ ① ③ 髙﨑 ○△× − 〜 キズ・打痕 Ω φ ㎜ →↓").set_weight("bold")
        canvas.draw()
        fig.text(0.1, 0.2, "\U0001f9ff")
        with pytest.warns(UserWarning, match="Glyph"):  # the check sees a missing one
            canvas.draw()


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_draws_with_title_and_words(name, lang, examples):
    ax = drawn(name, examples.complete(), lang)
    assert ax.get_title("left")
    assert any(t.get_gid() == "subtitle" and t.get_text() for t in ax.texts)


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("name", CHARTS)
def test_hostile_labels_are_drawn_as_plain_short_text(name, lang, examples):
    said = texts(drawn(name, examples.hostile(), lang))
    assert "\u202e" not in said
    assert "x" * 60 not in said


def test_text_beyond_the_fonts_becomes_boxes():
    assert style.plain("a\u202eb\n\U0001f9ff 髙") == "ab □ 髙"
    assert style.plain("x" * 300) == "x" * 27 + "…"


def test_the_ladder_shows_chance_scores_and_differences(examples):
    facts = examples.complete()
    ax = drawn("score_ladder", facts)
    assert [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "--"] == [0.5]
    said = texts(ax)
    for score in facts["evidence"]["scores"]:
        assert f"{score['auroc']['value']:.3f}" in said
    assert "○  +0.063\n+0.029 to +0.098" in said
    assert "523 test images" in said
    ends = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    for score in facts["evidence"]["scores"]:
        assert (score["auroc"]["low"], score["auroc"]["high"]) in ends


def test_the_ladder_claims_a_win_only_outside_the_interval(examples):
    w = words("en")
    assert "ahead" in titles.ladder(examples.complete()["evidence"], w)
    close = titles.ladder(examples.undecided()["evidence"], w)
    assert "too close to call" in close
    assert "0.821" in close
    assert titles.ladder(examples.behind()["evidence"], w).startswith("Raw pixels 0.892")


@pytest.mark.parametrize(
    ("low", "high", "result"),
    [(0.0, 0.1, "undecided"), (0.001, 0.1, "ahead"), (-0.1, 0.0, "undecided"),
     (-0.1, -0.001, "behind")],
)  # fmt: skip
def test_one_control_within_the_interval_is_enough_to_be_undecided(low, high, result):
    assert titles.standing([{"low": low, "high": high}, {"low": 0.2, "high": 0.3}]) == result
    assert titles.standing([]) == "undecided"


def test_the_map_tells_how_far_to_trust_it(examples):
    facts = examples.complete()
    for name in ("map_cluster", "map_label"):
        said = texts(drawn(name, facts))
        assert "trustworthiness 0.93" in said
        assert "Distances between far islands mean little." in said
    facts["map"]["method"] = "KMeans"
    assert "No natural clusters" in drawn("map_cluster", facts).get_title("left")


def test_the_map_label_title_names_the_cluster_richest_in_the_rarest_value(examples):
    section = examples.complete()["map"]
    for i, cluster in enumerate(section["clusters"]):
        cluster["labels"] = {"0": 90, "1": 60 if i == 4 else 10}
    assert titles.map_by_label(section, words("en")).startswith("Cluster 4 ")
    assert "40%" in titles.map_by_label(section, words("en"))


def test_every_point_is_drawn_once(examples):
    facts = examples.complete()
    for name in ("map_cluster", "map_label"):
        ax = drawn(name, facts)
        assert sum(len(c.get_offsets()) for c in ax.collections) == len(facts["map"]["points"])


def test_found_against_planted_leaves_unseen_kinds_out_of_the_fraction(examples):
    rows = examples.complete()["data"]["planted"]
    title = titles.planted(rows, words("en"))
    assert title.startswith("223 of 225 planted faults")
    said = texts(drawn("found_planted", examples.complete()))
    assert said.count("not looked for yet") == 5  # four bars and the subtitle
    assert "△  30 of 32" in said


def test_the_training_title_follows_the_gap(examples):
    w = words("en")
    history = examples.complete()["training"]["history"]
    assert titles.training(history, w).startswith("Views of one image agree 0.5")
    assert "nothing was learnt" in titles.training(history[::-1], w)
    assert "nothing was learnt" in titles.training(history[:1], w)
    collapsed = [row | {"agreement": 1.0, "others": 1.0} for row in history]
    assert "nothing was learnt" in titles.training([history[0], *collapsed[1:]], w)
    assert titles.training([], w) == "No epoch was recorded"


@pytest.mark.parametrize("epochs", [0, 1, 2])
def test_short_histories_draw(epochs, examples):
    facts = examples.complete()
    facts["training"]["history"] = facts["training"]["history"][:epochs]
    assert drawn("training_curve", facts).get_ylim()[0] == 0


def test_bars_start_at_zero_and_the_order_is_kept(examples):
    facts = examples.complete()
    ax = drawn("finding_counts", facts)
    assert ax.get_xlim()[0] == 0
    widths = [bar.get_width() for bar in sorted(ax.patches, key=lambda b: -b.get_y())]
    assert widths == [33, 30, 30, 32, 28, 32, 0, 0, 0, 0]  # the whole set comes last, without bars
    assert texts(ax).count("whole data set") == 4


def test_a_chart_file_is_wide_sharp_and_titled_at_the_edge(tmp_path, examples):
    with figures.theme("en"):
        path = figures.figure(
            lambda ax: CHARTS["score_ladder"](ax, examples.complete(), words("en")),
            tmp_path / "ladder.png",
        )
    with Image.open(path) as picture:
        assert picture.size == (1920, 1080)
        grey = np.asarray(picture.convert("L"))
    assert math.isclose(np.flatnonzero((grey[:120] < 128).any(axis=0))[0], 0, abs_tol=12)
    assert (grey[:, -3:] > 250).all()  # nothing is cut at the right


def views_of(images, views):
    with figures.theme("en"):
        ax = figures.views(Figure(figsize=style.SIZE).subplots(), images, views, words("en"))
    return ax.get_title("left"), np.array(ax.images[0].get_array())


def test_views_stand_in_the_row_of_their_image():
    """The sheet holds every panel where it belongs, white paper between them and where there is NaN."""
    images, views = PICTURES
    _, sheet = views_of(images, views)
    gap = sheet.shape[0] - 40
    assert sheet.shape == (40 + gap, 4 * 24 + 3 * gap, 3)
    for row in range(2):
        for column in range(4):
            panel = images[row] if column == 0 else views[row, column - 1]
            there = sheet[row * (20 + gap) :, column * (24 + gap) :][:20, :24]
            np.testing.assert_allclose(there, np.nan_to_num(panel, nan=1).repeat(3, 2))
            sheet[row * (20 + gap) :, column * (24 + gap) :][:20, :24] = 1
    assert (sheet == 1).all()


@pytest.mark.parametrize(("channels", "shown"), [(3, [0, 1, 2]), (5, [0, 0, 0])])
def test_views_in_colour_stay_so_and_of_other_channels_the_first_is_shown(channels, shown):
    images = np.linspace(0, 1, 16 * channels).reshape(1, 4, 4, channels)
    _, sheet = views_of(images, images[:, None])
    np.testing.assert_allclose(sheet[:4, :4], images[0][..., shown])


def test_the_title_of_views_says_how_far_they_are_from_their_images():
    images, views = PICTURES
    far, _ = views_of(images, views[:, :2])
    assert "their image by 10% of white" in far
    assert "each other by 40%" in far
    assert "each other" not in views_of(images[:1], views[:1])[0]
    assert views_of(images, views[:, 2:])[0].startswith("No view differs")
