"""A trained model on disk: safetensors, JSON, CSV and npz; nothing that can run code."""

import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from natkit.errors import InputError
from natkit.files import write_json, writing
from natkit.method.backbones import backbone, head
from natkit.method.training import Scaling, settings_of
from natkit.method.views import Views

if TYPE_CHECKING:
    from natkit.method.nat import NAT

FORMAT, VERSION = "natkit-run", 1


def save(model: "NAT", folder: str | Path) -> None:
    """Write a run folder, whole or not at all. Raises InputError if the folder has contents."""
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise InputError(
            f"{folder} is not empty, and a run is never overwritten. Give another folder."
        )
    with writing(folder) as part:
        part.mkdir()
        save_file(_weights(model.backbone), part / "backbone.safetensors")
        if model.head is not None:
            save_file(_weights(model.head), part / "head.safetensors")
        np.savez(part / "assignment.npz", ids=model.ids, targets=model.assignment)
        pd.DataFrame(model.history).to_csv(part / "history.csv", index=False)
        packages = {p: version(p) for p in ("torch", "numpy", "scipy", "scikit-learn")}
        environment = {
            "python": platform.python_version(),
            "device": str(model.device_),
            **packages,
        }
        write_json(part / "environment.json", environment)
        config = {"format": FORMAT, "version": VERSION, "name": model.name}
        config |= {"settings": settings_of(model), "scaling": asdict(model.scaling)}
        write_json(part / "config.json", config)


def load(cls: "type[NAT]", folder: str | Path) -> "NAT":
    """Read a run folder into a fitted model, on the device that its settings ask for."""
    folder = Path(folder)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if config["format"] != FORMAT or config["version"] != VERSION:
            raise ValueError(f"format {config['format']} version {config['version']}")
        settings = config["settings"] | {"views": Views(**config["settings"]["views"])}
        model = cls(**settings)
        model.check()
        scaling = config["scaling"]
        model.scaling = Scaling(scaling["peak"], tuple(scaling["mean"]), tuple(scaling["std"]))
        net = backbone(model.network, len(model.scaling.mean), model.seed)
        net.load_state_dict(load_file(folder / "backbone.safetensors"))
        outer = None
        if (folder / "head.safetensors").exists():
            outer = head(net.features, model.head_width, model.dim, model.seed)
            outer.load_state_dict(load_file(folder / "head.safetensors"))
        with np.load(folder / "assignment.npz", allow_pickle=False) as file:
            model.ids, model.assignment = file["ids"], file["targets"]
        model.history = _history(folder / "history.csv") if outer else []
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{folder} is not a run that this natkit can read ({reason}). "
            "Give the folder that model.save() or the notebook 02_train wrote."
        ) from error
    return model._place(net, outer, config["name"])


def _history(file: Path) -> list[dict]:
    table = pd.read_csv(file).astype(object)
    return table.where(table.notna(), None).to_dict("records")


def _weights(net) -> dict:
    return {key: value.contiguous().cpu() for key, value in net.state_dict().items()}
