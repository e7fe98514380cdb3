"""natkit: from a folder of unlabelled factory images to a decision, by Noise As Targets.

The names below are the path, in order. Each is loaded when it is first used, so that ``import natkit``
costs next to nothing and looking at results never waits for torch.
"""

import importlib

__version__ = "0.1.0"

_HOME = {
    "load": "natkit.images",
    "Signals": "natkit.signals",
    "NAT": "natkit.method.nat",
    "health": "natkit.method.health",
    "supervised": "natkit.method.supervised",
    "on_draws": "natkit.method.supervised",
    "pixels": "natkit.method.embed",
    "values": "natkit.method.embed",
    "frozen": "natkit.method.frozen",
    "networks": "natkit.method.sources",
    "Embedding": "natkit.embedding",
    "project": "natkit.look.project",
    "clusters": "natkit.look.clusters",
    "similar": "natkit.look.neighbors",
    "purity": "natkit.look.association",
    "label_next": "natkit.look.suggest",
    "explorer": "natkit.show.explorer",
    "score": "natkit.evidence.scoring",
    "draws": "natkit.evidence.labels",
    "label_curve": "natkit.evidence.labels",
    "under_corruption": "natkit.evidence.robustness",
    "held_out": "natkit.evidence.robustness",
    "compare": "natkit.evidence.compare",
    "summarize": "natkit.evidence.summary",
    "report": "natkit.show.report",
    "compare_runs": "natkit.show.report.runs",
    "InputError": "natkit.errors",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"natkit has no {name!r}; it has {', '.join(__all__)}.")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
