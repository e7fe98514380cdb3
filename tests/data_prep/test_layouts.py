"""Known layouts: a small made VOC tree whose table is known by heart, and folders for classes."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import data_prep
import natkit
from data_prep.scanning.layouts import VOC_CLASSES
from natkit.core.errors import InputError

N = np.nan


def xml(*objects: tuple[str, int]) -> str:
    inside = "".join(
        f"<object><name>{name}</name><difficult>{hard}</difficult><bndbox/></object>"
        for name, hard in objects
    )
    return f"<annotation><filename>x.jpg</filename>{inside}</annotation>"


@pytest.fixture
def voc(tmp_path):
    """Twelve images: 000001–000006 train, –000009 val, –000012 test; car has a list for train and val, dog has none."""
    root = tmp_path / "VOC2007"
    for part in ("JPEGImages", "Annotations", "ImageSets/Main", "SegmentationClass"):
        (root / part).mkdir(parents=True)
    names = [f"{i:06}" for i in range(1, 13)]
    rng = np.random.default_rng(0)
    for name in names[:-1]:  # the last one's file is missing
        Image.fromarray(rng.integers(0, 255, (12, 16, 3), np.uint8)).save(
            root / "JPEGImages" / f"{name}.jpg"
        )
    Image.fromarray(np.zeros((12, 16), np.uint8)).save(root / "SegmentationClass" / "000001.png")
    objects = {name: [] for name in names}
    objects["000001"] = [("dog", 0), ("dog", 1)]
    objects["000002"] = [("dog", 1), ("dog", 0)]
    objects["000003"] = [("dog", 1)]
    objects["000004"] = [("car", 0)]  # its list says otherwise
    objects["000010"] = [("car", 0), ("dog", 0)]
    objects["000011"] = [("car", 1)]
    for name, inside in objects.items():
        (root / "Annotations" / f"{name}.xml").write_text(xml(*inside))
    (root / "Annotations" / "000005.xml").unlink()
    lists = root / "ImageSets" / "Main"
    for part, rows in (("train", names[:6]), ("val", names[6:9]), ("test", names[9:])):
        (lists / f"{part}.txt").write_text("\n".join(rows) + "\n")
    (lists / "trainval.txt").write_text("\n".join(names[:9]) + "\n")
    marks = [-1, -1, 1, 0, 1, -1, 1, -1, -1]
    (lists / "car_trainval.txt").write_text(
        "".join(f"{name} {mark:2d}\n" for name, mark in zip(names, marks, strict=False))
    )
    return root


def test_the_table_of_a_small_tree_is_known(voc):
    table = data_prep.voc_table(voc)
    assert list(table.columns) == ["path", "split", *VOC_CLASSES]
    assert table["path"].tolist() == [f"{i:06}.jpg" for i in range(1, 13)]
    assert table["split"].tolist() == ["train"] * 6 + ["val"] * 3 + ["test"] * 3
    np.testing.assert_array_equal(table["car"], [0, 0, 1, N, 1, 0, 1, 0, 0, 1, N, 0])
    np.testing.assert_array_equal(table["dog"], [1, 1, N, 0, N, 0, 0, 0, 0, 1, 0, 0])
    np.testing.assert_array_equal(table["cat"], [0, 0, 0, 0, N, *[0] * 7])
    assert {str(kind) for kind in table[list(VOC_CLASSES)].dtypes} == {"float64"}


def test_the_official_split_reaches_the_prepared_folder(voc, tmp_path):
    """The image whose file is missing is set aside; the pictures of segments are none of the set."""
    scan = data_prep.scan(voc / "JPEGImages", data_prep.voc_table(voc))
    audit = data_prep.audit(scan, split="split_user")
    prepared = data_prep.prepare(audit, tmp_path / "prepared", own_split=True)
    table = prepared.table
    assert table["path"].tolist() == [f"{i:06}.jpg" for i in range(1, 12)]
    assert table["split"].tolist() == ["train"] * 6 + ["val"] * 3 + ["test"] * 2
    np.testing.assert_array_equal(table["car"].astype(float), [0, 0, 1, N, 1, 0, 1, 0, 0, 1, N])
    assert prepared.info["own_split"]
    other = data_prep.prepare(audit, tmp_path / "other")
    assert other.table["split"].tolist() != table["split"].tolist()
    assert not other.info["own_split"]


def test_a_split_that_can_not_be_kept_is_told(voc, tmp_path):
    given = data_prep.voc_table(voc)
    folder = voc / "JPEGImages"
    gap = given.assign(split=given["split"].where(given["path"] != "000010.jpg"))

    def prepare(table, **named):
        audit = data_prep.audit(data_prep.scan(folder, table), **named)
        data_prep.prepare(audit, tmp_path / "prepared", own_split=True)

    for table, named, message in (
        (given, {}, "the audit was told of none. Name it: audit"),
        (gap, {"split": "split_user"}, "says 'nothing' of 000010.jpg"),
        (given.replace({"split": {"val": "dev"}}), {"split": "split_user"}, "says 'dev' of 000007"),
        (given.replace({"split": {"val": "test"}}), {"split": "split_user"}, "has no val. Fill"),
    ):
        with pytest.raises(InputError, match=message):
            prepare(table, **named)
    assert not (tmp_path / "prepared").exists()


def test_without_train_txt_all_of_trainval_is_train(voc):
    for part in ("train", "val"):
        (voc / "ImageSets" / "Main" / f"{part}.txt").unlink()
    assert data_prep.voc_table(voc)["split"].tolist() == ["train"] * 9 + ["test"] * 3


def test_own_classes_take_the_place_of_the_twenty(voc):
    for file in (voc / "Annotations").iterdir():
        file.write_text(file.read_text().replace("dog", "dent"))
    table = data_prep.voc_table(voc, classes=["dent", "car"])
    assert list(table.columns) == ["path", "split", "dent", "car"]
    assert table["dent"].tolist()[:2] == [1, 1]


def test_what_is_wrong_with_a_tree_is_told(voc):
    def broken(file: str, text: str | bytes, message: str):
        path = voc / file
        before = path.read_bytes() if path.exists() else None
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(InputError, match=message):
            data_prep.voc_table(voc)
        path.unlink() if before is None else path.write_bytes(before)

    broken(
        "Annotations/000002.xml", xml(("cow", 0), ("yak", 0)), "000002.xml names an object 'yak'"
    )
    broken("Annotations/000002.xml", "<annotation>", "000002.xml can't be read as XML")
    broken("ImageSets/Main/val.txt", "000001\n", "000001, which stands in train.txt too")
    broken("ImageSets/Main/dog_val.txt", "000007 yes\n", "dog_val.txt says '000007 yes'")
    broken("ImageSets/Main/test.txt", b"\xff\xfe0", "test.txt can't be read")
    data_prep.voc_table(voc)
    with pytest.raises(InputError, match=r"no list of images.* Give .*VOC2007\."):
        data_prep.voc_table(voc.parent)
    with pytest.raises(InputError, match="Give a folder such as VOCdevkit/VOC2007"):
        data_prep.voc_table(voc / "Annotations")


def tree(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.eye(32, dtype=np.uint8) * 90).save(root / path)
    return root


def test_a_folder_for_each_class(tmp_path):
    root = tree(tmp_path, "ok/1.png", "ok/2.png", "scratch/deep/1.png")
    expected = {"path": ["ok/1.png", "ok/2.png", "scratch/deep/1.png"]}
    expected["class"] = ["ok", "ok", "scratch"]
    pd.testing.assert_frame_equal(data_prep.folder_table(root), pd.DataFrame(expected))
    assert data_prep.scan(root, data_prep.folder_table(root)).user_columns == ["class"]


def test_classes_below_splits(tmp_path):
    root = tree(tmp_path, "test/ok/1.png", "train/ok/1.png", "train/ng/2.png", "Valid/ng/1.png")
    table = data_prep.folder_table(root)
    assert table["split"].tolist() == ["val", "test", "train", "train"]
    assert table["class"].tolist() == ["ng", "ok", "ng", "ok"]


@pytest.mark.parametrize(
    ("paths", "first"),
    [
        (("ok/1.png", "2.png"), "2.png"),
        (("train/ok/1.png", "train/2.png"), "train/2.png"),
        (("train/ok/1.png", "other/2.png"), "other/2.png"),
    ],
)
def test_an_image_outside_any_class_is_told(tmp_path, paths, first):
    with pytest.raises(InputError, match=f"1 of 2 images lie outside .* the first is {first}"):
        data_prep.folder_table(tree(tmp_path, *paths))


def test_a_voc_tree_scores_to_its_known_mean_average_precision(tmp_path):
    """Forty test images; the scores rank every other image a car, and dogs without a fault."""
    root = tmp_path / "VOC2007"
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / part).mkdir(parents=True)
    names = [f"{i:06}" for i in range(100)]
    rng = np.random.default_rng(0)
    parts = {"train": names[:40], "val": names[40:60], "test": names[60:]}
    for name in names:
        pixels = rng.integers(0, 255, (12, 16, 3), np.uint8)
        Image.fromarray(pixels).save(root / "JPEGImages" / f"{name}.jpg")
        objects = [("car", 0)] * (int(name) % 4 == 0) + [("dog", 0)] * (int(name) % 2 == 1)
        (root / "Annotations" / f"{name}.xml").write_text(xml(*objects))
    for part, rows in parts.items():
        (root / "ImageSets" / "Main" / f"{part}.txt").write_text("\n".join(rows) + "\n")
    scan = data_prep.scan(root / "JPEGImages", data_prep.voc_table(root, ("car", "dog")))
    audit = data_prep.audit(scan, split="split_user")
    folder = data_prep.prepare(audit, tmp_path / "prepared", own_split=True).folder
    images = natkit.load(folder)
    car, dog = (images.table[name].to_numpy(float) for name in ("car", "dog"))
    order = np.arange(len(images))
    between = (car == 0) & (order % 4 == 2)  # as many other images as cars, one behind each car
    ranks = np.select([car == 1, between], [-order, -order + 1], -1000.0 - order)
    meta = {"name": "by heart", "layer": "class scores", "classes": ["car", "dog"]}
    known = natkit.Embedding(np.c_[ranks, dog], images.ids, meta)
    noise = [natkit.Embedding(rng.standard_normal((100, 4)), images.ids, {"name": n}) for n in "ab"]
    proof = natkit.score(noise[0], [noise[1], known], images.table, ["car", "dog"])
    (row,) = [row for row in proof.facts["scores"] if row["name"] == "by heart"]
    # cars of test at 60, 64 … 96, the others of 62, 66 … 98 rank just behind them: car, other, car, other …;
    # so the hits stand at 1, 3, 5 … 19
    precision = np.array([(i + 1) / (2 * i + 1) for i in range(10)])
    assert row["score"]["value"] == pytest.approx((precision.mean() + 1) / 2)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    assert row["also"]["map_voc10"]["value"] == pytest.approx((best.mean() + 1) / 2)
    eleven = (best[0] + best.sum()) / 11  # at recall 0 as at the first hit, then at each hit
    assert row["also"]["map_voc07"]["value"] == pytest.approx((eleven + 1) / 2)
