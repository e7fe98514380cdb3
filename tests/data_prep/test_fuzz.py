"""No file stops a scan: mutants of every format get one row each, in bounded time and memory."""

import io
import json
import os
import socket
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pandas as pd
import pytest
import skimage.data
import tifffile
from PIL import Image

import data_prep
import data_prep.scanning.measuring
from data_prep.scanning.measuring import measure
from data_prep.scanning.statistics import STATISTICS
from data_prep.scanning.walking import walk
from natkit import InputError
from natkit.data import annotations, manifest
from natkit.data.decoding import open_image

REASONS = {"ok", "absent", "empty", "truncated", "not_an_image", "too_big", "unreadable"}
REASONS |= {"other_format", "colour_space", "no_measurement"}
MUTANTS = 9  # of each original
HUGE = 60_000  # pixels a side of a bomb: 3.6 GB of grey
MEMORY = 1.2 * 2**30  # bytes that the scan of all mutants may take; 0.4 are the libraries
pytestmark = pytest.mark.timeout(120)  # s; a pipe that is waited for must not hang the suite


def drawn(shape=(48, 64), top=255) -> np.ndarray:
    """A seeded picture: a bright disc on a slope, with noise."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    light = 0.3 + 0.1 * x + 0.4 * (x * x + y * y < 0.4)
    light = light + np.random.default_rng(0).normal(0, 0.05, shape)
    return np.rint(light.clip(0, 1) * top).astype(np.uint8 if top < 256 else np.uint16)


def pillow(kind: str, image: Image.Image, **how) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def tiff(pixels: np.ndarray, **how) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **{"rowsperstrip": 16} | how)
    return out.getvalue()


def originals() -> dict[str, bytes]:
    """Whole files of every format and depth that natkit reads, and a few that a library ships."""
    grey, deep = drawn(), drawn(top=65535)
    rgb = np.stack([grey, grey[::-1], 255 - grey], axis=2)
    g, c = Image.fromarray(grey), Image.fromarray(rgb)
    exif = Image.Exif()
    exif[274], exif[306] = 6, "2026:04:01 08:30:00"
    exif.get_ifd(0x8769)[36867] = "2026:05:02 09:10:11"
    tiled = {"tile": (16, 16)}
    planes = np.moveaxis(rgb, 2, 0)
    colours = np.arange(3 * 256, dtype=np.uint16).reshape(3, 256)
    made = {
        "grey.png": pillow("PNG", g),
        "deep.png": pillow("PNG", Image.fromarray(deep)),
        "rgb.png": pillow("PNG", c, exif=exif, icc_profile=b"profile"),
        "rgba.png": pillow("PNG", c.convert("RGBA")),
        "alpha.png": pillow("PNG", g.convert("LA")),
        "palette.png": pillow("PNG", c.quantize(16), transparency=3),
        "bit.png": pillow("PNG", g.convert("1")),
        "animated.png": pillow("PNG", g, save_all=True, append_images=[c.convert("L")]),
        "grey.jpg": pillow("JPEG", g),
        "rgb.jpeg": pillow("JPEG", c, exif=exif, quality=90),
        "steps.jpg": pillow("JPEG", c, progressive=True),
        "cmyk.jpg": pillow("JPEG", c.convert("CMYK"), exif=exif),
        "grey.tif": tiff(grey, datetime="2026:04:01 08:30:00", software="x" * 40),
        "twelve.tif": tiff(deep >> 4, bitspersample=12),
        "deep.tif": tiff(deep, byteorder=">"),
        "big.tiff": tiff(deep, bigtiff=True),
        "float.tif": tiff((deep / 65535).astype(np.float32)),
        "half.tif": tiff((deep / 65535).astype(np.float16)),
        "rgb.tif": tiff(rgb, photometric="rgb", extratags=[(274, 3, 1, 8, False)]),
        "planes.tif": tiff(planes, photometric="rgb", planarconfig="separate"),
        "lzw.tif": tiff(deep, compression="lzw", predictor=True),
        "deflate.tif": tiff(rgb, photometric="rgb", compression="deflate", predictor=True),
        "floats.tif": tiff((deep / 9).astype(np.float32), compression="deflate", predictor=True),
        "zstd.tif": tiff(grey, compression="zstd"),
        "packbits.tif": tiff(grey, compression="packbits"),
        "jpeg.tif": tiff(rgb, photometric="rgb", compression="jpeg"),
        "jpeg2k.tif": tiff(rgb, photometric="rgb", compression="jpeg2000"),
        "tiled.tif": tiff(grey, compression="deflate", **tiled),
        "pages.tif": tiff(np.stack([grey] * 3), photometric="minisblack"),
        "bit.tif": tiff(grey > 100, photometric="miniswhite"),
        "palette.tif": tiff(grey, photometric="palette", colormap=colours),
        "fax.tif": pillow("TIFF", g.convert("1"), compression="group4"),
        "rgb.bmp": pillow("BMP", c),
        "palette.bmp": pillow("BMP", c.quantize(16)),
        "bit.bmp": pillow("BMP", g.convert("1")),
        "lossy.webp": pillow("WEBP", c, exif=exif),
        "whole.webp": pillow("WEBP", c, lossless=True),
        "moving.webp": pillow("WEBP", c, save_all=True, append_images=[c.rotate(9)]),
        "rgb.avif": pillow("AVIF", c),
        "moving.gif": pillow("GIF", c, save_all=True, append_images=[c.rotate(9)]),
        "grey.pgm": pillow("PPM", g),
        "deep.pgm": pillow("PPM", Image.fromarray(deep)),
        "rgb.ppm": pillow("PPM", c),
        "ycbcr.tif": tiff(np.asarray(c.convert("YCbCr")), photometric="ycbcr", compression="lzw"),
        "lab.tif": tiff(rgb, photometric="cielab"),
        "lab16.tif": tiff(rgb.astype(np.uint16) * 257, photometric="icclab"),
        "inks.tif": tiff(np.asarray(c.convert("CMYK")), photometric="separated"),
        "holes.tif": tiff(np.where(grey > 200, -9999, grey).astype(np.float32)),
    }
    shipped = Path(skimage.data.__file__).parent
    names = ("microaneurysms.png", "rocket.jpg", "multipage.tif")
    return made | {name: (shipped / name).read_bytes() for name in names}


# Mutations: (content, generator, another file's content) → content.


def flipped(data: bytes, rng: np.random.Generator, _other: bytes) -> bytes:
    """Some bits the other way round, of a header more often than elsewhere."""
    out = bytearray(data)
    reach = len(data) if rng.random() < 0.5 else min(len(data), 200)
    for place in rng.integers(0, reach, rng.integers(1, 12)):
        out[place] ^= 1 << int(rng.integers(8))
    return bytes(out)


def cut(data: bytes, rng: np.random.Generator, _other: bytes) -> bytes:
    return data[: rng.integers(1, len(data))]


def repeated(data: bytes, rng: np.random.Generator, _other: bytes) -> bytes:
    """A stretch of the file stands twice."""
    start, end = sorted(rng.integers(0, len(data), 2))
    return data[:end] + data[start:]


def zeroed(data: bytes, rng: np.random.Generator, _other: bytes) -> bytes:
    start = int(rng.integers(0, len(data)))
    n = min(int(rng.integers(1, 400)), len(data) - start)
    return data[:start] + bytes(n) + data[start + n :]


def crossed(data: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """The beginning of another file on the body of this one."""
    n = int(rng.choice([4, 16, 64, 256]))
    return other[:n] + data[n:]


def inflated(data: bytes, rng: np.random.Generator, _other: bytes) -> bytes:
    """Some of the first numbers of two or four bytes become as large as they can be, or absurd."""
    out = bytearray(data)
    for place in rng.integers(4, min(len(data), 300) - 4, 2):
        value = int(rng.choice([0, 1, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF]))
        order = "<" if rng.random() < 0.5 else ">"
        out[place : place + 4] = struct.pack(order + "I", value)
    return bytes(out)


def reformatted(data: bytes, rng: np.random.Generator, other: bytes) -> bytes:
    """One field of the header that says what follows, otherwise correct, with another value."""
    if data.startswith(b"\x89PNG"):
        fields = {"width": (16, 4), "height": (20, 4), "bits": (24, 1), "kind": (25, 1)}
        start, size = fields[rng.choice(list(fields))]
        value = int(rng.choice([0, 1, 3, 6, 16, 255, 13_000, HUGE, 2**31 - 1])) % 256**size
        header = bytearray(data[12:29])
        header[start - 12 : start - 12 + size] = value.to_bytes(size, "big")
        return png_with(data, bytes(header))
    if data[:4] in (b"II*\0", b"MM\0*"):
        tags = list(entries(data))
        value = int(rng.choice([0, 1, 2, 7, 64, 0x7FFF, 0xFFFF, 2**31, 2**32 - 1]))
        what = "count" if rng.random() < 0.3 else "value"
        return retagged(data, tags[rng.integers(len(tags))], **{what: value})
    return inflated(data, rng, other)


OPERATORS = (flipped, cut, repeated, zeroed, crossed, inflated, reformatted)


def png_with(data: bytes, header: bytes) -> bytes:
    """A PNG with another IHDR (its name and 13 bytes) and the right checksum."""
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def sized_png(width: int, height: int, *chunks: bytes) -> bytes:
    """A grey PNG of 8 bits whose pixels are ``chunks``."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(chunk, (header, *chunks, b"IEND")))


