"""Pixels arrive as they were stored: depth, channels, cache, and a reason where they don't."""

import imagecodecs
import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

import data_prep
from natkit import InputError, Signals
from natkit.data import annotations, manifest
from natkit.data.decoding import UnreadableImage, read_image, resize
from natkit.data.images import ImageSet, load

RNG = np.random.default_rng(0)
GREY8 = RNG.integers(0, 256, (12, 10), dtype=np.uint8)
GREY16 = RNG.integers(0, 65536, (12, 10), dtype=np.uint16)
RGB = RNG.integers(0, 256, (12, 10, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "pixels"),
    [("a.png", GREY8), ("b.png", GREY16), ("c.png", RGB), ("d.bmp", RGB), ("e.tif", GREY16)],
)
def test_what_was_written_is_read(tmp_path, name, pixels):
    Image.fromarray(pixels).save(tmp_path / name)
    read = read_image(tmp_path / name)
    np.testing.assert_array_equal(read, pixels)
    assert read.dtype == pixels.dtype


def test_tiff_keeps_floats_and_many_channels(tmp_path):
    many = RNG.random((12, 10, 5), dtype=np.float32)
    tifffile.imwrite(tmp_path / "a.tif", many, photometric="minisblack", planarconfig="contig")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), many)


def test_planes_palettes_and_inks_of_a_tiff_are_seen_as_meant(tmp_path):
    """TIFF 6.0: planes apart (284), 0 is white (262 = 0), a palette (262 = 3), inks (262 = 5)."""

    def read(pixels, **how):
        tifffile.imwrite(tmp_path / "a.tif", pixels, **how)
        return read_image(tmp_path / "a.tif")

    planes = np.moveaxis(RGB, 2, 0)
    for compression in (None, "lzw"):
        how = {"planarconfig": "separate", "compression": compression}
        np.testing.assert_array_equal(read(planes, photometric="rgb", **how), RGB)
    np.testing.assert_array_equal(read(GREY8, photometric="miniswhite"), 255 - GREY8)
    for photometric, black in (("miniswhite", True), ("minisblack", False)):
        shown = read(GREY8 > 99, photometric=photometric)
        np.testing.assert_array_equal(shown, np.where((GREY8 > 99) ^ black, 255, 0))
        assert shown.dtype == np.uint8
    colours = RNG.integers(0, 256, (3, 256), dtype=np.uint16) * 257
    shown = read(GREY8, photometric="palette", colormap=colours)
    np.testing.assert_array_equal(shown, (colours >> 8).T[GREY8])
    inks = np.dstack([255 - RGB, np.zeros_like(GREY8)])
    np.testing.assert_array_equal(read(inks, photometric="separated"), RGB)


def test_what_a_file_is_its_content_tells(tmp_path):
    """A PNG called .tif, a TIFF called .png; and no format that natkit does not name."""
    Image.fromarray(GREY16).save(tmp_path / "a.tif", format="PNG")
    tifffile.imwrite(tmp_path / "b.png", GREY16)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), GREY16)
    np.testing.assert_array_equal(read_image(tmp_path / "b.png"), GREY16)
    Image.fromarray(RGB).save(tmp_path / "c.png", format="EPS")  # reading it would start a program
    with pytest.raises(UnreadableImage, match="not_an_image"):
        read_image(tmp_path / "c.png")


def test_palette_and_cmyk_become_rgb_and_one_bit_becomes_grey(tmp_path):
    Image.fromarray(RGB).quantize(4).save(tmp_path / "p.png")
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "c.jpg")
    Image.fromarray(GREY8).convert("1").save(tmp_path / "b.png")
    assert read_image(tmp_path / "p.png").shape == (12, 10, 3)
    assert read_image(tmp_path / "c.jpg").shape == (12, 10, 3)
    assert set(np.unique(read_image(tmp_path / "b.png"))) == {0, 255}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_is_set_upright_in_every_format(tmp_path, orientation):
    """EXIF 2.3, tag 274: the same eight cases for PNG and TIFF, told by where the brightest corner goes."""
    upright = np.zeros((4, 6), np.uint8)
    upright[0, 0], upright[0, 5] = 200, 100
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.T, 6: np.rot90(upright, 1), 7: upright[::-1, ::-1].T, 8: np.rot90(upright, 3),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.png", exif=exif)
    tag = [(274, 3, 1, orientation, False)]
    tifffile.imwrite(tmp_path / "a.tif", np.ascontiguousarray(stored), extratags=tag)
    for name in ("a.png", "a.tif"):
        np.testing.assert_array_equal(read_image(tmp_path / name), upright)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_a_colour_png_keeps_its_16_bits(tmp_path, channels):
    deep = RNG.integers(0, 65536, (12, 10, channels), dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(deep))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), deep)


