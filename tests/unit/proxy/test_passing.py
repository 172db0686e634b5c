"""What can be said of a body that isn't understood."""

import httpx
import pytest

from proxy.passing import described, model_in_form


@pytest.mark.parametrize("size", [0, 10, 300_000])
@pytest.mark.parametrize("model_first", [True, False])
def test_the_model_of_a_form(size: int, model_first: bool) -> None:
    fields = [("model", (None, "whisper-1")), ("file", ("a.wav", b"\x00\r\n" * (size // 3), "audio/wav"))]
    request = httpx.Request("POST", "http://x", files=fields if model_first else fields[::-1])
    assert model_in_form(request.read(), request.headers["content-type"]) == "whisper-1"


def test_a_form_without_a_model() -> None:
    request = httpx.Request("POST", "http://x", files=[("file", ("a", b"x"))])
    assert model_in_form(request.read(), request.headers["content-type"]) == ""
    assert model_in_form(b"model=x", "application/x-www-form-urlencoded") == ""


def test_bytes_are_described() -> None:
    assert described("audio/mpeg", 12345) == b"(audio/mpeg, 12,345 bytes)"
    assert described("", 5) == b"(no content type, 5 bytes)"
    assert described("audio/mpeg", 0) == b""
