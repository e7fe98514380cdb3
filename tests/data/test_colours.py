"""A picture's colours are what its file means by its numbers, or are refused by name."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from natkit.data.colours import of_inks, of_lab, of_ycbcr
from natkit.data.decoding import UnreadableImage, decode, in_channels, open_image, read_image

COLOURS = np.array(
    [(200, 30, 30), (30, 30, 200), (20, 160, 60), (250, 250, 250), (128, 90, 40)], np.uint8
)
RGB = np.repeat(np.repeat(COLOURS[None], 16, axis=0), 16, axis=1)  # (16, 80, 3)
ALPHA = np.full(RGB.shape[:2], 77, np.uint8)


def tiff(pixels, **how) -> np.ndarray:
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **how)
    return decode(io.BytesIO(out.getvalue())).pixels


def ycbcr(rgb=RGB):
    return np.asarray(Image.fromarray(rgb).convert("YCbCr"))


def lab(rgb=RGB):
    """CIE L*a*b* as lcms has it: float L 0..100, a and b."""
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    change = ImageCms.buildTransform(*profiles, "RGB", "LAB")
    raw = np.asarray(ImageCms.applyTransform(Image.fromarray(rgb), change))
    return np.dstack([raw[:, :, 0] * (100 / 255), raw[:, :, 1:].view(np.int8).astype(float)])


def as_cielab(dtype):
    """Lightness over the whole range, a and b in two's complement."""
    values, bits = lab(), 8 * np.dtype(dtype).itemsize
    light = values[:, :, :1] * ((2**bits - 1) / 100)
    colour = (values[:, :, 1:] * 2 ** (bits - 8)) % 2**bits
    return np.rint(np.dstack([light, colour])).astype(dtype)


def as_icclab(dtype):
    values, bits = lab(), 8 * np.dtype(dtype).itemsize
    light = values[:, :, :1] * ((255 if bits == 8 else 65280) / 100)
    return np.rint(np.dstack([light, (values[:, :, 1:] + 128) * 2 ** (bits - 8)])).astype(dtype)


def studio(full):
    """Black at 16, white at 235, full chroma 112 from 128, as video has it."""
    light = 16 + full[:, :, :1] * (219 / 255)
    return np.rint(np.dstack([light, 128 + (full[:, :, 1:] - 128.0) * (112 / 127)])).astype(
        np.uint8
    )


