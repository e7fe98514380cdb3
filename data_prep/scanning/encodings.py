"""In which encoding a table is written: told by what the text would then say, never by what merely decodes."""

import codecs
import re
import unicodedata

MARKS = {  # the first bytes of a file that names its encoding itself
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
ESCAPES = re.compile(rb"\x1b(\$[@B]|\(I|\$\(D)")  # of ISO-2022-JP: what follows is Japanese
JAPANESE = ("cp932", "euc_jp")
CONTROLS = re.compile(
    r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f-\x9f]"
)  # tab, line ends and Ctrl-Z are usual
WORD = re.compile(r"[A-Za-z]*[^\x00-\x7f][A-Za-z\u0080-\U0010ffff]*")
KANA = "[\u3041-\u30fe]"
HALF_KANA = "[\uff61-\uff9f]"
NO_BEGINNING = "｡｣､･ｧｨｩｪｫｬｭｮｯｰﾞﾟ"  # of a word in half-width kana
RARE = 0.2  # share of rare kanji up to which text is Japanese
LETTERS = "\u00c0-\u00cf\u00d1-\u00d6\u00d8-\u00dc\u00df-\u00ef\u00f1-\u00f6\u00f8-\u00fc\u00ff\u00d1\u00f1"
QUOTES = "‘’“”„«»"
ALONE = "°µ±²³§½¼¾×€£¥©®™·Ø…–—¿¡ºª÷•‰"  # signs that stand beside numbers, units and words


def decode(raw: bytes) -> tuple[str, str | None]:
    """The text of a table, and the encoding where it was concluded from the text alone (None: it is certain).

    UTF-8, UTF-16 and UTF-32 with byte-order mark, ISO-2022-JP, Japanese Windows (cp932) and EUC-JP, Western Windows
    (cp1252, with Latin-1).

    Raises
    ------
    ValueError
        If no encoding gives a sensible text, or two do; the message shows what each would say.
    """
    for mark, encoding in MARKS.items():
        if raw.startswith(mark):
            return _without_controls(raw.decode(encoding)), None
    if ESCAPES.search(raw):
        return _without_controls(raw.decode("iso2022_jp_ext")), None
    try:
        return _without_controls(raw.decode("utf-8")), None
    except UnicodeDecodeError:
        pass
    readings = {}
    for encoding in (*JAPANESE, "cp1252"):
        try:
            readings[encoding] = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    likely = [e for e in JAPANESE if e in readings and japanese(readings[e], e == "cp932")]
    likely += [e for e in ("cp1252",) if e in readings and western(readings[e])]
    if len(likely) == 1:
        text = readings[likely[0]]
        usual = (
            c
            for c in set(text)
            if re.match(KANA, c) or ("\u3400" <= c <= "\u9fff" and not _rare(c))
        )
        sure = likely[0] == "cp932" and any(usual)
        return text, None if sure else likely[0]
    shown = "; ".join(f"as {e}: {first_word(readings[e])!r}" for e in likely or readings)
    if likely:
        raise ValueError(f"its encoding can't be told, for two make sense: {shown}")
    raise ValueError(f"its encoding can't be told, for none makes sense: {shown or 'not UTF-8'}")


def _without_controls(text: str) -> str:
    if "\0" in text:
        raise ValueError("it holds binary data")
    return text.removeprefix("\ufeff")


def japanese(text: str, rare_alone: bool = False) -> bool:
    """Does this read as Japanese? Kana and common kanji, half-width kana in words, little glued to Latin letters.

    ``rare_alone``: words of rare kanji alone will do, where no Latin letter touches any word.
    """
    words = set(WORD.findall(text))
    if CONTROLS.search(text) or any(unicodedata.category(c) in ("Co", "Cn") for c in set(text)):
        return False
    if re.search("[\u0400-\u04ff]", text):  # the Cyrillic of cp932: what DOS wrote as ä
        return False
    rare, letters, glued = 0, 0, 0
    for word in words:
        halves = re.findall(f"{HALF_KANA}+", word)
        if any(len(run) == 1 or run[0] in NO_BEGINNING for run in halves):
            return False
        if re.search(f"[A-Za-z]{HALF_KANA}+[A-Za-z]", word):
            return False
        own = [c for c in word if c > "\x7f" and unicodedata.category(c)[0] == "L"]
        odd = [c for c in own if _rare(c)]
        if odd and re.search(f"[a-z][{''.join(odd)}]", word):
            return False
        letters, rare = letters + len(own), rare + len(odd)
        glued += bool(re.search(r"[a-z][^\x00-\x7f]|[^\x00-\x7f][a-z]{2}", word))
    alone = rare_alone and not any(re.search("[A-Za-z]", word) for word in words)
    return (alone or rare <= RARE * letters) and glued <= len(words) / 2


def _rare(char: str) -> bool:
    """A kanji outside the first level of JIS X 0208, which holds nearly all that is written."""
    if not "\u3400" <= char <= "\u9fff" and not "\uf900" <= char <= "\ufaff":
        return False
    try:
        return char.encode("euc_jp") >= b"\xd0"
    except UnicodeEncodeError:
        return True


def western(text: str) -> bool:
    """Does this read as a Western language? Accented letters within words, signs where signs stand."""
    if CONTROLS.search(text):
        return False
    letter = f"[{LETTERS}ŠšŽžŒœŸ]"
    for word in set(re.findall(f"[A-Za-z{LETTERS}ŠšŽžŒœŸ]+", text)):
        accents = re.findall(letter, word)
        if not accents:
            continue
        if re.search("[ŠšŽžŒœŸ]", word) and len(word) < 3:
            return False
        if len(word) > 1 and len(accents) > len(word) / 2 or re.search(f"{letter}{{3}}", word):
            return False
        if re.search("[a-zß-ÿ](?=[À-ÞŠŽŒŸ])", word):  # a capital within a word
            return False
    signs = re.finditer(f"[^\x00-\x7f{LETTERS}ŠšŽžŒœŸ\xa0]", text)
    places = (
        (m[0], text[max(m.start() - 1, 0) : m.start()], text[m.end() : m.end() + 1]) for m in signs
    )
    return all(_stands_well(*place) for place in set(places))


def _stands_well(sign: str, before: str, after: str) -> bool:
    """Does a sign stand where one stands in Western text, between these two characters ("": end of the text)?"""
    if sign in QUOTES:
        opens = before.strip(" \t\r\n;,|\"('/") == "" and after.isalnum() and sign not in "”’"
        closes = before.isalnum() and not after.isalnum() and after not in tuple(QUOTES)
        elided = sign == "’" and before.isalpha() and after.isascii()
        return opens or (closes and sign != "„") or elided
    if sign not in ALONE or (before > "\x7f" and before not in ALONE + "\xa0"):
        return False
    if sign in "•‰" and after.isalpha():
        return False
    if sign in "–—•‰" and after.strip() and not after.isalnum() and after not in ',;".':
        return False
    begins = not before.isalnum() and (after.isalpha() or after > "\x7f")
    return not (sign in "–—…•" and begins)


def first_word(text: str) -> str:
    """The first word beyond ASCII, by which a person sees whether the text was read right; or ""."""
    found = re.search(r"[^\s,;|\"]*[^\x00-\x7f]+[^\s,;|\"]*", text)
    return found[0][:24] if found else ""
