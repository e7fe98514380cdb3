"""A run on disk: the trained model, and the state from which training goes on to the bit."""

import hashlib
import json
import platform
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from natkit.core.errors import InputError
from natkit.core.files import write_json, writing
from natkit.data.shards import Stream
from natkit.method.batches import Scaling
from natkit.method.objectives.assigned import (
    narrow,
    pack,
    read_assignment,
    unpack,
    write_assignment,
)
from natkit.method.settings import Settings
from natkit.method.training.loop import Loop
from natkit.method.training.state import OBJECTIVE, restore, state_of
from natkit.method.views.images import Views
from natkit.method.views.signals import SignalViews

Model = TypeVar(
    "Model", bound=Settings
)  # the estimator, which is its settings and what it has learnt

FORMAT, VERSION = "natkit-run", 2
READABLE = (1, 2)  # version 1 holds ids and targets as int64
STATE = "state.safetensors"  # in the folder of a checkpoint
STATE_FORMAT = "natkit-training-state"
FREE = {"device", "micro_batch", "compile"}  # a run may go on with other values of these


def save(model: Settings, folder: str | Path) -> None:
    """Write a run folder, whole or not at all. Raises InputError if the folder has contents."""
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise InputError(
            f"{folder} is not empty, and a run is never overwritten. Give another folder."
        )
    with writing(folder) as part:
        part.mkdir()
        save_file(_weights(model.backbone.net), part / "backbone.safetensors")
        if model.head is not None:
            save_file(_weights(model.head), part / "head.safetensors")
        write_assignment(part / "assignment.npz", model.ids, model.assignment)
        pd.DataFrame(model.history).to_csv(part / "history.csv", index=False)
        packages = {p: version(p) for p in ("torch", "numpy", "scipy", "scikit-learn")}
        environment = {
            "python": platform.python_version(),
            "device": str(model.device_),
            **packages,
        }
        write_json(part / "environment.json", environment)
        config = {"format": FORMAT, "version": VERSION, "name": model.name}
        config |= {"settings": model.plain(), "scaling": asdict(model.scaling)}
        write_json(part / "config.json", config)


def load(cls: type[Model], folder: str | Path) -> Model:
    """Read a run folder, or the folder of a checkpoint, into a fitted model on the device of its settings."""
    folder = Path(folder)
    try:
        if (folder / STATE).exists():
            return _load_state(cls, folder / STATE)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if config["format"] != FORMAT or config["version"] not in READABLE:
            raise ValueError(f"format {config['format']} version {config['version']}")
        model = _model(cls, config)
        net, outer = model.new_backbone(), None
        net.net.load_state_dict(load_file(folder / "backbone.safetensors"))
        if (folder / "head.safetensors").exists():
            outer = model.new_head(net.features)
            outer.load_state_dict(load_file(folder / "head.safetensors"))
        model.ids, model.assignment = read_assignment(folder / "assignment.npz")
        model.history = _history(folder / "history.csv") if outer else []
        name = str(config["name"])
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise InputError(
            f"{folder} is not a run that this natkit can read ({_first_line(error)}). "
            "Give the folder that model.save() or the notebook 02_train wrote."
        ) from error
    return model._place(net, outer, name)


def _load_state(cls: type[Model], file: Path) -> Model:
    kept, facts = _state(file)
    model = _model(cls, facts)
    net = model.new_backbone()
    outer = model.new_head(net.features)
    weights = {key[8:]: value for key, value in kept.items() if key.startswith("encoder.")}
    nn.Sequential(net, outer).load_state_dict(weights)
    arrays, none = {key: value.numpy() for key, value in kept.items()}, np.empty(0, np.int32)
    earlier = {key[5:]: value for key, value in arrays.items() if key.startswith("past.")}
    past = unpack(earlier) if earlier else none
    model.ids = np.concatenate([past, unpack(arrays)])
    model.assignment = np.concatenate(
        [earlier.get("targets", none), narrow(arrays[f"{OBJECTIVE}.held"])]
    )
    model.history = joined(facts.get("past", []), facts["history"])
    return model._place(net, outer, "NAT")


def _model(cls: type[Model], config: dict) -> Model:
    """The estimator that a file describes, without networks yet."""
    model = cls(**config["settings"])
    if isinstance(model.views, dict):
        model.views = (SignalViews if model.kind == "signals" else Views)(**model.views)
    model.check()
    scaling = config["scaling"]
    mean, std = (tuple(map(float, scaling[key])) for key in ("mean", "std"))
    model.scaling = Scaling(float(scaling["peak"]), mean, std)
    if len(mean) != len(std) or not min(model.scaling.peak, *std) > 0:
        raise ValueError(f"scaling {scaling}")
    return model