INKS = np.dstack([255 - RGB // 2, np.full(RGB.shape[:2], 0, np.uint8)])  # of half the light
HALF = RGB // 2
DEEP = RGB.astype(np.uint16) * 257
FRACTIONS = [(532, "2I", 6, (16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1), False)]
SPACES = {
    "YCbCr": (ycbcr(), {"photometric": "ycbcr"}, RGB),
    "YCbCr, packed": (ycbcr(), {"photometric": "ycbcr", "compression": "lzw"}, RGB),
    "YCbCr of video": (studio(ycbcr()), {"photometric": "ycbcr", "extratags": FRACTIONS}, RGB),
    "YCbCr in planes": (
        np.moveaxis(ycbcr(), 2, 0), {"photometric": "ycbcr", "planarconfig": "separate"}, RGB,
    ),
    "JPEG 2000 in TIFF": (RGB, {"photometric": "rgb", "compression": "jpeg2000"}, RGB),
    "CIELab": (as_cielab(np.uint8), {"photometric": "cielab"}, RGB),
    "CIELab of 16 bits": (as_cielab(np.uint16), {"photometric": "cielab"}, DEEP),
    "ICCLab": (as_icclab(np.uint8), {"photometric": "icclab"}, RGB),
    "ICCLab of 16 bits": (as_icclab(np.uint16), {"photometric": "icclab"}, DEEP),
    "CMYK": (INKS, {"photometric": "separated"}, HALF),
    "CMYK of 16 bits": (INKS.astype(np.uint16) * 257, {"photometric": "separated"}, HALF * 257.0),
    "CMYK with alpha": (
        np.dstack([INKS, ALPHA]), {"photometric": "separated", "extrasamples": [2]},
        np.dstack([HALF, ALPHA]),
    ),
    "YCbCr with alpha": (
        np.dstack([ycbcr(), ALPHA]), {"photometric": "ycbcr", "extrasamples": [2]},
        np.dstack([RGB, ALPHA]),
    ),
    "0 is white, with alpha": (
        np.dstack([RGB[:, :, 0], ALPHA]),
        {"photometric": "miniswhite", "extrasamples": [2], "planarconfig": "contig"},
        np.dstack([255 - RGB[:, :, 0], ALPHA]),
    ),
    "0 is white, 16 bits": (DEEP[:, :, 0], {"photometric": "miniswhite"}, 65535 - DEEP[:, :, 0]),
    "palette of 8 bits": (
        RGB[:, :, 0],
        {"photometric": "palette", "colormap": np.tile(np.arange(256, dtype=np.uint16)[::-1], (3, 1))},
        255 - RGB[:, :, 0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("space", SPACES)
def test_every_colour_space_of_a_tiff_is_seen_as_meant(space):
    pixels, how, meant = SPACES[space]
    shown = tiff(pixels, **how)
    assert shown.shape == meant.shape
    tolerance = 6 * (257 if meant.max() > 255 else 1)  # what 8 bits of L*a*b* leave
    np.testing.assert_allclose(shown.astype(float), meant, atol=tolerance)


def test_jpeg_of_fewer_chromas_inside_a_tiff_is_seen_as_meant():
    how = {"photometric": "ycbcr", "compression": "jpeg", "subsampling": (2, 2)}
    shown = tiff(ycbcr(), **how, compressionargs={"level": 95})
    np.testing.assert_allclose(shown[:, 8::16].astype(int), RGB[:, 8::16], atol=6)


@pytest.mark.parametrize(
    ("pixels", "how", "name"),
    [
        (RGB[:, :, 0], {"photometric": "cfa"}, "CFA"),
        (RGB, {"photometric": "itulab"}, "ITULAB"),
        (RGB.astype(np.float32), {"photometric": "ycbcr"}, "YCBCR float32"),
        (INKS.astype(np.float32), {"photometric": "separated"}, "SEPARATED float32"),
        (INKS, {"photometric": "separated", "extratags": [(332, 3, 1, 2, False)]}, "SEPARATED"),
    ],
)  # fmt: skip
def test_what_is_not_converted_is_refused_by_name(pixels, how, name):
    with pytest.raises(UnreadableImage, match=name) as told:
        tiff(pixels, **how)
    assert told.value.reason == "colour_space"
    assert told.value.kind in str(told.value)


@pytest.mark.parametrize("adobe", [True, False])
def test_inks_of_a_jpeg_are_turned_round_only_with_the_mark_of_adobe(tmp_path, adobe):
    """Pillow writes the mark and stores the inks turned round; without the mark they stand as they are."""
    inks = Image.fromarray(INKS, "CMYK")
    out = io.BytesIO()
    inks.save(out, "JPEG", quality=100, subsampling=0)
    data = out.getvalue()
    if not adobe:
        other = io.BytesIO()
        Image.fromarray(255 - INKS, "CMYK").save(other, "JPEG", quality=100, subsampling=0)
        data = other.getvalue()
        at = data.index(b"\xff\xee")
        data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    np.testing.assert_allclose(decode(io.BytesIO(data)).pixels.astype(int), HALF, atol=8)


def test_raw_chromas_fewer_than_pixels_are_refused_by_name(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", ycbcr(), photometric="ycbcr")
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
        file.pages[0].tags[530].overwrite((2, 2))
    with pytest.raises(UnreadableImage, match="fewer chromas") as told:
        open_image(tmp_path / "a.tif")
    assert told.value.reason == "colour_space"


def test_known_colours():
    """White, black and one primary, as the norms give them."""
    three = np.array([[[255, 0, 0], [0, 0, 0], [136, 0, 0]]], np.uint8)  # L* = 100, 0, 53.3
    np.testing.assert_allclose(of_lab(three, signed=True)[0, :2], [[255] * 3, [0] * 3], atol=1)
    grey = of_lab(three, signed=True)[0, 2].astype(int)
    assert np.ptp(grey) <= 1
    assert abs(grey.mean() - 127) <= 1
    red = np.array([[[76, 85, 255]]], np.uint8)  # JFIF
    full = (0, 255, 128, 255, 128, 255)
    np.testing.assert_allclose(of_ycbcr(red, (0.299, 0.587, 0.114), full), [[[254, 0, 0]]], atol=1)
    inks = np.array([[[0, 255, 255, 0], [0, 0, 0, 255], [0, 0, 0, 0]]], np.uint8)
    assert of_inks(inks).tolist() == [[[255, 0, 0], [0, 0, 0], [255, 255, 255]]]


GREY = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.webp", "a.tif", "a.jpg", "a.gif", "a.ppm"])
def test_three_equal_channels_are_grey(tmp_path, name):
    lossless = {"lossless": True} if name == "a.webp" else {}
    Image.fromarray(np.dstack([GREY] * 3)).save(tmp_path / name, **lossless)
    picture = open_image(tmp_path / name)
    assert picture.grey
    assert picture.pixels.shape == GREY.shape
    if name != "a.jpg":
        np.testing.assert_array_equal(picture.pixels, GREY)
    coloured = np.dstack([GREY] * 3)
    coloured[7, 7, 1] ^= 1  # one pixel is enough
    Image.fromarray(coloured).save(tmp_path / "b.png")
    np.testing.assert_array_equal(open_image(tmp_path / "b.png").pixels, coloured)


def test_a_grey_picture_takes_the_channels_of_its_set():
    assert in_channels(GREY, 1) is GREY
    np.testing.assert_array_equal(in_channels(GREY, 3), np.dstack([GREY] * 3))
    assert in_channels(RGB, 3) is RGB
    two = np.dstack([GREY, GREY])
    assert in_channels(two, 3) is two


@pytest.mark.parametrize("suffix", [".jpg", ".jfif", ".jpe", ".avif"])
def test_a_picture_is_read_whatever_it_is_called(tmp_path, suffix):
    for kind in ("JPEG", "PNG", "AVIF", "GIF", "WEBP", "TIFF", "PPM"):
        Image.fromarray(RGB).save(tmp_path / f"a{suffix}", format=kind)
        picture = open_image(tmp_path / f"a{suffix}")
        assert picture.format == kind
        assert picture.pixels.shape == RGB.shape


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x18ftypmif1", "HEIC"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x0a\xfa", "JPEG XL"),
        (b"8BPS", "Photoshop"),
        (bytes(128) + b"DICM", "DICOM"),
        (b"SIMPLE  =", "FITS"),
        (b"\x76\x2f\x31\x01", "OpenEXR"),
    ],
)
def test_a_format_that_is_not_read_is_named(tmp_path, head, kind):
    (tmp_path / "a.jpg").write_bytes(head + bytes(500))
    with pytest.raises(
        UnreadableImage, match=f"{kind}, a format that is not read: save it"
    ) as told:
        open_image(tmp_path / "a.jpg")
    assert (told.value.reason, told.value.kind) == ("other_format", kind)


def test_a_deep_ppm_in_colour_is_refused_and_a_deep_grey_one_is_whole():
    grey = (np.arange(12).reshape(3, 4) * 5000).astype(">u2")
    shown = decode(io.BytesIO(b"P5 4 3 65535\n" + grey.tobytes())).pixels
    np.testing.assert_array_equal(shown, grey)
    assert shown.dtype == np.uint16
    with pytest.raises(UnreadableImage, match="save it as TIFF"):
        decode(io.BytesIO(b"P6 4 3 65535\n" + np.dstack([grey] * 3).tobytes()))
    small = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    shown = decode(io.BytesIO(b"P6 4 3 255\n" + small.tobytes())).pixels
    np.testing.assert_array_equal(shown, small)


def test_a_tiff_cut_within_its_last_strip_is_cut_short(tmp_path):
    """JPEG's decoder would fill up what is missing, and nobody would see it."""
    rgb = np.kron(np.random.default_rng(0).integers(0, 255, (8, 8, 3)), np.ones((8, 8, 1)))
    how = {"photometric": "rgb", "compression": "jpeg", "rowsperstrip": 16}
    tifffile.imwrite(tmp_path / "whole.tif", rgb.astype(np.uint8), **how)
    whole = (tmp_path / "whole.tif").read_bytes()
    assert read_image(tmp_path / "whole.tif").shape == (64, 64, 3)
    for cut in (1, 3, 30, 100):
        (tmp_path / "cut.tif").write_bytes(whole[:-cut])
        with pytest.raises(UnreadableImage) as error:
            read_image(tmp_path / "cut.tif")
        assert error.value.reason == "truncated"
