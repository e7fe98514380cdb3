"""How much room text takes, reckoned rather too large: what fits here fits in every font that a reader may have."""

import math
import unicodedata
from collections.abc import Sequence

LEADING = 1.3  # distance of lines, in sizes of the type


def width(text: str) -> float:
    """Ems that ``text`` takes on one line."""
    return sum(map(_ems, text))


def _ems(char: str) -> float:
    if unicodedata.east_asian_width(char) in "WFA":
        return 1.0
    if char in " .,:;'|il·":
        return 0.36
    if char.isascii() and char.islower() and char not in "mw":
        return 0.64
    return 0.8 if char.isascii() and char not in "mwMW@%—" else 1.05


def lines(text: str, room: float) -> int:
    """Lines that ``text`` takes in ``room`` ems: words stay whole, Japanese breaks anywhere."""
    count, used = 1, 0.0
    for word in _words(text):
        size = width(word)
        if used + width(word.rstrip()) <= room:
            used += size
        elif size <= room:
            count, used = count + 1, size
        else:
            used += size
            count, used = count + int(used // room), used % room
    return count


def _words(text: str) -> list[str]:
    words = [""]
    for char in text:
        wide = unicodedata.east_asian_width(char) in "WF"
        if wide and words[-1]:
            words.append(char)
        else:
            words[-1] += char
        if wide or char == " ":
            words.append("")
    return [word for word in words if word]


def height(texts: Sequence[str], inches: float, size: float, between: float = 0.0) -> float:
    """Inches that paragraphs take in a column ``inches`` wide, with ``between`` points after each."""
    rows = sum(lines(text, inches * 72 / size) for text in texts)
    return (rows * math.ceil(size * LEADING) + len(texts) * between) / 72


def fitted(
    texts: Sequence[str], box: tuple[float, float], sizes: Sequence[float], between: float = 0.0
) -> tuple[list[str], float]:
    """``texts`` and the largest of ``sizes`` at which they fit a box; shortened if none of them does."""
    wide, high = box
    for size in sizes:
        if height(texts, wide, size, between) <= high:
            return list(texts), size
    kept, size = [], sizes[-1]
    for text in texts:
        room = high - height(kept, wide, size, between)
        text = shortened(text, wide, room - between / 72, size)
        if not text:
            break
        kept.append(text)
    return kept, size


def shortened(text: str, wide: float, high: float, size: float) -> str:
    """``text``, or as much of its beginning as fits, with "…"; empty if not a line does."""
    most = int(high * 72 // math.ceil(size * LEADING))
    if most < 1:
        return ""
    room = wide * 72 / size
    if lines(text, room) <= most:
        return text
    short, long = 0, len(text)
    while short < long:
        middle = (short + long + 1) // 2
        fits = lines(text[:middle].rstrip() + "…", room) <= most
        short, long = (middle, long) if fits else (short, middle - 1)
    return text[:short].rstrip() + "…"
