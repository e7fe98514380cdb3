"""What can be known to be wrong is said before the first kernel starts, and nothing has been written then."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from natkit import InputError
from natkit.app import cli, preflight


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> Path:
    """real/images with 12 pictures, real/parts.csv about them, and a link to real."""
    folder = tmp_path_factory.mktemp("parts")
    images = folder / "real" / "images"
    images.mkdir(parents=True)
    rows = ["file,defect,camera,width,side"]
    for i in range(12):
        Image.fromarray(np.full((8, 8), i, np.uint8)).save(images / f"p{i:02d}.png")
        rows.append(f"p{i:02d}.png,{'NG' if i % 3 else 'OK'},{'AB'[i % 2]},{i % 4},left")
    (folder / "real" / "parts.csv").write_text("\n".join(rows) + "\n")
    (folder / "link").symlink_to("real")
    return folder


@pytest.fixture(autouse=True)
def no_kernel(monkeypatch):
    def start(*_):
        raise AssertionError("a kernel started")

    monkeypatch.setattr(cli.notebooks, "run", start)


def told(capsys, *arguments: str | Path) -> str:
    """The one sentence of a command that is refused as unusable."""
    assert cli.main(list(map(str, arguments))) == 2
    err = capsys.readouterr().err
    assert err.startswith("natkit: ")
    assert err.count("\n") == 1
    return err


def tree(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


WITH = "--table TABLE "
OPTIONS = [
    (WITH + "--label colour", "no label column 'colour'; it has file, defect, camera, width_user, side"),
    (WITH + "--label defect --group line", "no group column 'line'; it has file"),
    (WITH + "--label width", "no label column 'width'; it has file, defect, camera, width_user"),
    (WITH + "--group=", "no group column ''"),
    (WITH + "--label defect --group defect", "both label and group"),
    (WITH + "--label side", "one value (left)"),
    ("--label defect", "--label names a column, but there is no table"),
    ("--group camera", "--group names a column, but there is no table"),
    ("--table TABLE.not", "There is no table"),
    ("--table IMAGES", "There is no table"),
    ("--table IMAGES/p00.png", "can't be read"),
    ("--target nan", "--target is nan"),
    ("--target inf", "--target is inf"),
    ("--target -0.5", "--target is -0.5"),
    ("--target 90", "90 % is 0.9"),
    ("--seed -1", "--seed is -1"),
    ("--seed 4294967296", "--seed is 4294967296"),
    ("--device gpu", "auto, cpu or cuda"),
    ("--device cuda:x", "auto, cpu or cuda"),
    ("--prices TABLE", "could not be read as TOML"),
    ("--prices IMAGES", "could not be read as TOML"),
    ("--views fixed_pose --label caf\udce9", "holds bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "said"), OPTIONS, ids=[ascii(o[0][-24:]) for o in OPTIONS])
def test_options(options, said, parts, tmp_path, capsys):
    images, table = parts / "real" / "images", parts / "real" / "parts.csv"
    words = [
        w.replace("TABLE", str(table)).replace("IMAGES", str(images)) for w in options.split(" ")
    ]
    before = tree(parts)
    assert said in told(capsys, "poc", images, *words, "--out", tmp_path / "new" / "out")
    assert tree(parts) == before
    assert not tree(tmp_path)


@pytest.mark.parametrize("options", [["--seed", "-1"], ["--device", "gpu"], ["--out", "/dev/null"]])
def test_the_demo_is_checked_alike(options, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    told(capsys, "demo", *options)
    assert not tree(tmp_path)


def test_what_can_be_used_becomes_the_parameters(parts, tmp_path):
    images, table = parts / "real" / "images", parts / "real" / "parts.csv"
    words = ["poc", images, "--table", table, "--label", "defect", "--group", "camera"]
    words += ["--group", "width_user", "--group", "camera", "--target", "0.9", "--out", tmp_path]
    got = preflight.check(cli._parser().parse_args(list(map(str, words))))
    assert got == {
        "out_dir": str(tmp_path), "lang": "en", "device": "auto", "seed": 0, "fast": False,
        "images": str(images), "table": str(table), "label": "defect", "groups": ["camera", "width_user"],
        "views": "orientation_free", "target": 0.9, "money": {},
    }  # fmt: skip


@pytest.mark.parametrize("name", ["none", "text"])
def test_a_folder_without_an_image(name, tmp_path, capsys):
    folder = tmp_path / name
    folder.mkdir()
    if name == "text":
        (folder / "a.txt").write_text("a")
    assert "holds no image file" in told(capsys, "poc", folder, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


PLACES = [
    ("real/images", "real/images"),
    ("real/images", "real/images/out"),
    ("real/images", "real/images/deep/er/out"),
    ("real/images", "link/images/out"),
    ("link/images", "real/images/out"),
    ("real/images/../images", "real/images/out"),
    ("real/images", "real/images/no/../../images/out"),
    ("real/images", "link/../real/images/out"),
    ("to_images", "real/images/out"),
    ("real/images", "to_images"),
]


@pytest.mark.parametrize(("images", "out"), PLACES)
def test_results_never_go_into_the_images(images, out, parts, tmp_path, capsys):
    """By whatever way the two folders are named."""
    root = tmp_path / "root"
    shutil.copytree(parts, root, symlinks=True)
    (root / "to_images").symlink_to(root / "real" / "images")
    before = tree(root)
    assert "never written to" in told(capsys, "poc", root / images, "--out", root / out)
    assert tree(root) == before


def test_results_never_go_into_the_images_from_inside_them(parts, tmp_path, monkeypatch, capsys):
    shutil.copytree(parts, tmp_path / "root", symlinks=True)
    monkeypatch.chdir(tmp_path / "root" / "link" / "images")
    for images in (".", "../images"):
        assert "never written to" in told(capsys, "poc", images, "--out", "poc")
    assert not (tmp_path / "root" / "real" / "images" / "poc").exists()


@pytest.mark.parametrize("out", ["real", "link", "."])
def test_a_folder_that_holds_the_users_files_is_not_for_results(out, parts, capsys):
    """Even if there is a run.json in it."""
    before = tree(parts)
    assert "which is for results alone" in told(
        capsys, "poc", parts / "real" / "images", "--out", parts / out
    )
    assert tree(parts) == before


def test_a_table_among_the_results_is_refused(parts, tmp_path, capsys):
    table = shutil.copy(parts / "real" / "parts.csv", tmp_path)
    said = told(capsys, "poc", parts / "real" / "images", "--table", table, "--out", tmp_path)
    assert "The table" in said
    assert "lies inside --out" in said
    assert [p.name for p in tree(tmp_path)] == ["parts.csv"]


def test_another_case_of_the_same_folder_is_the_same(parts, monkeypatch):
    """Windows and macOS: no spelling tells, the file system does."""
    images, out = parts / "real" / "images", parts / "real" / "IMAGES" / "out"
    assert not preflight.lies_in(out, images)
    exists, same = Path.exists, Path.samefile

    def folded(path: Path) -> Path:
        return Path(str(path).replace("IMAGES", "images"))

    monkeypatch.setattr(Path, "exists", lambda self: exists(folded(self)))
    monkeypatch.setattr(Path, "samefile", lambda self, other: same(folded(self), folded(other)))
    assert preflight.lies_in(out, images)


PRICES = [
    ("prices = 3", "holds prices = 3, but [prices] is a table"),
    ("[[prices]]\ncurrency = 'EUR'", "holds prices = [{"),
    ("prices = '" + "x" * 500 + "'", "holds prices = 'xxx"),
    ("[prices]\ncurrency = 3", "currency is 3"),
    ("[prices]\ncurrency = 'EUR'\nmissed = '800'", "missed is '800'"),
    ("[prices]\ncurrency = 'EUR'\nmissed = -1", "missed is -1"),
    ("[prices]\ncurrency = 'EUR'\nmissed = nan", "missed is nan"),
    ("[prices]\ncurrency = 'EUR'\nmissed = true", "missed is True"),
    ("[prices]\ncurrency = 'EUR'\nmissed = 1" + "0" * 400, "it must be a number 0 or more"),
    ("[prices]\ncurrency = 'EUR'\nmissed = 2026-01-01", "missed is datetime"),
    ("[prices]\ncurrency = 'EUR'\nmade_up = 'no'", "made_up is 'no'"),
    ("[prices]\ncurrency = 'EUR'\n[line]\ndefect_rate = [0.1]", "defect_rate is [0.1]"),
    ("[prices]\ncurrency = 'EUR'\n[prices.missed]\na = 1", "missed is {'a': 1}"),
    ("", "names no currency"),
    ("a = " + "[" * 5000 + "]" * 5000, "could not be read as TOML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), PRICES, ids=[p[0][:30] for p in PRICES])
def test_prices_of_another_shape(text, said, parts, tmp_path, capsys):
    file = tmp_path / "prices.toml"
    file.write_text(text)
    images = parts / "real" / "images"
    assert said in told(capsys, "poc", images, "--prices", file, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_prices_that_an_editor_of_windows_saved(tmp_path):
    file = tmp_path / "prices.toml"
    file.write_text("[prices]\ncurrency = 'JPY'\nmissed = 800\n", "utf-8-sig", newline="\r\n")
    assert preflight.money(str(file)) == {"prices": {"currency": "JPY", "missed": 800}}


@pytest.mark.parametrize(
    ("soft", "hard", "runs"), [(64, 64, False), (64, 4096, True), (1024, 1024, True)]
)
def test_few_open_files(soft, hard, runs):
    """The limit is raised as far as it may be; where that is too little, the sentence names it."""
    code = (
        "import os, resource\nfrom natkit.app import preflight\nresource.setrlimit(7, (%d, %d))\n"
    )
    code += "try:\n    preflight._enough_files()\n    print(resource.getrlimit(7)[0])\n"
    code += "except ValueError as error:\n    print(error)"
    run = [sys.executable, "-c", code % (soft, hard)]
    said = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert said.strip() == str(min(hard, 4096)) if runs else "may hold 64 files open" in said


CUDA = [
    ("cuda = None\nhip = None\n__version__ = '2.15.0+cpu'", None, "torch 2.15.0+cpu is built without CUDA"),
    ("cuda = '13.2'\nhip = None", None, "no driver of an NVIDIA GPU"),
    ("cuda = '13.2'\nhip = None", (0, 0), "the driver finds no NVIDIA GPU"),
    ("cuda = '13.2'\nhip = None", (100, 1), "the driver finds no NVIDIA GPU"),
    ("cuda = '13.2'\nhip = None", (0, 1), None),
    ("cuda = None\nhip = '7.0'", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("built", "driver", "said"), CUDA)
def test_cuda_is_looked_for_without_torch(built, driver, said, tmp_path, monkeypatch):
    """As the driver answers: what cuInit returns, and how many devices there are."""

    class Driver:
        def __init__(self, name: str):
            if driver is None:
                raise OSError(f"{name}: cannot open shared object file")

        def cuInit(self, flags: int) -> int:
            return driver[0]

        def cuDeviceGetCount(self, count) -> int:
            count._obj.value = driver[1]
            return 0

    (tmp_path / "version.py").write_text(built)
    found = type("Spec", (), {"origin": str(tmp_path / "__init__.py")})
    monkeypatch.setattr(preflight.importlib.util, "find_spec", lambda _: found)
    monkeypatch.setattr(preflight.ctypes, "CDLL", Driver)
    if said is None:
        preflight._device("cuda:0")
    else:
        with pytest.raises(InputError, match=said.replace("+", "\\+")):
            preflight._device("cuda")


@pytest.mark.parametrize("port", [-1, 65536])
def test_ports(port, tmp_path, capsys):
    assert f"--port is {port}" in told(capsys, "lab", tmp_path / "lab", "--port", port)
    assert not (tmp_path / "lab").exists()


def test_a_path_goes_up_as_the_system_goes_up(parts, monkeypatch):
    """``link/..`` is the folder above what the link leads to; other links keep the name the user gave."""
    monkeypatch.chdir(parts)
    (parts / "away").symlink_to(parts / "real" / "images")
    assert preflight.absolute("away/../parts.csv") == parts / "real" / "parts.csv"
    assert preflight.absolute("link/parts.csv") == parts / "link" / "parts.csv"
    os.unlink(parts / "away")
