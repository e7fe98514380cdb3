"""The notebooks in a folder of the user's, and JupyterLab open there."""

import os
from pathlib import Path

from natkit.app import notebooks
from natkit.core.errors import InputError
from natkit.core.files import writing

# Defaults for JupyterLab in the files of labconfig/: no question about news, no look for updates. What the user has
# set in JupyterLab goes before them, and none of the user's files is written.
SETTINGS = Path(__file__).parent / "jupyter"


def copied(folder: Path, lang: str) -> tuple[list[str], list[str]]:
    """Copy the notebooks into ``folder``; return the names written, and those of other files that stay as they are."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, but notebooks need a folder. Give another name.")
    new, kept = [], []
    for notebook in sorted(notebooks.source("", lang).parent.glob("*.ipynb")):
        target, content = folder / notebook.name, notebook.read_bytes()
        if not os.path.lexists(target):
            _write(target, content)
            new.append(target.name)
        elif not target.is_file() or target.read_bytes() != content:
            kept.append(target.name)
    return new, kept


def _write(target: Path, content: bytes) -> None:
    try:
        with writing(target) as part:
            part.write_bytes(content)
    except (PermissionError, NotADirectoryError) as error:
        raise InputError(
            f"{target.parent} can't be written to ({error.strerror}). Give another folder."
        ) from error


def start(folder: Path, options: list[str]) -> None:
    """Open JupyterLab in ``folder`` and stay until it is shut down; ``options`` are its own."""
    from jupyterlab.labapp import LabApp

    before = os.environ.get("JUPYTER_CONFIG_PATH")
    paths = [str(SETTINGS), *([before] if before else [])]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(paths)
    own = "--ServerApp.kernel_spec_manager_class=natkit.app.kernels.OwnPython"
    LabApp.launch_instance([f"--ServerApp.root_dir={folder}", own, *options])
