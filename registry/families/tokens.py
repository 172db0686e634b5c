"""A text as tokens: words, numbers, dates, addresses, blanks, signs. Together they are the text again, character by character.

Pure. What people read as one value (a date, a price, an e-mail address) is one token, so that two values never share half of it.
"""

from __future__ import annotations

import re

MOST_TEXTS = 10_000
"""So many texts are compared with each other, and no more."""

_TOKEN = re.compile(
    r"""
      https?://[^\s<>"')\]]+
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+                                   # an e-mail address
    | \d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?
    | \d{1,2}[./]\d{1,2}[./]\d{2,4}                                  # 24.12.2025, 12/24/2025
    | \d{1,2}:\d{2}(?::\d{2})?
    | (?<![\w.-])-?\d+(?:[.,]\d+)*(?![\w])                           # 42, -7, 1,024.50
    | [^\W_]+(?:[-_'’.][^\W_]+)*                                     # a word, an id: order-7, it's, a.b
    | [ ]+ | \n+ | [^\S\n]+
    | .
    """,
    re.VERBOSE | re.DOTALL,
)


def tokens_of(text: str) -> list[str]:
    """The tokens of a text, in order."""
    return _TOKEN.findall(text)


def is_word(token: str) -> bool:
    """True for tokens that say something: not blanks or signs alone."""
    return token[0].isalnum() or token[-1].isalnum()


def count_words(tokens: list[str] | tuple[str, ...]) -> int:
    """How many of the tokens say something."""
    return sum(map(is_word, tokens))
