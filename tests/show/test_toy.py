"""The picture of the toy: its title follows the numbers, and every point stands in it."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure

from natkit.show.blocks import figures
from natkit.show.blocks.toy import circles, concentration
from natkit.show.words.catalogue import words


def turned(angles):
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def example(alone):
    """Eight points; without targets they end ``alone`` of the way apart."""
    angle = np.arange(8) * np.pi / 4
    agreement, nat = turned(np.stack([angle, alone * angle])), turned(np.stack([angle, angle]))
    held = np.stack([np.arange(8)[::-1], np.arange(8)])
    kinds = np.arange(8) // 4
    return SimpleNamespace(
        kinds=kinds, steps=(0, 300), agreement=agreement, nat=nat, targets=turned(angle), held=held
    )


def drawn(toy, lang="en"):
    with figures.theme(lang):
        return circles(Figure(figsize=(9.6, 5.4)).subplots(), toy, words(lang))


def test_concentration_in_closed_form():
    """All round the circle 0, one point 1, an arc of angle a: sin(a / 2) / (a / 2)."""
    assert concentration(turned(np.arange(8) * np.pi / 4)) == pytest.approx(0, abs=1e-12)
    assert concentration(turned(np.full(5, 2.0))) == pytest.approx(1)
    arc = turned(np.linspace(0, np.pi / 2, 10001))
    assert concentration(arc) == pytest.approx(np.sin(np.pi / 4) / (np.pi / 4), abs=1e-4)


@pytest.mark.parametrize(
    ("alone", "said"), [(0.0, "end on one point (concentration 1.00)"), (0.5, "Concentration of 8")]
)
def test_the_title_claims_a_collapse_only_where_there_is_one(alone, said):
    title = drawn(example(alone)).get_title("left").replace("\n", " ")
    assert said in title
    assert "0.00" in title


def test_every_point_and_target_is_drawn_at_each_moment():
    """Two moments twice: all points lie on their circle, the ties end on the ring of targets outside."""
    ax = drawn(example(0.0))
    dots = [c for c in ax.collections if len(c.get_offsets()) not in (0, 1)]
    assert (
        sum(len(c.get_offsets()) for c in dots) == 2 * 2 * 8 + 2 * 8
    )  # points, and targets of NAT
    ties = [c.get_segments() for c in ax.collections if hasattr(c, "get_segments")]
    assert [len(segments) for segments in ties] == [8, 8]
    lengths = np.linalg.norm(np.diff(ties[1], axis=1), axis=-1)
    assert np.allclose(lengths, 0.25)  # at the end each holds its own target, straight outside it
    assert np.linalg.norm(np.diff(ties[0], axis=1), axis=-1).max() > 1
