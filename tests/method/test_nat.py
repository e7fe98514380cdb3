"""Laws of the estimator: what it trains on, what it returns, what it keeps, what it refuses."""

import copy
import json

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits

from natkit import NAT, InputError
from natkit.method.inputs import stored
from natkit.method.networks.backbones import backbone, head
from natkit.method.views.images import Views, view

SMALL = {"epochs": 2, "size": 16, "batch_size": 16, "device": "cpu"}


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """48 pictures of 20×20: bright stripes, upright or lying."""
    noise = np.random.default_rng(0).integers(0, 80, (48, 20, 20))
    stripes = np.where(np.arange(20) // 3 % 2, 170, 0)
    noise[::2] += stripes
    noise[1::2] += stripes[:, None]
    return noise.astype(np.uint8)


@pytest.fixture(scope="module")
def model(pictures) -> NAT:
    return NAT(**SMALL).fit(pictures)


def test_features_are_the_backbones(model, pictures):
    features = model.transform(pictures)
    assert features.shape == (48, 192)
    assert features.dtype == np.float32
    assert isinstance(model.backbone, torch.nn.Module)


@pytest.mark.parametrize(
    ("dtype", "factor", "shape"),
    [
        (np.uint8, 1, (48, 20, 20)),
        (np.uint16, 257, (48, 20, 20)),
        (np.float32, 1 / 255, (48, 20, 20, 1)),
    ],
)
def test_depth_does_not_matter(model, pictures, dtype, factor, shape):
    """The same light in 8 bit, 16 bit or float gives nearly the same features (resizing rounds)."""
    other = (pictures.astype(np.float64) * factor).astype(dtype).reshape(shape)
    ours, theirs = NAT(**SMALL | {"epochs": 1}).fit(other), model.untrained()
    a, b = ours.untrained().transform(other), theirs.transform(pictures)
    np.testing.assert_allclose(a, b, atol=0.06 * b.std())


def test_same_seed_same_model_other_seed_other_model(model, pictures):
    again, other = NAT(**SMALL).fit(pictures), NAT(**SMALL, seed=1).fit(pictures)
    np.testing.assert_array_equal(again.transform(pictures), model.transform(pictures))
    assert not np.allclose(other.transform(pictures), model.transform(pictures))


def test_the_untrained_control_has_the_first_weights(model):
    control = model.untrained()
    for ours, first in zip(
        control.backbone.parameters(), backbone("small", 1, 0).parameters(), strict=True
    ):
        assert torch.equal(ours, first)
    assert control.name == "untrained"
    assert control.history == []


def agreement(model: NAT, pictures: np.ndarray, encoder: torch.nn.Module) -> float:
    """Cosine of two views of one picture minus cosine of views of different pictures."""
    pixels, _ = stored(pictures, model)
    light = model.scaling.light(pixels, torch.device("cpu"))
    generator = torch.Generator().manual_seed(9)
    with torch.inference_mode():
        a, b = (
            torch.nn.functional.normalize(
                encoder(model.scaling.standard(view(light, model.views, generator))), dim=1
            )
            for _ in range(2)
        )
    cosine = a @ b.T
    return float(cosine.diagonal().mean() - cosine.mean())


def test_training_makes_views_of_one_picture_agree():
    """Before training two views of a digit are hardly nearer than two digits; afterwards they are."""
    digits = (load_digits().images[:256] * 15).astype(np.uint8)
    still = Views(crop=(0.7, 1.0), flip=False)
    trained = NAT(**SMALL | {"epochs": 15, "batch_size": 64}, views=still).fit(digits)
    first = torch.nn.Sequential(trained.untrained().backbone, head(192, (1024,), 64, 0)).eval()
    after = torch.nn.Sequential(trained.backbone, trained.head)
    assert agreement(trained, digits, after) > 0.2 + agreement(trained, digits, first)
    rows = trained.history
    assert [row["epoch"] for row in rows] == list(range(1, 16))
    assert (
        rows[-1]["agreement"] - rows[-1]["others"] > 0.2 + rows[0]["agreement"] - rows[0]["others"]
    )


def test_exact_matching_gives_each_image_one_target(pictures):
    trained = NAT(**SMALL, matching="exact", dim=16).fit(pictures)
    assert sorted(trained.assignment) == list(range(48))
    assert not np.array_equal(trained.assignment, np.arange(48))
    assert 0 < trained.history[-1]["changed"] <= 1


def test_a_saved_run_is_the_same_model(model, pictures, tmp_path):
    model.save(tmp_path / "run")
    loaded = NAT.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.transform(pictures), model.transform(pictures))
    np.testing.assert_array_equal(
        loaded.untrained().transform(pictures), model.untrained().transform(pictures)
    )
    np.testing.assert_array_equal(loaded.assignment, model.assignment)
    assert loaded.get_params() == model.get_params()
    assert loaded.history == model.history
    with pytest.raises(InputError, match="never overwritten"):
        model.save(tmp_path / "run")


