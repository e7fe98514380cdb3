"""A step runs in this very Python, whatever the user has set up; only what it wrote is taken back."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager

from natkit import InputError
from natkit.app import kernels, notebooks
from natkit.core.files import writing

PARAMETERS = 'out_dir: str = "out"\nlang: str = "en"'
SAYS = """
import json, os, random, sys, types
from pathlib import Path
import matplotlib
from natkit.core.files import write_json
facts = {"python": sys.executable, "here": os.getcwd(), "usetex": matplotlib.rcParams["text.usetex"]}
facts |= {"backend": matplotlib.get_backend(), "path": sys.path, "random": random.__file__, "types": types.__file__}
write_json(Path(out_dir) / "facts.json", facts)
"""
FOREIGN = {
    "argv": ["/opt/removed/bin/python", "{connection_file}"],
    "display_name": "Python 3",
    "language": "python",
}


RUN = """
import json, os, sys
from pathlib import Path
from natkit.app import kernels, notebooks
kernels.sys.executable = os.environ.get("OTHER_PYTHON", sys.executable)
notebooks.source = lambda step, lang: Path("../one.ipynb").absolute()
try:
    notebooks.run("one", Path.cwd(), {"out_dir": str(Path.cwd()), "lang": "en"})
except Exception as error:
    print(json.dumps([type(error).__name__, str(error), getattr(error, "filename", None)]))
"""


@pytest.fixture
def out(tmp_path) -> Path:
    """A results folder that holds a note of the user's."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "memo.txt").write_text("measured by hand")
    return folder


def step(out: Path, source: str, **variables: str) -> list | None:
    """Run a notebook of one cell in ``out``, by a process of its own; the error's kind, message and file."""
    cells = [nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell(source)]
    named = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    book = nbformat.v4.new_notebook(cells=cells, metadata=named)
    nbformat.write(book, out.parent / "one.ipynb")
    env = {**os.environ, **variables}
    command = [sys.executable, "-P", "-c", RUN]
    run = subprocess.run(command, cwd=out, env=env, capture_output=True, text=True, check=True)
    return json.loads(run.stdout) if run.stdout else None


def left(out: Path) -> set[str]:
    return {p.relative_to(out).as_posix() for p in out.rglob("*")}


def test_nothing_of_the_users_set_up_reaches_a_step(out, tmp_path):
    """A kernel of a removed environment, start-up files that break, settings of charts, files called like modules."""
    odd = tmp_path / "odd"
    for file, text in {
        "share/kernels/python3/kernel.json": json.dumps(FOREIGN),
        "ipython/profile_default/startup/00.py": "raise SystemExit(3)",
        "ipython/profile_default/ipython_config.py": "1/0",
        "startup.py": "raise SystemExit(3)",
        "rc/matplotlibrc": "text.usetex: True",
    }.items():
        (odd / file).parent.mkdir(parents=True, exist_ok=True)
        (odd / file).write_text(text)
    for name in ("random", "types", "torch", "json", "matplotlib"):
        (out / f"{name}.py").write_text("raise RuntimeError('not for you')")
    variables = {
        "JUPYTER_PATH": odd / "share", "JUPYTER_DATA_DIR": odd / "share", "JUPYTER_CONFIG_DIR": odd,
        "JUPYTER_DEFAULT_PROVISIONER_NAME": "nope", "IPYTHONDIR": odd / "ipython", "MPLBACKEND": "nope",
        "MPLCONFIGDIR": odd / "rc", "PYTHONSTARTUP": odd / "startup.py", "PYTHONPATH": f"{out}/odd",
        "PYTHONIOENCODING": "ascii", "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "many", "TZ": "No/Where",
        "LC_ALL": "C", "HOME": "/proc/none",
    }  # fmt: skip
    assert step(out, SAYS, **{name: str(value) for name, value in variables.items()}) is None
    facts = json.loads((out / "facts.json").read_text())
    assert facts["python"] == sys.executable
    assert facts["usetex"] is False
    assert "inline" in facts["backend"]
    assert not {"", "."} & set(facts["path"])
    assert not [p for p in facts["path"] if Path(p) == out]
    assert str(out / "odd") in facts["path"]  # what was said so is kept
    assert str(tmp_path) not in facts["random"] + facts["types"] + facts["here"]
    assert not Path(facts["here"]).exists()


STOPS = """
import natkit
natkit.save_section(out_dir, "cost", {"reason": "no_prices"})
raise natkit.Stop("Nothing can be scored.")
"""


def test_a_notebook_that_stops_has_run_through(out):
    """Its sentence is all that is shown, what it wrote stays, and no mark of a failure is left in it."""
    assert step(out, STOPS) is None
    assert json.loads((out / "sections" / "cost.json").read_text()) == {"reason": "no_prices"}
    book = nbformat.read(out / "notebooks" / "one.ipynb", as_version=4)
    assert [cell.cell_type for cell in book.cells] == ["code"] * 3  # given and injected parameters
    assert book.cells[-1].outputs[-1].traceback == ["Nothing can be scored."]


def test_jupyterlab_offers_this_python_too(tmp_path, monkeypatch):
    (tmp_path / "kernels" / "python3").mkdir(parents=True)
    (tmp_path / "kernels" / "python3" / "kernel.json").write_text(json.dumps(FOREIGN))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert KernelSpecManager().get_kernel_spec("python3").argv[0] == "/opt/removed/bin/python"
    ours = kernels.OwnPython()
    assert ours.get_kernel_spec("python3").argv[0] == sys.executable
    assert str(tmp_path) not in ours.find_kernel_specs()["python3"]


