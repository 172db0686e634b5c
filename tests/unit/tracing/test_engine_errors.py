"""Errors keep their code, name and words between the engine and the wire."""

import errno

import pytest

from tracing.engine.errors import NAMES, ClickHouseError, from_engine


@pytest.mark.parametrize(
    ("text", "code", "name", "words"),
    [
        (
            "Code: 47. DB::Exception: Unknown identifier `x`. (UNKNOWN_IDENTIFIER)",
            47,
            "UNKNOWN_IDENTIFIER",
            "Unknown identifier `x`",
        ),
        ("Failed to connect: Code: 36. DB::Exception: Bad (very). (BAD_ARGUMENTS)", 36, "BAD_ARGUMENTS", "Bad (very)"),
        ("Code: 999999. DB::Exception: no name here", 999999, "UNKNOWN_EXCEPTION", "no name here"),
        ("Code: 27. DB::Exception: line\nbreaks. (X_Y)", 27, "X_Y", "line\nbreaks"),
    ],
)
def test_what_the_engine_says_is_read(text: str, code: int, name: str, words: str) -> None:
    error = from_engine(RuntimeError(text))
    assert (error.code, error.name, str(error)) == (code, name, words)


def test_other_errors_keep_their_words() -> None:
    error = from_engine(ValueError("odd"))
    assert (error.code, error.name, str(error)) == (1001, "STD_EXCEPTION", "ValueError: odd")


def test_a_full_disk_has_its_own_code() -> None:
    assert from_engine(OSError(errno.ENOSPC, "No space left on device")).code == 243


def test_ours_is_passed_on_as_it_is() -> None:
    error = ClickHouseError(164, "no")
    assert from_engine(error) is error


def test_the_line_on_the_wire() -> None:
    line = ClickHouseError(516, "who").wire("26.9.2.1")
    assert line == "Code: 516. DB::Exception: who. (AUTHENTICATION_FAILED) (version 26.9.2.1 (official build))"


@pytest.mark.parametrize(
    ("code", "status"),
    [(62, 400), (194, 401), (516, 403), (60, 404), (159, 408), (307, 413), (48, 501), (202, 503), (241, 500)],
)
def test_statuses(code: int, status: int) -> None:
    assert ClickHouseError(code, "").status == status


def test_every_code_of_ours_has_a_name() -> None:
    assert all(name.isupper() for name in NAMES.values())
    assert ClickHouseError(373, "").name == "SESSION_IS_LOCKED"
