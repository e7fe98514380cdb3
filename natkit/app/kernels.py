"""The Python processes that run notebooks: this very Python, with nothing of the user's set-up in them."""

import importlib.util
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from ipykernel.kernelspec import RESOURCES
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpec, KernelSpecManager

# what a user sets for programs of their own, and what would break ours or change its results
FOREIGN = ("PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONWARNINGS", "PYTHONIOENCODING", "MPLBACKEND", "JUPYTER_PATH",
           "JUPYTER_CONFIG_PATH", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")  # fmt: skip
LAUNCH = ["-P", "-m", "ipykernel_launcher", "-f", "{connection_file}"]  # -P: no module from "."


def environment(home: Path, given: Mapping[str, str]) -> dict[str, str]:
    """The variables of a kernel of `natkit poc`: those ``given``, without what belongs to other programs.

    ``home`` is an empty folder; what Jupyter and IPython read and write of their own stands there.
    """
    kept = {name: value for name, value in given.items() if name not in FOREIGN}
    paths = [os.path.abspath(p) for p in given.get("PYTHONPATH", "").split(os.pathsep) if p]
    kept.pop("PYTHONPATH", None)
    if sys.getfilesystemencoding() == "utf-8":  # else names of files would not be read as here
        kept["PYTHONUTF8"] = "1"
    charts = Path(importlib.util.find_spec("matplotlib").origin).parent / "mpl-data"
    return kept | ({"PYTHONPATH": os.pathsep.join(paths)} if paths else {}) | {
        "PYTHONSAFEPATH": "1",  # a types.py of the user's is none of Python's
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "MATPLOTLIBRC": str(charts / "matplotlibrc"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }  # fmt: skip


def kernel(
    home: Path, variables: dict[str, str], complaints: BinaryIO, started: Callable[[int], None]
) -> type[AsyncKernelManager]:
    """A manager for nbclient whose kernel is ``sys.executable``, whatever kernels Jupyter knows on this machine.

    Parameters
    ----------
    home
        An empty folder in which the kernel runs, so that no file of the user's is taken for a module or a setting.
    variables
        More for its environment.
    complaints
        An open file that gets what the kernel writes on stderr before a notebook runs in it.
    started
        Called with the number of its process.
    """

    class OwnKernel(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            own = {"kernel_provisioner": {"provisioner_name": "local-provisioner"}}
            argv = [sys.executable, *LAUNCH, "--InteractiveShellApp.ignore_cwd=True"]
            return KernelSpec(
                argv=argv, display_name="natkit", language="python", metadata=own, env={}
            )

        async def start_kernel(self, **options) -> None:
            env = environment(home, os.environ) | variables
            own = {"env": env, "cwd": str(home), "stderr": complaints}
            await super().start_kernel(**options | own)
            started(self.provisioner.pid)

    return OwnKernel


class OwnPython(KernelSpecManager):
    """The kernels that JupyterLab offers, of which the one for notebooks is always this very Python."""

    def find_kernel_specs(self) -> dict[str, str]:
        return super().find_kernel_specs() | {NATIVE_KERNEL_NAME: RESOURCES}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        if kernel_name == NATIVE_KERNEL_NAME:
            return self._get_kernel_spec_by_name(kernel_name, RESOURCES)
        return super().get_kernel_spec(kernel_name)
