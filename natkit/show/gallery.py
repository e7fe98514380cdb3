"""Groups of similar images as contact sheets: pictures without words, for every language."""

import base64
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from natkit.core.errors import InputError
from natkit.core.files import writing

GAP, LINE = 6, (208, 212, 217)  # pixels of white between pictures; grey of the line between rows
THUMBNAILS = (  # longest side in pixels and WebP quality, best first
    (128, 80), (96, 75), (80, 70), (64, 70), (64, 50), (48, 55), (48, 40), (40, 40), (32, 40),
    (32, 20), (24, 30), (24, 10), (16, 20), (16, 1),
)  # fmt: skip


def contact_sheet(
    pictures: Sequence[tuple[str, np.ndarray | Sequence[np.ndarray]]],
    columns: int = 8,
    side: int = 112,
) -> dict[str, Image.Image]:
    """Draw one sheet a group.

    Parameters
    ----------
    pictures
        ``(title, rows)`` a group. ``rows`` is one uint8 array (k, h, w, c), or several of them: the
        typical images first, then the odd ones; a line is drawn between. c is 1 or 3.
    columns
        Pictures in a row; a longer array goes on in the next row.
    side
        Width and height of the square in which a picture is shown whole, in pixels.

    Returns
    -------
    dict
        One RGB picture a title, in the order given. Titles are not drawn: the report has the words.

    Raises
    ------
    InputError
        If an array has another type or shape, or a group has no picture.
    """
    return {title: _sheet(title, rows, columns, side) for title, rows in pictures}


def _sheet(title: str, rows, columns: int, side: int) -> Image.Image:
    blocks = [rows] if isinstance(rows, np.ndarray) else list(rows)
    blocks = [block for block in blocks if len(block)]
    for block in blocks:
        if block.dtype != np.uint8 or block.ndim != 4 or block.shape[3] not in (1, 3):
            raise InputError(
                f"A contact sheet takes uint8 pictures (k, h, w, c) with 1 or 3 channels, but "
                f"{title!r} has {block.dtype} {block.shape}. Scale to 0..255, pick channels first."
            )
    if not blocks:
        raise InputError(f"A contact sheet needs a picture, but {title!r} has none. Leave it out.")
    step = side + GAP
    heights = [-(-len(block) // columns) for block in blocks]
    width = min(columns, max(len(block) for block in blocks)) * step + GAP
    height = sum(heights) * step + GAP + (len(blocks) - 1) * 2 * GAP
    sheet = Image.new("RGB", (width, height), "white")
    top = GAP
    for block, lines in zip(blocks, heights, strict=True):
        if top > GAP:
            sheet.paste(LINE, (GAP, top, width - GAP, top + 1))
            top += 2 * GAP
        for i, pixels in enumerate(block):
            _place(sheet, pixels, (GAP + i % columns * step, top + i // columns * step), side)
        top += lines * step
    return sheet


def _place(sheet: Image.Image, pixels: np.ndarray, corner: tuple[int, int], side: int) -> None:
    """Paste one picture, whole and undistorted, in the middle of its square."""
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    scale = side / max(picture.size)
    size = tuple(max(1, round(length * scale)) for length in picture.size)
    picture = picture.resize(size, Image.Resampling.LANCZOS).convert("RGB")
    left, top = (c + (side - length) // 2 for c, length in zip(corner, size, strict=True))
    sheet.paste(picture, (left, top))


def as_shown(pixels: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """How pictures (n, h, w, c) of any depth are shown: a function from some of them to uint8.

    Of other than 1 or 3 channels it keeps the first. Deeper pixels than 8 bits are stretched alike for all,
    between the 0.5th and the 99.5th percentile of about 500 pictures.
    """
    if pixels.dtype == np.uint8:
        return _channels
    low, high = np.percentile(pixels[:: max(1, len(pixels) // 500)], (0.5, 99.5))

    def shown(block: np.ndarray) -> np.ndarray:
        stretched = (_channels(block) - low) / max(high - low, 1e-9) * 255
        return np.clip(stretched, 0, 255).astype(np.uint8)

    return shown


def _channels(block: np.ndarray) -> np.ndarray:
    return block if block.shape[3] in (1, 3) else block[..., :1]


def cluster_sheets(
    clusters: list[dict], pixels: np.ndarray, ids: np.ndarray, folder: str | Path
) -> list[Image.Image]:
    """Draw and save a contact sheet for each cluster of the map section.

    Parameters
    ----------
    clusters
        ``section["clusters"]``: ids ``medoid``, ``typical``, ``borderline`` and ``odd``; their ``picture`` is filled
        in.
    pixels
        (n, h, w, c) of any depth; of other than 1 or 3 channels the first is shown.
    ids
        int64 (n,), of the pixels.
    folder
        ``figures/`` of the results; gets ``cluster_0.png`` and so on.

    Returns
    -------
    list of PIL.Image
        In the order of the clusters.
    """
    row_of = {int(id): row for row, id in enumerate(ids)}
    groups = [
        (
            f"cluster_{c['cluster']}",
            [pixels[[row_of[i] for i in ids]] for ids in _chosen(c)],
        )
        for c in clusters
    ]
    shown = as_shown(pixels)
    sheets = contact_sheet([(name, [shown(b) for b in blocks]) for name, blocks in groups])
    for cluster, (name, sheet) in zip(clusters, sheets.items(), strict=True):
        with writing(Path(folder) / f"{name}.png") as part:
            sheet.save(part, format="PNG")
        cluster["picture"] = f"figures/{name}.png"
    return list(sheets.values())


def _chosen(cluster: dict) -> list[list[int]]:
    """Ids by row of the sheet: the medoid and the typical ones, the borderline ones, the odd ones."""
    medoid, typical = cluster["medoid"], cluster["typical"]
    first = [medoid, *(i for i in typical if i != medoid)][: max(1, len(typical))]
    return [first, cluster["borderline"], cluster["odd"]]


def thumbnails(pixels: np.ndarray, places: np.ndarray, room: int) -> tuple[int, list[str]]:
    """WebP pictures of the images at ``places``, as large and as good as fit in ``room`` characters.

    Parameters
    ----------
    pixels
        (n, h, w, c) of any depth; shown as on contact sheets.
    places
        int (k,), rows of ``pixels``.
    room
        Characters for all pictures together, with quotation marks and a comma each.

    Returns
    -------
    side, pictures
        Longest side in pixels, and base64 texts; 0 and an empty list if not even the smallest fit.
    """
    shown = as_shown(pixels)
    some = places[:: max(1, len(places) // 100)]
    for side, quality in THUMBNAILS:
        made = [_webp(shown(pixels[i][None])[0], side, quality) for i in some]
        if sum(map(_cells, made)) * len(places) > room * len(some):
            continue
        made = [_webp(shown(pixels[i][None])[0], side, quality) for i in places]
        if sum(map(_cells, made)) <= room:
            return min(side, max(pixels.shape[1:3])), made
    return 0, []


def _cells(picture: str) -> int:
    return len(picture) + 3


def _webp(pixels: np.ndarray, side: int, quality: int) -> str:
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality)
    return base64.b64encode(buffer.getvalue()).decode()
