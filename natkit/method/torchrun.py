"""What torchrun starts: train, or embed, as a file says. :mod:`natkit.method.training.distributed` shows the commands.

The file ``run.json`` holds paths, as seen from where the command was started, and settings:

``prepared``
    Prepared folder.
``settings``
    Those of :class:`natkit.NAT` that are not to be its own, such as ``{"epochs": 20}``; those in the
    ``config.json`` of a run will do.
``checkpoint``
    Folder that keeps the state after each epoch; may be absent, and then a stopped training starts again.
``run``
    Folder in which the trained model goes; from there it is embedded.
``embedding``
    File for the embedding of all images; to train alone it may be absent.
"""

import argparse
import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch

import natkit
from natkit.core.errors import InputError
from natkit.core.files import sha256
from natkit.data.embedding import Embedding
from natkit.data.images import ImageSet
from natkit.method.nat import NAT
from natkit.method.training.distributed import Team, joined
from natkit.method.views.images import Views

KNOWN = {"prepared": str, "settings": dict, "checkpoint": str, "run": str, "embedding": str}


def train(config: dict, team: Team) -> None:
    """Train on the prepared folder, and write the run."""
    run = Path(_needed(config, "run"))
    if team.on_rank_zero(lambda: run.exists() and any(run.iterdir())):
        raise InputError(
            f"{run} is not empty, and a run is never overwritten. Give another folder."
        )
    model = _model(config.get("settings", {}))
    images = _images(config, model, team)
    model.fit(images, checkpoint=config.get("checkpoint"))
    team.on_rank_zero(lambda: model.save(run))


def embed(config: dict, team: Team) -> None:
    """Embed the images of all splits by the trained model, each process a share, and write one file."""
    run, file = _needed(config, "run"), _needed(config, "embedding")
    model = NAT.load(run)
    team.agree({"the trained model": sha256(Path(run) / "backbone.safetensors")})
    embedding = shared_embedding(model, _images(config, model, team), team)
    team.on_rank_zero(lambda: embedding.save(file))


def shared_embedding(model: NAT, images: ImageSet, team: Team) -> Embedding:
    """``model.embed(images)``, each process a share of the images; all get all of it."""
    each = -(-len(images) // team.size)
    rows = np.minimum(np.arange(each * team.size), len(images) - 1)  # the last one fills up
    mine = model.embed(images[rows[team.part(len(rows))]])
    vectors = team.all_gather(torch.from_numpy(mine.vectors))[: len(images)]
    return Embedding(vectors.numpy(), images.ids, mine.meta)


def _images(config: dict, model: NAT, team: Team) -> ImageSet:
    """The prepared folder, with its pixels in the cache: decoded once, or once a host that has a copy of its own."""
    images = natkit.load(_needed(config, "prepared"))
    team.agree(model.plain() | {"the prepared images": images.prepared.data_hash})
    for turn in (team.rank == 0, os.environ.get("LOCAL_RANK", "0") == "0"):
        if turn:
            images.pixels(model.size)
        team.every(None)  # the others wait
    return images


def _model(settings: dict) -> NAT:
    known = NAT().get_params()
    strange = sorted(set(settings) - set(known))
    if strange:
        raise InputError(
            f"NAT has no setting {strange[0]!r}; it has {', '.join(known)}. Correct it under settings, or take it out."
        )
    if isinstance(settings.get("views"), dict):
        settings = settings | {"views": Views(**settings["views"])}
    return NAT(**settings)


def _needed(config: dict, key: str) -> str:
    if key not in config:
        raise InputError(f"The file says nothing of {key!r}, which is needed here. Add it.")
    return config[key]


def _read(file: str) -> dict:
    """The file of a run, checked for what it may hold."""
    try:
        config = json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file} could not be read as JSON ({error}). Give a file as natkit's README shows."
        ) from error
    good = isinstance(config, dict) and all(
        isinstance(value, KNOWN.get(key, ())) for key, value in config.items()
    )
    if not good:
        wanted = ", ".join(f"{key} ({kind.__name__})" for key, kind in KNOWN.items())
        raise InputError(f"{file} may hold {wanted}, and nothing else. Correct it.")
    return config


def main(command: Callable[[dict, Team], None]) -> int:
    """Run a command as one of torchrun's processes; what a user can mend comes as one sentence."""
    parser = argparse.ArgumentParser(description=command.__doc__.splitlines()[0])
    parser.add_argument("--config", required=True, metavar="run.json")
    file, said = parser.parse_args().config, ""
    try:
        with joined() as team:
            command(_read(file), team)
    except InputError as error:
        said = str(error)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        said = (
            f"The disk that holds {error.filename} is full. The last checkpoint is whole: make room, and repeat "
            "the same command to go on."
        )
    if said:
        print(f"natkit, rank {os.environ.get('RANK', 0)}: {said}", file=sys.stderr)
    code = 1 if said else 0
    if "RANK" in os.environ:
        _leave(code)
    return code


def _leave(code: int) -> NoReturn:
    """End this process without Python's own end.

    Once DistributedDataParallel has been used, gloo's threads outlive the team (torch 2.15). One that still holds a
    tensor of Python's while the interpreter ends aborts the process, and torchrun calls a training that is done failed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
