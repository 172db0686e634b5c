"""Takes what nobody should read later out of texts and JSON, and says how much it took. Pure.

1. One scan of RE2 over all of a text's strings says whether there is anything at all; there mostly isn't, and the text stays as it
   is, byte for byte. RE2's time grows with the text's length alone, own patterns included.
2. JSON is looked at as what it says, not as it is written: an e-mail address whose @ is spelled as an escape is one all the same, and
   so is what stands in JSON inside a string (a tool's arguments). What is put in its place leaves it valid JSON.
3. JSON that was cut is looked at string by string, and what is no JSON as a text.

Knows patterns; refuses to know calls. Raises whatever an own function raises: whoever asks then keeps no text at all.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from tracing.privacy.checks import passwords, random_looking
from tracing.privacy.compiling import BadPattern, any_of, compiled, own_pattern, pattern_set
from tracing.privacy.patterns import KINDS, PASSWORD_NAMES, SECRET_NAMES, SECRETS, Pattern

__all__ = ["BadPattern", "OwnFunction", "Redactor"]

OwnFunction = Callable[[str], str]
"""A function of the user's own: a text, and the text as it may be kept. It is called for every string of every recorded call."""

_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)
_SEPARATORS = str.maketrans("", "", "-_ .")
_USUAL_ESCAPES = ((b"\\n", b"\n"), (b"\\r", b"\n"), (b"\\t", b"\t"), (b'\\"', b'"'))
_MEMBER = r'(?i)(?:pass[\-_ .]?(?:words?|wd|phrase)|pwd|secret|token|key|credentials?|authorization)"\s*:\s*"[^"]{6}'
"""A JSON member whose name says that its value is a secret, as it is written."""
_DEEPEST = 4
_NAMES_KNOWN = 2_000
_SMALLEST_CARD = 10**12


