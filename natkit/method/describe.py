"""What the report says of a training: network, images, time, device, history."""

import torch


def describe(model) -> dict:
    """``summary["training"]`` of a fitted NAT: what was trained, how long, on what."""
    history, seconds = model.history, model.history[-1]["seconds"]
    return {
        "images": len(model.ids),
        "epochs": len(history),
        "seconds": seconds,
        "images_per_second": round(len(model.ids) * len(history) / seconds, 1),
        "device": device_name(model.device_),
        "backbone": model.network,
        "features": model.backbone.features,
        "dim": model.dim,
        "n_targets": model.n_targets if model.matching == "soft" else len(model.ids),
        "matching": model.matching,
        "views": model.n_views + model.resolved_views().small,
        "seed": model.seed,
        "params": model.plain(),
        "history": history,
    }


def device_name(device: torch.device) -> str:
    """The GPU's own name, or "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
