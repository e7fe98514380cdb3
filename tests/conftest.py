"""Settings of every test: no windows, one thread, and on CI a skipped test is a failure."""

import os
import shutil
import signal
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # many small sums: threads only get in each other's way
# a shell that starts the tests in the background has them, and all they start, ignore Ctrl-C
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A machine that can't run a test must not look as if it had passed."""
    report = (yield).get_result()
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped on CI: {report.longrepr[-1]}"


@pytest.fixture(scope="session")
def chromium(tmp_path_factory) -> dict:
    """What Playwright needs to launch the system's Chromium quietly, with the Japanese font of the charts as a
    system font; skips where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    import matplotlib_fontja

    fonts = tmp_path_factory.mktemp("xdg") / "fonts"
    fonts.mkdir()
    shutil.copy(matplotlib_fontja.get_font_ttf_path(), fonts)
    env = {**os.environ, "XDG_DATA_HOME": str(fonts.parent)}
    return {"executable_path": path, "args": arguments, "env": env}


@pytest.fixture(scope="session")
def prepared_line(tmp_path_factory):
    """A folder with the synthetic line (``line``, 120 images) and its prepared folder (``prepared``)."""
    import data_prep
    from data_prep import samples

    folder = tmp_path_factory.mktemp("line")
    table = samples.synthetic_line(folder / "line", 120, seed=1)
    scan = data_prep.scan(table.parent, table)
    data_prep.prepare(data_prep.audit(scan, "defect", ["camera"]), folder / "prepared")
    return folder


def uv(*arguments: object, cwd: Path) -> None:
    """Run uv without the network if its cache has all that is needed, which `uv run` has filled."""
    for more in (["--offline"], []):
        command = ["uv", *map(str, arguments), *more]
        run = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
        if run.returncode == 0:
            return
    raise AssertionError(run.stderr)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this checkout."""
    if shutil.which("uv") is None:
        pytest.skip("uv is not installed")
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--wheel", "--out-dir", folder, Path(__file__).parents[1], cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def called(wheel, tmp_path_factory):
    """``called("natkit", "demo")`` runs a command of a new environment, away from the checkout and its variables.

    In it are the wheel, its extra ``demo`` and what these ask for, in the versions of this environment. uv links
    the files from its cache: 5 seconds, and no second copy of 6 GB.
    """
    folder = tmp_path_factory.mktemp("installed")
    versions = {f"{d.name}=={d.version}" for d in distributions() if d.name != "natkit"}
    (folder / "versions.txt").write_text("\n".join(sorted(versions)))
    uv("venv", "--python", sys.executable, "env", cwd=folder)
    uv(
        "pip",
        "install",
        "--python",
        "env",
        "-c",
        "versions.txt",
        f"natkit[demo] @ {wheel.as_uri()}",
        cwd=folder,
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}

    def call(name: str, *arguments: object) -> subprocess.CompletedProcess:
        command = [folder / "env" / "bin" / name, *map(str, arguments)]
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)

    return call


@pytest.fixture(scope="session")
def demo_run(called, tmp_path_factory):
    """The folder that `natkit demo --fast` of the wheel filled, and how the command ended."""
    out = tmp_path_factory.mktemp("demo") / "demo"
    return out, called("natkit", "demo", "--fast", "--out", out)
