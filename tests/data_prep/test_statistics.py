"""What one picture tells: known pictures give known numbers, and planted damage is found where it is."""

import numpy as np
import pytest

from data_prep.scanning.statistics import STATISTICS, damage, statistics


def picture(seed=0, shape=(40, 50), dtype=np.uint8):
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, shape, dtype, endpoint=True)


def test_brightness_and_contrast_do_not_depend_on_the_depth():
    pixels = picture()
    shallow, deep = statistics(pixels), statistics(pixels.astype(np.uint16) * 257)
    assert shallow == pytest.approx(deep, rel=1e-4)
    flat = statistics(np.full((30, 30), 51, np.uint8))
    assert flat["brightness"] == pytest.approx(0.2)
    assert flat["contrast"] == 0
    assert 0.45 < statistics(picture(shape=(300, 300)))["brightness"] < 0.55


def test_blur_lowers_sharpness_and_gain_does_not():
    from scipy.ndimage import gaussian_filter

    sharp = picture(shape=(200, 200))
    levels = [statistics(gaussian_filter(sharp, s))["sharpness"] for s in (0, 1, 3)]
    assert levels[0] > levels[1] > levels[2]
    assert statistics(sharp // 2)["sharpness"] == pytest.approx(levels[0], rel=0.02)
    plain = np.full((200, 200), 90, np.uint8)
    plain[:, 100:] = 160  # one sharp edge in an otherwise empty picture
    assert statistics(plain)["sharpness"] > 2 * statistics(gaussian_filter(plain, 2))["sharpness"]


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("value", [0, 128])
def test_a_lost_part_is_measured_at_every_edge(turns, value):
    pixels = picture(shape=(100, 100, 3))
    pixels[70:] = value
    assert damage(np.rot90(pixels, turns)).missing_share == pytest.approx(0.3, abs=0.011)


def test_a_repeated_last_row_counts_as_lost_and_a_gap_inside_does_not():
    pixels = picture(shape=(100, 80))
    repeated = pixels.copy()
    repeated[60:] = repeated[59]
    assert damage(repeated).missing_share == pytest.approx(0.4, abs=0.011)
    inside = pixels.copy()
    inside[40:80] = 0
    assert damage(inside).missing_share == 0
    assert damage(np.zeros((20, 30), np.uint8)).missing_share == 1


def test_noise_and_entropy_have_their_closed_forms():
    rng = np.random.default_rng(0)
    noisy = (9000 + rng.normal(0, 500, (400, 400))).round().astype(np.uint16)
    assert statistics(noisy)["noise"] * 65535 == pytest.approx(500, rel=0.03)
    assert statistics(np.full((50, 50), 7, np.uint8))["entropy"] == 0
    four = np.tile(np.array([0, 85, 170, 255], np.uint8), (100, 25))
    assert statistics(four)["entropy"] == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (12, np.uint16), (16, np.uint16)])
def test_saturation_counts_the_white_of_any_depth(bits, dtype):
    white = 2**bits - 1
    pixels = np.full((10, 10), white // 3, dtype)
    assert statistics(pixels)["saturated_share"] == 0
    pixels[:3] = white
    assert statistics(pixels)["saturated_share"] == pytest.approx(0.3)


@pytest.mark.parametrize("channels", [None, 3])
@pytest.mark.parametrize("value", [0, 255, "stuck"])
def test_dead_lines_are_found_where_they_are(channels, value):
    pixels = picture(shape=(90, 100, channels) if channels else (90, 100))
    pixels[40:42] = pixels[39] if value == "stuck" else value
    if value != "stuck":
        pixels[:, 70] = value
    found = damage(pixels)
    assert found.rows.tolist() == [40, 41]
    assert found.columns.tolist() == ([] if value == "stuck" else [70])
    assert found.missing_share == 0
    lines = statistics(pixels)["dead_lines"]
    assert lines == len(found.rows) + len(found.columns)
    assert found.mask(pixels.shape).sum() == (200 if value == "stuck" else 200 + 90 - 2)


def test_a_plain_edge_is_no_dead_line():
    pixels = picture(shape=(60, 60))
    pixels[:10] = 20
    pixels[4] = 21  # the ground is not quite plain
    assert len(damage(pixels).rows) == 0


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_block_is_a_rectangle_and_a_blob_is_not(value):
    pixels = picture(shape=(120, 100))
    pixels[30:60, 20:70] = value
    found = damage(pixels)
    assert found.block == (slice(30, 60), slice(20, 70))
    assert statistics(pixels)["dead_block"] == pytest.approx(30 * 50 / 12000)
    y, x = np.mgrid[:120, :100]
    round_spot = picture(shape=(120, 100))
    round_spot[np.hypot(y - 60, x - 50) < 25] = value
    assert damage(round_spot).block is None
    smooth = (100 + np.hypot(y - 60, x - 50) // 12).astype(
        np.uint8
    )  # flat places, no step at their rim
    assert damage(smooth).block is None
    smooth[20:40, 20:40] = value
    assert damage(smooth).block == (slice(20, 40), slice(20, 40))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (3, 1, 3), (4, 4), (5, 9), (6, 6)])
def test_the_smallest_pictures_have_numbers(shape):
    found = statistics(np.zeros(shape, np.uint8))
    assert tuple(found) == STATISTICS
    assert all(np.isfinite(value) for value in found.values())


def test_float_pictures_with_gaps_have_finite_numbers():
    pixels = np.random.default_rng(0).random((30, 30)).astype(np.float32)
    pixels[3, 3] = np.nan
    assert all(np.isfinite(value) for value in statistics(pixels).values())
