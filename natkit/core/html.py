"""Small HTML for notebooks: a table or a strip of pictures that tells what a thing is."""

import base64
from collections.abc import Iterable
from html import escape

MOST = 12  # rows; what is left out is counted
NUMBER = ' style="text-align: right"'


def table(title: str, frame) -> str:
    """A DataFrame under ``title``, all of it escaped; a number stands at the right, what is missing is a dash."""
    rows = frame.astype(object).to_numpy().tolist()
    head = "".join(f'<th scope="col">{escape(str(column))}</th>' for column in frame.columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows[:MOST])
    more = f"<p>… and {len(rows) - MOST} more</p>" if len(rows) > MOST else ""
    caption = f'<caption style="text-align: left">{escape(title)}</caption>'
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cell(value: object) -> str:
    if value is None or value != value:  # NaN
        return "<td>–</td>"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"<td>{escape(str(value))}</td>"
    return f"<td{NUMBER}>{f'{value:,}' if isinstance(value, int) else f'{value:.3f}'}</td>"


def strip(title: str, pictures: Iterable[tuple[str, bytes | None]]) -> str:
    """Pictures side by side under ``title``: (what it shows, PNG) each; one that can't be read is told by its name."""
    shown = "".join(_picture(name, png) for name, png in pictures)
    return f"<figure><figcaption>{escape(title)}</figcaption>{shown}</figure>"


def _picture(name: str, png: bytes | None) -> str:
    text = escape(name, quote=True)
    if png is None:
        return f"<span>{text} (can't be read)</span>"
    data = base64.b64encode(png).decode()
    style = "display: inline-block; margin: 4px"
    return f'<img alt="{text}" title="{text}" style="{style}" src="data:image/png;base64,{data}"/>'
