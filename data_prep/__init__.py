"""data_prep: a mess of images and a table in, a prepared folder out; the user's files stay.

The path is ``scan → audit → prepare``. Each name is loaded when it is first used, so that
``import data_prep`` costs next to nothing.
"""

import importlib

_HOME = {
    "voc_table": "data_prep.layouts",
    "folder_table": "data_prep.layouts",
    "scan": "data_prep.scanning",
    "Scan": "data_prep.scanning",
    "scan_signals": "data_prep.signals",
    "audit": "data_prep.auditing",
    "Audit": "data_prep.auditing",
    "Finding": "data_prep.rules",
    "prepare": "data_prep.ledger",
    "replay": "data_prep.ledger",
    "to_xlsx": "data_prep.inspection",
    "apply": "data_prep.inspection",
    "mended_examples": "data_prep.beside",
    "around": "data_prep.review",
    "Review": "data_prep.review",
    "thumbnails": "data_prep.review",
    "reinspect": "data_prep.doubtful",
    "samples": "data_prep",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"data_prep has no {name!r}; it has {', '.join(__all__)}.")
    if name == "samples":
        return importlib.import_module("data_prep.samples")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
