"""Slides as PowerPoint files: the template, and text, tables, charts and pictures that stay in their boxes.

Boxes are ``(left, top, width, height)`` in inches. Every run has a Latin and a Japanese font, and every text is
plain: one line, no control characters.
"""

import io
from collections.abc import Sequence
from datetime import datetime
from math import ceil
from pathlib import Path

from PIL import Image
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LABEL_POSITION
from pptx.enum.shapes import MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.oxml.ns import qn
from pptx.oxml.xmlchemy import OxmlElement
from pptx.util import Emu, Inches, Pt

from natkit.core.files import plain
from natkit.show.report import fit
from natkit.show.report.charts import Chart
from natkit.show.report.shapes import (
    FONTS,
    _decorative,
    _describe,
    _filled,
    _fonts,
    _style,
    _underline,
    line,
)
from natkit.show.style import BLUE, GREY, HAIR, INK, headroom

WIDE, HIGH, EDGE = 13.333, 7.5, 0.6  # inches
TOP, END, FULL = 1.65, HIGH - 0.6, WIDE - 2 * EDGE  # of what stands below the title
BODY = (16, 15, 14, 13, 12, 11)  # sizes of a text, the first that fits is taken
TITLE = (EDGE, 0.42, WIDE - 2 * EDGE, 0.95)
MARKS = {"○": MSO_SHAPE.DONUT, "△": MSO_SHAPE.ISOSCELES_TRIANGLE, "×": MSO_SHAPE.MATH_MULTIPLY,
         "–": MSO_SHAPE.MATH_MINUS}  # fmt: skip
BY = "natkit"


class Deck:
    """A presentation in the house's own 16:9 template."""

    def __init__(self, lang: str, title: str, footer: str):
        self.lang, self.footer = lang, line(footer)
        self.file = Presentation()
        self._template()
        about = self.file.core_properties
        about.title, about.author, about.last_modified_by = line(title)[:250], BY, BY
        about.language, about.created = lang, datetime(2000, 1, 1)

    def _template(self) -> None:
        file = self.file
        file.slide_width, file.slide_height = Inches(WIDE), Inches(HIGH)
        for layout in list(file.slide_layouts):
            if layout.name != "Title Only":
                file.slide_layouts.remove(layout)
        latin, japanese = FONTS[self.lang]
        theme = file.slide_master.part.part_related_by(RELATIONSHIP_TYPE.THEME)
        look = theme.blob.decode("utf-8").replace(
            '<a:ea typeface=""/>', f'<a:ea typeface="{japanese}"/>'
        )
        for old, new in (("Calibri", latin), ("4F81BD", BLUE[1:]), ("C0504D", "D55E00")):
            look = look.replace(old, new)
        theme._blob = look.encode("utf-8")
        for page in (file.slide_master, file.slide_layouts[0]):
            for shape in list(page.placeholders):
                if shape.placeholder_format.type in (1, 3):  # the title
                    shape.left, shape.top, shape.width, shape.height = map(Inches, TITLE)
                elif page is not file.slide_master:
                    shape._element.getparent().remove(shape._element)
                else:
                    wide = WIDE / 10
                    shape.left, shape.width = (
                        Emu(int(shape.left * wide)),
                        Emu(int(shape.width * wide)),
                    )

    def slide(self, title: str, notes: Sequence[str], front: bool = False) -> "Slide":
        """A new slide; ``notes`` are what the speaker reads."""
        return Slide(self, title, notes, front)

    def save(self, path: Path) -> None:
        self.file.save(path)


