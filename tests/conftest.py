"""Settings of every test: no windows, one thread, and on CI a skipped test is a failure."""

import os
import shutil
import signal

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
