"""What a form sends: whose it is, how large it may be, and what its fields mean."""

from datetime import UTC, datetime
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient
from starlette.responses import JSONResponse

from dashboards.forms import Form, FormRefusedError, check_own_page, read_form
from registry.errors import PromptInvalidError

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def client():
    app = FastAPI()

    @app.post("/own")
    def own(request: Request) -> None:
        check_own_page(request)

    @app.post("/read")
    def read(form: Annotated[Form, Depends(read_form)]) -> dict[str, str]:
        return dict(form.fields)

    @app.exception_handler(FormRefusedError)
    def refused(_: Request, error: FormRefusedError) -> JSONResponse:
        return JSONResponse({"message": error.message}, error.status)

    return TestClient(app, base_url="http://here.example:4545")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://here.example:4545"}, 200),
        ({"origin": "https://here.example:4545"}, 200),  # TLS ends in front of it
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"origin": "http://here.example:4545", "sec-fetch-site": "same-origin"}, 200),
        ({}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://here.example"}, 403),
        ({"origin": "http://evil.example", "sec-fetch-site": "same-origin"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"origin": ""}, 403),
    ],
)
def test_only_a_page_of_this_server_sends_forms(client, headers, status):
    answer = client.post("/own", headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert "curl -H 'Origin: http://here.example:4545'" in answer.json()["message"]


def test_fields_come_as_typed_with_one_kind_of_line_end(client):
    body = "text=a%0D%0Ab+c%C3%A9&empty=&text2=%26"
    answer = client.post("/read", content=body, headers={"content-type": FORM})
    assert answer.json() == {"text": "a\nb cé", "empty": "", "text2": "&"}


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("text/plain", b"a=1", 415),
        ("multipart/form-data; boundary=x", b"", 400),
        (FORM, b"a=%FF", 400),
        (FORM, b"a=\xff", 400),
        (FORM, b"&".join(b"a%d=1" % number for number in range(300)), 400),
        (FORM, b"a=" + b"x" * 16_000_001, 413),
    ],
)
def test_what_is_no_form_is_refused(client, kind, body, status):
    assert client.post("/read", content=body, headers={"content-type": kind}).status_code == status


def test_numbers_shares_and_times():
    form = Form(fields={"n": " 7 ", "s": "2,5 %", "t": "2027-01-31T09:00", "z": "2027-01-31T09:00+02:00", "e": " "})
    assert (form.whole("n"), form.share("s"), form.whole("e"), form.share("missing")) == (7, 2.5, None, None)
    assert form.time("t") == datetime(2027, 1, 31, 9, tzinfo=UTC)
    assert form.time("z") == datetime(2027, 1, 31, 7, tzinfo=UTC)


@pytest.mark.parametrize("text", ["-1", "1.5", "x", "१", "1" * 10])
def test_what_is_no_number(text):
    with pytest.raises(PromptInvalidError, match="'n' is a whole number"):
        Form(fields={"n": text}).whole("n")


@pytest.mark.parametrize("text", ["%", ".", "-1", "1e5", "nan", "1000"])
def test_what_is_no_share(text):
    with pytest.raises(PromptInvalidError, match="'s' is a share"):
        Form(fields={"s": text}).share("s")


def test_what_is_no_time_or_is_missing():
    with pytest.raises(PromptInvalidError, match="'t' is a time"):
        Form(fields={"t": "tomorrow"}).time("t")
    with pytest.raises(PromptInvalidError, match="'n' is empty"):
        Form().needed("n")
