"""Widgets for JupyterLab: explore, label, train, ask what if. Imports blocks and words."""

from natkit.show.widgets.live import Explorer, LabelNext, Search
from natkit.show.widgets.monitor import Monitor
from natkit.show.widgets.whatif import WhatIf

__all__ = ["Explorer", "LabelNext", "Monitor", "Search", "WhatIf"]
