"""Mending: what is dead is filled from around it, turns have their inverse, nothing else moves."""

import numpy as np
import pytest

from data_prep.repair.mending import TURN, mend, save
from data_prep.rules.user_rules import TURNS
from natkit.data.decoding import read_image


def smooth(shape=(60, 80), dtype=np.uint8, channels=None):
    y, x = np.mgrid[: shape[0], : shape[1]]
    plane = 0.5 + 0.2 * np.sin(x / 9) + 0.2 * np.cos(y / 7)
    plane = plane if channels is None else np.stack([plane] * channels, axis=2)
    return (plane * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [None, 3])
def test_a_smooth_picture_comes_back_under_dead_lines_and_a_block(dtype, channels):
    whole = smooth(dtype=dtype, channels=channels)
    broken = whole.copy()
    broken[20:22] = 0
    broken[40:50, 30:40] = np.iinfo(dtype).max
    mended = mend(broken, "inpaint", {})
    assert mended.dtype == dtype
    dead = np.zeros(whole.shape[:2], bool)
    dead[20:22] = dead[40:50, 30:40] = True
    assert np.array_equal(mended[~dead], whole[~dead])
    error = np.abs(mended[dead].astype(float) - whole[dead]) / np.iinfo(dtype).max
    assert error.max() < 0.02


def test_a_sound_picture_stays():
    whole = smooth()
    assert np.array_equal(mend(whole, "inpaint", {}), whole)


def test_every_turn_has_its_inverse():
    assert set(TURN) == set(TURNS)
    pixels = np.random.default_rng(0).integers(0, 255, (4, 6, 3), np.uint8)
    for how in TURNS:
        back = {"rotate_90": "rotate_270", "rotate_270": "rotate_90"}.get(how, how)
        assert np.array_equal(mend(mend(pixels, how, {}), back, {}), pixels)
    assert mend(pixels, "rotate_180", {})[0, 0].tolist() == pixels[-1, -1].tolist()
    assert mend(pixels, "flip_left_right", {})[1, 0].tolist() == pixels[1, -1].tolist()


def test_a_gain_is_undone():
    pixels = np.full((4, 4), 100, np.uint16)
    assert mend(pixels, "gain", {"ratio": 0.8}).tolist() == [[125] * 4] * 4


@pytest.mark.parametrize(
    ("shape", "dtype", "suffix"),
    [
        ((5, 6), np.uint8, ".png"),
        ((5, 6, 3), np.uint8, ".png"),
        ((5, 6), np.uint16, ".tif"),
        ((5, 6, 3), np.uint16, ".tif"),
        ((5, 6), np.float32, ".tif"),
    ],
)
def test_a_mended_picture_is_kept_without_loss(tmp_path, shape, dtype, suffix):
    pixels = (np.random.default_rng(0).random(shape) * 200).astype(dtype)
    file = save(tmp_path / "sub" / "a.jpg", pixels)
    assert file.name == f"a.jpg{suffix}"
    assert np.array_equal(read_image(file), pixels)
    assert read_image(file).dtype == dtype
