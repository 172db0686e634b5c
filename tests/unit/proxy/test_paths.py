"""What a path leads to."""

import pytest

from proxy.errors import RouteNotFound
from proxy.paths import locate


@pytest.mark.parametrize(
    ("method", "path", "endpoint", "prompt", "answered_here"),
    [
        ("POST", "/v1/chat/completions", "chat.completions", None, False),
        ("POST", "/v1/responses", "responses", None, False),
        ("GET", "/v1/models", "models", None, True),
        ("POST", "/v1/prompts/a/completions", "chat.completions", "a", False),
        ("POST", "/v1/prompts/a@12/completions", "chat.completions", "a@12", False),
        ("POST", "/v1/prompts/a@latest/render", "chat.completions", "a@latest", True),
        ("DELETE", "/v1/models", "models", None, False),
        ("GET", "/v1/prompts", "prompts", None, False),
        ("POST", "/v1/prompts/a/b/completions", "prompts.a.b.completions", None, False),
        ("POST", "/v1/audio/speech", "audio.speech", None, False),
    ],
)
def test_a_path_leads_to(method: str, path: str, endpoint: str, prompt: str | None, answered_here: bool) -> None:
    place = locate(method, path, path)
    assert (place.endpoint.name, place.prompt, place.answer is not None) == (endpoint, prompt, answered_here)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/chat/completions"),
        ("GET", "/v1/prompts/a/render"),
        ("PUT", "/v1/prompts/a/completions"),
        ("GET", "/v1/../api"),
        ("GET", "/v1/a\\b"),
    ],
)
def test_what_is_no_endpoint(method: str, path: str) -> None:
    with pytest.raises(RouteNotFound, match="is not an endpoint"):
        locate(method, path, path)


def test_what_passes_keeps_its_path_as_it_came() -> None:
    assert locate("GET", "/v1/files/a b", "/v1/files/a%20b").endpoint.path == "files/a%20b"
