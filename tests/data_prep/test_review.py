"""Review: both sides of a limit, and clicks that become decisions."""

import io

import ipywidgets
import numpy as np
import pytest
from PIL import Image

import data_prep
from data_prep.deciding.review import TEXTS
from natkit.core.errors import InputError


def every(widget, kind):
    """All widgets of a kind inside another, in order."""
    found = [widget] if isinstance(widget, kind) else []
    return found + [w for child in getattr(widget, "children", ()) for w in every(child, kind)]


def test_both_sides_of_a_limit_are_the_nearest_to_it(path_walked):
    audit = path_walked.audit
    near = data_prep.around(audit, "dark", 4)
    over, under = near[near["found"]], near[~near["found"]]
    named = {p for f in audit.findings if f.rule == "dark" for p in f.paths}
    assert set(over["path"]) <= named
    assert len(under) == 4
    assert not set(under["path"]) & named
    share = near["value"] / near["usual"]
    assert over.index.max() < under.index.min()
    assert share[over.index].is_monotonic_decreasing  # the nearest to the limit first
    assert share[under.index].is_monotonic_increasing
    assert share[over.index].max() < share[under.index].min() < 1


def test_a_rule_that_measures_nothing_shows_what_it_found(path_walked):
    near = data_prep.around(path_walked.audit, "exact_copy")
    assert near["found"].all()
    assert near["value"].isna().all()
    with pytest.raises(InputError, match=r"no image by the rule 'drift'; it did by"):
        data_prep.around(path_walked.audit, "drift")


def test_thumbnails_show_the_whole_picture_on_white(path_walked, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(np.zeros((40, 20), np.uint8)).save(tmp_path / "in" / "a.png")
    Image.fromarray(np.eye(30, dtype=np.uint8) * 255).save(tmp_path / "in" / "b.png")
    (tmp_path / "in" / "c.png").touch()
    audit = data_prep.audit(data_prep.scan(tmp_path / "in"))
    small = data_prep.thumbnails(audit, ["a.png", "c.png"], 32)
    assert small.shape == (2, 32, 32, 3)
    assert (small[0, :, :16] == 0).all()
    assert (small[0, :, 16:] == 255).all()
    assert (small[1] == 255).all()


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_click_is_a_decision(path_walked, lang):
    review = data_prep.Review(path_walked.audit, by="Sato", lang=lang)
    assert review.audit is path_walked.audit  # nothing is decided by looking
    assert [label for label, _ in review.rule.options][0].startswith(
        path_walked.audit.rules[review.rule.value].name[lang]
    )
    review.rule.value = "dark"
    buttons = every(review.widget, ipywidgets.ToggleButtons)
    near = data_prep.around(path_walked.audit, "dark")
    assert len(buttons) == len(near) == len(every(review.widget, ipywidgets.Image))
    assert review.audit.decisions == ()
    buttons[0].value = "quarantined"
    buttons[-1].value = "quarantined"  # one that the rule did not find
    assert [(d.path, d.action, d.by) for d in review.audit.decisions] == [
        (near["path"].iloc[0], "quarantined", "Sato"),
        (near["path"].iloc[-1], "quarantined", "Sato"),
    ]
    assert set(near["path"].iloc[[0, -1]]) <= review.audit.quarantined
    review.rule.value = "blurred"
    review.rule.value = "dark"  # what was decided is shown again
    assert every(review.widget, ipywidgets.ToggleButtons)[0].value == "quarantined"


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_what_would_be_mended_stands_beside_the_original(path_walked, lang):
    """Two pictures in one for the rules that can mend, and the sentence that says which is which."""
    review = data_prep.Review(path_walked.audit, lang=lang)
    for rule, beside in (("dead_lines", True), ("dead_block", True), ("dark", False)):
        review.rule.value = rule
        cards = every(review.widget, ipywidgets.Image)
        wide = []
        for card in cards:
            picture = Image.open(io.BytesIO(card.value))
            wide.append(card.layout.width == f"{picture.width}px" and picture.width >= 300)
        assert set(wide) == {beside}
        assert (TEXTS[lang]["mended"] in review.why.value) == beside


def test_only_what_is_possible_can_be_clicked(path_walked):
    review = data_prep.Review(path_walked.audit)
    offered = {}
    for rule in ("unreadable", "blank", "dead_lines"):
        review.rule.value = rule
        buttons = every(review.widget, ipywidgets.ToggleButtons)[0]
        offered[rule] = [action for _, action in buttons.options]
    assert offered == {
        "unreadable": ["quarantined"],
        "blank": ["kept", "quarantined"],
        "dead_lines": ["kept", "quarantined", "mended"],
    }


def test_a_hostile_file_name_is_text(tmp_path):
    (tmp_path / "in").mkdir()
    name = "<img src=x onerror=alert(1)>'.png"
    for path in (name, "ok.png"):
        level = np.random.default_rng(0).integers(0, 255, (9, 9), np.uint8) * (path == "ok.png")
        Image.fromarray(level).save(tmp_path / "in" / path)
    review = data_prep.Review(data_prep.audit(data_prep.scan(tmp_path / "in")))
    said = "".join(w.value for w in every(review.widget, ipywidgets.HTML))
    assert "&lt;img" in said
    assert "<img" not in said


def test_an_audit_without_findings_can_be_looked_at(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(2):
        pixels = np.random.default_rng(i).integers(0, 255, (9, 9), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{i}.png")
    audit = data_prep.audit(data_prep.scan(tmp_path / "in"))
    assert data_prep.Review(audit).audit is audit
