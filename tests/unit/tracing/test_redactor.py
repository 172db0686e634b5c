"""Redaction: no planted value survives, however it is written; what is no such value stays; what is left is still JSON."""

import json
import random
import string
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracing.event import CallEvent, encode
from tracing.privacy.patterns import KINDS
from tracing.privacy.policy import RecordPolicy
from tracing.privacy.recorder import Recorder
from tracing.privacy.redactor import BadPattern, Redactor

ALL = Redactor(list(KINDS))
DEFAULT = Redactor(("secrets", "card", "iban"))
ALPHANUMERIC = string.ascii_letters + string.digits


def letters(seed: random.Random, size: int, of: str = ALPHANUMERIC) -> str:
    """Random letters, as tokens have them: with digits, small and capital ones."""
    while True:
        text = "".join(seed.choice(of) for _ in range(size))
        if sum(char.isdigit() for char in text) >= 3:
            return text


def luhn(seed: random.Random, head: str, size: int) -> str:
    body = head + "".join(seed.choice(string.digits) for _ in range(size - len(head) - 1))
    total = 0
    for place, char in enumerate(reversed(body)):
        digit = int(char) * (2 if place % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit
    return body + str(-total % 10)


def iban(seed: random.Random) -> str:
    account = "".join(seed.choice(string.digits) for _ in range(18))
    return f"DE{98 - int(account + '131400') % 97:02d}{account}"


def grouped(text: str, size: int = 4) -> str:
    return " ".join(text[place : place + size] for place in range(0, len(text), size))


def digits(seed: random.Random, size: int) -> str:
    return str(seed.randint(2, 9)) + "".join(seed.choice(string.digits) for _ in range(size - 1))


PLANTED: dict[str, Callable[[random.Random], str]] = {
    "openai": lambda seed: "sk-proj-" + letters(seed, 48, ALPHANUMERIC + "_-"),
    "openai of old": lambda seed: "sk-" + letters(seed, 48),
    "anthropic": lambda seed: "sk-ant-api03-" + letters(seed, 80, ALPHANUMERIC + "_-"),
    "slugline": lambda seed: "slk_" + letters(seed, 40),
    "aws": lambda seed: "AKIA" + letters(seed, 16, string.ascii_uppercase + string.digits),
    "github": lambda seed: "ghp_" + letters(seed, 36),
    "github fine": lambda seed: "github_pat_" + letters(seed, 22) + "_" + letters(seed, 59),
    "gitlab": lambda seed: "glpat-" + letters(seed, 20),
    "slack": lambda seed: "xoxb-" + digits(seed, 12) + "-" + letters(seed, 24),
    "google": lambda seed: "AIza" + letters(seed, 35),
    "stripe": lambda seed: "sk_live_" + letters(seed, 24),
    "hugging face": lambda seed: "hf_" + letters(seed, 34),
    "jwt": lambda seed: f"eyJ{letters(seed, 30)}.eyJ{letters(seed, 60)}.{letters(seed, 43)}",
    "private key": lambda seed: (
        f"-----BEGIN RSA PRIVATE KEY-----\n{letters(seed, 64)}\n{letters(seed, 40)}=\n-----END RSA PRIVATE KEY-----"
    ),
    "e-mail": lambda seed: f"{letters(seed, 8).lower()}.x@{letters(seed, 6).lower()}.example.org",
    "umlaut": lambda seed: f"jörg{digits(seed, 4)}@bücher.example",
    "visa": lambda seed: luhn(seed, "4", 16),
    "visa grouped": lambda seed: grouped(luhn(seed, "4", 16)),
    "mastercard": lambda seed: luhn(seed, "53", 16),
    "amex": lambda seed: luhn(seed, "37", 15),
    "iban": iban,
    "iban grouped": lambda seed: grouped(iban(seed)),
    "phone": lambda seed: f"+49 30 {digits(seed, 7)}",
    "phone of america": lambda seed: f"({digits(seed, 3)}) {digits(seed, 3)}-{digits(seed, 4)}",
    "phone of germany": lambda seed: f"0171/{digits(seed, 8)}",
}
IN_CONTEXT: dict[str, Callable[[random.Random], tuple[str, str]]] = {
    "bearer": lambda seed: ("Authorization: Bearer {}", letters(seed, 32)),
    "password": lambda seed: ("the password: {}", letters(seed, 10) + "!"),
    "variable": lambda seed: ("export DB_PASSWORD='{}'", letters(seed, 12)),
    "key": lambda seed: ("MY_API_KEY={}", letters(seed, 32)),
    "aws secret": lambda seed: ("aws_secret_access_key = {}", letters(seed, 40)),
    "url": lambda seed: ("postgresql://me:{}@db/x", letters(seed, 12)),
}

AROUND = st.text(
    st.characters(exclude_categories=("Cs", "L", "N", "M", "Pc"), exclude_characters="+.,/-@%"), max_size=20
)
WORDS = st.text(st.sampled_from('abc déjà "\\\n\t{}[]:é漢🙂/'), max_size=40)


@st.composite
def planted(draw: st.DrawFn) -> tuple[str, str]:
    """A text, and the value that is hidden in it."""
    seed = random.Random(draw(st.integers(0, 2**32)))
    name = draw(st.sampled_from([*PLANTED, *IN_CONTEXT]))
    form, value = IN_CONTEXT[name](seed) if name in IN_CONTEXT else ("{}", PLANTED[name](seed))
    before, after = draw(WORDS), draw(WORDS)
    return f"{before} {form.replace('{}', value)} {after}", value


def escaped(text: str) -> str:
    """JSON with every character as an escape, which is as valid as any other."""
    return '"' + "".join(f"\\u{unit:04x}" for char in text for unit in units(char)) + '"'


def units(char: str) -> list[int]:
    raw = char.encode("utf-16-be")
    return [int.from_bytes(raw[place : place + 2], "big") for place in range(0, len(raw), 2)]


WAYS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: json.dumps({"messages": [{"role": "user", "content": text}]}, ensure_ascii=False),
    "ascii": lambda text: json.dumps({"input": text, "n": 1}),
    "a name": lambda text: json.dumps({text: 1}, ensure_ascii=False),
    "escaped": lambda text: '{"input": ' + escaped(text) + "}",
    "arguments": lambda text: json.dumps({"arguments": json.dumps({"deep": [{"er": text}]})}),
    "arguments twice": lambda text: json.dumps({"a": json.dumps({"b": json.dumps([text])}, ensure_ascii=False)}),
    "a string": lambda text: json.dumps(text, ensure_ascii=False),
    "slashes": lambda text: json.dumps([text]).replace("/", "\\/"),
}