def chunk(content: bytes) -> bytes:
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))


def entries(data: bytes) -> dict[int, int]:
    """Tag → place of its entry in the first directory of a TIFF."""
    order = "<" if data[:2] == b"II" else ">"
    start = struct.unpack(order + "I", data[4:8])[0]
    n = struct.unpack(order + "H", data[start : start + 2])[0]
    places = range(start + 2, start + 2 + 12 * n, 12)
    return {struct.unpack(order + "H", data[p : p + 2])[0]: p for p in places}


def retagged(data: bytes, tag: int, value: int | None = None, count: int | None = None) -> bytes:
    """A TIFF whose tag has another value (kept in the entry itself, as LONG) or another count."""
    order, place = ("<" if data[:2] == b"II" else ">"), entries(data)[tag]
    out = bytearray(data)
    if count is not None:
        out[place + 4 : place + 8] = struct.pack(order + "I", count)
    if value is not None:
        out[place + 2 : place + 12] = struct.pack(order + "HII", 4, 1, value)
    return bytes(out)


def zeros(n: int) -> bytes:
    """A zlib stream that becomes ``n`` zeros (a multiple of 2**24): a thousandth of it."""
    squeeze = zlib.compressobj(9, wbits=-15)
    block = squeeze.compress(bytes(2**24)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    whole, rest = divmod(n, 2**24)
    last = zlib.compressobj(9, wbits=-15)
    end = last.compress(bytes(rest)) + last.flush()
    checksum = struct.pack(">HH", n % 65521, 1)
    return b"\x78\xda" + block * whole + end + checksum


def crafted(files: dict[str, bytes]) -> dict[str, bytes]:
    """Files made to do harm: small on disk, endless or huge when read."""
    grey, rgb = files["grey.tif"], files["rgb.tif"]
    picture = zlib.compress(bytes(65 * 48))
    bomb = zeros(2**32)
    out = {
        "bomb.png": sized_png(HUGE, HUGE, b"IDAT" + zeros(HUGE * (HUGE + 1))),
        "endless.png": sized_png(64, 48, b"IDAT" + bomb),
        "text.png": sized_png(64, 48, b"zTXtComment\0\0" + bomb, b"IDAT" + picture),
        "unicode.png": sized_png(64, 48, b"iTXtComment\0\1\0\0\0" + bomb, b"IDAT" + picture),
        "profile.png": sized_png(64, 48, b"iCCPicc\0\0" + bomb, b"IDAT" + picture),
        "exif.png": sized_png(64, 48, b"eXIfII*\0" + b"\xff" * 99, b"IDAT" + picture),
        "raw.png": sized_png(
            64, 48, b"tEXtRaw profile type exif\0\nexif\n4\nno hex", b"IDAT" + picture
        ),
        "just_below.png": sized_png(13_300, 13_300, b"IDAT" + picture),
    }
    for width, height in ((0, 1), (2**31 - 1, 1), (1, 2**31 - 1), (2**32 - 1, 2**32 - 1)):
        out[f"{width}x{height}.png"] = sized_png(width, height, b"IDAT" + picture)
        header = bytearray(files["rgb.bmp"])
        header[18:26] = struct.pack("<II", width, height)
        out[f"{width}x{height}.bmp"] = bytes(header)
    sizes = (256, 257, 278, 322, 323)  # width, height, rows a strip, width and height of a tile
    for name in ("grey.tif", "deflate.tif", "jpeg.tif", "tiled.tif", "twelve.tif"):
        for tag in set(sizes) & set(entries(files[name])):
            for value in (0, 13_300, HUGE, 2**32 - 1):
                out[f"{tag}_{value}_{name}"] = retagged(files[name], tag, value)
    for tag, place in entries(grey).items():
        out[f"count_{tag}.tif"] = retagged(grey, tag, count=2**32 - 1)
        turned = bytearray(grey)
        turned[place + 2 : place + 4] = struct.pack("<H", 16)  # the type of a count of 8 bytes
        out[f"type_{tag}.tif"] = bytes(turned)
    for compression in (
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        32773,
        33003,
        34887,
        34925,
        50000,
        50001,
        50002,
        50003,
    ):
        out[f"compression_{compression}.tif"] = retagged(grey, 259, compression)
    for channels in (2, 5, 65535):
        out[f"channels_{channels}.tif"] = retagged(rgb, 277, channels)
    # a rule of TIFF 6.0, no harm: the largest number means that all rows are in one strip
    out["one_strip.tif"] = retagged(
        tiff(drawn(), rowsperstrip=48, compression="lzw"), 278, 2**32 - 1
    )
    out["widths.tif"] = retagged(retagged(rgb, 256, count=17), 257, 2**23)  # 17 widths
    out["depth.tif"] = retagged(rgb, 258, 64)
    first = struct.unpack("<I", grey[4:8])[0]
    end = first + 2 + 12 * len(entries(grey))
    out["loop.tif"] = grey[:end] + struct.pack("<I", first) + grey[end + 4 :]
    out["bomb.tif"] = one_strip(HUGE, HUGE, 8, zeros(2**24 * 214))
    out["channels.tif"] = one_strip(13_000, 13_000, 8, zeros(2**24 * 81), 8)
    out["volume.tif"] = tiff(np.stack([drawn()] * 16), volumetric=True, tile=(16, 16, 16))
    out["endless.tif"] = one_strip(64, 48, 8, bomb)
    out["inside.tif"] = one_strip(64, 48, 7, jpeg_of(files["grey.jpg"], 65_500))
    out["inside2k.tif"] = one_strip(64, 48, 34712, jpeg2k_of(HUGE))
    out["wide.jpg"] = jpeg_of(files["grey.jpg"], 65_500)
    start = files["rgb.jpeg"].index(b"Exif\0\0") + 6
    noise = np.random.default_rng(1).bytes(90)
    out["exif.jpg"] = files["rgb.jpeg"][:start] + noise + files["rgb.jpeg"][start + 90 :]
    canvas = files["lossy.webp"].index(b"VP8X") + 12
    webp = files["lossy.webp"]
    out["wide.webp"] = webp[:canvas] + b"\xff" * 6 + webp[canvas + 6 :]
    c = Image.fromarray(drawn())
    for kind in ("GIF", "EPS", "PDF", "ICO", "PPM", "TGA", "PCX", "JPEG2000"):
        out[f"{kind}.png"] = out[f"{kind}.tif"] = pillow(kind, c)
    return out


def one_strip(width: int, height: int, compression: int, strip: bytes, channels: int = 1) -> bytes:
    """A TIFF of 8 bits with one strip of any content."""
    tags = {256: width, 257: height, 258: 8, 259: compression, 262: 1}
    tags |= {273: 8, 277: channels, 278: height, 279: len(strip)}
    strip += b"\0" * (len(strip) % 2)
    head = b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + struct.pack("<H", len(tags))
    return head + b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in tags.items()) + bytes(4)


