"""Widgets for JupyterLab: explore, label, train, ask what if. Imports blocks and words."""

from natkit.show.widgets.explore import Explorer
from natkit.show.widgets.label import LabelNext
from natkit.show.widgets.monitor import Monitor
from natkit.show.widgets.search import Search
from natkit.show.widgets.whatif import WhatIf

__all__ = ["Explorer", "LabelNext", "Monitor", "Search", "WhatIf"]
