"""What python-pptx lacks: fonts by language, alternative texts, fills and lines of a table."""

from pptx.dml.color import RGBColor
from pptx.oxml.ns import qn
from pptx.oxml.xmlchemy import OxmlElement

FONTS = {"en": ("Arial", "Yu Gothic"), "ja": ("Yu Gothic", "Yu Gothic")}  # Latin, Japanese
NO_STYLE = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"


def line(text: object) -> str:
    """``text`` on one line, without what XML can't hold."""
    return " ".join("".join(c if c not in "\ufffe\uffff" else "□" for c in str(text)).split())


def _fonts(properties, lang: str) -> None:
    """Latin and Japanese font of a run."""
    for tag in ("a:latin", "a:ea"):
        for old in properties.findall(qn(tag)):
            properties.remove(old)
    for tag, face in zip(("a:latin", "a:ea"), FONTS[lang], strict=True):
        font = OxmlElement(tag)
        font.set("typeface", face)
        properties.append(font)
    if properties.tag == qn("a:rPr"):
        properties.set("lang", "ja-JP" if lang == "ja" else "en-US")


def _describe(shape, text: str) -> None:
    """Alternative text."""
    shape._element.xpath(".//p:cNvPr")[0].set("descr", line(text))


def _decorative(shape) -> None:
    shape._element.xpath(".//p:cNvPr")[0].set("descr", "")


def _filled(shape, colour: str) -> None:
    shape.fill.solid()
    shape.fill.fore_color.rgb = RGBColor.from_string(colour[1:])
    shape.line.fill.background()
    shape._element.remove(shape._element.find(qn("p:style")))  # it brings a shadow


def _style(grid, head: bool) -> None:
    grid.first_row, grid.horz_banding = head, False
    grid._tbl.tblPr.find(qn("a:tableStyleId")).text = NO_STYLE


def _underline(cell, colour: str) -> None:
    edge = OxmlElement("a:lnB")
    edge.set("w", "9525")
    fill, value = OxmlElement("a:solidFill"), OxmlElement("a:srgbClr")
    value.set("val", colour[1:])
    fill.append(value)
    edge.append(fill)
    cell._tc.get_or_add_tcPr().append(edge)
