"""Charts say their finding, in both languages, in colours that all can tell apart."""

import math
from itertools import combinations, pairwise

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from skimage import color

from natkit.facts.data import Planted
from natkit.facts.evidence import Curve
from natkit.facts.map import MapFacts
from natkit.facts.numbers import Range
from natkit.facts.summary import Summary
from natkit.facts.training import Epoch
from natkit.show import style
from natkit.show.blocks import figures, maps
from natkit.show.report import charts
from natkit.show.words import titles
from natkit.show.words.catalogue import words

CHARTS = {
    "finding_counts": lambda ax, f, w: figures.finding_counts(
        ax, f["data"]["findings"], w, f["data"]["counts"]
    ),
    "found_planted": lambda ax, f, w: figures.found_planted(ax, f["data"]["planted"], w),
    "training_curve": lambda ax, f, w: figures.training_curve(ax, f["training"]["history"], w),
    "map_cluster": lambda ax, f, w: figures.map_points(ax, f["map"], w),
    "map_label": lambda ax, f, w: figures.map_points(ax, f["map"], w, by="label"),
    "score_ladder": lambda ax, f, w: figures.score_ladder(ax, f["evidence"], w),
    "label_curve": lambda ax, f, w: figures.label_curve(ax, f["evidence"]["curve"], w),
    "map_new": lambda ax, f, w: figures.map_new(ax, f["map"], NEW, w),
    "views": lambda ax, f, w: figures.views(ax, *PICTURES, w),
    "cost_curve": lambda ax, f, w: figures.cost_curve(ax, f["cost"], w),
    "payback": lambda ax, f, w: figures.payback(ax, f["cost"], w),
}
NEW = np.random.default_rng(0).normal(size=(40, 2))
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
    if legend:
        labels += [legend.get_title().get_text(), *(t.get_text() for t in legend.get_texts())]
    return " | ".join(labels)


