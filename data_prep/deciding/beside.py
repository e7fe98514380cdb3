"""A mended picture beside the original, what was filled outlined: a person sees whether it was damage."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import binary_dilation, find_objects, label

from natkit.core.files import unplain, writing
from natkit.data.decoding import read_image
from natkit.data.images import shrunk
from natkit.data.manifest import Prepared

LINE, HALO = (
    "#D55E00",
    "white",
)  # vermilion in white: told apart by every eye, and dark on light in grey
GAP = 6  # pixels between pictures
OFF = 3  # pixels between a place and its outline: what is outlined stays in sight
CLOSER = 40  # pixels of a picture, a side: the least that the closer look shows
NEAR = 2  # places so many pixels apart are outlined as one
MOST = 20  # outlines in one picture
WHOLE = 0.5  # of the pixels; where more is changed (turned, another gain) nothing is outlined
EXAMPLES = 6
SIDE = 320  # pixels of each picture in the report


def places(original: np.ndarray, mended: np.ndarray) -> list[tuple[slice, slice]]:
    """(rows, columns) of each place that was mended, the largest first; none if all of it was changed."""
    if original.shape != mended.shape:
        return []
    changed = original != mended
    changed = changed if changed.ndim == 2 else changed.any(axis=2)
    if changed.mean() > WHOLE:
        return []
    parts = label(binary_dilation(changed, np.ones((3, 3)), iterations=NEAR))[0] * changed
    boxes = [box for box in find_objects(parts) if box is not None]
    return sorted(boxes, key=lambda box: -np.prod([s.stop - s.start for s in box]))


def beside(original: np.ndarray, mended: np.ndarray, side: int) -> Image.Image:
    """The original left and the mended one right, each at most ``side`` pixels; mended places outlined.

    Where the largest place is small in the picture, a second row shows it closer.

    Parameters
    ----------
    original, mended
        (h, w) or (h, w, c) of any depth, stretched alike.
    """
    found = places(original, mended)
    pair = [original, mended]
    if original.shape == mended.shape:  # one stretch for both
        both = shrunk(np.concatenate(pair, axis=1), 2 * max(original.shape[:2]))
        width, height = both.width // 2, both.height
        shown = [both.crop((x, 0, x + width, height)) for x in (0, width)]
    else:
        shown = [shrunk(pixels, max(pixels.shape[:2])) for pixels in pair]
    views = [[_outlined(picture, found, None, side) for picture in shown]]
    window = _window(found[0], original.shape) if found else None
    if window is not None:
        views.append([_outlined(picture, found, window, side) for picture in shown])
    widths = [max(row[k].width for row in views) for k in (0, 1)]
    heights = [max(view.height for view in row) for row in views]
    size = sum(widths) + GAP, sum(heights) + GAP * (len(views) - 1)
    sheet = Image.new("RGB", size, "white")
    for i, row in enumerate(views):
        for k, view in enumerate(row):
            sheet.paste(view, (k * (widths[0] + GAP), i * (heights[0] + GAP)))
    return sheet


def _window(box: tuple[slice, slice], shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """left, top, right, bottom of the closer look at a place; None if it would show most of the picture."""
    thin = min(s.stop - s.start for s in box)
    side = max(CLOSER, 2 * thin)
    if side > WHOLE * max(shape[:2]):
        return None
    edges = []
    for place, length in zip(box[::-1], shape[1::-1], strict=True):
        middle, span = (place.start + place.stop) // 2, min(side, length)
        start = min(max(0, middle - span // 2), length - span)
        edges.append((start, start + span))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


def _outlined(
    picture: Image.Image, found: list, window: tuple[int, int, int, int] | None, side: int
) -> Image.Image:
    """The picture, or a window of it, as large as fits, with the places outlined."""
    left, top, right, bottom = window or (0, 0, *picture.size)
    scale = side / max(right - left, bottom - top)
    size = [max(1, round(length * scale)) for length in (right - left, bottom - top)]
    how = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST
    view = picture.crop((left, top, right, bottom)).resize(size, how).convert("RGB")
    draw = ImageDraw.Draw(view)
    for rows, columns in found[:MOST]:
        box = [(columns.start - left) * scale - OFF, (rows.start - top) * scale - OFF]
        box += [(columns.stop - left) * scale + OFF - 1, (rows.stop - top) * scale + OFF - 1]
        box = [round(edge) for edge in box]
        for grow, colour in ((2, HALO), (1, LINE), (0, LINE), (-1, HALO)):
            x0, y0, x1, y1 = (e + s * grow for e, s in zip(box, (-1, -1, 1, 1), strict=True))
            draw.rectangle((x0, y0, x1, y1), outline=colour)
    return view


def mended_examples(prepared: Prepared, folder: str | Path, most: int = EXAMPLES) -> list[dict]:
    """Draw up to ``most`` of the mended images beside their originals, evenly spread over all of them.

    Parameters
    ----------
    prepared
        The prepared folder: what is drawn is what was written into it.
    folder
        ``figures/`` of the results; gets ``mended_0.png`` and so on.

    Returns
    -------
    ``{"path", "rules", "picture"}`` for each, as the summary takes it; none of signals, which have no picture.
    """
    table = prepared.table
    if "signals" in prepared.info:
        return []
    paths = [p for p in sorted(table["path"]) if prepared.file(p) != prepared.root / p]
    spread = np.linspace(0, len(paths) - 1, min(most, len(paths))).astype(int)
    ledger = prepared.ledger.assign(path=prepared.ledger["path"].map(unplain))
    mends = ledger[ledger["action"] == "mended"]
    examples = []
    for path in [paths[i] for i in spread]:
        sheet = beside(read_image(prepared.root / path), read_image(prepared.file(path)), SIDE)
        picture = f"mended_{len(examples)}.png"
        with writing(Path(folder) / picture) as part:
            sheet.save(part, format="PNG")
        rules = list(dict.fromkeys(mends.loc[mends["path"] == path, "rule"]))
        examples.append({"path": path, "rules": rules, "picture": f"figures/{picture}"})
    return examples
