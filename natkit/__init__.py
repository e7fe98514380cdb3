"""natkit: from a folder of unlabelled factory images to a decision, by Noise As Targets.

The names below are the path, in order. Each is loaded when it is first used, so that ``import natkit``
costs next to nothing and looking at results never waits for torch.
"""

import importlib

__version__ = "0.1.0"

_MODULES = {
    "figures": "natkit.show.blocks.figures",
    "gallery": "natkit.show.gallery",
    "worksheet": "natkit.show.worksheet",
    "widgets": "natkit.show.widgets",
    "cost": "natkit.money.cost",
}
_HOME = {
    "load": "natkit.data.images",
    "Signals": "natkit.data.signals",
    "NAT": "natkit.method.nat",
    "Views": "natkit.method.views.images",
    "preset": "natkit.method.views.images",
    "preview": "natkit.method.views.preview",
    "toy": "natkit.method.toy",
    "describe": "natkit.method.describe",
    "health": "natkit.method.health",
    "supervised": "natkit.method.supervised.fitting",
    "on_draws": "natkit.method.supervised.fitting",
    "pixels": "natkit.method.embed.features",
    "values": "natkit.method.embed.features",
    "frozen": "natkit.method.embed.frozen",
    "networks": "natkit.method.networks.sources",
    "Embedding": "natkit.data.embedding",
    "project": "natkit.look.project",
    "clusters": "natkit.look.clusters",
    "similar": "natkit.look.neighbors",
    "Index": "natkit.look.neighbors",
    "purity": "natkit.look.association",
    "label_next": "natkit.look.suggest",
    "explorer": "natkit.show.explorer.page",
    "score": "natkit.evidence.scoring",
    "draws": "natkit.evidence.draws",
    "label_curve": "natkit.evidence.label_curve",
    "under_corruption": "natkit.evidence.robustness",
    "held_out": "natkit.evidence.robustness",
    "compare": "natkit.runs.compare",
    "Prices": "natkit.money.prices",
    "Line": "natkit.money.prices",
    "Work": "natkit.money.prices",
    "save_section": "natkit.evidence.sections",
    "load_section": "natkit.evidence.sections",
    "collect": "natkit.evidence.summary",
    "summarize": "natkit.evidence.summary",
    "report": "natkit.show.report.page",
    "compare_runs": "natkit.show.compare.page",
    "words": "natkit.show.words.catalogue",
    "InputError": "natkit.core.errors",
    "Stop": "natkit.core.errors",
}
__all__ = sorted({*_HOME, *_MODULES})


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name not in _HOME:
        raise AttributeError(f"natkit has no {name!r}; it has {', '.join(__all__)}.")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
