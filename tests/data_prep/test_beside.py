"""A mended picture beside the original: every place that was changed is outlined, and stays in sight."""

import numpy as np
import pytest
from PIL import Image, ImageColor

import data_prep
from data_prep.deciding.beside import GAP, LINE, OFF, SIDE, beside, places

BOX = (slice(20, 30), slice(40, 70))


def pair(shape=(100, 120), dtype=np.uint8, box=BOX):
    """A plain grey picture with a black place, and the same mended."""
    level = np.iinfo(dtype).max // 2
    whole = np.full(shape, level, dtype)
    whole[0, 0], whole[-1, -1] = 0, np.iinfo(dtype).max  # so that deep ones are stretched
    broken = whole.copy()
    broken[box] = 0
    return broken, whole


def outlined(picture):
    return (np.asarray(picture) == ImageColor.getrgb(LINE)).all(axis=2)


def test_the_places_are_the_planted_ones():
    broken, whole = pair()
    broken[60] = 0
    broken[90:93, 5:9] = 0
    assert places(broken, whole) == [
        BOX,
        (slice(60, 61), slice(0, 120)),
        (slice(90, 93), slice(5, 9)),
    ]
    assert places(whole, whole) == []
    assert places(whole, 255 - whole) == []  # all of it is changed: there is no place
    assert places(whole, whole.T) == []


def test_places_near_each_other_are_one():
    broken, whole = pair()
    broken[32:34, 40:70] = 0  # two lines below
    assert places(broken, whole)[0] == (slice(20, 34), slice(40, 70))


@pytest.mark.parametrize("shape", [(100, 120), (100, 120, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_outline_runs_around_the_place_in_both_pictures(shape, dtype):
    broken, whole = pair(shape, dtype)
    sheet = beside(broken, whole, 120)
    assert sheet.width == 240 + GAP
    left = outlined(sheet)[:100, :120]
    right = outlined(sheet)[:100, 120 + GAP :]
    for drawn in (left, right):
        rows, columns = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
        assert (rows.min() + 1, rows.max() - 1) == (20 - OFF, 30 + OFF - 1)
        assert (columns.min() + 1, columns.max() - 1) == (40 - OFF, 70 + OFF - 1)
        assert not drawn[20 - OFF + 1 : 30 + OFF - 1, 40 - OFF + 1 : 70 + OFF - 1].any()
    grey = np.asarray(sheet)[..., 0]
    assert (grey[20:30, 40:70] < 10).all()  # the original shows what was dead
    assert grey[50, 50] > 100
    assert (
        grey[20:30, 160 + GAP : 190 + GAP] == grey[50, 50]
    ).all()  # and this what stands there now


def test_a_small_place_is_shown_closer():
    """One line of 300: below, 40 pixels around it as large as the whole."""
    broken, whole = pair((300, 300), box=(slice(150, 151), slice(None)))
    sheet = beside(broken, whole, 150)
    assert sheet.height == 300 + GAP
    closer = np.asarray(sheet)[150 + GAP :, :150, 0]
    dead = (closer == 0).all(axis=1).sum()
    assert dead in (3, 4)  # a line of one pixel, 150 / 40 times as large
    assert beside(*pair((60, 60), box=(slice(10, 50), slice(10, 50))), 150).height == 150


def test_turned_pictures_stand_beside_each_other_without_outline():
    whole = pair()[1]
    sheet = beside(whole, np.rot90(whole), 60)
    assert sheet.size == (60 + GAP + 50, 60)
    assert not outlined(sheet).any()


def test_the_examples_are_what_was_written(path_walked, tmp_path):
    audit, prepared = path_walked.audit, path_walked.prepared
    mended = {path for f in audit.findings if f.rule == "dead_lines" for path in f.paths}
    told = data_prep.mended_examples(prepared, tmp_path / "figures")
    assert {row["path"] for row in told} <= mended
    assert len(told) == min(6, len(mended))
    for row in told:
        assert row["rules"] == ["dead_lines"]
        with Image.open(tmp_path / row["picture"]) as picture:
            assert picture.width == 2 * SIDE + GAP
            assert outlined(picture).any()
    assert len(data_prep.mended_examples(prepared, tmp_path / "few", 1)) == 1


def test_nothing_mended_gives_no_example(path_walked, tmp_path):
    kept = path_walked.audit.undo(rule="dead_lines")
    prepared = data_prep.prepare(kept, tmp_path / "prepared")
    assert data_prep.mended_examples(prepared, tmp_path / "figures") == []