def jpeg_of(data: bytes, side: int) -> bytes:
    """A JPEG that calls itself ``side`` pixels wide and high."""
    frame = data.index(b"\xff\xc0") + 5
    return data[:frame] + struct.pack(">HH", side, side) + data[frame + 4 :]


def jpeg2k_of(side: int) -> bytes:
    """A stream of JPEG 2000 that calls itself ``side`` pixels wide and high, in one tile."""
    data = bytearray(imagecodecs.jpeg2k_encode(drawn(), codecformat="j2k"))
    size = data.index(b"\xff\x51") + 6
    for place in (size, size + 16):
        data[place : place + 8] = struct.pack(">II", side, side)
    return bytes(data)


def mutants(files: dict[str, bytes]) -> dict[str, bytes]:
    """Name → content: the originals, what is made to do harm, and seeded random changes."""
    others = list(files.values())
    out = {f"whole_{name}": data for name, data in files.items()}
    out |= {f"made_{name}": data for name, data in crafted(files).items()}
    return out | changed(files, OPERATORS, MUTANTS, others)


def changed(files: dict[str, bytes], how: tuple, number: int, others: list) -> dict[str, bytes]:
    """Each file, ``number`` times, with the changes in turn; the same at each call."""
    out = {}
    for k, (name, data) in enumerate(files.items()):
        for i in range(number):
            rng = np.random.default_rng([k, i])
            change = how[i % len(how)]
            mutant = change(data, rng, others[rng.integers(len(others))])
            out[f"{change.__name__}_{i}_{name}"] = mutant
    return out


