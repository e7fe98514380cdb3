"""Laws of training with labels: what is learnt from, what stays, what is chosen, and what goes on."""

import os
import signal
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from torch import nn

import data_prep
import natkit
from natkit import NAT, InputError
from natkit.method.batches import Scaling
from natkit.method.networks.backbones import backbone
from natkit.method.settings import Settings
from natkit.method.supervised.fitting import on_draws
from natkit.method.supervised.labelled import (
    LEAST_STEPS,
    Labelled,
    fit_classifier,
    full_views,
    last_layers,
)
from natkit.method.supervised.tasks import Loss, goals_of
from natkit.method.training.loop import Loop
from natkit.method.views.images import Views

CPU = torch.device("cpu")
STILL = Views(crop=(1.0, 1.0), flip=False, brightness=0, contrast=0, blur=0)
SMALL = {"epochs": 5, "size": 16, "batch_size": 16, "views": STILL, "device": "cpu"}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """100 pictures of 16×16 of a shade ``grey``: stripes upright (kind a), lying (b) or none (c); 5 have no kind."""
    folder = tmp_path_factory.mktemp("stripes")
    (folder / "in").mkdir()
    rng, rows = np.random.default_rng(0), []
    stripes = np.where(np.arange(16) // 2 % 2, 60, 0)
    for i in range(100):
        kind, grey = "abc"[i % 3], int(rng.integers(20, 150))
        drawn = {"a": stripes, "b": stripes[:, None], "c": 0}[kind]
        Image.fromarray((rng.integers(0, 40, (16, 16)) + drawn + grey).astype(np.uint8)).save(
            folder / "in" / f"{i:03}.png"
        )
        upright, striped = float(kind == "a"), float(kind != "c")
        rows.append((f"{i:03}.png", kind, upright, striped, grey))
    table = pd.DataFrame(rows, columns=["path", "kind", "upright", "striped", "grey"])
    table.loc[[7, 20, 21, 50, 77], "kind"] = None
    table.loc[::4, "striped"] = np.nan
    audit = data_prep.audit(data_prep.scan(folder / "in", table), label="kind")
    data_prep.prepare(audit, folder / "prepared")
    return natkit.load(folder / "prepared")


@pytest.fixture(scope="module")
def model(images) -> NAT:
    return NAT(**SMALL | {"epochs": 2}).fit(images).set_params(epochs=5)


@pytest.fixture(scope="module")
def scratch(images, model) -> natkit.Embedding:
    return natkit.supervised(images, "kind", model.untrained()).embed(images)


def with_labels(images, column: str, values) -> natkit.data.images.ImageSet:
    return replace(images, table=images.table.assign(**{column: values}))


def weights(net) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


def changed(before: dict, after: dict) -> set[str]:
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


def test_what_can_be_learnt_is_learnt(images, scratch):
    test = (images.split == "test") & images.table["kind"].notna().to_numpy()
    truth = images.table["kind"].to_numpy()[test]
    for column, name in enumerate(scratch.meta["classes"]):
        assert roc_auc_score(truth == name, scratch.vectors[test, column]) > 0.95
    assert scratch.vectors.shape == (100, 3)
    np.testing.assert_array_equal(scratch.ids, images.ids)
    np.testing.assert_allclose(scratch.vectors.mean(axis=1), 0, atol=1e-5)


def test_it_says_where_it_came_from(images, model, scratch):
    known = images.table["kind"].notna().to_numpy()
    labels, val_labels = (int((known & (images.split == s)).sum()) for s in ("train", "val"))
    said = {
        "name": "supervised",
        "layer": "class scores",
        "classes": ["a", "b", "c"],
        "task": "classes",
        "labels": labels,
        "val_labels": val_labels,
        "chosen_on": "val",
        "layers": "all",
        "network": "small",
        "seed": 0,
        "data_hash": images.prepared.data_hash,
    }
    assert {**scratch.meta, "epoch": 0} == {**said, "epoch": 0}
    made = natkit.supervised(images, "kind", model, choose="last", layers="last", epochs=1, seed=4)
    expected = {"name": "fine-tuned", "chosen_on": "last epoch", "val_labels": 0, "epoch": 1}
    expected |= {"layers": "last", "seed": 4}
    assert {key: made.meta[key] for key in expected} == expected
    assert repr(made) == f"Supervised(fine-tuned, {labels} labels)"


def test_only_the_labels_of_train_and_val_are_read(images, model, scratch):
    """Other labels in test change nothing, to the bit; and an image without label is as one that was not drawn."""
    kind = images.table["kind"].to_numpy()
    other = np.where(images.split == "test", np.roll(kind, 1), kind)
    start = model.untrained()
    again = natkit.supervised(with_labels(images, "kind", other), "kind", start).embed(images)
    np.testing.assert_array_equal(again.vectors, scratch.vectors)
    drawn = images.ids[(images.split == "train") & pd.notna(kind)][:20]
    some = natkit.supervised(images, "kind", start, train_ids=drawn)
    gone = np.where(np.isin(images.ids, drawn) | (images.split != "train"), kind, None)
    less = natkit.supervised(with_labels(images, "kind", gone), "kind", start)
    np.testing.assert_array_equal(some.embed(images).vectors, less.embed(images).vectors)
    assert some.meta["labels"] == less.meta["labels"] == 20
    assert not np.allclose(some.embed(images).vectors, scratch.vectors)


def test_untrained_or_never_fitted_is_from_scratch(images, scratch):
    fresh = natkit.supervised(images, "kind", NAT(**SMALL))
    np.testing.assert_array_equal(fresh.embed(images).vectors, scratch.vectors)
    other = natkit.supervised(images, "kind", NAT(**SMALL), seed=3, epochs=1)
    first = NAT(**SMALL | {"seed": 3}).untrained(images).backbone.net.stem.weight
    assert torch.allclose(other.network[0].net.stem.weight, first, atol=0.1)
    assert not torch.allclose(fresh.network[0].net.stem.weight, first, atol=0.1)


def test_layers_that_are_not_trained_stay_to_the_bit(images, model):
    before = weights(model.backbone)
    for layers, part in (("last", {"net.blocks.3"}), ("all", set(before))):
        made = natkit.supervised(images, "kind", model, layers=layers, choose="last")
        moved = changed(before, made.network[0].state_dict())
        assert moved == {name for name in before if name.startswith(tuple(part))}, layers
        assert all(weight.requires_grad for weight in made.network.parameters())
    assert not changed(before, model.backbone.state_dict())


def test_last_is_the_last_block():
    for name, block in (("resnet18", "net.layer4"), ("small", "net.blocks.3")):
        net = backbone(name, 3, 0, size=64)
        paths = {path for path, layer in net.named_modules() if layer in last_layers(net)}
        owners = {p.rpartition(".")[0] for p, _ in net.named_parameters()}
        assert paths == {p for p in owners if p.startswith(block)}


def test_the_classifier_fitted_first_is_scikit_learns():
    """Balanced logistic regression on standardised features, and ridge regression for a measurement."""
    rng = np.random.default_rng(0)
    kind = np.where(rng.random(80) < 0.2, "ng", "ok")
    x = rng.normal(3, 2, (80, 5)) + (kind == "ng")[:, None] * [1, 0, 0, 2, 0]
    size = x @ [1, 2, 0, 0, 0] + rng.normal(size=80)
    table, rows = pd.DataFrame({"kind": kind, "size": size}), np.arange(80)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    odds = LogisticRegression(C=0.02, class_weight="balanced", tol=1e-8).fit(standard, kind)
    unit = (size - size.mean()) / size.std()
    ridge = Ridge(alpha=0.5 / 0.01).fit(standard, unit)
    for label, expected in (("kind", odds.decision_function), ("size", ridge.predict)):
        goals = goals_of(table, label)
        loss, layer = Loss(goals, rows, CPU), nn.Linear(5, len(goals.names))
        features = torch.from_numpy(x.astype(np.float32))
        fit_classifier(layer, features, lambda scores, loss=loss: loss(scores, rows))
        scores = layer(features).detach().numpy()
        ours = scores[:, -1] - (scores[:, 0] if label == "kind" else 0)
        np.testing.assert_allclose(ours, expected(standard), atol=2e-3)


def test_a_trained_backbone_first_gets_its_classifier(images, model, monkeypatch):
    """Before the first step the classifier is fitted and the backbone as it was; from scratch it is nought."""
    seen = []
    monkeypatch.setattr(
        Labelled, "open", lambda run, epoch: seen.append(weights(run.network)) or 1 / 0
    )
    for start in (model, model.untrained()):
        with pytest.raises(ZeroDivisionError):
            natkit.supervised(images, "kind", start)
        before = {f"0.{name}": value for name, value in start.backbone.state_dict().items()}
        assert not changed(before, seen[-1])
        assert bool(seen[-1]["1.weight"].any()) == (start is model)
    assert seen[0]["1.weight"].abs().max() > 0


def test_where_learning_on_only_hurts_the_classifier_alone_is_kept(images, model):
    made = natkit.supervised(images, "kind", model, lr=3.0, epochs=2)
    assert made.meta["epoch"] == 0
    assert not changed(weights(model.backbone), made.network[0].state_dict())
    assert np.isfinite(made.embed(images).vectors).all()


def test_a_trained_backbone_learns_at_a_quarter_of_the_rate(images, model, monkeypatch):
    step, rates = torch.optim.AdamW.step, []

    def noted(optimizer, *given):
        rates.append(optimizer.param_groups[0]["lr"])
        return step(optimizer, *given)

    monkeypatch.setattr(torch.optim.AdamW, "step", noted)
    peaks = []
    for start, lr in ((model.untrained(), None), (model, None), (model, 0.01)):
        rates.clear()
        natkit.supervised(images, "kind", start, lr=lr, epochs=2)
        peaks.append(max(rates))
    assert peaks[0] == pytest.approx(4 * peaks[1])
    assert peaks[2] == pytest.approx(0.01 * peaks[0] / 2e-3)


def test_the_epoch_that_orders_val_best_is_kept(images, model):
    """Of labels that mean nothing an early one; its AUROC is that of the scores, computed here."""
    kind = images.table["kind"].to_numpy().copy()
    train = images.split == "train"
    kind[train] = np.random.default_rng(0).permutation(kind[train])
    start = model.untrained()
    made = natkit.supervised(with_labels(images, "kind", kind), "kind", start, lr=0.02, epochs=6)
    areas = [row["val"] for row in made.history]
    assert made.meta["epoch"] == 1 + int(np.argmax(areas)) < 6
    val = (images.split == "val") & pd.notna(kind)
    scores = made.embed(images).vectors[val]
    each = [roc_auc_score(kind[val] == name, scores[:, i]) for i, name in enumerate("abc")]
    assert np.mean(each) == pytest.approx(max(areas), abs=0.01)


def test_without_both_kinds_in_val_the_last_epoch_is_kept(images, model):
    alike = (images.table["kind"] == "a") | (images.split == "val")
    made = natkit.supervised(with_labels(images, "upright", alike), "upright", model, epochs=2)
    assert (made.meta["chosen_on"], made.meta["epoch"]) == ("last epoch", 2)


def test_gradients_against_numpy_whole_and_in_parts(images):
    """A linear network's cross-entropy with classes that count alike: the closed form."""
    goals, rows = goals_of(images.table, "kind"), np.array([0, 1, 2, 3, 4, 5, 6, 9])
    pixels = images.pixels(16)
    scaling = Scaling.of(pixels)
    x = (pixels[rows].reshape(8, -1) / 255 - scaling.mean[0]) / scaling.std[0]
    y = goals.values[rows]
    given = np.random.default_rng(1).normal(0, 0.1, (3, 256)).astype(np.float32)
    odds = np.exp(x @ given.T)
    weight = 8 / 3 / np.bincount(y)[y]
    slope = (odds / odds.sum(axis=1, keepdims=True) - np.eye(3)[y]) * weight[:, None] / 8
    for micro in (None, 3):
        layer = nn.Linear(256, 3, bias=False)
        layer.weight.data = torch.tensor(given)
        encoder = nn.Sequential(nn.Flatten(), layer)
        settings = Settings(batch_size=8, micro_batch=micro, views=STILL, size=16)
        parts, loss = (rows, rows[:0]), Loss(goals, rows, CPU)
        labelled = Labelled(encoder, pixels, scaling, parts, loss, False)
        run = Loop(encoder, labelled.train_pixels, scaling, full_views(settings), labelled)
        mark = run.step(np.arange(8), 0)
        np.testing.assert_allclose(layer.weight.grad, slope.T @ x, atol=1e-5)
        expected = -np.log((odds / odds.sum(axis=1, keepdims=True))[range(8), y]) * weight
        assert mark["loss"] == pytest.approx(expected.mean(), rel=1e-5)


def test_columns_count_where_they_are_known(images):
    """Binary cross-entropy of the known ones, by the formula."""
    goals = goals_of(images.table, ["upright", "striped"])
    assert goals.names == ["upright", "striped"]
    rows = np.array([0, 1, 4, 5])
    scores = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    truth = images.table[["upright", "striped"]].to_numpy(float)[rows]
    assert np.isnan(truth).any()
    chance = 1 / (1 + np.exp(-scores))
    each = -np.log(np.where(truth == 1, chance, 1 - chance))
    expected = np.nanmean(np.where(np.isnan(truth), np.nan, each), axis=1)
    loss = Loss(goals, np.arange(100), CPU)(torch.from_numpy(scores), rows)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_columns_are_learnt_side_by_side(images, model):
    emb = natkit.supervised(images, ["upright", "striped"], model).embed(images)
    assert emb.meta["task"] == "columns"
    for column, name in enumerate(["upright", "striped"]):
        truth = images.table[name].to_numpy(float)
        rows = (images.split == "test") & np.isfinite(truth)
        assert roc_auc_score(truth[rows], emb.vectors[rows, column]) > 0.9, name


def test_a_measurement_comes_in_its_own_unit(images, model):
    """Labels times 10 and plus 500 give scores times 10 and plus 500; and shades are told from pictures."""
    start, grey = model.untrained(), images.table["grey"]
    emb = natkit.supervised(images, "grey", start).embed(images)
    assert (emb.meta["task"], emb.meta["classes"]) == ("measurement", ["grey"])
    test = images.split == "test"
    assert np.corrcoef(emb.vectors[test, 0], grey[test])[0, 1] > 0.8
    assert (
        np.abs(emb.vectors[test, 0] - grey[test]).mean() < 0.7 * np.abs(grey - grey.mean()).mean()
    )
    scaled = natkit.supervised(with_labels(images, "grey", 10 * grey + 500), "grey", start)
    expected = (
        10 * emb.vectors + 500
    )  # rounding of the labels grows while training, more with two threads
    off = np.abs(scaled.embed(images).vectors - expected)
    assert off.max() < 0.05 * expected.std()


def test_few_labels_get_fifteen_steps_an_epoch_and_no_batch_has_an_image_twice(images):
    goals = goals_of(images.table, "kind")
    rows = np.flatnonzero(goals.known)
    for n, batch, steps in ((8, 64, 15), (41, 8, 15), (90, 4, 22)):
        settings = Settings(batch_size=batch, size=16, views=STILL, device="cpu")
        pixels = images.pixels(16)
        parts = rows[:n], rows[:0]
        net = nn.Sequential(nn.Flatten(), nn.Linear(256, 3))
        loss = Loss(goals, parts[0], CPU)
        labelled = Labelled(net, pixels, Scaling.of(pixels), parts, loss, False)
        run = Loop(net, labelled.train_pixels, labelled.scaling, settings, labelled)
        assert run.per_epoch == steps
        batches = run._order(np.random.default_rng(0))[: steps * run.batch].reshape(steps, -1)
        assert all(len(set(each)) == run.batch for each in batches)
        assert np.ptp(np.bincount(batches.ravel(), minlength=n)) <= 1 + steps * batch // n
    assert LEAST_STEPS == 15


def test_a_class_without_labels_to_learn_from_never_wins(images, model):
    kind, train = images.table["kind"].to_numpy(), images.split == "train"
    drawn = images.ids[train & np.isin(kind, ["a", "b"])]
    emb = natkit.supervised(images, "kind", model, train_ids=drawn).embed(images)
    assert emb.meta["classes"] == ["a", "b", "c"]
    assert (emb.vectors[train].argmax(axis=1) != 2).all()


# --- several draws


def test_draws_go_on_where_they_were_stopped(images, model, tmp_path, monkeypatch):
    """Ctrl-C in the second of three draws: the first is kept; the same call then trains the two others alone."""
    ids = images.ids[images.split == "train"]
    draws = [ids[:15], ids[:30], ids]
    whole = on_draws(images, "kind", draws, model, epochs=2)
    assert [emb.meta["labels"] for emb in whole] == [
        int(images.table["kind"][np.isin(images.ids, draw)].notna().sum()) for draw in draws
    ]
    begin, runs = Labelled.begin, []

    def counted(run, *given):
        runs.append(run)
        if len(runs) == stop_in:
            os.kill(os.getpid(), signal.SIGINT)
        return begin(run, *given)

    stop_in = 2
    monkeypatch.setattr(Labelled, "begin", counted)
    with pytest.raises(KeyboardInterrupt):
        on_draws(images, "kind", draws, model, folder=tmp_path, epochs=2)
    assert len(list(tmp_path.iterdir())) == 1
    runs.clear()
    stop_in = None
    again = on_draws(images, "kind", draws, model, folder=tmp_path, epochs=2)
    assert len(runs) == 2
    for one, other in zip(again, whole, strict=True):
        np.testing.assert_array_equal(one.vectors, other.vectors)
        assert one.meta == other.meta
    runs.clear()
    on_draws(images, "kind", draws, model, folder=tmp_path, epochs=2)
    assert not runs
    relabelled = with_labels(images, "kind", np.roll(images.table["kind"], 1))
    for other in (
        lambda: on_draws(images, "kind", draws[:1], model, folder=tmp_path, epochs=1),
        lambda: on_draws(images, "upright", draws[:1], model, folder=tmp_path, epochs=2),
        lambda: on_draws(images, "kind", draws[:1], model.untrained(), folder=tmp_path, epochs=2),
        lambda: on_draws(images, "kind", [draws[0][:-1]], model, folder=tmp_path, epochs=2),
        lambda: on_draws(relabelled, "kind", draws[:1], model, folder=tmp_path, epochs=2),
    ):
        runs.clear()
        other()
        assert runs


def test_ctrl_c_leaves_a_usable_model(images, model, monkeypatch, capsys):
    begin = Labelled.begin

    def interrupted(run, *given):
        os.kill(os.getpid(), signal.SIGINT)
        return begin(run, *given)

    monkeypatch.setattr(Labelled, "begin", interrupted)
    made = natkit.supervised(images, "kind", model)
    assert len(made.history) == 1
    assert np.isfinite(made.embed(images).vectors).all()
    assert "Stopping when this epoch ends" in capsys.readouterr().out


def test_a_fault_of_the_line_reaches_the_scores(images, model):
    made = natkit.supervised(images, "kind", model, epochs=1)
    blurred = made.embed(images, ("blur", 0.2))
    assert blurred.meta["corruption"] == {"kind": "blur", "strength": 0.2}
    assert not np.allclose(blurred.vectors, made.embed(images).vectors)


# --- what is refused


@pytest.mark.parametrize(
    ("label", "options", "message"),
    [
        ("colour", {}, "no column 'colour'; it has id, path.*Name one of these as label"),
        (["kind", "upright"], {}, "'kind' holds 'a'. Give one column of classes, or columns of 0"),
        ("kind", {"layers": "first"}, r"layers is one of \('all', 'last'\), got 'first'"),
        ("kind", {"choose": "test"}, r"choose is one of \('val', 'last'\), got 'test'"),
        ("kind", {"epochs": 0}, "epochs must be at least 1, got 0"),
        ("kind", {"train_ids": [99_999]}, "1 of 1 are not, the first is 99999. Draw from"),
        ("kind", {"train_ids": "few"}, "at least 8 labelled images .* got 5. Label more"),
        ("kind", {"train_ids": "alike"}, "labelled images to train on hold one and the same"),
        ("kind", {"train_ids": "test"}, "are ids of the split train"),
    ],
)
def test_what_can_not_be_trained_is_told(label, options, message, images, model):
    kind, train = images.table["kind"].to_numpy(), images.split == "train"
    named = {
        "few": images.ids[train & pd.notna(kind)][:5],
        "alike": images.ids[train & (kind == "a")],
        "test": images.ids[images.split == "test"],
    }
    if isinstance(options.get("train_ids"), str):
        options = {"train_ids": named[options["train_ids"]]}
    with pytest.raises(InputError, match=message):
        natkit.supervised(images, label, model, **options)


def test_the_start_is_a_network(images):
    with pytest.raises(InputError, match="start is a NAT: trained, or .* its untrained"):
        natkit.supervised(images, "kind", None)


def test_a_measurement_that_is_the_same_everywhere_is_told(images, model):
    grey = np.where(images.split == "train", 7.0, np.arange(100) / 3)
    with pytest.raises(InputError, match="one and the same label"):
        natkit.supervised(with_labels(images, "upright", grey), "upright", model)