def test_a_broken_run_is_refused(model, tmp_path):
    for file, content in (
        ("config.json", b"{}"),
        ("backbone.safetensors", b"\x80\x04pickle"),
        ("head.safetensors", b""),
    ):
        folder = tmp_path / file
        model.save(folder)
        (folder / file).write_bytes(content)
        with pytest.raises(InputError, match="not a run"):
            NAT.load(folder)
    folder = tmp_path / "other"
    model.save(folder)
    config = json.loads((folder / "config.json").read_text())
    config["settings"]["network"] = "resnet18"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="not a run"):
        NAT.load(folder)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_resnet18_takes_any_number_of_channels(channels):
    images = np.random.default_rng(0).random((16, 32, 32, channels), dtype=np.float32)
    trained = NAT(epochs=1, size=32, network="resnet18", device="cpu").fit(images)
    assert trained.transform(images).shape == (16, 512)


def test_sklearn_can_clone_it(model):
    other = clone(model.set_params(seed=0))
    assert other.get_params() == model.get_params()
    assert not hasattr(other, "backbone")


NOISE = np.random.default_rng(0).random((40, 20, 20))


@pytest.mark.parametrize(
    ("images", "settings", "message"),
    [
        (np.zeros((4, 20, 20), np.uint8), {}, "at least 8 images"),
        (np.full((20, 20, 20), 7, np.uint8), {}, "one constant colour"),
        (np.full((20, 20, 20), np.nan), {}, "20 of 20 images hold NaN"),
        (np.zeros((20, 20), np.uint8), {}, "ImageSet or an array"),
        (np.zeros((20, 20, 20), bool), {}, "ImageSet or an array"),
        (np.zeros((20, 20, 20), np.uint8), {"epochs": 0}, "epochs must be at least 1"),
        (np.zeros((20, 20, 20), np.uint8), {"matching": "greedy"}, "matching is one of"),
        (
            np.zeros((20, 20, 20), np.uint8),
            {"temperature": 0.001},
            "temperature must be at least 0.005",
        ),
        (NOISE, {"n_views": 1, "batch_size": 1}, "too little for a batch norm"),
        (NOISE, {"n_views": 1, "batch_size": 5, "micro_batch": 2}, "5 images, 2 at a time"),
        (NOISE, {"views": Views(small=1), "micro_batch": 1}, "too little for a batch norm"),
        (NOISE[:0], {}, "ImageSet or an array"),
        (NOISE[..., :0], {}, "ImageSet or an array"),
        ([NOISE[0], NOISE[1, :10]] * 10, {}, "differ in size or channels"),
        (NOISE, {"epochs": 1.5}, "epochs is a whole number, got 1.5"),
        (NOISE, {"micro_batch": "all"}, "micro_batch is a whole number or None, got 'all'"),
        (NOISE, {"lr": None}, "lr is a number, got None"),
        (NOISE, {"views": {}}, r"views is Views\(...\) or SignalViews\(...\) or text, got {}"),
        (NOISE, {"weights": 3}, "weights is text or a path or None, got 3"),
        (NOISE, {"size": "96"}, "size is a whole number, got '96'"),
        (NOISE, {"device": torch.device("cpu")}, "device is text, got device"),
        (NOISE, {"lr": float("nan")}, "lr must be at least 0, got nan"),
        (NOISE, {"weight_decay": -1.0}, "weight_decay must be at least 0, got -1"),
        (NOISE, {"momentum": 1.0}, "momentum is a share in"),
        (NOISE, {"seed": -1}, "seed must be at least 0, got -1"),
        (NOISE, {"seed": 2**63}, "seed is too large"),
        (np.zeros((20, 20, 20), np.uint8), {"views": "metal"}, "no views called 'metal'"),
        (np.zeros((20, 20, 20), np.uint8), {"whole_set": True}, "needs one target an image"),
        (
            NOISE,
            {"network": "resnet19"},
            "no backbone 'resnet19'",
        ),
        (
            np.zeros((20, 3, 20, 24), np.uint8),
            {},
            r"looks like \(n, c, h, w\).*transpose\(0, 2, 3, 1\)",
        ),
        (np.zeros((20, 1, 20, 20), np.uint8), {}, r"looks like \(n, c, h, w\)"),
        (np.zeros((20, 12, 20, 20)), {}, r"that would be 20 channels"),
        (np.ma.array(NOISE, mask=NOISE < 0.001), {}, "hold NaN or infinite pixels"),
        (np.zeros((20, 20, 20, 5), np.uint8), {"views": "natural"}, "constant colour"),
        (NOISE, {"lr": 1e30, "batch_size": 16}, "the loss is nan"),
        (
            NOISE,
            {"lr": 1e30, "matching": "exact", "batch_size": 16},
            "the features are NaN.*smaller learning rate than 1e",
        ),
    ],
)
def test_bad_input_is_told(images, settings, message):
    with pytest.raises(InputError, match=message):
        NAT(**SMALL | settings).fit(images)