SCAN = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))  # a safety net for the machine
import data_prep
import data_prep.scanning.measuring
from pathlib import Path
from data_prep.scanning.tables import read_table
from natkit import InputError

def read(file):
    try:
        return len(read_table(file))
    except InputError as error:
        return " ".join(str(error).split())

def peak():  # of this program alone: getrusage counts the process that started it as well
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])

pictures, tables, cache = map(Path, sys.argv[1:])
before = peak()
table = data_prep.scan(pictures, cache=cache).table
again = data_prep.scan(pictures, cache=cache).table
read = {file.name: read(file) for file in tables.iterdir()}
after = peak()
told = {"rows": table.to_dict("records"), "again": again.equals(table), "tables": read}
print(json.dumps(told | {"before": before * 1024, "after": after * 1024}))
"""


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    """What a process of its own tells about all mutants: it may neither crash, nor hang, nor swell."""
    base = tmp_path_factory.mktemp("fuzz")
    for folder, files in (("pictures", mutants(originals())), ("tables", tables())):
        (base / folder).mkdir()
        for name, data in files.items():
            (base / folder / name).write_bytes(data)
    command = [sys.executable, "-c", SCAN, base / "pictures", base / "tables", base / "cache"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    out = json.loads(done.stdout)
    out["files"] = sorted(os.listdir(base / "pictures"))
    return out


def test_every_mutant_is_one_row_with_a_reason(scanned):
    rows = scanned["rows"]
    assert len(rows) > 400
    assert [row["path"] for row in rows] == scanned["files"]
    assert {row["status"] for row in rows} <= REASONS
    assert scanned["again"]
    for row in rows:
        numbers = [v for v in row.values() if isinstance(v, float)]
        assert np.isfinite(numbers).all() == (row["status"] == "ok"), row


def test_the_memory_stays_bounded(scanned):
    """The largest mutants would take 64 GB. The libraries alone take 0.3 GB of the bound."""
    assert scanned["before"] < 0.6 * 2**30
    assert scanned["after"] < MEMORY


def test_harm_is_told_by_its_name(scanned):
    status = {row["path"].partition("_")[2]: row["status"] for row in scanned["rows"]}
    whole = {row["status"] for row in scanned["rows"] if row["path"].startswith("whole_")}
    assert whole == {"ok"}
    bombs = (
        "bomb.png",
        "bomb.tif",
        "channels.tif",
        "inside.tif",
        "inside2k.tif",
        "wide.jpg",
        "wide.webp",
    )
    assert {status[name] for name in bombs} == {"too_big"}
    for name in (
        "text.png",
        "unicode.png",
        "profile.png",
        "endless.tif",
        "just_below.png",
        "widths.tif",
    ):
        assert status[name] == "truncated"
    for name in (
        "endless.png",
        "exif.png",
        "raw.png",
        "exif.jpg",
        "loop.tif",
        "one_strip.tif",
        "GIF.png",
    ):
        assert status[name] == "ok"
    for name in ("volume.tif", "EPS.png"):
        assert status[name] == "not_an_image"
    for name in ("PDF.tif", "JPEG2000.tif"):
        assert status[name] == "other_format"
    # strips that aren't there are no picture: memory that was never written would be shown
    for name in ("257_13300_deflate.tif", "256_60000_tiled.tif", "257_60000_twelve.tif"):
        assert status[name] == "truncated"


def tables() -> dict[str, bytes]:
    """Tables in every format, whole and changed at random, and bombs of two of them."""
    frame = pd.DataFrame({"file": [f"{i}.png" for i in range(40)], "defect": ["ok", "ng"] * 20})
    files = {"t.csv": frame.to_csv(index=False).encode("utf-8")}
    for name, write in (("t.parquet", frame.to_parquet), ("t.xlsx", frame.to_excel)):
        write(out := io.BytesIO(), index=False)
        files[name] = out.getvalue()
    many = pd.DataFrame({"file": pd.Categorical.from_codes(np.zeros(10**7 + 1, np.int8), ["a"])})
    many.to_parquet(out := io.BytesIO())
    bomb = io.BytesIO()
    bomb.write(files["t.xlsx"])
    with zipfile.ZipFile(bomb, "a") as archive:
        archive.writestr("xl/more.xml", "")
        archive.getinfo("xl/more.xml").file_size = 2**30 + 1  # as the directory then says
    change = (flipped, cut, repeated, zeroed, crossed)
    random = changed(files, change, 20, list(files.values()))
    return files | random | {"many.parquet": out.getvalue(), "bomb.xlsx": bomb.getvalue()}


def test_a_changed_table_is_read_or_refused(scanned):
    read = scanned["tables"]
    assert len(read) == 65
    assert [read[f"t.{kind}"] for kind in ("csv", "parquet", "xlsx")] == [40, 40, 40]
    assert "10000001 rows" in read["many.parquet"]
    assert "unpacks to" in read["bomb.xlsx"]
    assert {type(told) for told in read.values()} == {int, str}


# What a folder can hold beside broken pictures.


def test_names_that_no_table_can_show_are_rows_with_a_reason(tmp_path):
    """Bytes that aren't UTF-8, control characters, backslashes, drives: the scan, its cache, the
    ledger and the prepared folder go on without them; odd names that are text stay."""
    root = tmp_path / "in"
    (root / "sub").mkdir(parents=True)
    bad = {b"caf\xe9.png": "caf\\udce9.png", b"sub/\xff.png": "sub/\\udcff.png"}
    bad |= {b"a\nb.png": "a\\nb.png", b"c\\d.png": "c\\d.png", b"C:e.png": "C:e.png"}
    good = {
        "=1+1.png",
        "08:30:00.png",
        "é 画像.png",
        '"q", x.png',
        " .png.png",
        "NA.png",
        "%2e.png",
    }
    for i, name in enumerate((*bad, *(os.fsencode(name) for name in sorted(good)))):
        other = np.random.default_rng(i).permutation(drawn().ravel()).reshape(drawn().shape)
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(
            pillow("PNG", Image.fromarray(other))
        )
    cache = tmp_path / "cache.jsonl"
    for _ in ("read", "cached"):
        scan = data_prep.scan(root, cache=cache)
        status = scan.table.set_index("path")["status"]
        assert set(status[status == "unreadable"].index) == set(bad.values())
        assert set(status[status == "ok"].index) == good
    audit = data_prep.audit(scan)
    prepared = data_prep.prepare(audit, tmp_path / "prepared")
    assert set(prepared.table["path"]) <= good
    assert set(bad.values()) <= set(prepared.ledger["path"])


def test_what_is_no_file_is_told_and_never_waited_for(tmp_path):
    (tmp_path / "a.png").write_bytes(pillow("PNG", Image.fromarray(drawn())))
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "folder.png" / "self").symlink_to(tmp_path)  # a loop of folders
    (tmp_path / "loop.png").symlink_to(tmp_path / "pool.png")
    (tmp_path / "pool.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "link.png").symlink_to("a.png")
    (tmp_path / "linked.png").symlink_to("folder.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as open_socket:
        here = os.getcwd()
        os.chdir(tmp_path)  # the path of a socket may have 107 bytes
        open_socket.bind("socket.png")
        os.chdir(here)
        status = data_prep.scan(tmp_path).table.set_index("path")["status"].to_dict()
    assert status == {
        "a.png": "ok",
        "link.png": "ok",
        "loop.png": "unreadable",
        "pipe.png": "not_an_image",
        "pool.png": "unreadable",
        "socket.png": "not_an_image",
        "zero.png": "not_an_image",
    }


def test_what_may_not_be_read_is_told(tmp_path, monkeypatch):
    """Root may read everything, so the refusal is played: of a file, and of a folder's list."""
    for name in ("a.png", "b.png", "sub/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(pillow("PNG", Image.fromarray(drawn())))
    refuse = [str(tmp_path / "b.png"), str(tmp_path / "sub")]

    def played(real):
        def ask(path, *rest, **more):
            if str(path) in refuse:
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *rest, **more)

        return ask

    monkeypatch.setattr("natkit.data.decoding.open", played(open), raising=False)
    monkeypatch.setattr("os.scandir", played(os.scandir))
    cache = tmp_path / "cache.jsonl"
    table = data_prep.scan(tmp_path, cache=cache).table
    told = dict(zip(table["path"], table["status"], strict=True))
    assert told == {"a.png": "ok", "b.png": "unreadable", "sub": "unreadable"}
    refuse.clear()  # permission is given: no file has changed, but they are read
    table = data_prep.scan(tmp_path, cache=cache).table
    told = dict(zip(table["path"], table["status"], strict=True))
    assert told == {"a.png": "ok", "b.png": "ok", "sub/c.png": "ok"}
    refuse.append(str(tmp_path))
    with pytest.raises(InputError, match="None of the 1 image files"):
        data_prep.scan(tmp_path)


