"""Laws of the what-if widget without a browser: the fields say what the section is computed from."""

import io
from dataclasses import replace

import ipywidgets as w
import pytest
from PIL import Image

from natkit.core.errors import InputError
from natkit.money import cost
from natkit.money.prices import Line, Prices, Work
from natkit.show.widgets.whatif import WhatIf


@pytest.fixture
def given(examples):
    return {"prices": examples.PRICES, "line": examples.LINE, "work": examples.WORK,
            "val": examples.scored(493, 1), "test": examples.scored(523, 2)}  # fmt: skip


def test_without_a_click_it_is_the_section(given):
    widget = WhatIf(**given)
    assert widget.facts == cost.section(**given)
    assert "would save" in widget.said.value
    with Image.open(io.BytesIO(widget.chart.value)) as picture:
        assert picture.size == (864, 486)
    assert len(widget.fields) == 23
    assert isinstance(widget.widget, w.Widget)


def test_a_field_that_is_changed_changes_all(given, examples):
    widget = WhatIf(**given, lang="ja")
    before, picture = widget.facts, widget.chart.value
    widget.fields["missed"].value = "1,600"
    assert widget.facts == examples.cost(prices=replace(examples.PRICES, missed=1600.0))
    assert widget.chart.value != picture
    assert "年間効果" in widget.said.value
    assert widget.set(missed=800) == before


@pytest.mark.parametrize("typed", ["2%", " 0.02 ", "２％", "2e-2"])
def test_a_share_may_be_typed_as_percent(typed, given):
    widget = WhatIf(**given)
    widget.fields["defect_rate"].value = typed
    assert widget.facts["line"]["defect_rate"] == pytest.approx(0.02)


def test_an_emptied_field_is_not_known(given):
    widget = WhatIf(**given)
    assert widget.set(missed=None)["point"] == {"reason": "missing", "missing": ["missed"]}
    assert widget.chart.layout.display == "none"
    assert "price of a missed defect" in widget.said.value
    widget.set(missed=800)
    assert widget.chart.layout.display == "block"


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [("missed", "-1", "missed is -1.0"), ("defect_rate", "100%", "defect_rate is 1.0"),
     ("label", "<b>x", "&lt;b&gt;x"), ("label", "nan", "label is nan"), ("label", "1e999", "inf")],
)  # fmt: skip
def test_what_cannot_be_is_told_and_changes_nothing(name, typed, said, given):
    widget = WhatIf(**given)
    before = widget.facts
    widget.fields[name].value = typed
    assert said in widget.wrong.value
    assert "<b>x" not in widget.wrong.value
    assert widget.facts == before == cost.section(widget.prices, widget.line, widget.work,
                                                  given["val"], given["test"])  # fmt: skip
    widget.set(false_alarm=13)
    assert widget.wrong.value == ""


def test_without_prices_or_scores_it_says_so(given):
    empty = WhatIf(Prices("JPY"), Line(), Work(), lang="ja")
    assert empty.facts == {"reason": "no_prices"}
    assert "単価が入力されていない" in empty.said.value
    unscored = WhatIf(given["prices"], given["line"], given["work"])
    assert "has not been run" in unscored.said.value
    with pytest.raises(InputError, match="no field 'price'"):
        unscored.set(price=3)