@settings(max_examples=300)
@given(planted(), st.sampled_from(sorted(WAYS)))
def test_no_planted_value_survives_in_json(found: tuple[str, str], way: str) -> None:
    text, value = found
    said, count = ALL.json_text(WAYS[way](text))
    assert count > 0
    assert value not in flat(json.loads(said)), said


@settings(max_examples=150)
@given(planted(), st.integers(0, 30))
def test_nor_in_json_that_was_cut_or_in_plain_text(found: tuple[str, str], cut: int) -> None:
    text, value = found
    for written in (text, WAYS["plain"](text + " " * 40)[: -3 - cut], WAYS["ascii"](text + " " * 40)[: -9 - cut]):
        said, count = ALL.json_text(written)
        assert count > 0
        assert value not in said
        assert json.dumps(value)[1:-1] not in said


def flat(value: object) -> str:
    """Every string in a value, JSON inside strings read as well."""
    if isinstance(value, dict):
        return "\n".join(flat(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return "\n".join(flat(part) for part in value)
    try:
        inner = json.loads(value) if isinstance(value, str) and value[:1] in {"{", "[", '"'} else None
    except ValueError:
        inner = None
    return f"{value}\n{flat(inner)}" if inner is not None and inner != value else str(value)


@settings(max_examples=150)
@given(planted(), st.sampled_from(["request", "response", "variables", "params", "error_message", "tags", "attempts"]))
def test_nor_in_the_line_that_the_spool_keeps(found: tuple[str, str], field: str) -> None:
    text, value = found
    lines: list[bytes] = []
    plain = field in {"error_message", "tags"}
    given = {"k": text} if field == "tags" else text if plain else WAYS["arguments"](text)
    recorder = Recorder(
        policy=RecordPolicy(),
        bodies=ALL,
        names=Redactor(("secrets",)),
        append=lambda event: not lines.append(encode(event)),  # type: ignore[func-returns-value]
        on_failed=lambda error: None,
    )
    made = CallEvent(call_id="c", ts="t", outcome="ok", status=200, duration_ms=1, **{field: given})  # type: ignore[arg-type]
    assert recorder(made)
    row = json.loads(lines[0])
    assert row["redactions"] > 0
    kept = row[field] if plain else json.loads(row[field])
    assert value not in flat(kept)


@pytest.mark.parametrize(
    "text",
    [
        "Call me at 12:30 on 01.02.2026 or 2026-02-01 12:30:45, order 4711-0815, room 030.",
        "In 2024, 1,234,567.89 dollars; version 10.4.2; 3.14159265358979; ISBN 978-3-16-148410-0.",
        "task-management-system-overview and risk-adjusted-returns-over-time",
        "key: user-profile-settings-v2 token: the secret: is out, password: required",
        "my_password = os.environ['PASSWORD'] and api_key=${OPENAI_API_KEY} token={{ token }}",
        "1763861010123 1763861010123456789 0123456789 4111111111111112",
        "@decorator and a@b and user@host, max_tokens: 1024, bearer of bad news",
        '{"tools":[{"parameters":{"properties":{"password":{"type":"string"},"email":{"type":"string"}}}}]}',
        "data 123e4567-e89b-12d3-a456-426614174000 sha 9e107d9d372bb6826bd81d3542a419d6",
    ],
)
def test_what_is_no_such_value_stays(text: str) -> None:
    assert ALL.text(text) == (text, 0)
    written = json.dumps({"content": text, "at": 1763861010123456, "f": 0.1})
    assert ALL.json_text(written) == (written, 0)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("openai", "openai-key"), ("openai of old", "api-key"), ("anthropic", "anthropic-key"), ("slugline", "slugline-key"),
        ("aws", "aws-key"), ("github", "github-token"), ("github fine", "github-token"), ("gitlab", "gitlab-token"),
        ("slack", "slack-token"), ("google", "google-key"), ("stripe", "stripe-key"), ("hugging face", "api-key"), ("jwt", "jwt"),
        ("private key", "private-key"), ("e-mail", "email"), ("umlaut", "email"), ("visa grouped", "card"), ("amex", "card"),
        ("iban grouped", "iban"), ("phone", "phone"), ("phone of america", "phone"), ("phone of germany", "phone"),
    ],
)  # fmt: skip
def test_the_mark_says_what_it_was(name: str, kind: str) -> None:
    value = PLANTED[name](random.Random(name))
    assert ALL.text(f"It is {value} indeed") == (f"It is [redacted:{kind}] indeed", 1)