def test_files_that_go_or_change_during_the_scan_keep_their_row(tmp_path, monkeypatch):
    for name in "abcd":
        (tmp_path / f"{name}.png").write_bytes(pillow("PNG", Image.fromarray(drawn())))

    def listed(root, *how, **more):
        files = walk(root, *how, **more)
        (root / "a.png").unlink()
        (root / "b.png").unlink()
        (root / "b.png").mkdir()
        return files

    def opened(path, *how):
        if path.name == "c.png":
            path.unlink()  # between its size and its opening
        return open(path, *how)

    monkeypatch.setattr("data_prep.scanning.listing.walk", listed)
    monkeypatch.setattr("natkit.data.decoding.open", opened, raising=False)
    status = data_prep.scan(tmp_path).table.set_index("path")["status"].to_dict()
    expected = {"a.png": "absent", "b.png": "unreadable", "c.png": "absent", "d.png": "ok"}
    assert status == expected


@pytest.mark.parametrize("where", ["open_image", "statistics"])
def test_an_exception_in_a_worker_costs_no_row(tmp_path, monkeypatch, where):
    """Whatever fails, a decoder or a number of ours, the others are measured."""
    for i in range(6):
        pixels = np.roll(drawn((40 + i, 50)), i)
        (tmp_path / f"{i}.png").write_bytes(pillow("PNG", Image.fromarray(pixels)))
    real = getattr(data_prep.scanning.measuring, where)

    def fails(what):
        size = (open_image(what).pixels if where == "open_image" else what).shape[0]
        if size == 42:
            raise RuntimeError("a bug")
        if size == 44:
            raise MemoryError
        return real(what)

    monkeypatch.setattr(f"data_prep.scanning.measuring.{where}", fails)
    status = data_prep.scan(tmp_path).table["status"].tolist()
    assert status == ["ok", "ok", "unreadable", "ok", "too_big", "ok"]


