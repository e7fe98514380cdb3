"""The signs of health tell a good run from runs broken on purpose; the rates stand in tests/benchmarks/health.py."""

from unittest.mock import patch

import numpy as np
import pytest
from sklearn.datasets import load_digits
from torch import nn

from natkit import NAT, InputError
from natkit.data.decoding import resize
from natkit.method.health import health
from natkit.method.views.images import Views, preset
from natkit.show.words import titles
from natkit.show.words.catalogue import words

STILL = Views(crop=(1, 1), flip=False, brightness=0, contrast=0, blur=0, small=0)


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    pictures = [resize((image * 15.9).astype(np.uint8), 16) for image in load_digits().images]
    return np.stack(pictures)


def bad_signs(train: np.ndarray, held_out: np.ndarray, **settings) -> list[str]:
    common = {"epochs": 8, "size": 16, "device": "cpu", "views": preset("fixed_pose"), "lr": 4e-3}
    model = NAT(**common | settings).fit(train)
    found = health(model, held_out, train)
    assert found["healthy"] == all(row["good"] for row in found["signs"])
    return [row["sign"] for row in found["signs"] if not row["good"]]


def test_a_good_run_is_healthy(digits):
    assert bad_signs(digits[:600], digits[600:800]) == []


def test_a_learning_rate_of_nothing_is_found(digits):
    assert {"kept", "gap"} & set(bad_signs(digits[:600], digits[600:800], lr=0.0))


def test_views_that_change_nothing_are_found(digits):
    assert "views" in bad_signs(digits[:600], digits[600:800], views=STILL)


def test_copies_are_found(digits):
    assert "copies" in bad_signs(np.tile(digits[:60], (10, 1, 1, 1)), digits[600:800])


def test_a_head_behind_a_relu_is_found(digits):
    plain = NAT.new_head
    with patch.object(NAT, "new_head", lambda self, n: plain(self, n).append(nn.ReLU())):
        assert "one_sided" in bad_signs(digits[:600], digits[600:800])


def test_a_head_that_gives_nothing_is_found(digits):
    """All outputs 0: soft matching trains on, and the signs tell; exact matching stops and says why."""
    plain = NAT.new_head
    with patch.object(NAT, "new_head", lambda self, n: plain(self, n).append(nn.Threshold(99, 0))):
        assert "one_sided" in bad_signs(digits[:100], digits[600:700], epochs=1)
        with pytest.raises(InputError, match="for 128 of 128 views all outputs of the head are 0"):
            bad_signs(digits[:100], digits[600:700], epochs=1, matching="exact")


def test_targets_that_are_never_traded_are_found(digits):
    with patch(
        "natkit.method.objectives.matching.SOLVERS", {"exact": lambda features, _: _order(features)}
    ):
        assert "changed" in bad_signs(digits[:600], digits[600:800], matching="exact")


def _order(features):
    return features.new_tensor(range(len(features)), dtype=int)


def test_the_control_begins_where_the_training_began(digits, tmp_path):
    """With weights from a file the control has them too: without learning it is as good as the model was."""
    common = {"epochs": 3, "size": 16, "device": "cpu", "views": preset("fixed_pose")}
    NAT(**common, seed=1).fit(digits[:600]).export(tmp_path / "net.safetensors")
    control = []
    for weights in (None, tmp_path / "net.safetensors"):
        model = NAT(**common | {"epochs": 1, "lr": 0.0}, weights=weights).fit(digits[:100])
        signs = {row["sign"]: row for row in health(model, digits[600:700])["signs"]}
        control.append(signs["gap"]["control"])
    assert control[1] > control[0] + 0.05


def test_too_few_images_and_no_head_are_told(digits):
    model = NAT(epochs=1, size=16, device="cpu").fit(digits[:64])
    found = health(model, digits[:31])
    assert (found["healthy"], found["n"], found["signs"]) == (None, 31, [])
    assert "31 held-out images are too few" in titles.health(words("en"), found)[0]
    with pytest.raises(InputError, match="with its head"):
        health(model.untrained(), digits[:64])


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize("sign", ["kept", "gap", "one_sided", "views", "changed", "copies"])
def test_every_sign_has_its_sentence(sign, good, lang):
    row = {"sign": sign, "value": 0.123, "control": 0.5, "limit": 0.6, "good": good}
    (sentence,) = titles.health(words(lang), {"signs": [row]})
    assert "0.123" in sentence or "12%" in sentence or (sign, good) == ("changed", False)
