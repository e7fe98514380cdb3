"""Charts look alike whatever the user's own matplotlibrc or style says."""

import matplotlib
import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from natkit.show import style
from natkit.show.words.catalogue import words

THEIRS = {
    "text.usetex": True,  # no LaTeX here: drawing would fail
    "axes.facecolor": "black",
    "savefig.transparent": True,
    "savefig.bbox": "tight",
    "axes.grid": True,
    "lines.linewidth": 9,
    "lines.marker": "x",
    "legend.fontsize": 30,
    "font.weight": "bold",
    "image.cmap": "jet",
}


def drawn(path, size=(3, 2)) -> bytes:
    def draw(ax):
        ax.plot([0, 1, 2], [1, 3, 2], label="a")
        ax.imshow([[0, 1]])
        ax.legend()
        style.headline(ax, "Title", "sub")
        return ax

    with style.theme("en"):
        return style.figure(draw, path, size).read_bytes()


@pytest.mark.parametrize("name", THEIRS)
def test_a_setting_of_the_users_changes_no_chart(name, tmp_path, monkeypatch):
    monkeypatch.setattr(style, "DPI", 50)
    plain = drawn(tmp_path / "a.png")
    with matplotlib.rc_context({name: THEIRS[name]}):
        assert drawn(tmp_path / "b.png") == plain
        assert matplotlib.rcParams[name] == THEIRS[name]  # and it is the user's again
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_chart_of_a_notebook_is_shown_later_and_still_ours(tmp_path):
    """The ticks are made when it is drawn, which Jupyter does after the cell."""
    with matplotlib.rc_context({"text.usetex": True}):
        with style.theme("ja"):
            fig, ax = plt.subplots(figsize=(3, 2))
            ax.plot([0, 1])
        fig.savefig(tmp_path / "a.png")
        texts = fig.findobj(matplotlib.text.Text)
    plt.close(fig)
    assert len(texts) > 10
    assert not any(text.get_usetex() for text in texts)


def test_what_says_how_matplotlib_runs_is_left(monkeypatch):
    """The backend of a notebook, and that its figures show themselves."""
    before = matplotlib.get_backend(), matplotlib.is_interactive()
    with (
        matplotlib.rc_context({"interactive": True, "figure.max_open_warning": 3}),
        style.theme("en"),
    ):
        assert matplotlib.is_interactive()
        assert matplotlib.rcParams["figure.max_open_warning"] == 3
        Figure()
    matplotlib.interactive(before[1])
    assert matplotlib.get_backend() == before[0]


def test_a_chart_below_a_cell_has_the_look_of_all_and_leaves_nothing_behind():
    """One figure is left for the notebook to show; settings are as before."""
    before, seen = matplotlib.rcParams.copy(), []

    def draw(ax, *facts, words, **options):
        seen.append((facts, words.lang, options, matplotlib.rcParams["axes.edgecolor"]))
        return ax

    style.show(draw, 1, 2, words=words("ja"), size=(4, 3), by="label")
    (number,) = plt.get_fignums()
    assert tuple(plt.figure(number).get_size_inches()) == (4, 3)
    plt.close(number)
    assert seen == [((1, 2), "ja", {"by": "label"}, style.HAIR)]
    assert matplotlib.rcParams == before