def joined(past: list[dict], rows: list[dict]) -> list[dict]:
    """The history of a training that went on: epochs and seconds count from the first."""
    epochs, seconds = (past[-1][key] if past else 0 for key in ("epoch", "seconds"))
    return past + [
        row | {"epoch": epochs + row["epoch"], "seconds": seconds + row["seconds"]} for row in rows
    ]


def train(run: Loop, folder: str | Path, facts: dict, ids: np.ndarray, past: dict) -> None:
    """Train to the end, from the state in ``folder`` if there is one, and keep the state after each epoch.

    See :func:`keep`. One of several processes reads and writes; what fails there fails in all.
    """
    file, team = Path(folder) / STATE, run.team
    if team.on_rank_zero(file.exists):
        resume(run, file, facts)
    kept = partial(team.on_rank_zero, lambda: keep(run, file, facts, ids, past))
    try:
        run.train(kept, kept)
    except InputError as error:
        kept = f" The state after epoch {len(run.history)} is in {folder}: NAT.load() reads it."
        raise InputError(f"{error}{kept if run.history else ''}") from error


def fingerprint(pixels: np.ndarray, ids: np.ndarray, sample_weight: np.ndarray | None) -> str:
    """Hex digest of the images that a run is trained on, and of how often each is shown."""
    digest = hashlib.sha256(f"{pixels.dtype} {pixels.shape}".encode())
    digest.update(ids.tobytes())
    if sample_weight is not None:
        digest.update(sample_weight.tobytes())
    if isinstance(pixels, Stream):
        digest.update(pixels.name.encode())
        return digest.hexdigest()
    for picture in pixels:
        digest.update(np.ascontiguousarray(picture))
    return digest.hexdigest()


def keep(run: Loop, file: Path, facts: dict, ids: np.ndarray, past: dict) -> None:
    """Write the state of a run between two steps in one file, which replaces the one before.

    ``facts`` are the hash of the images trained on ("data") and their "scaling". ``past`` is what the model had
    before: "ids" and "targets" of images that are not trained along, "history" of the earlier trainings.
    """
    for left in file.parent.glob(f".{file.name}.*.part"):  # of a process that was killed
        left.unlink()
    facts = {"format": STATE_FORMAT, "version": VERSION, "history": run.history} | facts
    facts |= {"settings": run.settings.plain(), "past": past.get("history", [])}
    tensors = {name: value.contiguous().cpu() for name, value in state_of(run).items()}
    tensors |= {key: torch.from_numpy(value) for key, value in pack(ids).items()}
    if "ids" in past:
        earlier = pack(past["ids"]) | {"targets": narrow(past["targets"])}
        tensors |= {f"past.{key}": torch.from_numpy(value) for key, value in earlier.items()}
    with writing(file) as part:
        save_file(tensors, part, {"natkit": json.dumps(facts)})


def resume(run: Loop, file: Path, facts: dict) -> None:
    """Bring ``run`` to where :func:`keep` left it.

    Raises
    ------
    InputError
        If the file is none of ours or cut short, or belongs to other settings or images.
    """
    kept, before = run.team.on_rank_zero(lambda: _state(file))
    ours = json.loads(json.dumps(run.settings.plain()))
    other = sorted(k for k in ours if k not in FREE and ours[k] != before["settings"].get(k))
    if other or before["data"] != facts["data"]:
        what = ", ".join(f"{k} {before['settings'].get(k)!r} instead of {ours[k]!r}" for k in other)
        raise InputError(
            f"{file} belongs to a training with {what or 'other images'}. "
            "Give another folder, or the same settings and images to go on from it."
        )
    try:
        restore(run, kept, before["history"])
    except (KeyError, RuntimeError, ValueError) as error:
        raise _unreadable(file, error) from error


def _state(file: Path) -> tuple[dict[str, torch.Tensor], dict]:
    try:
        with safe_open(file, "pt") as stored:
            facts = json.loads(stored.metadata()["natkit"])
            if facts["format"] != STATE_FORMAT or facts["version"] not in READABLE:
                raise ValueError(f"format {facts['format']} version {facts['version']}")
            _ = facts["settings"], facts["history"], facts["data"], facts["scaling"]
            names = stored.keys()  # a copy, since the file may be replaced while it is mapped
            return {name: stored.get_tensor(name).clone() for name in names}, facts
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: Exception) -> InputError:
    """What is said of a file that is no state of ours."""
    return InputError(
        f"{file} is not a training state that this natkit can read ({_first_line(error)}). "
        "Move it away to train from the start."
    )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _history(file: Path) -> list[dict]:
    table = pd.read_csv(file).astype(object)
    return table.where(table.notna(), None).to_dict("records")


def _weights(net) -> dict:
    return {key: value.contiguous().cpu() for key, value in net.state_dict().items()}
