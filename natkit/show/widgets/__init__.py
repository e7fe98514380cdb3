"""Widgets for JupyterLab: explore, label, train, ask what if. Imports blocks and words."""
