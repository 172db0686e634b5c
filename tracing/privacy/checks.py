"""Whether digits and letters that look like something are it: check sums, lengths, randomness. Pure.

Each check takes a candidate (bytes of UTF-8) and gives the spans inside it that are to go; none where it was a false alarm.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator

Span = tuple[int, int]

_GROUPS = re.compile(rb"\d+")
_DATE = re.compile(rb"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}")
_SEPARATORS = re.compile(rb"[-_./:\\]")
_DIGIT = re.compile(rb"[0-9]")
_UNWORDLY = re.compile(rb"[0-9!#$%^&*+=?~|@]")
_LETTER = re.compile(rb"[A-Za-z]")
_PLACEHOLDER = re.compile(rb"\[redacted:|[$%]?[{(<\[]|\*{3}|x{4}|\.{3}|env:|file:", re.IGNORECASE)

_IBAN_LENGTHS: dict[bytes, int] = {
    code.encode(): length
    for length, codes in {
        15: "NO",
        16: "BE",
        18: "DK FO FI GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU XK MN",
        21: "HR LV LI CH",
        22: "BH BG CR GE DE IE ME RS GB VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ MD PK RO SA SK ES SE TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MR MC SM",
        28: "AL AZ BY CY DO SV GT HU LB NI PL",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for code in codes.split()
}
"""Length of an IBAN by country (SWIFT's IBAN registry, https://www.swift.com/resource/iban-registry-pdf)."""


def whole(candidate: bytes) -> Iterator[Span]:
    """The pattern alone decides."""
    yield 0, len(candidate)


def cards(candidate: bytes) -> Iterator[Span]:
    """Card numbers among groups of digits: a known issuer's first digits and length, and Luhn's check digit (ISO/IEC 7812-1)."""
    groups = [found.span() for found in _GROUPS.finditer(candidate)]
    first = 0
    while first < len(groups):
        for last in range(len(groups) - 1, first - 1, -1):
            begin, end = groups[first][0], groups[last][1]
            digits = b"".join(_GROUPS.findall(candidate[begin:end]))
            if _issued(digits) and _luhn(digits):
                yield begin, end
                first = last
                break
        first += 1


def ibans(candidate: bytes) -> Iterator[Span]:
    """An IBAN: its country's length, and 1 modulo 97 (ISO 13616, ISO 7064). What follows it may have been taken for a part of it."""
    length = _IBAN_LENGTHS.get(candidate[:2].upper())
    places = [place for place, char in enumerate(candidate) if chr(char).isalnum()]
    if length is None or len(places) < length:
        return
    end = places[length - 1] + 1
    text = bytes(candidate[place] for place in places[:length]).upper()
    if int("".join(str(int(chr(char), 36)) for char in text[4:] + text[:4])) % 97 == 1:
        yield 0, end


def phones(candidate: bytes) -> Iterator[Span]:
    """A telephone number: as many digits as one has (ITU-T E.164: up to 15), and not a date."""
    digits = sum(char in b"0123456789" for char in candidate)
    if (8 if candidate[:1] == b"+" else 9) <= digits <= 15 and not _DATE.match(candidate):
        yield 0, len(candidate)


def random_looking(candidate: bytes) -> Iterator[Span]:
    """A token: long, and not made of words, as `user-profile-v2-settings` is."""
    if (
        len(candidate) >= 16
        and not _PLACEHOLDER.match(candidate)
        and _entropy(candidate) >= 3.0
        and _scrambled(candidate)
    ):
        yield 0, len(candidate)


def passwords(candidate: bytes) -> Iterator[Span]:
    """What stands behind `password=`: anything but a plain word or a placeholder."""
    if len(candidate) >= 6 and _mixed(candidate) and not _PLACEHOLDER.match(candidate):
        yield 0, len(candidate)


def _issued(digits: bytes) -> bool:
    """Whether a card may begin like this and be this long: Visa, Mastercard, Amex, Discover, JCB, Diners, UnionPay, Maestro."""
    size = len(digits)
    if not 13 <= size <= 19:
        return False
    two, four = int(digits[:2]), int(digits[:4])
    return (
        (digits[:1] == b"4" and size in {13, 16, 19})
        or (size == 16 and (51 <= two <= 55 or 2221 <= four <= 2720))
        or (size == 15 and two in {34, 37})
        or (size >= 16 and (two in {62, 65} or four == 6011 or 644 <= four // 10 <= 649 or 3528 <= four <= 3589))
        or (size >= 14 and (two in {36, 38, 39} or 300 <= four // 10 <= 305))
        or (size >= 16 and (two == 50 or 56 <= two <= 58 or two in {63, 67}))
    )


def _luhn(digits: bytes) -> bool:
    total = 0
    for place, char in enumerate(reversed(digits)):
        digit = char - 48
        if place % 2:
            digit = digit * 2 - 9 * (digit > 4)
        total += digit
    return total % 10 == 0


def _mixed(text: bytes) -> bool:
    """Letters, and a digit or a sign among them that neither prose nor code has there."""
    return _LETTER.search(text) is not None and _UNWORDLY.search(text.strip(b"!?=")) is not None


def _scrambled(text: bytes) -> bool:
    """Digits among letters in one long piece, or in small and capital letters."""
    pieces = (piece for piece in _SEPARATORS.split(text) if len(piece) >= 12)
    if any(_DIGIT.search(piece) and _LETTER.search(piece) for piece in pieces):
        return True
    digits = len(_DIGIT.findall(text))
    return (digits >= 3 or (digits >= 1 and len(text) >= 30)) and not text.islower() and not text.isupper()


def _entropy(text: bytes) -> float:
    """Shannon's, in bits a character."""
    size = len(text)
    return -sum(count / size * math.log2(count / size) for count in Counter(text).values())
