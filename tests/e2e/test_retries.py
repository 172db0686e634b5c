"""A provider that fails for a moment costs a caller nothing but the moment; each attempt is on record."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.plugins.moody import Moody, serve_moody
from tests.plugins.server import Server, run_server


@pytest.fixture(scope="module")
def moody() -> Iterator[Moody]:
    with serve_moody("m-1") as state:
        yield state


@pytest.fixture(scope="module")
def retrying(moody: Moody, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = f'retries = 2\n[providers.moody]\nbase_url = "{moody.url}"\n'
    with run_server(tmp_path_factory.mktemp("retrying"), settings, workers=1) as server:
        yield server


def ask(server: Server, moody: Moody, *moods: int | str, **body: Any) -> tuple[httpx.Response, dict[str, Any], int]:
    moody.reset(*moods)
    answer = server.chat(model="m-1", messages=[{"role": "user", "content": "x"}], **body)
    return answer, server.row(answer.headers["x-slugline-call-id"]), moody.asked


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("moods", [(503,), (429, 500), ("drop",), ("drop", 502)], ids=str)
def test_a_failure_that_passes_is_not_seen(
    retrying: Server, moody: Moody, moods: tuple[int | str, ...], stream: bool
) -> None:
    answer, row, asked = ask(retrying, moody, *moods, stream=stream)
    assert answer.status_code == 200, answer.text
    assert "ok" in answer.text
    assert asked == len(moods) + 1
    # An idle connection that drops a request is replaced without a word; a new one that does is an attempt of its own.
    statuses = [attempt["status"] for attempt in json.loads(row["attempts"])]
    assert [status for status in statuses if status != 502] == [mood for mood in moods if mood not in ("drop", 502)] + [
        200
    ]
    assert statuses.count(502) >= moods.count(502)
    assert (row["outcome"], row["status"]) == ("ok", 200)


def test_the_last_failure_is_the_callers(retrying: Server, moody: Moody) -> None:
    answer, row, asked = ask(retrying, moody, 500, 502, 503)
    assert (answer.status_code, asked) == (503, 3)
    assert answer.json() == {"error": {"message": "not now"}}
    assert (row["outcome"], row["status"], len(json.loads(row["attempts"]))) == ("provider_error", 503, 3)


def test_what_is_the_callers_own_fault_is_asked_once(retrying: Server, moody: Moody) -> None:
    answer, row, asked = ask(retrying, moody, 400)
    assert (answer.status_code, asked, len(json.loads(row["attempts"]))) == (400, 1, 1)


def test_what_is_not_understood_is_never_sent_twice(retrying: Server, moody: Moody) -> None:
    moody.reset(503)
    answer = retrying.api.post("/v1/files", json={"purpose": "x"})
    assert (answer.status_code, moody.asked) == (503, 1)