class Slide:
    """One slide: a title that is the finding, and what shows it."""

    def __init__(self, deck: Deck, title: str, notes: Sequence[str], front: bool):
        self.deck = deck
        self.page = deck.file.slides.add_slide(deck.file.slide_layouts[0])
        self.shapes = self.page.shapes
        box = (1.8, 0.95, WIDE - 1.8 - EDGE, 1.15) if front else TITLE
        sizes = (30, 28, 26, 24, 22, 20) if front else (26, 24, 22, 20, 18)
        shape = self.shapes.title
        shape.left, shape.top, shape.width, shape.height = map(Inches, box)
        self._write(shape.text_frame, [title], box, sizes, bold=True, anchor=MSO_ANCHOR.MIDDLE)
        if not front:
            self.rule(1.45, INK)
        foot = HIGH - 0.45
        self.text((EDGE, foot, 10, 0.3), [deck.footer], (10,), GREY)
        self._number((WIDE - EDGE - 1, foot, 1, 0.3))
        frame = self.page.notes_slide.notes_text_frame
        for i, text in enumerate(notes):
            paragraph = frame.paragraphs[0] if i == 0 else frame.add_paragraph()
            self._run(paragraph, text, 12, INK)

    def text(
        self, box, texts, sizes, colour=INK, bold=False, align="left", bullets=False, between=0.0
    ):
        """Paragraphs in the largest of ``sizes`` that fits; what fits in none is shortened."""
        frame = self.shapes.add_textbox(*map(Inches, box)).text_frame
        self._write(frame, texts, box, sizes, colour, bold, align, bullets, between)

    def _write(self, frame, texts, box, sizes, colour=INK, bold=False, align="left", bullets=False,
               between=0.0, anchor=MSO_ANCHOR.TOP):  # fmt: skip
        frame.word_wrap, frame.vertical_anchor = True, anchor
        frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
        indent = 0.22 if bullets else 0
        texts, size = fit.fitted(
            [line(t) for t in texts], (box[2] - indent, box[3]), sizes, between
        )
        for i, text in enumerate(texts):
            paragraph = frame.paragraphs[0] if i == 0 else frame.add_paragraph()
            paragraph.alignment = PP_ALIGN.RIGHT if align == "right" else PP_ALIGN.LEFT
            paragraph.line_spacing, paragraph.space_after = (
                Pt(ceil(size * fit.LEADING)),
                Pt(between),
            )
            paragraph.space_before = Pt(0)
            self._bullet(paragraph, indent)
            self._run(paragraph, text, size, colour, bold)

    @staticmethod
    def _bullet(paragraph, indent: float) -> None:
        properties = paragraph._p.get_or_add_pPr()
        properties.set("marL", str(Inches(indent)))
        properties.set("indent", str(-Inches(indent)))
        mark = OxmlElement("a:buChar" if indent else "a:buNone")
        if indent:
            mark.set("char", "–")
        properties.append(mark)

    def _run(self, paragraph, text: str, size: float, colour: str, bold: bool = False) -> None:
        run = paragraph.add_run()
        run.text = line(text)
        run.font.size, run.font.bold = Pt(size), bold
        run.font.color.rgb = RGBColor.from_string(colour[1:])
        _fonts(run._r.get_or_add_rPr(), self.deck.lang)

    def _number(self, box) -> None:
        """The number of the slide, kept by PowerPoint."""
        frame = self.shapes.add_textbox(*map(Inches, box)).text_frame
        self._write(frame, ["0"], box, (10,), GREY, align="right")
        run = frame.paragraphs[0]._p.find(qn("a:r"))
        field = OxmlElement("a:fld")
        field.set("id", "{B6F15528-21DE-4FAA-801E-634DDDAF4B2B}")
        field.set("type", "slidenum")
        for part in list(run):
            field.append(part)
        field.find(qn("a:t")).text = str(len(self.deck.file.slides))
        run.getparent().replace(run, field)

    def rule(
        self, top: float, colour: str = HAIR, left: float = EDGE, width: float = WIDE - 2 * EDGE
    ) -> None:
        """A thin line across."""
        shape = self.shapes.add_shape(MSO_SHAPE.RECTANGLE, *map(Inches, (left, top, width, 0.015)))
        _filled(shape, colour)
        _decorative(shape)

    def mark(self, sign: str, box, alt: str) -> None:
        """The mark of the verdict as a shape."""
        shape = self.shapes.add_shape(MARKS.get(sign, MSO_SHAPE.MATH_MINUS), *map(Inches, box))
        if sign == "○":
            shape.adjustments[0] = 0.1
        _filled(shape, BLUE)
        _describe(shape, alt)

    def picture(self, file: Path | bytes, alt: str, box, crop: float = 0.0) -> float:
        """A picture as large as the box lets it be, without the upper ``crop`` of it; returns where it ends."""
        source = io.BytesIO(file) if isinstance(file, bytes) else str(file)
        with Image.open(source) as image:
            wide, high = image.width, image.height * (1 - crop)
        scale = min(box[2] / wide, box[3] / high)
        size = (box[0], box[1], wide * scale, high * scale)
        shape = self.shapes.add_picture(source, *map(Inches, size))
        shape.crop_top = crop
        _describe(shape, alt)
        return box[1] + size[3]

    def chart(self, chart: Chart, box) -> float:
        """A drawn chart without its headline: that is the title of the slide. Returns where it ends."""
        return self.picture(chart.path, chart.alt, box, headroom(chart.path))

    def table(self, box, head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float],
              numbers: Sequence[int] = (), size: float = 12, more: str = "", strong: int = -1) -> float:  # fmt: skip
        """A table that ends within the box; ``more.format(n)`` counts the rows that it has no room for.

        ``widths`` are shares of the box, ``numbers`` the columns set to the right, ``strong`` a row in blue.
        Returns where the table ends.
        """
        wide = [box[2] * share / sum(widths) for share in widths]
        cells = [[line(c) for c in row] for row in ([head] if any(head) else []) + [*rows]]
        cells = [
            [fit.shortened(c, w - 0.14, 1, size) for c, w in zip(row, wide, strict=True)]
            for row in cells
        ]
        tall = [
            max(fit.height([c], w - 0.14, size) for c, w in zip(row, wide, strict=True)) + 0.1
            for row in cells
        ]
        if sum(tall) > box[3]:
            last = fit.height(["x"], 1, size) + 0.1
            while len(tall) > 2 and sum(tall) + last > box[3]:
                cells.pop(), tall.pop()
            left = len(rows) + bool(any(head)) - len(cells)
            cells.append([more.format(n=left) if w == max(wide) else "" for w in wide])
            tall.append(last)
        frame = self.shapes.add_table(
            len(cells), len(wide), *map(Inches, (box[0], box[1], box[2], sum(tall)))
        )
        grid = frame.table
        _style(grid, any(head))
        _describe(frame, " · ".join(c for c in cells[0] if c))
        for column, w in zip(grid.columns, wide, strict=True):
            column.width = Inches(w)
        for r, (row, t) in enumerate(zip(cells, tall, strict=True)):
            grid.rows[r].height = Inches(t)
            top = r == 0 and any(head)
            for c, text in enumerate(row):
                cell = grid.cell(r, c)
                place = (0, 0, wide[c] - 0.14, t)
                colour = GREY if top else BLUE if r - bool(any(head)) == strong else INK
                align = "right" if c in numbers else "left"
                self._write(cell.text_frame, [text], place, (size,), colour, top, align)
                cell.margin_left, cell.margin_right = Inches(0.02), Inches(0.12)
                cell.margin_top = cell.margin_bottom = Inches(0.05)
                _underline(cell, INK if top else HAIR)
        return box[1] + sum(tall)

    def bars(self, box, names: Sequence[str], values: Sequence[int], series: str, alt: str) -> None:
        """Horizontal bars that can be edited, the first on top. Names that begin like a formula get an apostrophe."""
        data = CategoryChartData(number_format="#,##0")
        data.categories = [plain(line(name)) for name in names]
        data.add_series(plain(line(series)), values)
        frame = self.shapes.add_chart(XL_CHART_TYPE.BAR_CLUSTERED, *map(Inches, box), data)
        _describe(frame, alt)
        chart = frame.chart
        chart.has_legend = chart.has_title = False
        chart.font.size, chart.font.color.rgb = Pt(12), RGBColor.from_string(INK[1:])
        chart.category_axis.reverse_order = True
        chart.category_axis.format.line.color.rgb = RGBColor.from_string(HAIR[1:])
        chart.category_axis.major_tick_mark = -4142  # none
        chart.value_axis.visible = chart.value_axis.has_major_gridlines = False
        plot = chart.plots[0]
        plot.gap_width, plot.has_data_labels = 60, True
        plot.data_labels.position = XL_LABEL_POSITION.OUTSIDE_END
        plot.data_labels.number_format, plot.data_labels.number_format_is_linked = "#,##0", False
        plot.series[0].format.fill.solid()
        plot.series[0].format.fill.fore_color.rgb = RGBColor.from_string(BLUE[1:])
        for properties in chart._chartSpace.iter(qn("a:defRPr")):
            _fonts(properties, self.deck.lang)
        for axis in chart._chartSpace.iter(qn("c:axId"), qn("c:crossAx")):
            axis.set("val", axis.get("val").lstrip("-"))  # python-pptx writes some that are below 0


def edited(path: Path) -> bool:
    """Whether a presentation is there that somebody else has saved, or that is none."""
    try:
        return path.exists() and Presentation(path).core_properties.last_modified_by != BY
    except Exception:  # whatever a broken file raises
        return True
