"""The command, JupyterLab, and the notebooks that they run. Nothing imports this room."""