@dataclass(slots=True)
class Redactor:
    """Redacts texts. `kinds` are names of KINDS, `own` are the user's patterns by the name of what they find.

    With a `hash_key`, what stands in a value's place ends in its keyed hash (HMAC-SHA256, cut to 64 bits), so that equal values can be
    joined by whoever can't read them. Raises BadPattern.
    """

    kinds: Iterable[str]
    own: Mapping[str, str] = field(default_factory=dict)
    hash_key: bytes | None = None
    function: OwnFunction | None = None
    _patterns: list[tuple[Pattern, Any]] = field(init=False)
    _any: Any = field(init=False)
    _any_written: Any = field(init=False)
    _which: Any = field(init=False)
    _by_name: bool = field(init=False)
    _meant: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        kinds = tuple(self.kinds)
        patterns = [pattern for kind, found in KINDS.items() if kind in kinds for pattern in found]
        patterns += [own_pattern(name, regex) for name, regex in self.own.items()]
        self._patterns = [(pattern, compiled(pattern.regex)) for pattern in patterns]
        self._by_name = SECRETS in kinds
        regexes = [pattern.regex for pattern in patterns]
        self._any = any_of(regexes)
        self._any_written = any_of([*regexes, *([_MEMBER] if self._by_name else [])])
        self._which = pattern_set(regexes)

    def text(self, text: str) -> tuple[str, int]:
        """A text without what has to go, and how many values went."""
        if self._any is None or self._any.search(text.encode("utf-8", "surrogatepass")) is None:
            return self._by_function(text, 0)
        raw, count = text.encode("utf-8", "surrogatepass"), 0
        which = self._which.Match(raw)  # empty where it ran out of memory: then each is tried
        for pattern, regex in [self._patterns[place] for place in sorted(which)] or self._patterns:
            raw, found = self._without(raw, pattern, regex)
            count += found
        return self._by_function(raw.decode("utf-8", "surrogatepass"), count)

    def json_text(self, text: str) -> tuple[str, int]:
        """The same for a text that should be JSON; it stays as it is written unless something goes."""
        if len(text) < 3 or (self.function is None and self._nothing_in(text)):
            return text, 0
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return self._cut_json(text) if text.lstrip()[:1] in {"{", "["} else self.text(text)
        if self.function is None:
            strings: list[str] = []
            self._collect(value, strings)
            joined = "\n".join(strings).encode("utf-8", "surrogatepass")
            if self._any is None or ("\0secret" not in strings and self._any.search(joined) is None):
                return text, 0
        redacted, count = self._value(value, "", 0)
        return (orjson.dumps(redacted).decode(), count) if count else (text, 0)

    def nothing_in(self, texts: Iterable[str]) -> bool:
        """Whether there surely is nothing in several texts, JSON or not: one scan for all of them, which is what most calls come to.

        What is built in fits nowhere in them together if it fits in none of them alone. Own patterns may ask where a text begins or ends,
        and own functions anything, so with those it isn't known.
        """
        return self.function is None and not self.own and self._nothing_in("\n".join(texts))

    def _nothing_in(self, text: str) -> bool:
        """Whether there surely is nothing in JSON as it is written: without being read, if all its escapes are the usual ones."""
        if self._any_written is None:
            return True
        raw = text.encode("utf-8", "surrogatepass")
        if b"\\" in raw:
            for escape, char in _USUAL_ESCAPES:
                raw = raw.replace(escape, char)
            if b"\\" in raw:
                return False
        return self._any_written.search(raw) is None

    def token(self, kind: str, value: bytes) -> str:
        """What stands in a value's place."""
        if self.hash_key is None:
            return f"[redacted:{kind}]"
        return f"[redacted:{kind}:{hmac.new(self.hash_key, value, hashlib.sha256).hexdigest()[:16]}]"

    def _without(self, raw: bytes, pattern: Pattern, regex: Any) -> tuple[bytes, int]:
        kept, end, count = [], 0, 0
        group = 1 if regex.groups else 0
        for found in regex.finditer(raw):
            begin = found.start(group)
            for first, last in pattern.check(found.group(group)):
                kept += [raw[end : begin + first], self.token(pattern.kind, raw[begin + first : begin + last]).encode()]
                end = begin + last
                count += 1
        return (b"".join([*kept, raw[end:]]), count) if count else (raw, 0)

    def _by_function(self, text: str, count: int) -> tuple[str, int]:
        if self.function is None or not text:
            return text, count
        changed = self.function(text)
        return changed, count + (changed != text)

    def _collect(self, value: Any, strings: list[str], depth: int = 0) -> None:
        """All that could be read in a value, for one scan; "\\0secret" where a member's name says that its value is one."""
        if isinstance(value, str):
            strings.append(value)
            if "\\" in value and depth < _DEEPEST and (inner := _inner(value)) is not None:
                self._collect(inner, strings, depth + 1)
        elif isinstance(value, dict):
            for name, member in value.items():
                strings.append(name)
                if isinstance(member, str) and self._named_secret(name, member):
                    strings.append("\0secret")
                self._collect(member, strings, depth)
        elif isinstance(value, list):
            for member in value:
                self._collect(member, strings, depth)
        elif isinstance(value, int) and value >= _SMALLEST_CARD:
            strings.append(str(value))

    def _value(self, value: Any, name: str, depth: int) -> tuple[Any, int]:
        if isinstance(value, str):
            if name and self._named_secret(name, value):
                return self.token(_named(name), value.encode("utf-8", "surrogatepass")), 1
            return self._string(value, depth)
        if isinstance(value, dict):
            members: dict[str, Any] = {}
            count = 0
            for key, member in value.items():
                said, in_name = self.text(key)
                members[said], in_member = self._value(member, key, depth)
                count += in_name + in_member
            return members, count
        if isinstance(value, list):
            found = [self._value(member, "", depth) for member in value]
            return [member for member, _ in found], sum(count for _, count in found)
        if isinstance(value, int) and value >= _SMALLEST_CARD:
            said, count = self.text(str(value))
            return (said, count) if count else (value, 0)
        return value, 0

    def _string(self, text: str, depth: int) -> tuple[str, int]:
        inner = _inner(text) if depth < _DEEPEST else None
        if inner is not None:
            value, count = self._value(inner, "", depth + 1)
            if count:
                return orjson.dumps(value).decode(), count
        return self.text(text)

    def _named_secret(self, name: str, value: str) -> bool:
        meant = self._meant.get(name)
        if meant is None:
            meant = _named(name) if self._by_name else ""
            if len(self._meant) < _NAMES_KNOWN:
                self._meant[name] = meant
        if not meant or not 6 <= len(value) <= 8192 or any(map(str.isspace, value)):
            return False
        return any((passwords if meant == "password" else random_looking)(value.encode("utf-8", "replace")))

    def _cut_json(self, text: str) -> tuple[str, int]:
        """JSON that breaks off: each string is read on its own, also one that breaks off itself."""
        count = 0

        def literal(found: re.Match[str]) -> str:
            nonlocal count
            value = _literal(found[0])
            said, went = self._string(value, 0)
            count += went
            return json.dumps(said) if went else found[0]

        said = _LITERAL.sub(literal, text)
        said, outside = self.text(said)  # numbers, and names with their values
        return said, count + outside


def _inner(text: str) -> Any:
    """The object or list that a string is the JSON of, or None."""
    if text[:1] not in "{[ \n" or len(text) < 3:
        return None
    try:
        value = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return None
    return value if isinstance(value, dict | list) else None


def _literal(raw: str) -> str:
    """What a string of JSON says; of one that breaks off, what there is of it."""
    whole = raw if len(raw) > 1 and raw.endswith('"') else raw + '"'
    for cut in range(7):  # an escape is six characters at most
        try:
            return str(json.loads(whole if not cut else whole[: -1 - cut] + '"', strict=False))
        except ValueError:
            continue
    return raw


def _named(name: str) -> str:
    """The kind of secret that a JSON member holds by its name, or an empty text."""
    plain = name.translate(_SEPARATORS).lower()
    return "password" if plain in PASSWORD_NAMES else "secret" if plain in SECRET_NAMES else ""