@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "packbits"])
def test_tiff_of_12_bits_and_compressed_ones_are_whole(tmp_path, compression):
    twelve = GREY16 >> 4
    bits = {"bitspersample": 12} if compression is None else {"compression": compression}
    tifffile.imwrite(tmp_path / "a.tif", twelve, **bits)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), twelve)


def test_each_kind_of_broken_file_has_its_reason(tmp_path):
    Image.fromarray(RNG.integers(0, 256, (80, 80), dtype=np.uint8)).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    for name, content, reason in (
        ("empty.png", b"", "empty"),
        ("cut.png", whole[: len(whole) // 2], "truncated"),
        ("text.png", b"not a picture", "not_an_image"),
        ("text.tif", b"not a picture", "not_an_image"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableImage) as told:
            read_image(tmp_path / name)
        assert told.value.reason == reason
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "absent.png")


@pytest.mark.parametrize("pixels", [GREY8, GREY16, RGB, GREY8.astype(np.float32) / 255])
def test_resizing_keeps_type_and_mean(pixels):
    out = resize(pixels, 6)
    assert out.dtype == pixels.dtype
    assert out.shape == (6, 6, 1 if pixels.ndim == 2 else 3)
    assert out.mean() == pytest.approx(pixels.mean(), rel=0.05)


def prepared(tmp_path, pictures) -> ImageSet:
    """A prepared folder of the given pictures."""
    root = tmp_path / "root"
    root.mkdir()
    rows = []
    for i, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(root / f"{i}.png")
        channels, bits = (1 if pixels.ndim == 2 else 3), pixels.dtype.itemsize * 8
        rows.append(
            [i * 10, f"{i}.png", manifest.SPLITS[i % 3], 1.0, 10, 12, channels, bits, str(i)]
        )
    table = pd.DataFrame(rows, columns=list(manifest.COLUMNS))
    ledger = pd.DataFrame(columns=list(annotations.LEDGER))
    manifest.write(tmp_path / "prepared", root, table, ledger, {"label": None, "groups": []})
    return load(tmp_path / "prepared")


def test_pixels_come_in_the_order_of_the_rows_also_from_the_cache(tmp_path):
    pictures = [np.full((12, 10), 20 * i, np.uint8) for i in range(9)]
    images = prepared(tmp_path, pictures)
    for _ in ("decoded", "cached"):
        np.testing.assert_array_equal(images.pixels(8)[:, 0, 0, 0], np.arange(9) * 20)
        val = images[images.split == "val"]
        np.testing.assert_array_equal(val.pixels(8)[:, 0, 0, 0], [20, 80, 140])
        assert val.ids.tolist() == [10, 40, 70]
    for file in (tmp_path / "root").iterdir():
        file.unlink()
    assert len(load(tmp_path / "prepared").pixels(8)) == 9


def test_mixed_kinds_and_vanished_files_are_told(tmp_path):
    (tmp_path / "mixed").mkdir()
    with pytest.raises(InputError, match="same channels and depth"):
        prepared(tmp_path / "mixed", [GREY8, RGB, GREY8]).pixels(8)
    images = prepared(tmp_path, [GREY8, GREY8 // 2, GREY8 // 3])
    (tmp_path / "root" / "1.png").unlink()
    with pytest.raises(InputError, match=r"1\.png could be read when"):
        images.pixels(8)
    assert not list((tmp_path / "prepared").rglob("*.npy"))


def test_a_mended_copy_takes_precedence(tmp_path):
    images = prepared(tmp_path, [GREY8, GREY8, GREY8])
    (tmp_path / "prepared" / "images").mkdir()
    mended = tmp_path / "prepared" / "images"
    Image.fromarray(np.full((12, 10), 7, np.uint8)).save(mended / "2.png.png")
    tifffile.imwrite(mended / "1.png.tif", np.full((12, 10), 9, np.uint8))
    assert images.pixels(8).max(axis=(1, 2, 3)).tolist()[1:] == [9, 7]


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        (0, [0]),
        (-1, [80]),
        (np.int64(2), [20]),
        (slice(3), [0, 10, 20]),
        (slice(None, None, 4), [0, 40, 80]),
        (slice(-2, None), [70, 80]),
        (slice(5, 2), []),
        ([4, 1], [40, 10]),
        ([], []),
        (np.arange(9) > 6, [70, 80]),
        ([True] + [False] * 8, [0]),
        (pd.Series(np.arange(9)[::-1] > 6, index=range(9, 0, -1)), [0, 10]),
    ],
)
def test_rows_are_picked_as_python_picks_them(tmp_path, rows, ids):
    images = prepared(tmp_path, [np.full((12, 10), 20 * i, np.uint8) for i in range(9)])
    some = images[rows]
    assert isinstance(some, ImageSet)
    assert some.ids.tolist() == ids
    assert some.table.index.tolist() == list(range(len(ids)))
    signals = Signals(np.arange(18.0).reshape(9, 1, 2), images.table)
    assert signals[rows].ids.tolist() == ids
    assert signals[rows].values.shape == (len(ids), 1, 2)


def test_what_picks_no_rows_is_told(tmp_path):
    images = prepared(tmp_path, [GREY8, GREY8 // 2, GREY8 // 3])
    for rows in ("split", ["split"], 0.5, np.zeros((2, 2), int)):
        with pytest.raises(InputError, match=r"picked by a number.*\.table\[name\]"):
            images[rows]
    with pytest.raises(IndexError):
        images[3]
    assert [one.ids.tolist() for one in images] == [[0], [10], [20]]


def line(tmp_path, pictures):
    """A folder of the given pictures, scanned, prepared and loaded; the scan's channels, and what was set aside."""
    (tmp_path / "in").mkdir()
    for i, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(tmp_path / "in" / f"{i:02}.png")
    audit = data_prep.audit(data_prep.scan(tmp_path / "in"))
    data_prep.prepare(audit, tmp_path / "prepared")
    return audit.scan.table["channels"].tolist(), audit.quarantined, load(tmp_path / "prepared")


def different(n, channels=None):
    shape = (24, 20) if channels is None else (24, 20, channels)
    return list(np.random.default_rng(5).integers(0, 256, (n, *shape), np.uint8))


@pytest.mark.parametrize("shards", [False, True])
def test_grey_in_three_equal_channels_is_grey_among_grey_pictures(tmp_path, shards):
    grey = different(12)
    stored = [np.dstack([p] * 3) if i % 6 == 0 else p for i, p in enumerate(grey)]
    channels, aside, images = line(tmp_path, stored)
    assert channels == [1] * 12
    assert aside == set()
    pixels = np.asarray((images.shard() if shards else images).stream(24))
    assert pixels.shape == (12, 24, 24, 1)
    np.testing.assert_array_equal(pixels[6], resize(grey[6], 24))


@pytest.mark.parametrize("shards", [False, True])
def test_grey_in_three_equal_channels_goes_with_pictures_in_colour(tmp_path, shards):
    colour = different(12, 3)
    colour[4] = np.dstack([colour[4][:, :, 0]] * 3)
    colour[5] = colour[5][:, :, 0]  # a file of one channel is another kind
    channels, aside, images = line(tmp_path, colour)
    assert channels == [3] * 5 + [1] + [3] * 6
    assert aside == {"05.png"}
    pixels = np.asarray((images.shard() if shards else images).stream(24))
    assert pixels.shape == (11, 24, 24, 3)
    np.testing.assert_array_equal(pixels[4], resize(colour[4], 24))


def test_a_mended_grey_picture_stays_of_the_kind_of_its_set(tmp_path):
    """Its mended copy is written anew, and the manifest may not call it a picture of one channel."""
    colour = different(12, 3)
    colour[4] = np.dstack([colour[4][:, :, 0]] * 3)
    (tmp_path / "in").mkdir()
    for i, pixels in enumerate(colour):
        Image.fromarray(pixels).save(tmp_path / "in" / f"{i:02}.png")
    table = pd.DataFrame(
        {"file": [f"{i:02}.png" for i in range(12)], "turned": [i == 4 for i in range(12)]}
    )
    rules = {"turned": {"where": {"turned": True}, "mend": "rotate_180"}}
    audit = data_prep.audit(data_prep.scan(tmp_path / "in", table), rules=rules)
    prepared_ = data_prep.prepare(audit, tmp_path / "prepared")
    assert prepared_.info["counts"]["mended"] == 1
    pixels = load(tmp_path / "prepared").pixels(24)
    np.testing.assert_array_equal(pixels[4], resize(colour[4][::-1, ::-1], 24))