def test_members_are_known_by_their_names() -> None:
    said, count = DEFAULT.json_text(
        '{"db":{"password":"corr3ct-horse"},"x-api-key":"0123456789abcdef0123","n":4111111111111111}'
    )
    assert json.loads(said) == {
        "db": {"password": "[redacted:password]"},
        "x-api-key": "[redacted:secret]",
        "n": "[redacted:card]",
    }
    assert count == 3


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_whatever_the_text_what_is_left_is_json_and_redacting_twice_changes_nothing(text: str) -> None:
    written = json.dumps({"a": text, "b": [json.dumps([text])], text: None})
    once, _ = ALL.json_text(written)
    json.loads(once)
    assert ALL.json_text(once) == (once, 0)


def test_half_a_surrogate_is_no_way_around() -> None:
    said, count = ALL.json_text('{"a":"\\ud800 me@home.example"}')
    assert count == 1
    said.encode()
    assert "home" not in said


def test_equal_values_leave_equal_marks_with_a_key() -> None:
    keyed, other = (Redactor(("email",), hash_key=key) for key in (b"one", b"two"))
    first = keyed.text("from a@b.example to c@d.example, a@b.example")[0].split()
    assert first[1] == first[4]
    assert first[1] != first[3].rstrip(",")
    assert other.text("a@b.example")[0] != first[1]
    assert first[1].startswith("[redacted:email:")


def test_own_patterns() -> None:
    redactor = Redactor((), {"staff": r"\bE-\d{6}\b", "name": r"Name: (\pL+)"})
    assert redactor.text("E-123456, Name: Zoë") == ("[redacted:staff], Name: [redacted:name]", 2)


@pytest.mark.parametrize(
    ("name", "regex", "said"),
    [
        ("a", r"(?<=x)y", "look-around"),
        ("a", r"(x)\1", "back-references"),
        ("a", r"x*", "empty text"),
        ("a", r"(x)(y)", "2 groups"),
        ("A b", r"x", "can't name"),
        ("a", r"(", "missing"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_in_words(name: str, regex: str, said: str) -> None:
    with pytest.raises(BadPattern, match=said):
        Redactor((), {name: regex})


def test_a_pattern_that_would_take_for_ever_elsewhere_takes_none() -> None:
    assert Redactor((), {"slow": r"(?:a+)+\$"}).text("a" * 100_000) == ("a" * 100_000, 0)


def test_an_own_function_sees_every_string() -> None:
    redactor = Redactor((), function=lambda text: text.replace("Ada", "[redacted:name]"))
    said, count = redactor.json_text('{"a":["Ada"],"b":"{\\"c\\":\\"Ada L.\\"}"}')
    assert json.loads(said)["a"] == ["[redacted:name]"]
    assert "Ada" not in said
    assert count == 2
