"""Contact sheets hold every picture, whole, in order, with nothing else on them."""

import numpy as np
import pytest
from PIL import Image

from natkit.core.errors import InputError
from natkit.show.gallery import GAP, LINE, cluster_sheets, contact_sheet


def flat(k, value, shape=(10, 10, 1)):
    return np.full((k, *shape), value, np.uint8)


def test_pictures_lie_in_order_row_by_row():
    pixels = np.arange(5, dtype=np.uint8)[:, None, None, None] * 40 + np.zeros(
        (1, 8, 8, 1), np.uint8
    )
    sheet = np.asarray(contact_sheet([("a", pixels)], columns=3, side=20)["a"])
    step = 20 + GAP
    seen = [int(sheet[GAP + 10 + step * (i // 3), GAP + 10 + step * (i % 3), 0]) for i in range(5)]
    assert seen == [0, 40, 80, 120, 160]


def test_odd_ones_start_a_new_row_below_a_line():
    sheet = contact_sheet([("a", [flat(3, 0), flat(1, 90)])], columns=4, side=20)["a"]
    pixels = np.asarray(sheet.convert("L"))
    line = 2 * GAP + 20
    assert (pixels[line, GAP + 1 : -GAP - 1] == pixels[line, GAP + 1]).all()
    assert 200 < pixels[line, GAP + 1] < 220
    assert pixels[line + 2 * GAP + 10, GAP + 10] == 90


def lying(sheet, side=112):
    """Ids (a tenth of the brightness) of the pictures on a sheet, row by row; a line is "—"."""
    pixels, rows, top = np.asarray(sheet), [], GAP
    while top < len(pixels):
        if tuple(pixels[top, GAP]) == LINE:
            rows.append("—")
            top += 2 * GAP
        middles = pixels[top + side // 2, GAP + side // 2 :: side + GAP, 0]
        rows.append([int(value) // 10 for value in middles if value < 255])
        top += side + GAP
    return rows


def clusters_of(*groups):
    keys = ("medoid", "typical", "borderline", "odd")
    return [{"cluster": c, **dict(zip(keys, group, strict=True))} for c, group in enumerate(groups)]


def test_a_cluster_shows_medoid_typical_line_borderline_line_odd(tmp_path):
    """The medoid once and first, wherever it stands among the typical ones; as many as those are."""
    ids = np.array([7, 3, 11, 5, 2, 13, 17, 19])
    pixels = (ids * 10).astype(np.uint8)[:, None, None, None] + np.zeros((1, 6, 6, 1), np.uint8)
    clusters = clusters_of(
        (5, [3, 5, 2], [11, 7], [13, 17]), (19, [3, 2], [], [7]), (2, [], [], []), (3, [3], [5], [])
    )
    sheets = cluster_sheets(clusters, pixels, ids, tmp_path)
    assert [lying(sheet) for sheet in sheets] == [
        [[5, 3, 2], "—", [11, 7], "—", [13, 17]], [[19, 3], "—", [7]], [[2]], [[3], "—", [5]],
    ]  # fmt: skip
    for cluster, sheet in zip(clusters, sheets, strict=True):
        assert cluster["picture"] == f"figures/cluster_{cluster['cluster']}.png"
        with Image.open(tmp_path / f"cluster_{cluster['cluster']}.png") as saved:
            np.testing.assert_array_equal(np.asarray(saved), np.asarray(sheet))


def test_more_pictures_than_columns_go_on_in_the_next_row(tmp_path):
    ids = np.arange(1, 21)
    pixels = (ids * 10).astype(np.uint8)[:, None, None, None] + np.zeros((1, 6, 6, 1), np.uint8)
    clusters = clusters_of((1, list(range(1, 11)), [], [19, 20]))
    (sheet,) = cluster_sheets(clusters, pixels, ids, tmp_path)
    assert lying(sheet) == [[1, 2, 3, 4, 5, 6, 7, 8], [9, 10], "—", [19, 20]]


def test_wide_pictures_are_not_distorted():
    sheet = contact_sheet([("a", flat(1, 0, (10, 40, 3)))], side=40)["a"]
    dark = np.asarray(sheet.convert("L")) < 128
    assert (dark.any(axis=0).sum(), dark.any(axis=1).sum()) == (40, 10)


def test_one_sheet_a_group_under_its_title():
    sheets = contact_sheet([("3", flat(1, 0)), ("1", flat(2, 0))])
    assert list(sheets) == ["3", "1"]
    assert all(sheet.mode == "RGB" for sheet in sheets.values())


@pytest.mark.parametrize(
    "bad",
    [flat(1, 0).astype(np.uint16), flat(1, 0)[0], flat(1, 0, (4, 4, 2)), flat(0, 0)],
    ids=["deep", "no batch", "two channels", "none"],
)
def test_what_cannot_be_shown_is_refused_in_words(bad):
    with pytest.raises(InputError, match="A contact sheet"):
        contact_sheet([("a", bad)])
