"""Ways to write one table as text: each must give what was drawn, or be refused."""

import csv
import unicodedata

import pandas as pd
from table_drawing import Made, Table, any_words, as_csv, drawn, keeps, text_of


@keeps
def plain(rng) -> Made:
    table = drawn(rng, any_words(rng))
    return as_csv(table, text_of(table))


def encoded(words: list[str], encoding: str):
    def make(rng) -> Made:
        table = drawn(rng, str(rng.choice(words)))
        return as_csv(table, text_of(table), encoding)

    make.__name__ = f"in {encoding}"
    return keeps(make)


for _words, _encoding in (
    (["japanese"], "cp932"),
    (["japanese", "western"], "utf-8-sig"),
    (["japanese", "western", "plain"], "utf-16"),
    (["japanese"], "utf-16-le"),
    (["japanese"], "utf-32"),
    (["western"], "cp1252"),
    (["western"], "latin-1"),
    (["western"], "mac-roman"),
    (["western"], "cp850"),
    (["plain"], "cp500"),
):
    encoded(_words, _encoding)


@keeps
def in_iso_2022_jp(rng) -> Made:
    table = without(drawn(rng, "japanese"), "№ﾊﾝﾄﾞ")
    return as_csv(table, text_of(table), "iso2022_jp")


@keeps
def in_euc_jp(rng) -> Made:
    table = without(drawn(rng, "japanese"), "№")
    return as_csv(table, text_of(table), "euc_jp")


@keeps
def in_gbk(rng) -> Made:
    table = without(drawn(rng, "japanese"), "№３ﾊﾝﾄﾞ・")
    return as_csv(table, text_of(table), "gb18030")


@keeps
def byte_order_mark_twice(rng) -> Made:
    table = drawn(rng, any_words(rng))
    return as_csv(table, "\ufeff\ufeff" + text_of(table))


def without(table: Table, letters: str) -> Table:
    """The table without letters that an encoding lacks."""
    clear = str.maketrans("", "", letters)
    return Table(table.columns, [[cell.translate(clear) for cell in row] for row in table.rows])


def separated(separator: str, name: str):
    def make(rng) -> Made:
        table = drawn(rng, any_words(rng))
        made = as_csv(table, text_of(table, separator))
        made.suffix = ".tsv" if separator == "\t" and rng.random() < 0.5 else ".csv"
        return made

    make.__name__ = f"separated by {name}"
    return keeps(make)


for _separator, _name in ((";", "semicolon"), ("\t", "tab"), ("|", "bar"), (":", "colon")):
    separated(_separator, _name)


@keeps
def semicolon_with_commas_in_cells(rng) -> Made:
    """More commas than semicolons, and some of them in the header."""
    table = drawn(rng, "plain")
    table.columns[1] = "defect, seen, by, eye, or, not"
    for row in table.rows:
        row[1] = f"{row[1]}, a, b, c"
    return as_csv(table, text_of(table, ";"))


@keeps
def decimal_commas(rng) -> Made:
    table = drawn(rng, any_words(rng))
    if "temp" not in table.columns:
        table.columns.append("temp")
        for i, row in enumerate(table.rows):
            row.append(f"{20 + i / 4:.2f}")
    at = table.columns.index("temp")
    comma = [[*row[:at], row[at].replace(".", ","), *row[at + 1 :]] for row in table.rows]
    comma = Table(table.columns, comma)
    return as_csv(table, text_of(comma, ";"))


@keeps
def thousands_in_quotes(rng) -> Made:
    """1,234 between quotes: the number or the text, but never 1.234 or two columns."""
    table = drawn(rng, "plain")
    table.columns.append("cycles")
    for i, row in enumerate(table.rows):
        row.append(f"{1000 + 7 * i:,}")
    return as_csv(table, text_of(table))


@keeps
def quoted_all(rng) -> Made:
    table = drawn(rng, any_words(rng))
    return as_csv(table, text_of(table, str(rng.choice([",", ";", "\t"])), quoting=csv.QUOTE_ALL))


@keeps
def quoted_line_ends(rng) -> Made:
    """Cells with line ends, quotes and separators in them."""
    table = drawn(rng, any_words(rng))
    parts = [
        "two\nlines",
        'a "quoted" word',
        "a, b; c",
        "end\n",
        '"',
        "three\n\nlines",
        "tab\there",
    ]
    table.columns.append("remark")
    for row in table.rows:
        row.append(str(rng.choice(parts)))
    return as_csv(table, text_of(table))


@keeps
def line_ends(rng) -> Made:
    table = drawn(rng, any_words(rng))
    return as_csv(table, text_of(table, end=str(rng.choice(["\r\n", "\r"]))))


@keeps
def mixed_line_ends(rng) -> Made:
    table = drawn(rng, any_words(rng))
    lines = text_of(table).splitlines()
    return as_csv(table, "".join(line + str(rng.choice(["\n", "\r\n"])) for line in lines))


@keeps
def no_last_line_end(rng) -> Made:
    table = drawn(rng, any_words(rng))
    return as_csv(table, text_of(table).rstrip("\n"))


@keeps
def blank_lines(rng) -> Made:
    """Before the header, between the rows, at the end; some hold spaces or separators alone."""
    table = drawn(rng, any_words(rng))
    lines = text_of(table).splitlines()
    for place in sorted(rng.integers(0, len(lines) + 1, 3), reverse=True):
        lines.insert(int(place), str(rng.choice(["", "", "," * (len(table.columns) - 1)])))
    return as_csv(table, "\n".join(lines) + "\n" * int(rng.integers(1, 4)))


