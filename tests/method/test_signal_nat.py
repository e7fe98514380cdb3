"""NAT on vectors and signals: the same engine, to the bit where images are, and the same evidence behind it."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits

import natkit
from natkit import NAT, InputError, Signals
from natkit.method.training import checkpoint
from natkit.method.views.signals import SignalViews

SMALL = {"epochs": 2, "batch_size": 32, "n_targets": 64, "dim": 16, "head_width": 32}
SMALL |= {"device": "cpu"}


def waves(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Signals of two channels and 64 samples: slow or fast, at any phase, in noise."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, n)
    turns = np.where(kind, 4, 8)[:, None, None] * np.arange(64) / 64
    clean = np.sin(2 * np.pi * (turns + rng.random((n, 1, 1)) + np.array([[0], [0.25]])))
    return (clean + rng.normal(0, 1.0, clean.shape)).astype(np.float32), kind


def as_set(values: np.ndarray, label: np.ndarray) -> Signals:
    n = len(values)
    split = np.random.default_rng(1).permutation(np.arange(n) % 5)
    split = np.array(["train", "train", "train", "val", "test"])[split]
    return Signals(values, pd.DataFrame({"id": np.arange(n), "split": split, "kind": label}))


SIGNALS, KIND = waves(300)
VECTORS = load_breast_cancer().data.astype(np.float32)
CASES = [
    pytest.param(NAT.signals, SIGNALS[:64], id="signals"),
    pytest.param(NAT.vectors, VECTORS[:64], id="vectors"),
]


@pytest.mark.parametrize(("make", "values"), CASES)
def test_same_seed_same_model_and_what_is_saved_is_the_same(make, values, tmp_path):
    model, again = make(**SMALL).fit(values), make(**SMALL).fit(values)
    np.testing.assert_array_equal(model.transform(values), again.transform(values))
    assert not np.allclose(
        make(**SMALL, seed=1).fit(values).transform(values), model.transform(values)
    )
    model.save(tmp_path / "run")
    loaded = NAT.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.transform(values), model.transform(values))
    np.testing.assert_array_equal(
        loaded.untrained().transform(values), model.untrained().transform(values)
    )
    assert loaded.get_params() == model.get_params()


def test_own_views_come_back_from_the_disk(tmp_path):
    views = SignalViews(shift=0.1, gain=0.2)
    NAT.signals(**SMALL, views=views).fit(SIGNALS[:32]).save(tmp_path / "run")
    assert NAT.load(tmp_path / "run").views == views


@pytest.mark.parametrize(("make", "values"), CASES)
def test_a_stopped_training_goes_on_to_the_bit(make, values, tmp_path, monkeypatch):
    settings = SMALL | {"epochs": 3}
    whole = make(**settings).fit(values)
    keep, kept = checkpoint.keep, []

    def once(*given):
        keep(*given)
        kept.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "keep", once)
    with pytest.raises(KeyboardInterrupt):
        make(**settings).fit(values, checkpoint=tmp_path)
    monkeypatch.setattr(checkpoint, "keep", keep)
    assert len(NAT.load(tmp_path).history) == len(kept) == 1
    resumed = make(**settings).fit(values, checkpoint=tmp_path)
    np.testing.assert_array_equal(resumed.transform(values), whole.transform(values))
    assert len(resumed.history) == 3


@pytest.mark.parametrize(("make", "values"), CASES)
def test_new_rows_take_the_next_targets(make, values):
    model = make(**SMALL, matching="fast").fit(values[:40])
    before = model.scaling
    model.partial_fit(values[40:], old=values[:40])
    assert model.ids.tolist() == list(range(64))
    assert sorted(model.assignment) == list(range(64))
    assert model.scaling == before
    assert [row["epoch"] for row in model.history] == [1, 2, 3, 4]


def test_a_signal_is_standardised_by_channel_a_vector_by_number():
    far = SIGNALS * np.float32([[1], [1000]]) + np.float32([[0], [500]])
    scaling = NAT.signals(**SMALL | {"epochs": 1}).fit(far).scaling
    np.testing.assert_allclose(scaling.mean, far.mean(axis=(0, 2)), rtol=1e-3)
    np.testing.assert_allclose(scaling.std, far.std(axis=(0, 2)), rtol=1e-3)
    scaling = NAT.vectors(**SMALL | {"epochs": 1}).fit(VECTORS).scaling
    np.testing.assert_allclose(scaling.mean, VECTORS.mean(axis=0), rtol=1e-3)


def test_features_do_not_depend_on_the_rows_beside_them():
    model = NAT.signals(**SMALL).fit(SIGNALS)
    np.testing.assert_allclose(
        model.transform(SIGNALS[:1]), model.transform(SIGNALS)[:1], atol=1e-5
    )
    longer = np.concatenate(
        [SIGNALS, SIGNALS], axis=2
    )  # twice the round: the means stay about the same
    assert model.transform(longer).shape == (300, 192)


def test_it_beats_its_controls_on_waves_at_any_phase():
    """A frequency at any phase is no matter for a line through raw values; map, clusters and report come from it."""
    signals = as_set(SIGNALS, np.where(KIND, "slow", "fast"))
    model = NAT.signals(**SMALL | {"epochs": 8}).fit(signals)
    assert set(model.ids) == set(signals.ids[signals.split == "train"])
    ours, raw = model.embed(signals), natkit.values(signals)
    assert (raw.name, raw.vectors.shape) == ("values", (300, 128))
    np.testing.assert_array_equal(raw.vectors[5], SIGNALS[5].ravel())
    assert ours.meta["data_hash"] == signals.data_hash
    proof = natkit.score(ours, [model.untrained().embed(signals), raw], signals.table, "kind")
    scores = proof.table.query("probe == 'linear'").set_index("name")["auroc"]
    assert scores["NAT"] > 0.95
    assert scores["values"] < 0.75
    signs = natkit.health(model, signals)
    assert {row["sign"] for row in signs["signs"]} >= {"kept", "gap", "views"}
    assert signs["n"] == (signals.split == "val").sum()


def test_vectors_are_embedded_and_scored_beside_their_controls():
    digits = load_digits()
    chosen = digits.target < 2
    vectors = as_set(digits.data[chosen], digits.target[chosen].astype(str))
    model = NAT.vectors(**SMALL).fit(vectors)
    controls = [model.untrained().embed(vectors), natkit.values(vectors)]
    proof = natkit.score(model.embed(vectors), controls, vectors.table, "kind")
    assert set(proof.table["name"]) == {"NAT", "untrained", "values", "majority"}
    assert proof.facts["classes"] == ["0", "1"]


@pytest.mark.parametrize(
    ("make", "values", "message"),
    [
        (NAT.signals, SIGNALS[:7], "at least 8 signals"),
        (NAT.signals, np.where(SIGNALS > 3, np.nan, SIGNALS), "data_prep.scan_signals"),
        (NAT.signals, np.zeros((20, 2, 30)), "constant"),
        (NAT.vectors, np.ones((20, 5)), "constant"),
        (NAT.vectors, [[1, 2], [3]], "several lengths"),
        (NAT.vectors, VECTORS.astype(complex), "complex128"),
        (NAT, SIGNALS, None),
    ],
)
def test_what_cannot_be_trained_on_is_refused(make, values, message):
    if (
        message is None
    ):  # an array (n, c, length) given to the network for images is taken for pictures
        assert make(**SMALL | {"epochs": 1}, size=16).fit(values).backbone.name == "small"
        return
    with pytest.raises(InputError, match=message):
        make(**SMALL).fit(values)


def test_a_constant_channel_says_nothing_and_stops_nothing():
    dead = SIGNALS.copy()
    dead[:, 1] = 7
    model = NAT.signals(**SMALL | {"epochs": 1}).fit(dead)
    assert model.scaling.std[1] == 1
    assert np.isfinite(model.transform(dead)).all()


def test_networks_views_and_data_of_two_kinds_are_not_mixed(tmp_path):
    signals = as_set(SIGNALS, KIND)
    with pytest.raises(InputError, match="don't go together"):
        NAT(network="resnet1d").fit(SIGNALS)
    with pytest.raises(InputError, match="don't go together"):
        NAT(views="vibration").fit(SIGNALS)
    with pytest.raises(InputError, match="no other stem"):
        NAT.vectors(stem="small").fit(VECTORS)
    with pytest.raises(InputError, match="Signals came.*is for images"):
        NAT(**SMALL).fit(signals)
    with pytest.raises(InputError, match="natkit.values"):
        natkit.pixels(signals)
    model = NAT.signals(**SMALL | {"epochs": 1}).fit(signals)
    with pytest.raises(InputError, match="cameras"):
        model.embed(signals, ("blur", 0.01))
    with pytest.raises(InputError, match="safetensors"):
        model.export(tmp_path / "net.onnx")
    with pytest.raises(InputError, match="2 channels, but these have 1"):
        model.transform(SIGNALS[:, :1])
    model.export(tmp_path / "net.safetensors")
    again = NAT.signals(**SMALL | {"epochs": 1}, weights=str(tmp_path / "net.safetensors"))
    first = again.untrained(signals).backbone.state_dict()
    assert all(torch.equal(v, first[k]) for k, v in model.backbone.state_dict().items())
    assert json.loads(json.dumps(model.plain()))["network"] == "resnet1d"
