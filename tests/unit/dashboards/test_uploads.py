"""Forms with files, as browsers send them."""

import httpx
import pytest

from dashboards.uploads import parse_multipart


def encoded(**files: tuple[str, bytes] | str) -> tuple[bytes, str]:
    """A form as a client of its own makes it."""
    plain = {name: value for name, value in files.items() if isinstance(value, str)}
    given = {name: value for name, value in files.items() if not isinstance(value, str)}
    request = httpx.Request("POST", "http://127.0.0.1/", data=plain, files=given or {"none": ("", b"")})
    return request.read(), request.headers["content-type"]


def test_a_file_comes_with_its_name_and_its_text_as_it_is() -> None:
    text = "a,b\r\n\r\n--x\r\nä,ü\n"
    body, kind = encoded(name="golden", file=("C:\\tables\\my cases.csv", text.encode()))
    fields = dict(parse_multipart(body, kind, 10))
    assert fields["name"] == "golden"
    assert fields["file"] == text
    assert fields["file.filename"] == "my cases.csv"


def test_an_empty_file_field_is_no_file() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename=""\r\n'
    body += b"Content-Type: application/octet-stream\r\n\r\n\r\n--b--\r\n"
    found = parse_multipart(body, "multipart/form-data; boundary=b", 10)
    assert dict(found) == {"file": "", "file.filename": ""}


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"x", "multipart/form-data", "names no boundary"),
        (b"x", "multipart/form-data; boundary=b", "ends in the middle"),
        (
            b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nx',
            "multipart/form-data; boundary=b",
            "in the middle",
        ),
        (b"--b\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b", "has no name"),
        (
            b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n\xff\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            "'a' is no text in UTF-8",
        ),
        (b"--b\r\n\r\n" * 30 + b"\r\n--b--", "multipart/form-data; boundary=b", "more than 10 fields|has no name"),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, kind: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_multipart(body, kind, 10)
