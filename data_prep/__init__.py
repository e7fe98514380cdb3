"""data_prep: a mess of images and a table in, a prepared folder out; the user's files stay.

The path is ``scan → audit → prepare``. Each name is loaded when it is first used, so that
``import data_prep`` costs next to nothing.
"""

import importlib

_MODULES = {
    "imputing": "data_prep.rules.imputing",
    "remedies": "data_prep.repair.remedies",
    "samples": "data_prep.samples",
}
_HOME = {
    "voc_table": "data_prep.scanning.layouts",
    "folder_table": "data_prep.scanning.layouts",
    "scan": "data_prep.scanning.scan",
    "Scan": "data_prep.scanning.scan",
    "scan_signals": "data_prep.scanning.signals",
    "audit": "data_prep.deciding.audit",
    "Audit": "data_prep.deciding.audited",
    "Finding": "data_prep.rules.registry",
    "prepare": "data_prep.writing.prepare",
    "replay": "data_prep.writing.replay",
    "to_xlsx": "data_prep.deciding.inspection",
    "apply": "data_prep.deciding.inspection",
    "mended_examples": "data_prep.deciding.beside",
    "around": "data_prep.deciding.review",
    "Review": "data_prep.deciding.review",
    "thumbnails": "data_prep.deciding.review",
    "reinspect": "data_prep.rules.doubtful",
    "vibration": "data_prep.samples.bearings",
}
__all__ = sorted({*_HOME, *_MODULES})


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name not in _HOME:
        raise AttributeError(f"data_prep has no {name!r}; it has {', '.join(__all__)}.")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