REFUSALS = [
    ("raise PermissionError(13, 'Permission denied', '/a/b')", PermissionError, "/a/b", 13),
    ("raise OSError(36, 'File name too long', 'x' * 300)", OSError, "x" * 300, 36),
    ("raise RuntimeError('while saving: [Errno 28] No space left on device')", OSError, None, 28),
    ("raise OSError('something else')", OSError, None, None),
]


@pytest.mark.parametrize(
    ("code", "kind", "path", "number"), REFUSALS, ids=[r[0][6:30] for r in REFUSALS]
)
def test_what_the_system_refuses_inside_a_step_comes_out_as_such(code, kind, path, number):
    """Name and message as a kernel tells them."""
    with pytest.raises((OSError, RuntimeError)) as raised:
        exec(code)
    told = notebooks._told(_Outside(type(raised.value).__name__, str(raised.value)))
    assert isinstance(told, kind)
    assert (told.filename, told.errno) == (path, number)


class _Outside:
    """What papermill says of an exception in a kernel."""

    def __init__(self, ename: str, evalue: str):
        self.ename, self.evalue = ename, evalue


def test_what_is_no_fault_of_the_system_is_not_called_one():
    assert notebooks._told(_Outside("KeyError", "'defect'")) is None
    assert notebooks._told(_Outside("MyOSError", "[Errno 13] no")) is None


FAILS = """
from pathlib import Path
from natkit.core.files import write_json, writing
out = Path(out_dir)
write_json(out / "new" / "a.json", {})
write_json(out / "edited.json", {})
(out / "edited.json").write_text("by hand")
(out / "new" / "mine.txt").write_text("mine")
(out / "mine").mkdir()
(out / "mine" / "b.txt").write_text("mine")
open("/proc/none/x", "w")
"""


def test_a_step_that_fails_takes_back_its_own_files_alone(out):
    kind, _, file = step(out, FAILS)
    assert (kind, file) == ("FileNotFoundError", "/proc/none/x")
    mine = {"memo.txt", "edited.json", "new", "new/mine.txt", "mine", "mine/b.txt"}
    assert left(out) == mine | {"notebooks"}
    assert (out / "edited.json").read_text() == "by hand"


def test_a_python_that_does_not_start_is_named(out, tmp_path):
    bad = tmp_path / "python"
    bad.write_text("#!/bin/sh\necho 'libfoo.so: cannot open shared object file' >&2\nexit 1\n")
    bad.chmod(0o755)
    kind, told, _ = step(out, "1", OTHER_PYTHON=str(bad))
    assert kind == "InputError"
    assert f"{bad} could not start" in told
    assert "libfoo.so: cannot open" in told
    assert left(out) == {"memo.txt", "notebooks"}


def test_a_python_that_is_killed_as_it_starts_is_not_blamed(out, tmp_path):
    bad = tmp_path / "python"
    bad.write_text("#!/bin/sh\nkill -9 $$\n")
    bad.chmod(0o755)
    kind, told, _ = step(out, "1", OTHER_PYTHON=str(bad))
    assert kind == "InputError"
    assert "was killed, most often because memory ran out" in told
    assert left(out) == {"memo.txt", "notebooks"}


def test_a_killed_run_is_taken_over(out):
    """Its kernel, if it still lives, is ended first; what it wrote goes; the user's note stays."""
    (out / "notebooks").mkdir()
    record = out / "notebooks" / ".one.written.jsonl"
    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    dead = subprocess.Popen([sys.executable, "-c", ""])
    notebooks._sign(record, "command", dead.pid)
    dead.wait()
    notebooks._sign(record, "kernel", orphan.pid)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(notebooks.RECORD, str(record))
        with writing(out / "prepared" / "manifest.csv") as part:
            part.write_text("id")
    notebooks._take_over(record)
    assert orphan.poll() is not None
    assert left(out) == {"memo.txt", "notebooks", "notebooks/.one.written.jsonl"}
    assert [json.loads(line)["process"] for line in record.read_text().splitlines()] == [
        os.getpid()
    ]


def test_two_runs_in_one_folder_are_refused(tmp_path):
    record = tmp_path / "out" / "notebooks" / ".one.written.jsonl"
    record.parent.mkdir(parents=True)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        notebooks._sign(record, "command", other.pid)
        with pytest.raises(InputError, match=f"at work in .*process {other.pid}"):
            notebooks._take_over(record)
        told = json.loads(record.read_text())  # the number went to another process since
        record.write_text(json.dumps(told | {"since": told["since"] - 60}) + "\n")
        notebooks._take_over(record)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_step_keeps_its_record_until_it_is_settled(out):
    """A kill between the end of a notebook and the word in run.json leaves nothing that the next run trips over."""
    record = out / "notebooks" / ".one.written.jsonl"
    assert step(out, SAYS) is None
    assert {"facts.json", "notebooks/one.ipynb", "notebooks/.one.written.jsonl"} <= left(out)
    assert "facts.json" in record.read_text()
    notebooks.settle("one", out)
    notebooks._take_over(record)
    assert {"facts.json", "memo.txt"} <= left(out)
