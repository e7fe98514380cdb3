"""Laws of the faults of a line: what each does to a picture is known beforehand."""

import numpy as np
import pytest

import natkit
from natkit import NAT, InputError
from natkit.method.views.corruptions import KINDS, LEVELS, corrupted

IDS = np.array([7, 3, 12])
KINDS_OF_PIXELS = [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)]


def pictures(dtype=np.uint8, peak=255, side=20) -> np.ndarray:
    light = np.random.default_rng(0).random((3, side, side, 2)) * peak
    return light.astype(dtype)


@pytest.mark.parametrize(("dtype", "peak"), KINDS_OF_PIXELS)
@pytest.mark.parametrize("kind", KINDS)
def test_strength_nought_is_the_picture_and_the_depth_stays(kind, dtype, peak):
    before = pictures(dtype, peak)
    kept = before.copy()
    np.testing.assert_array_equal(corrupted(before, IDS, kind, 0), before)
    after = corrupted(before, IDS, kind, LEVELS[kind][-1])
    assert after.dtype == dtype
    assert not np.array_equal(after, before)
    np.testing.assert_array_equal(before, kept)


def test_brightness_is_a_share_of_the_light_and_stops_at_white():
    before = np.array([0, 100, 200, 250], np.uint8).reshape(1, 2, 2, 1)
    darker, brighter = (corrupted(before, [0], "brightness", s).ravel() for s in (-0.3, 0.2))
    assert darker.tolist() == [0, 70, 140, 175]
    assert brighter.tolist() == [0, 120, 240, 255]


def test_blur_of_a_point_is_a_bell_of_that_width_and_keeps_the_light():
    point = np.zeros((1, 41, 41, 1), np.float32)
    point[0, 20, 20] = 1
    spread = corrupted(point, [0], "blur", 2 / 41)[0, :, :, 0]
    away = np.arange(41) - 20
    assert spread.sum() == pytest.approx(1, abs=1e-4)
    assert (spread.sum(axis=0) * away**2).sum() == pytest.approx(2**2, rel=0.02)
    assert (spread.sum(axis=1) * away**2).sum() == pytest.approx(2**2, rel=0.02)


def test_shift_moves_the_middle_of_the_light_so_far():
    blob = np.zeros((50, 60, 60, 1), np.float32)
    blob[:, 25:35, 25:35] = 1
    moved = corrupted(blob, np.arange(50), "shift", 0.1)[..., 0]
    place = np.arange(60) - 29.5
    ways = np.stack([(moved.sum(axis=a) @ place) / 100 for a in (2, 1)])
    np.testing.assert_allclose(np.hypot(*ways), 6, rtol=1e-3)
    assert np.abs(ways.mean(axis=1)).max() < 2  # all directions


def test_a_band_of_rows_is_lost_and_nothing_else():
    before = np.full((3, 40, 30, 1), 9, np.uint8)
    lost = corrupted(before, IDS, "rows", 0.1)[..., 0] == 0
    np.testing.assert_array_equal(lost.all(axis=2), lost.any(axis=2))
    assert lost.all(axis=2).sum(axis=1).tolist() == [4, 4, 4]
    ends = np.abs(np.diff(lost[:, :, 0].astype(int), axis=1)).sum(axis=1)
    assert (ends <= 2).all()


@pytest.mark.parametrize("kind", ["shift", "rows"])
def test_an_image_meets_the_same_fault_alone_and_at_any_size(kind):
    before = pictures()
    after = corrupted(before, IDS, kind, 0.1)
    np.testing.assert_array_equal(corrupted(before[1:2], IDS[1:2], kind, 0.1), after[1:2])
    assert not np.array_equal(corrupted(before, IDS, kind, 0.1, seed=1), after)
    light = np.ones((3, 40, 8, 1), np.float32) * np.linspace(1, 2, 40)[:, None, None]
    large, small = (corrupted(light[:, ::step], IDS, kind, 0.2) for step in (1, 2))
    high, low = (changed.mean(axis=2)[:, :, 0] for changed in (large[:, ::2], small))
    assert (np.abs(high - low) > 0.1).sum(axis=1).max() <= 2  # half a row at either edge


def test_embeddings_say_what_was_done_to_their_images(prepared_line):
    images = natkit.load(prepared_line / "prepared")
    model = NAT(size=16, device="cpu").untrained(images)
    for embed in (model.embed, lambda i, corruption=None: natkit.pixels(i, 16, corruption)):
        clean, dark = embed(images), embed(images, corruption=("brightness", -0.3))
        assert "corruption" not in clean.meta
        assert dark.meta["corruption"] == {"kind": "brightness", "strength": -0.3}
        assert dark.meta["data_hash"] == clean.meta["data_hash"]
        assert not np.allclose(dark.vectors, clean.vectors)
    assert dark.vectors.sum() == pytest.approx(0.7 * clean.vectors.sum(), rel=0.01)


@pytest.mark.parametrize(
    ("kind", "strength", "message"),
    [
        ("dust", 0.1, "no corruption 'dust'. Choose one of brightness, blur, shift, rows"),
        ("blur", -1, r"strength of 'blur' lies in \[0, 1\], got -1. Try 0.005"),
        ("rows", float("nan"), "got nan"),
    ],
)
def test_what_is_no_fault_is_told(kind, strength, message):
    with pytest.raises(InputError, match=message):
        corrupted(pictures(), IDS, kind, strength)