def test_a_broken_network_is_told(model, pictures):
    broken = copy.deepcopy(model)
    next(broken.backbone.parameters()).data.fill_(float("nan"))
    with pytest.raises(InputError, match="NaN or infinite features.*smaller learning rate"):
        broken.transform(pictures)


def test_settings_of_numpy_and_paths_are_kept(model, pictures, tmp_path):
    """A grid search gives numbers of NumPy, and a file may be a Path: what was trained with them can be saved."""
    model.export(tmp_path / "first.safetensors")
    settings = SMALL | {"epochs": np.int64(1), "lr": np.float32(0.001)}
    views = Views(small=np.int64(2))
    trained = NAT(**settings, weights=tmp_path / "first.safetensors", views=views)
    trained.fit(pictures, checkpoint=tmp_path / "training").save(tmp_path / "run")
    for folder in ("training", "run"):
        loaded = NAT.load(tmp_path / folder)
        np.testing.assert_array_equal(loaded.transform(pictures), trained.transform(pictures))
        assert loaded.plain() == trained.plain()


@pytest.mark.parametrize(
    "change",
    [{"name": None}, {"scaling": {"peak": "x", "mean": [0.5], "std": [1.0]}}]
    + [{"scaling": {"peak": 255, "mean": [0.5], "std": std}} for std in ([0.0], [1.0, 1.0])],
)
def test_an_edited_run_is_refused(change, model, tmp_path):
    model.save(tmp_path / "run")
    file = tmp_path / "run" / "config.json"
    config = json.loads(file.read_text()) | change
    if config["name"] is None:
        del config["name"]
    file.write_text(json.dumps(config))
    with pytest.raises(InputError, match="not a run"):
        NAT.load(tmp_path / "run")


def test_other_depth_than_trained_is_refused(model, pictures):
    """16 bits would be 257 times as bright to a network of 8, and nothing would tell."""
    with pytest.raises(
        InputError, match="trained on uint8 pixels .white is 255., but these are uint16"
    ):
        model.transform(pictures.astype(np.uint16) * 257)
    with pytest.raises(InputError, match="uint8 pixels .*, but these are float32"):
        model.partial_fit(pictures / 255)
    with pytest.raises(InputError, match="uint8 pixels .*, but these are uint16"):
        model.partial_fit(pictures, old=pictures.astype(np.uint16))


def test_other_channels_than_trained_are_refused(model):
    with pytest.raises(InputError, match="trained on images with 1 channels, but these have 3"):
        model.transform(np.zeros((2, 20, 20, 3), np.uint8))
    with pytest.raises(InputError, match="not trained yet"):
        NAT().transform(np.zeros((2, 20, 20), np.uint8))
    with pytest.raises(InputError, match="embed takes an ImageSet or Signals.* got ndarray"):
        model.embed(np.zeros((2, 20, 20), np.uint8))
    with pytest.raises(InputError, match="sample_weight needs 40 numbers, but"):
        NAT(**SMALL).fit(NOISE, sample_weight=np.array(["a"] * 40))
