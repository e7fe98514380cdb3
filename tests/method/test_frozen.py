"""Networks from disk: torchvision's own features, from files of either kind, and nothing that runs code."""

import pickle
from urllib.error import URLError

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import get_model

import natkit
from natkit import InputError
from natkit.method.batches import Scaling


@pytest.fixture(scope="module")
def images(prepared_line):
    return natkit.load(prepared_line / "prepared")


@pytest.fixture(scope="module")
def plain():
    torch.manual_seed(5)
    return get_model("resnet18").eval()


def test_features_are_torchvisions_from_either_kind_of_file(images, plain, tmp_path):
    save_file(plain.state_dict(), tmp_path / "weights.safetensors")
    torch.save(plain.state_dict(), tmp_path / "weights.pth")
    stored = images.pixels(48)
    scaling = Scaling.of(stored[images.split == "train"])
    without = nn.Sequential(*list(plain.children())[:-1], nn.Flatten())
    with torch.inference_mode():
        expected = without(scaling.standard(scaling.light(stored, torch.device("cpu"))))
    for file in ("weights.safetensors", "weights.pth"):
        emb = natkit.frozen(images, "resnet18", tmp_path / file, size=48, device="cpu")
        np.testing.assert_allclose(emb.vectors, expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(emb.ids, images.ids)
        assert emb.name == f"resnet18 ({file})"
        assert emb.meta["data_hash"] == images.prepared.data_hash
    random = natkit.frozen(images, "resnet18", size=48, name="random", device="cpu")
    assert random.name == "random"
    assert not np.allclose(random.vectors, expected, atol=1e-2)


def test_torchvisions_own_weights_come_when_asked_for_by_name(images, plain, monkeypatch):
    """Without a way to them the error says which file to fetch; nothing is asked for before."""
    asked = []

    def fetch(url, **_):
        asked.append(url)
        if len(asked) > 1:
            raise URLError("no way")
        return plain.state_dict()

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fetch)
    natkit.frozen(images, "resnet18", size=32, device="cpu")
    assert not asked
    emb = natkit.frozen(images, "resnet18", "DEFAULT", size=32, device="cpu")
    assert emb.name == "resnet18 (DEFAULT)"
    with pytest.raises(InputError, match=r"IMAGENET1K_V1 of resnet18 can't be had.*no way.*https:"):
        natkit.frozen(images, "resnet18", "IMAGENET1K_V1", size=32, device="cpu")
    with pytest.raises(InputError, match=r"for resnet18 one of DEFAULT, IMAGENET1K_V1; got 'x'"):
        natkit.frozen(images, "resnet18", "x", size=32, device="cpu")
    with pytest.raises(InputError, match="for small one of no names; got 'DEFAULT'"):
        natkit.frozen(images, "small", "DEFAULT", size=32, device="cpu")
    assert len(asked) == 2


class Trap:
    def __reduce__(self):
        return pytest.fail, ("code of the file was run",)


def test_a_file_that_is_no_state_dict_is_refused(images, plain, tmp_path):
    torch.save({"epoch": 3, "model": plain.state_dict()}, tmp_path / "nested.pth")
    torch.save(get_model("resnet34").state_dict(), tmp_path / "deeper.pth")
    torch.save(Trap(), tmp_path / "trap.pth")
    (tmp_path / "hostile.pth").write_bytes(pickle.dumps(Trap()))
    (tmp_path / "empty.pt").touch()
    for file, message in (
        ("nested.pth", "something else beside tensors"),
        ("deeper.pth", "deeper.pth does not fit resnet18"),
        ("trap.pth", "can't be read as a state dict of tensors"),
        ("hostile.pth", "can't be read as a state dict of tensors"),
        ("empty.pt", "can't be read as a state dict of tensors"),
        ("nowhere.pth", "can't be read as a state dict of tensors"),
    ):
        with pytest.raises(InputError, match=message):
            natkit.frozen(images, "resnet18", tmp_path / file, size=32, device="cpu")