def test_floats_of_any_size_give_finite_numbers(tmp_path):
    """One broken pixel of a float picture: no number that the audit judges by may be infinite."""
    for value in (np.nan, np.inf, -np.inf, 3e38, -3e38):
        pixels = (drawn() / 255).astype(np.float32)
        pixels[20, 30] = value
        tifffile.imwrite(tmp_path / "a.tif", pixels)
        row = measure(tmp_path, "a.tif")
        assert row["status"] == "ok"
        assert all(np.isfinite(row[name]) for name in STATISTICS), (value, row)
    tifffile.imwrite(tmp_path / "a.tif", np.full((9, 9), 1e300))  # float64
    assert measure(tmp_path, "a.tif")["status"] == "no_measurement"  # no float32 holds one of them


def test_a_changed_manifest_is_read_or_refused(tmp_path):
    """Neither a flipped bit nor a lost end of the three files raises anything but InputError."""
    columns = list(manifest.COLUMNS)
    rows = [
        [i, f"{i}.png", split, 1.0, 4, 4, 1, 8, "00"] for i, split in enumerate(manifest.SPLITS)
    ]
    ledger = pd.DataFrame(
        [["t", "0.png", "r", "f", "{}", "kept", "me"]], columns=annotations.LEDGER
    )
    folder = tmp_path / "p"
    table = pd.DataFrame(rows, columns=columns)
    manifest.write(folder, tmp_path, table, ledger, {"label": None})
    told = []
    for name in ("manifest.csv", "ledger.csv", "prepared.json"):
        whole = (folder / name).read_bytes()
        change = (flipped, cut, repeated, zeroed)
        for data in changed({name: whole}, change, 60, [whole]).values():
            (folder / name).write_bytes(data)
            try:
                told.append(manifest.read(folder))
            except InputError as error:
                told.append(str(error))
        (folder / name).write_bytes(whole)
    assert len(told) == 180
    for prepared in told:
        if not isinstance(prepared, str):
            assert all(manifest.can_hold(path) for path in prepared.table["path"])
    assert {type(one) for one in told} == {str, manifest.Prepared}