def linear(colour):
    rgb = np.array(matplotlib.colors.to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    return linear(colour) @ [0.2126, 0.7152, 0.0722]


EYES = {  # linear RGB as seen; Machado, Oliveira and Fernandes 2009, severity 1.0
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
}  # fmt: skip


def apart(a, b, eyes):
    """CIEDE2000 between two colours as these eyes see them."""
    seen = np.clip(np.array(EYES[eyes]) @ np.stack([linear(a), linear(b)], axis=1), 0, 1)
    rgb = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    return float(color.deltaE_ciede2000(*color.rgb2lab(rgb.T)))


TOO_NEAR = 2 * apart("#d62728", "#2ca02c", "deuteranopia")  # matplotlib's own red and green


@pytest.mark.parametrize("colour", [*style.PALETTE, style.GREY, style.INK])
def test_colours_stand_out_on_white(colour):
    """WCAG 2.2, 1.4.11: contrast of graphics at least 3 to 1."""
    assert 1.05 / (luminance(colour) + 0.05) >= 3


def test_the_contrast_law_can_fail():
    assert 1.05 / (luminance("#E69F00") + 0.05) < 3  # Okabe and Ito's orange


@pytest.mark.parametrize("eyes", EYES)
def test_colours_differ_for_eyes_that_lack_red_or_green(eyes):
    """White is told as it is; each pair stays twice as far apart as matplotlib's red and green."""
    assert apart("white", "black", eyes) == pytest.approx(100, abs=0.1)
    assert 9.1 < TOO_NEAR < 9.3
    used = [*style.PALETTE, style.GREY, style.INK, style.PALE]
    assert min(apart(a, b, eyes) for a, b in combinations(used, 2)) > TOO_NEAR
    default = matplotlib.rcParamsDefault["axes.prop_cycle"].by_key()["color"][:4]
    assert min(apart(a, b, eyes) for a, b in combinations(default, 2)) < TOO_NEAR


def marks(ax):
    """``(colour, outline of the marker)`` of each group of dots."""
    return [
        (matplotlib.colors.to_hex(dots.get_facecolor()[0]), dots.get_paths()[0].vertices.tobytes())
        for dots in ax.collections
    ]


def test_the_palette_alone_does_not_survive_grey_print():
    """So the marks must: blue and purple, the farthest apart, hardly differ in contrast."""
    contrasts = [1.05 / (luminance(colour) + 0.05) for colour in style.PALETTE]
    assert max(contrasts) / min(contrasts) < 3


def test_groups_of_dots_differ_in_their_marks_too(examples):
    facts = examples.complete()
    facts["map"] = examples.map_section(clusters=24)
    facts["map"]["colour"]["values"] = [str(i % 6) for i in range(facts["map"]["n"])]
    for name in ("map_label", "map_new"):
        groups = marks(drawn(name, facts))
        assert (
            len({outline for _, outline in groups}) == len(groups) == {"map_label": 5}.get(name, 2)
        )
    grey, *clusters = marks(drawn("map_cluster", facts))
    assert grey[0] == style.PALE.lower()
    assert len(set(clusters)) == len(clusters) == 24
    assert all(a != b and v != w for (a, v), (b, w) in pairwise(clusters))
    assert len({outline for _, outline in clusters[:6]}) == 6


def test_lines_differ_in_their_dashes_too(examples):
    dashes = [line.get_linestyle() for line in drawn("training_curve", examples.complete()).lines]
    assert len(set(dashes)) == len(dashes) == 2


def colours_of(ax):
    """Every colour of what is drawn, without its transparency."""
    found = set()
    for artist in ax.findobj(lambda a: a.get_visible() and a is not ax.patch):
        for get in ("get_color", "get_facecolor", "get_edgecolor", "get_markerfacecolor",
                    "get_markeredgecolor"):  # fmt: skip
            if hasattr(artist, get) and not isinstance(artist, matplotlib.spines.Spine):
                colours = matplotlib.colors.to_rgba_array(getattr(artist, get)())
                found |= {matplotlib.colors.to_hex(c) for c in colours if c[3]}
    return found


@pytest.mark.parametrize("name", CHARTS)
def test_nothing_is_drawn_in_another_colour(name, examples):
    house = {*style.PALETTE, style.GREY, style.INK, style.HAIR, style.PALE, "#ffffff"}
    ax = drawn(name, examples.complete())
    assert len(colours_of(ax)) >= 3
    assert colours_of(ax) <= {colour.lower() for colour in house}
    ax.plot([0, 1], [0, 1], color="tab:red")
    assert "#d62728" in colours_of(ax)


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
    drawn_rows = [s for s in facts["evidence"]["scores"] if s["role"] != "floor"]
    for score in drawn_rows:
        assert f"{score['score']['value']:.3f}" in said
    assert "○  +0.063\n+0.029 to +0.098" in said
    assert "523 test images" in said
    ends = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    for score in drawn_rows:
        assert (score["score"]["low"], score["score"]["high"]) in ends


def test_the_curve_claims_a_saving_only_where_its_band_lies_above_zero(examples):
    w, curve = words("en"), examples.curve()
    assert (
        titles.curve(Curve.of(curve), w)
        == "NAT needs 322 labels for what untrained network reaches with 1,521"
    )
    curve["saved"][0]["low"] = -10.0
    assert "may be chance" in titles.curve(Curve.of(curve), w)
    curve["needed"][0]["value"] = 1600.0
    assert titles.curve(Curve.of(curve), w) == "NAT saves no labels against untrained network"
    curve["needed"][0]["value"] = None
    assert titles.curve(Curve.of(curve), w) == "NAT does not reach 0.779 with 1,521 labels"


def test_the_curve_draws_every_draw(examples):
    curve = examples.curve()
    ax = drawn("label_curve", examples.complete())
    dots = [line for line in ax.lines if line.get_marker() == "."]
    assert len(dots) == sum(len(line["draws"]) for line in curve["lines"])
    assert [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--"][-1] == 0.779
    assert {t.get_text() for t in ax.get_legend().get_texts()} == {
        "NAT",
        "untrained network",
        "raw pixels",
    }


def test_the_ladder_claims_a_win_only_outside_the_interval(examples):
    w = words("en")
    assert "ahead" in titles.ladder(Summary.of(examples.complete()).evidence, w)
    close = titles.ladder(Summary.of(examples.undecided()).evidence, w)
    assert "too close to call" in close
    assert "0.821" in close
    assert titles.ladder(Summary.of(examples.behind()).evidence, w).startswith("Raw pixels 0.892")


@pytest.mark.parametrize(
    ("low", "high", "result"),
    [(0.0, 0.1, "undecided"), (0.001, 0.1, "ahead"), (-0.1, 0.0, "undecided"),
     (-0.1, -0.001, "behind")],
)  # fmt: skip
def test_one_control_within_the_interval_is_enough_to_be_undecided(low, high, result):
    assert titles.standing([Range(0.05, low, high), Range(0.25, 0.2, 0.3)]) == result
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
    assert titles.map_by_label(MapFacts.of(section), words("en")).startswith("Cluster 4 ")
    assert "40%" in titles.map_by_label(MapFacts.of(section), words("en"))


def test_every_point_is_drawn_once(examples):
    facts = examples.complete()
    for name in ("map_cluster", "map_label"):
        ax = drawn(name, facts)
        assert sum(len(c.get_offsets()) for c in ax.collections) == len(facts["map"]["points"])


def test_the_legend_has_the_column_once_and_each_value_with_its_count(examples):
    facts = examples.complete()
    values = [*("ok " * 1000).split(), *("NG " * 37).split(), *([""] * 1500)]
    facts["map"]["colour"] = {"column": "judged", "values": values}
    legend = drawn("map_label", facts).get_legend()
    assert legend.get_title().get_text() == "judged"
    rows = [text.get_text() for text in legend.get_texts()]
    assert rows == ["(empty)  (1,500)", "ok  (1,000)", "NG  (37)"]
    assert len({tuple(mark.get_sizes()) for mark in legend.legend_handles}) == 1


def test_new_images_are_vermillion_diamonds_on_grey(examples):
    facts = examples.complete()
    ax = drawn("map_new", facts)
    old, new = ax.collections
    np.testing.assert_allclose(old.get_offsets(), [point[:2] for point in facts["map"]["points"]])
    np.testing.assert_allclose(new.get_offsets(), NEW)
    (grey, _), (vermillion, outline) = marks(ax)
    assert (grey, vermillion) == (style.PALE.lower(), style.VERMILLION.lower())
    diamond = matplotlib.markers.MarkerStyle("D")
    assert outline == diamond.get_path().transformed(diamond.get_transform()).vertices.tobytes()
    assert "40 new images" in ax.get_title("left")
    assert "2,537 old images" in texts(ax)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["old images", "new images"]
    with figures.theme("en"):
        one = figures.map_new(Figure().subplots(), facts["map"], NEW[:1], words("en"))
    assert one.get_title("left").startswith("1 new image on")


def notes(ax):
    """Names of the clusters: text, place pointed at, and box on the page in pixels."""
    found = [note for note in ax.texts if note.get_gid() != "subtitle"]
    return [(note.get_text(), note.xy, note.get_bbox_patch().get_window_extent()) for note in found]


def test_a_cluster_is_named_where_it_lies(examples):
    facts = examples.complete()
    facts["map"]["clusters"][3]["name"] = "scratched edge"
    for lang, text in (("en", "3 · scratched edge"), ("ja", "3・scratched edge")):
        ax = drawn("map_cluster", facts, lang)
        said = {said: (place, box) for said, place, box in notes(ax)}
        assert set(said) == {"0", "1", "2", text, "4", "5"}
        place, box = said[text]
        where = np.array([point[:2] for point in facts["map"]["points"] if point[2] == 3])
        np.testing.assert_allclose(place, np.median(where, axis=0))
        assert box.contains(*ax.transData.transform(place))


@pytest.mark.parametrize("clusters", [15, 36, 60])
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_names_of_many_clusters_do_not_hide_each_other(lang, clusters, examples):
    facts = examples.complete()
    facts["map"] = examples.map_section(clusters=clusters)
    for cluster in facts["map"]["clusters"][1::7]:
        cluster["name"] = "打痕・キズ 12 µm"
    ax = drawn("map_cluster", facts, lang)
    boxes = [box for *_, box in notes(ax)]
    assert len(boxes) == clusters
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    page = ax.get_window_extent()
    assert all(page.x0 - 1 <= box.x0 and box.x1 <= page.x1 + 1 for box in boxes)
    assert all(page.y0 - 1 <= box.y0 and box.y1 <= page.y1 + 1 for box in boxes)
    far = [
        np.abs(ax.transData.transform(place) - (box.p0 + box.p1) / 2).max()
        for _, place, box in notes(ax)
    ]
    assert np.median(far) < 15  # pixels of 960; a line leads from a box to its place
    assert max(far) < 150


def test_boxes_that_do_not_overlap_stay_and_others_move_as_little_as_needed():
    low, high = np.array([0.0, 0.0]), np.array([100.0, 100.0])
    half = np.full((3, 2), [10.0, 4.0])
    at = np.array([[20.0, 20.0], [20.0, 26.0], [80.0, 80.0]])
    moved = maps._apart(at, half, low, high)
    np.testing.assert_array_equal(moved[2], at[2])
    np.testing.assert_array_equal(moved[:, 0], at[:, 0])
    assert 8 <= moved[1, 1] - moved[0, 1] < 8.1
    assert moved[:2, 1].mean() == pytest.approx(23)
    same = maps._apart(np.full((3, 2), 50.0), half, low, high)
    assert (np.abs(same[:, None] - same) >= 2 * half).any(axis=2).sum() == 6  # all but the diagonal
    np.testing.assert_array_equal(
        maps._apart(np.array([[99.0, -5.0], [1.0, 1.0]]), half[:2], low, high),
        [[99.0, -5.0], [1.0, 1.0]],
    )


def test_a_map_without_clusters_draws(examples):
    facts = examples.complete()
    facts["map"] |= {"clusters": [], "points": [[*p[:2], -1] for p in facts["map"]["points"]]}
    assert notes(drawn("map_cluster", facts)) == []


def test_found_against_planted_leaves_unseen_kinds_out_of_the_fraction(examples):
    rows = examples.complete()["data"]["planted"]
    title = titles.planted(Planted.each(rows), words("en"))
    assert title.startswith("223 of 225 planted faults")
    said = texts(drawn("found_planted", examples.complete()))
    assert said.count("not looked for yet") == 5  # four bars and the subtitle
    assert "△  30 of 32" in said


def test_the_training_title_follows_the_gap(examples):
    w = words("en")
    history = examples.complete()["training"]["history"]

    def title(rows):
        return titles.training(Epoch.each(rows), w)

    assert title(history).startswith("Views of one image agree 0.5")
    assert "nothing was learnt" in title(history[::-1])
    assert "nothing was learnt" in title(history[:1])
    collapsed = [row | {"agreement": 1.0, "others": 1.0} for row in history]
    assert "nothing was learnt" in title([history[0], *collapsed[1:]])
    assert title([]) == "No epoch was recorded"


@pytest.mark.parametrize("epochs", [0, 1, 2])
def test_short_histories_draw(epochs, examples):
    facts = examples.complete()
    facts["training"]["history"] = facts["training"]["history"][:epochs]
    assert drawn("training_curve", facts).get_ylim()[0] == 0


def test_ticks_are_whole_epochs(examples):
    facts = examples.complete()
    for epochs in (1, 2, 20):
        facts["training"]["history"] = examples.training(epochs)["history"]
        ticks = drawn("training_curve", facts).get_xticks()
        assert len(ticks)
        assert (ticks == np.round(ticks)).all()


def test_our_own_words_are_not_cut_short(examples):
    said = texts(drawn("finding_counts", examples.complete()))
    assert "shortcut: brightness, contrast and sharpness" in said


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("case", ["complete", "behind", "hostile", "unlabelled"])
def test_nothing_is_cut_off_at_the_edges(case, lang, examples, tmp_path):
    facts = examples.CASES[case]()
    said = words(lang).with_sentences(facts["data"]["sentences"])
    for name, chart in charts.draw(Summary.of(facts), tmp_path, said).items():
        with Image.open(chart.path) as picture:
            grey = np.asarray(picture.convert("L"))
        below = grey[200:]  # titles start at the very edge
        for edge in (grey[:4], grey[-4:], grey[:, -4:], below[:, :4]):
            assert (edge > 250).all(), name


def test_a_long_title_takes_two_lines_and_then_smaller_letters():
    with figures.theme("en"):
        for length, lines, size in ((3, 1, 15), (10, 2, 15), (40, 2, None)):
            ax = Figure(figsize=style.SIZE).subplots()
            style.headline(ax, "WORDS WIDE " * length, "")
            title = ax._left_title
            assert title.get_text().count("\n") == lines - 1
            assert title.get_fontsize() == size or (size is None and title.get_fontsize() < 15)
            assert title.get_window_extent().width <= ax.figure.bbox.width


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


def test_a_white_view_has_a_frame():
    images, views = PICTURES
    with figures.theme("en"):
        ax = figures.views(Figure(figsize=style.SIZE).subplots(), images, views, words("en"))
    gap = ax.images[0].get_array().shape[0] - 40
    corners = [(frame.get_x() + 0.5, frame.get_y() + 0.5) for frame in ax.patches]
    assert sorted(corners) == [(x * (24 + gap), y * (20 + gap)) for x in range(4) for y in (0, 1)]
    assert {(frame.get_width(), frame.get_height()) for frame in ax.patches} == {(24, 20)}


@pytest.mark.parametrize(("channels", "shown"), [(3, [0, 1, 2]), (5, [0, 0, 0])])
def test_views_in_colour_stay_so_and_of_other_channels_the_first_is_shown(channels, shown):
    images = np.linspace(0, 1, 16 * channels).reshape(1, 4, 4, channels)
    _, sheet = views_of(images, images[:, None])
    np.testing.assert_allclose(sheet[:4, :4], images[0][..., shown])


def test_the_title_of_views_says_how_far_they_are_from_their_images():
    images, views = PICTURES
    for some in (views[:, :2], views):  # a small view lies on other pixels: it does not count
        far, _ = views_of(images, some)
        assert "their image by 10% of white" in far
        assert "each other by 40%" in far
    assert "each other" not in views_of(images[:1], views[:1])[0]
    assert views_of(images, views[:, 2:])[0].startswith("No view differs")
