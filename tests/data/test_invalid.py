"""Pixels without a measurement are found and masked; glare, holes and defects are left as they are."""

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

import data_prep
import natkit
from natkit.data.decoding import UnreadableImage, open_image
from natkit.data.invalid import masked
from natkit.method.batches import Scaling


def surface(rng: np.random.Generator, shape=(48, 40), low=0.3, high=0.7, dtype=np.float32):
    y, x = np.mgrid[: shape[0], : shape[1]]
    z = np.sin(x / rng.uniform(2, 9)) + np.cos(y / rng.uniform(2, 9)) + rng.normal(0, 0.1, shape)
    z = (z - z.min()) / np.ptp(z)
    return (low + (high - low) * z).astype(dtype)


NOTHING = [np.nan, np.inf, -np.inf, -9999.0, -99999.0, 3.4e38, -3.4e38, 1e10, -32768.0]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6), st.sampled_from(NOTHING), st.floats(0.0005, 0.6), st.floats(0.01, 500.0)
)
def test_what_is_planted_is_found_exactly_and_gets_the_median(seed, value, share, scale):
    rng = np.random.default_rng(seed)
    whole = surface(rng) * np.float32(scale)
    gone = rng.random(whole.shape) < share
    gone[0, 0] = True
    given_ = np.where(gone, np.float32(value), whole)
    before = given_.copy()
    out, found = masked(given_)
    assert found == pytest.approx(gone.mean())
    np.testing.assert_array_equal(out[~gone], whole[~gone])
    assert set(out[gone]) == {np.median(whole[~gone])}
    np.testing.assert_array_equal(given_, before)  # never in place


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([np.uint8, np.uint16, np.float32]), st.data())
def test_pictures_of_parts_are_left_as_they_are(seed, dtype, data):
    """Also with an even dark hole, glare that fills the sensor, a bright scratch, or two values alone."""
    rng = np.random.default_rng(seed)
    top = 1.0 if dtype == np.float32 else float(np.iinfo(dtype).max)
    low, high = sorted(data.draw(st.tuples(st.floats(0, 0.4), st.floats(0.5, 1))))
    pixels = surface(rng, low=low * top, high=high * top, dtype=dtype)
    defect = data.draw(st.sampled_from([0, top, low * top / 2, None]))
    if defect is not None:
        pixels[10:14, 5:30] = dtype(defect)
    if data.draw(st.booleans()):
        pixels = np.where(pixels > pixels.mean(), dtype(top), dtype(0))
    out, found = masked(pixels)
    assert found == 0
    assert out is pixels


@pytest.mark.parametrize(("value", "low", "high"), [(65535, 400, 4000), (0, 60000, 63000)])
def test_in_16_bits_the_ends_far_from_all_others_are_no_measurement(value, low, high):
    rng = np.random.default_rng(1)
    pixels = surface(rng, low=low, high=high, dtype=np.uint16)
    gone = rng.random(pixels.shape) < 0.05
    out, found = masked(np.where(gone, np.uint16(value), pixels))
    assert found == pytest.approx(gone.mean())
    np.testing.assert_array_equal(out[~gone], pixels[~gone])
    assert out.dtype == np.uint16


def test_each_channel_has_its_own_median_and_several_values_may_stand_for_nothing():
    rng = np.random.default_rng(2)
    planes = np.dstack([surface(rng), 1000 * surface(rng)])
    given_ = planes.copy()
    given_[3, 4, 0], given_[5, 6, 1], given_[7, 8, 0] = np.nan, -9999 * 1000, -9999
    out, found = masked(given_)
    assert found == pytest.approx(3 / planes[:, :, 0].size)
    assert out[3, 4, 0] == out[7, 8, 0] == pytest.approx(np.median(planes[:, :, 0]), rel=0.01)
    assert out[5, 6, 1] == pytest.approx(np.median(planes[:, :, 1]), rel=0.01)


def test_a_picture_without_any_measurement_is_told(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.full((20, 20), np.nan, np.float32))
    with pytest.raises(UnreadableImage) as told:
        open_image(tmp_path / "a.tif")
    assert told.value.reason == "no_measurement"


@pytest.mark.parametrize("value", [np.nan, -9999.0, np.inf])
def test_height_maps_are_judged_and_trained_on_by_what_was_measured(tmp_path, value):
    rng = np.random.default_rng(3)
    (tmp_path / "in").mkdir()
    clean = {}
    for i in range(24):
        z = surface(rng)
        clean[f"h{i:02}.tif"] = z.mean()
        if i % 2:
            z[rng.random(z.shape) < 0.05] = value
        tifffile.imwrite(tmp_path / "in" / f"h{i:02}.tif", z)
    scan = data_prep.scan(tmp_path / "in")
    table = scan.table.set_index("path")
    np.testing.assert_allclose(table["brightness"], table.index.map(clean), atol=0.02)
    audit = data_prep.audit(scan)
    found = {f.rule: f for f in audit.findings}
    assert set(found) == {"invalid_pixels"}
    assert found["invalid_pixels"].paths == tuple(f"h{i:02}.tif" for i in range(1, 24, 2))
    assert 4 < found["invalid_pixels"].evidence["most"] < 8
    data_prep.prepare(audit, tmp_path / "prepared")
    images = natkit.load(tmp_path / "prepared")
    pixels = images.pixels(32)
    assert np.isfinite(pixels).all()
    assert pixels.min() > 0.25
    assert pixels.max() < 0.75
    assert 0.4 < Scaling.of(pixels).mean[0] < 0.6  # and not: one constant colour
