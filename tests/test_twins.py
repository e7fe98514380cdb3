"""Each notebook has a Japanese twin: the same cells and the same code, the prose in Japanese.

``uv run python tests/test_twins.py`` writes the code of the English notebooks into the twins. Prose, and the comments
in the parameters cell, are the twin's own; where it has none yet the English stands there, and a test fails until
it is translated.
"""

import copy
import re
from difflib import SequenceMatcher
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
KANA = re.compile("[ぁ-ヿ]")
KANJI_OR_KANA = re.compile("[ぁ-ヿ一-鿿]")
COUNTS = {"two": "2", "three": "3", "four": "4", "five": "5", "six": "6"}


def book(path: Path):
    return nbformat.read(path, as_version=4)


def is_parameters(cell) -> bool:
    return "parameters" in cell.metadata.get("tags", [])


def landmark(cell) -> str:
    """What a cell and its twin have in common; ids don't serve, for nbstripout numbers them anew."""
    plain = is_parameters(cell) or cell.cell_type == "markdown"
    return cell.cell_type if plain else cell.source


def twin(english, japanese):
    """The English notebook with the prose of the Japanese one; what can't be aligned stays English."""
    made, own = copy.deepcopy(english), japanese.cells
    marks = [[landmark(cell) for cell in cells] for cells in (made.cells, own)]
    for _, a, b, c, d in SequenceMatcher(None, *marks, autojunk=False).get_opcodes():
        for ours, theirs in zip(made.cells[a:b], own[c:d], strict=False):
            if ours.cell_type == theirs.cell_type == "markdown":
                ours.source = theirs.source
            elif is_parameters(ours):
                ours.source = parameters(ours.source, theirs.source)
    return made


def parameters(english: str, japanese: str) -> str:
    """The lines of a parameters cell with the comments of the twin, and Japanese as the language."""
    lines, own = [], dict(re.findall(r"^(\w+): .*?  # (.*)", japanese, re.M))
    for line in english.splitlines():
        code, _, comment = line.partition("  # ")
        name = code.partition(":")[0]
        code = 'lang: str = "ja"' if name == "lang" else code
        comment = own.get(name, comment) if comment else ""
        lines.append(f"{code}  # {comment}" if comment else code)
    return "\n".join(lines)


def prose(source: str) -> str:
    return re.sub("`[^`]*`", "`", source)


def skeleton(source: str) -> dict:
    """What a translation leaves as it is."""
    said = prose(source)
    return {
        "headings": re.findall(r"^#+ (?:\d+\.)?", source, re.M),
        "code": sorted(re.findall("`[^`]*`", source)),
        "links": sorted(re.findall(r"\]\(([^)]*)\)", source)),
        "bold": said.count("**") // 2,
        "boxes": len(re.findall("^> ", source, re.M)) > 0,
    }


def numbers(source: str) -> set[str]:
    """Numbers in digits or words; 1 is left out, for Japanese counts where English says a or each."""
    said = prose(source).lower()
    for word, digit in COUNTS.items():
        said = re.sub(rf"\b{word}\b", digit, said)
    return set(re.findall(r"\d+(?:[.,]\d+)*", said)) - {"1"}


pairs = pytest.mark.parametrize(
    ("english", "japanese"),
    [pytest.param(NOTEBOOKS / name, NOTEBOOKS / "ja" / name, id=name) for name in NAMES],
)


def test_every_notebook_has_its_twin():
    assert sorted(path.name for path in (NOTEBOOKS / "ja").glob("*.ipynb")) == NAMES


@pairs
def test_the_code_is_the_same(english, japanese):
    """All but the language and the comments of the parameters cell; `twin` would change nothing."""
    ours, theirs = book(english), book(japanese)
    assert [(c.id, c.cell_type) for c in ours.cells] == [(c.id, c.cell_type) for c in theirs.cells]
    assert theirs == twin(ours, theirs)
    scopes = []
    for notebook in (ours, theirs):
        (cell,) = filter(is_parameters, notebook.cells)
        scopes.append({})
        exec(cell.source, {}, scopes[-1])
    assert scopes[0] | {"lang": "ja"} == scopes[1]
    assert scopes[0]["lang"] == "en"


def said_to_readers(notebook) -> list[str]:
    """Every markdown cell, and every comment in the parameters cell."""
    told = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    (cell,) = filter(is_parameters, notebook.cells)
    return told + [c for c in re.findall("  # (.*)", cell.source) if re.search("[a-z]{4} ", c)]


@pairs
def test_the_prose_is_japanese(english, japanese):
    """Kana in every cell, nowhere four English words in a row, and bold that Markdown can close."""
    for text in said_to_readers(book(japanese)):
        assert KANA.search(text), text
        assert not re.search(r"(?:[A-Za-z']+ ){3}[A-Za-z']+", prose(text)), text
        for bold, after in re.findall(r"\*\*(.+?)\*\*(.?)", text):
            assert not KANJI_OR_KANA.match(after) or bold[-1] not in "。：）」", text


@pairs
def test_the_prose_says_the_same(english, japanese):
    """Headings, code words, links, bold and numbers match; a forgotten change of one language shows here."""
    for ours, theirs in zip(book(english).cells, book(japanese).cells, strict=True):
        if ours.cell_type == "markdown":
            assert skeleton(theirs.source) == skeleton(ours.source), theirs.source
            assert numbers(theirs.source) == numbers(ours.source), theirs.source


def main() -> None:
    for name in NAMES:
        english, path = book(NOTEBOOKS / name), NOTEBOOKS / "ja" / name
        path.parent.mkdir(exist_ok=True)
        nbformat.write(twin(english, book(path) if path.exists() else english), path)


if __name__ == "__main__":
    main()
