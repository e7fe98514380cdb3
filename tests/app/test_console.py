"""What is printed never ends a run that goes well."""

import os
import subprocess
import sys

import pytest

SPEAK = """
import os, sys
from natkit.app.console import open_streams, say
open_streams()
say("検査 \\udce9 ✓")
say("more")
say("検査 \\udce9", "stderr")
open(sys.argv[1], "w").write("done")
"""
DRAW = """
import os, sys
from pathlib import Path
from natkit.app import notebooks
from natkit.app.console import open_streams
open_streams()
with notebooks.shown(Path(sys.argv[1]).parent, "01_検査"):
    import time; time.sleep(0.4)
Path(sys.argv[1]).write_text("done")
"""
ENDS = {  # what a shell makes of the streams
    "closed stdout": ">&-",
    "closed stderr": "2>&-",
    "all closed": "<&- >&- 2>&-",
    "nobody reads": "| true",
    "nobody reads either": "2>&1 | true",
    "a full disk": ">/dev/full 2>/dev/full",
}


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
@pytest.mark.parametrize("code", [SPEAK, DRAW], ids=["speak", "draw"])
@pytest.mark.parametrize("ends", ENDS)
def test_a_run_outlives_its_terminal(ends, code, encoding, tmp_path):
    done = tmp_path / "done"
    env = {**os.environ, "PYTHONIOENCODING": encoding, "LANG": "C"}
    command = f'"$0" -c "$1" "$2" {ENDS[ends]}'
    shell = ["bash", "-o", "pipefail", "-c", command, sys.executable, code, str(done)]
    run = subprocess.run(shell, env=env, capture_output=True)
    assert run.returncode == 0, run.stderr
    assert done.read_text() == "done"
    assert b"Error" not in run.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "utf-8"])
def test_what_a_terminal_can_not_show_is_escaped(encoding, tmp_path):
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-c", SPEAK, tmp_path / "done"]
    out = subprocess.run(command, env=env, capture_output=True, check=True).stdout.decode(encoding)
    first = {"ascii": "\\u691c\\u67fb \\udce9 \\u2713", "cp932": "検査 \\udce9 \\u2713"}
    assert out.splitlines() == [first.get(encoding, "検査 \\udce9 ✓"), "more"]
