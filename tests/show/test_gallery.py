"""Contact sheets hold every picture, whole, in order, with nothing else on them."""

import numpy as np
import pytest

from natkit.errors import InputError
from natkit.show.gallery import GAP, contact_sheet


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