@keeps
def separators_at_the_end_of_rows(rng) -> Made:
    table = drawn(rng, any_words(rng))
    lines = text_of(table).splitlines()
    return as_csv(table, "\n".join([lines[0], *(line + "," for line in lines[1:])]) + "\n")


@keeps
def separators_at_the_end_of_all_lines(rng) -> Made:
    table = drawn(rng, any_words(rng))
    extra = "," * int(rng.integers(1, 4))
    return as_csv(table, "".join(line + extra + "\n" for line in text_of(table).splitlines()))


@keeps
def separator_at_the_end_of_the_header(rng) -> Made:
    table = drawn(rng, any_words(rng))
    lines = text_of(table).splitlines()
    return as_csv(table, "\n".join([lines[0] + ",", *lines[1:]]) + "\n")


@keeps
def spreadsheet_line(rng) -> Made:
    """``sep=;`` as the first line."""
    table, separator = drawn(rng, any_words(rng)), str(rng.choice([";", ",", "\t"]))
    return as_csv(table, f"sep={separator}\r\n" + text_of(table, separator, "\r\n"))


@keeps
def end_of_file_of_dos(rng) -> Made:
    table = drawn(rng, any_words(rng))
    return as_csv(table, text_of(table, end="\r\n") + "\x1a")


@keeps
def totals_row(rng) -> Made:
    table = drawn(rng, any_words(rng))
    total = ["", *[str(rng.choice(["", "18", "Total", "合計"])) for _ in table.columns[1:]]]
    return as_csv(table, text_of(Table(table.columns, [*table.rows, total])))


@keeps
def index_column(rng) -> Made:
    """As pandas writes it: a first column without a name that counts the rows."""
    table = drawn(rng, any_words(rng))
    rows = [[str(i), *row] for i, row in enumerate(table.rows)]
    return as_csv(table, text_of(Table(["", *table.columns], rows)))


@keeps
def columns_in_another_order(rng) -> Made:
    table = drawn(rng, any_words(rng))
    order = rng.permutation(len(table.columns))
    turned = Table(
        [table.columns[k] for k in order], [[row[k] for k in order] for row in table.rows]
    )
    return as_csv(table, text_of(turned))


@keeps
def spaces_around_names(rng) -> Made:
    table = drawn(rng, any_words(rng))
    names = [f"{' ' * int(rng.integers(2))}{c}{' ' * int(rng.integers(2))}" for c in table.columns]
    return as_csv(table, text_of(Table(names, table.rows)))


@keeps
def rows_twice(rng) -> Made:
    table = drawn(rng, any_words(rng))
    again = [table.rows[i] for i in rng.integers(0, len(table.rows), 4)]
    return as_csv(table, text_of(Table(table.columns, [*table.rows, *again])))


@keeps
def rows_twice_that_differ(rng) -> Made:
    table = drawn(rng, any_words(rng))
    other = list(table.rows[2])
    other[1] += "x"
    made = as_csv(table, text_of(Table(table.columns, [*table.rows, other])))
    made.must_refuse = True
    return made


@keeps
def names_twice(rng) -> Made:
    """Two columns of one name with different values."""
    table = drawn(rng, any_words(rng))
    both = Table([*table.columns, table.columns[2]], [[*row, row[1] + "x"] for row in table.rows])
    made = as_csv(table, text_of(both))
    made.must_refuse = True
    return made


@keeps
def decomposed_names(rng) -> Made:
    """か and its two dots as two letters, as macOS writes them."""
    table = drawn(rng, "japanese")
    apart = [[unicodedata.normalize("NFD", row[0]), *row[1:]] for row in table.rows]
    return as_csv(table, text_of(Table(table.columns, apart)))


@keeps
def windows_paths(rng) -> Made:
    table = drawn(rng, any_words(rng))
    root = str(rng.choice(["D:\\line\\", ".\\", "\\\\nas\\share\\", "/mnt/x/"]))
    return as_csv(table, text_of(Table(table.columns, [[root + r[0], *r[1:]] for r in table.rows])))


@keeps
def one_long_row(rng) -> Made:
    """A separator in an unquoted cell: that row is longer than the header."""
    table = drawn(rng, any_words(rng))
    lines = text_of(table).splitlines()
    at = int(rng.integers(1, len(lines)))
    lines[at] += ",x" if rng.random() < 0.5 else ",x,y"
    made = as_csv(table, "\n".join(lines) + "\n")
    made.must_refuse = True
    return made


@keeps
def short_rows(rng) -> Made:
    """Rows that end early: what lacks is a gap."""
    table = drawn(rng, any_words(rng))
    for row in table.rows[::5]:
        row[-1] = ""
    lines = text_of(table).splitlines()
    short = [line.rstrip(",") if line.endswith(",") else line for line in lines]
    return as_csv(table, "\n".join(short) + "\n")


@keeps
def control_characters(rng) -> Made:
    """A vertical tab or a bell in a note, a no-break space in a class: kept or refused."""
    table = drawn(rng, any_words(rng))
    for row in table.rows[::4]:
        row[1] += str(rng.choice(["\x0b", "\x07", "\u00a0", "\u3000", "\u200b", "\x1f"])) + "x"
    return as_csv(table, text_of(table))


@keeps
def as_data_frame_file(rng) -> Made:
    """Written by pandas with all its defaults."""
    table = drawn(rng, any_words(rng))
    frame = pd.DataFrame(table.rows, columns=table.columns)
    return as_csv(table, frame.to_csv(index=False, sep=str(rng.choice([",", ";"]))))
