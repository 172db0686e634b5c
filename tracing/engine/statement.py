"""What can be told of a statement by its words alone: where an insert's data begins, which format a result has.

It knows ClickHouse's lexical rules (quotes, comments, heredocs, brackets) and a few keywords. It refuses to judge
whether a statement is right: the engine's own parser does that.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(
    rb"""(?P<gap>\s+|--[^\n]*|\#[!\ ][^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<quoted>'(?:[^'\\]|\\.|'')*'?|"(?:[^"\\]|\\.|"")*"?|`(?:[^`\\]|\\.|``)*`?|\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z))
    |(?P<word>[A-Za-z_]\w*)
    |(?P<number>\d[\w.]*)
    |(?P<sign>.)""",
    re.DOTALL | re.VERBOSE,
)


class _Token(NamedTuple):
    text: bytes  # words in capitals; of anything quoted only the opening quote
    start: int
    end: int
    depth: int  # how many round brackets are open around it


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """An INSERT that carries data in `format`: `sql[data:]` is data, and what the client sends after the statement too.

    `into` is the statement up to its SETTINGS or FORMAT, `settings` its SETTINGS clause or nothing.
    """

    into: bytes
    settings: bytes
    format: str
    data: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """A statement's end: what stands `before` its FORMAT clause, the format's name if there is one, and the `rest`."""

    before: bytes
    format: str | None
    rest: bytes


def keyword(sql: bytes) -> str:
    """The statement's first word in capitals, opening brackets skipped; nothing if there is none."""
    for token in _tokens(sql):
        if token.text != b"(":
            return token.text.decode("ascii", "replace") if token.text[:1].isalpha() else ""
    return ""


def insert(sql: bytes) -> Insert | None:
    """Split an `INSERT … FORMAT name` from its data, or return None: not an insert, or one without data of its own.

    `INSERT … VALUES` is left alone: its rows are SQL expressions and may hold parameters.
    """
    settings = before_format = 0
    previous = b""
    for index, token in enumerate(_tokens(sql)):
        if index == 0 and token.text != b"INSERT":
            return None
        if token.depth == 0 and index > 2:
            if token.text in (b"SELECT", b"WITH", b"VALUES", b"INFILE"):
                return None
            if token.text == b"SETTINGS":
                settings = token.start
            if previous == b"FORMAT" and token.text[:1].isalpha():
                head = sql[:before_format].rstrip()
                return Insert(
                    into=sql[:settings].rstrip() if settings else head,
                    settings=head[settings:] if settings else b"",
                    format=sql[token.start : token.end].decode("ascii"),
                    data=_data_start(sql, token.end),
                )
            before_format = token.start
        previous = token.text if token.depth == 0 else b""
    return None


def closing(sql: bytes) -> Closing:
    """Find the FORMAT clause at the end of a statement with a result, or the place where one would go."""
    tokens = [token for token in _tokens(sql) if token.depth == 0]
    while tokens and tokens[-1].text == b";":
        tokens.pop()
    for at in range(len(tokens) - 2, -1, -1):
        ends = at + 2 == len(tokens) or tokens[at + 2].text == b"SETTINGS"
        if tokens[at].text == b"FORMAT" and tokens[at + 1].text[:1].isalpha() and ends:
            name = tokens[at + 1]
            rest = sql[name.end : tokens[-1].end]
            return Closing(before=sql[: tokens[at].start], format=sql[name.start : name.end].decode("ascii"), rest=rest)
    return Closing(before=sql[: tokens[-1].end] if tokens else sql, format=None, rest=b"")


def touches_files(sql: bytes) -> bool:
    """Whether it names a file of the client's (INTO OUTFILE, FROM INFILE), which a server does not take over HTTP."""
    previous = b""
    for token in _tokens(sql):
        if (previous, token.text) in ((b"INTO", b"OUTFILE"), (b"FROM", b"INFILE")):
            return True
        previous = token.text
    return False


def _tokens(sql: bytes) -> Iterator[_Token]:
    depth = 0
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup
        if kind == "gap":
            continue
        text = match[0]
        if kind == "word":
            text = text.upper()
        elif match["quoted"] is not None:
            text = text[:1]
        if text == b")":
            depth -= 1
        yield _Token(text, match.start(), match.end(), depth)
        if text == b"(":
            depth += 1


def _data_start(sql: bytes, position: int) -> int:
    # ClickHouse, ParserInsertQuery: blanks and one line end after the format's name are not data.
    while sql[position : position + 1] in (b" ", b"\t", b"\f"):
        position += 1
    if sql[position : position + 1] == b"\r":
        position += 1
    if sql[position : position + 1] == b"\n":
        position += 1
    return position
