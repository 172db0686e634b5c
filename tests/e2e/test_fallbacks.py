"""When a provider doesn't answer, the next of the list does; and a client that leaves may still be counted."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from slugline.providers import check_providers
from slugline.settings import Settings, SettingsError
from tests.plugins.moody import Moody, serve_moody
from tests.plugins.server import Server, run_server

SETTINGS = """
retries = 0
first_byte_seconds = 20
breaker_failures = 3
breaker_seconds = 3600
when_client_leaves = "drain"
[fallbacks]
"first/big" = ["second/big", "third/small"]
[providers.first]
base_url = "{first}"
first_byte_seconds = 0.3
max_concurrency = 8
[providers.second]
base_url = "{second}"
max_concurrency = 1
[providers.third]
base_url = "{third}"
[providers.broken]
base_url = "{third}"
[providers.refused]
base_url = "http://127.0.0.1:9/v1"
"""
USER = {"role": "user", "content": "x"}
Three = tuple[Moody, Moody, Moody]


@pytest.fixture(scope="module")
def three() -> Iterator[Three]:
    with serve_moody("big-1") as first, serve_moody("big-2") as second, serve_moody("small-3") as third:
        yield first, second, third


@pytest.fixture(scope="module")
def falling(three: Three, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = SETTINGS.format(first=three[0].url, second=three[1].url, third=three[2].url)
    with run_server(tmp_path_factory.mktemp("falling"), settings, workers=1) as server:
        yield server


@pytest.fixture(autouse=True)
def calm(falling: Server, three: Three) -> None:
    """Everybody well again, and the breakers closed: a success closes one."""
    for name, one in zip(("first", "second", "third"), three, strict=True):
        one.reset()
        falling.chat(model="x", messages=[USER], headers={"x-slugline-provider": name})
        one.reset()


def attempts(row: dict[str, Any]) -> list[tuple[str, int, str]]:
    return [(one["provider"], one["status"], one["error_code"]) for one in json.loads(row["attempts"])]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("mood", "noted"),
    [
        (503, (503, "provider_error")),
        (429, (429, "provider_error")),
        (401, (401, "provider_error")),
        (404, (404, "provider_error")),
        ("drop", (502, "provider_unreachable")),
        ("hang", (504, "provider_timeout")),
    ],
)
def test_the_next_provider_answers_and_both_attempts_are_on_record(
    falling: Server, three: Three, mood: int | str, noted: tuple[int, str], stream: bool
) -> None:
    three[0].reset(mood, mood, retry_after="60")
    answer = falling.chat(model="first/big", messages=[USER], stream=stream)
    assert answer.status_code == 200, answer.text
    assert "big-2" in answer.text
    assert (answer.headers["x-slugline-provider"], three[1].models) == ("second", ["big"])
    row = falling.row(answer.headers["x-slugline-call-id"])
    assert attempts(row) == [("first", *noted), ("second", 200, "")]
    assert (row["outcome"], row["provider"], row["model_requested"], row["model_served"]) == (
        "ok",
        "second",
        "big",
        "big-2",
    )


def test_the_callers_own_fault_is_nobody_elses_to_answer(falling: Server, three: Three) -> None:
    three[0].reset(400)
    assert falling.chat(model="first/big", messages=[USER]).status_code == 400
    assert three[1].asked == 0


def test_the_last_failure_is_the_callers(falling: Server, three: Three) -> None:
    for one, mood in zip(three, (500, 502, 503), strict=True):
        one.reset(mood)
    answer = falling.chat(model="first/big", messages=[USER])
    assert (answer.status_code, answer.headers["x-slugline-provider"]) == (503, "third")
    row = falling.row(answer.headers["x-slugline-call-id"])
    assert [status for _, status, _ in attempts(row)] == [500, 502, 503]
    assert (row["outcome"], row["status"]) == ("provider_error", 503)


def test_a_versions_own_fallbacks_come_instead(falling: Server, three: Three) -> None:
    falling.save("own-fallbacks", "Be kind.", model="first/big", fallbacks=["third/tiny"])
    three[0].reset(503)
    answer = falling.chat(prompt={"id": "own-fallbacks", "version": "latest"}, messages=[USER])
    assert (answer.json()["model"], three[1].asked, three[2].models) == ("small-3", 0, ["tiny"])


def test_a_provider_chosen_by_name_is_asked_alone(falling: Server, three: Three) -> None:
    three[0].reset(503)
    answer = falling.chat(model="big", messages=[USER], headers={"x-slugline-provider": "first"})
    assert (answer.status_code, three[1].asked) == (503, 0)


def test_a_provider_that_keeps_failing_is_passed_over_but_never_refused_outright(falling: Server, three: Three) -> None:
    three[0].reset(500, 500, 500)
    for _ in range(3):
        assert falling.chat(model="first/big", messages=[USER]).status_code == 200
    assert three[0].asked == 3
    answer = falling.chat(model="first/big", messages=[USER])
    assert (answer.status_code, three[0].asked) == (200, 3)
    row = falling.row(answer.headers["x-slugline-call-id"])
    assert attempts(row) == [("first", 0, "provider_circuit_open"), ("second", 200, "")]
    alone = falling.chat(model="other", messages=[USER], headers={"x-slugline-provider": "first"})
    assert (alone.status_code, alone.json()["model"]) == (200, "big-1")


def test_a_busy_provider_hands_over_and_gives_its_turn_back(falling: Server, three: Three) -> None:
    three[1].reset("hang")
    with httpx.Client(base_url=falling.url, timeout=20) as other:
        body = {"model": "second/big", "messages": [USER]}
        with pytest.raises(httpx.ReadTimeout):
            other.post("/v1/chat/completions", json=body, timeout=0.3)  # holds the only turn: it is drained
    three[0].reset(503)
    answer = falling.chat(model="first/big", messages=[USER])
    assert answer.json()["model"] == "small-3"
    row = falling.row(answer.headers["x-slugline-call-id"])
    assert attempts(row)[1] == ("second", 429, "provider_busy")
    three[1].release.set()
    assert falling.chat(**body).json()["model"] == "big-2"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_client_that_left_is_counted_to_the_end_where_that_is_set(
    falling: Server, three: Three, stream: bool
) -> None:
    marker = f"drained-{stream}"
    three[2].reset("hang")
    with pytest.raises(httpx.ReadTimeout):
        falling.api.post(
            "/v1/chat/completions",
            json={"model": "third/small", "messages": [USER], "stream": stream, "metadata": {"marker": marker}},
            timeout=0.3,
        )
    assert three[2].asked == 1
    # Only once the server knows that nobody waits any more may the answer come: both at once would be an answer in time.
    deadline = time.monotonic() + 30
    while "slugline_calls_in_flight 0" not in falling.api.get("/metrics").text:
        assert time.monotonic() < deadline, "the server has not noticed that the client left"
        time.sleep(0.02)
    three[2].release.set()
    [row] = falling.until(
        f"SELECT outcome, status, usage_source, output_tokens FROM calls WHERE tags['marker'] = '{marker}'", bool
    )
    assert row == {"outcome": "client_left", "status": 499, "usage_source": "provider", "output_tokens": 2}


def test_nobody_there_is_the_next_ones_turn(falling: Server) -> None:
    falling.save("refused-first", "Be kind.", model="refused/x", fallbacks=["third/small"])
    answer = falling.chat(prompt={"id": "refused-first", "version": "latest"}, messages=[USER])
    assert answer.json()["model"] == "small-3"


def test_a_fallback_that_nobody_serves_keeps_the_server_from_starting() -> None:
    settings = Settings.model_validate(
        {
            "providers": {name: {"base_url": "http://127.0.0.1:9"} for name in ("a", "b")},
            "fallbacks": {"gpt-*": ["c/gpt"]},
        }
    )
    with pytest.raises(SettingsError, match=r"fallbacks\.gpt-\*: no provider serves the model 'c/gpt'"):
        check_providers(settings, {})
