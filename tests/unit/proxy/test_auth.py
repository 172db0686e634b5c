"""Where a key is looked for, whose it is, what it opens, and that it goes nowhere else."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.auth import (
    KEY_HEADERS,
    authenticate,
    check_channel,
    check_endpoint,
    check_model,
    check_prompt,
    masked,
    may_use_model,
    may_use_prompt,
    presented_key,
    without_keys,
)
from proxy.errors import NotAllowed, NotAuthenticated, answer_for
from registry.keys import CallerKey, KeyTerms
from registry.roles import owner
from registry.serving.live import LiveRegistry
from registry.storage.database import open_engine
from registry.writing.key_store import KeyStore
from tests.plugins.registries import new_registry

KEY = "slk_" + "aB3" * 13 + "z"
OTHER = "slk_" + "9" * 40
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, None),
        ({"authorization": f"Bearer {KEY}"}, KEY),
        ({"authorization": f"bearer   {KEY} "}, KEY),
        ({"authorization": KEY}, KEY),
        ({"authorization": basic(f"anybody:{KEY}")}, KEY),
        ({"authorization": basic(f"{KEY}:")}, KEY),
        ({"authorization": "Basic ???"}, None),
        ({"authorization": "Bearer sk-provider"}, None),
        ({"x-api-key": KEY}, KEY),
        ({"api-key": KEY}, KEY),
        ({"x-goog-api-key": KEY}, KEY),
        ({"x-slugline-key": KEY}, KEY),
        ({"x-slugline-key": KEY, "authorization": f"Bearer {OTHER}"}, KEY),
        ({"x-slugline-key": "sk-1", "authorization": f"Bearer {OTHER}"}, OTHER),
        ({"x-api-key": OTHER, "authorization": f"Bearer {KEY}"}, KEY),
        ({"x-other": KEY}, None),
    ],
)
def test_where_a_key_is_looked_for(headers: dict[str, str], found: str | None) -> None:
    assert presented_key(headers) == found


def test_a_header_with_a_key_in_it_is_left_out_whatever_its_name() -> None:
    headers = {
        "authorization": basic(f"x:{KEY}"),
        "x-api-key": f"{KEY[:20]}",
        "api-key": KEY,
        "x-slugline-key": KEY,
        "x-slugline-user": f"me,{KEY}",
        "cookie": f"session=1; key={KEY}",
        "x-note": "slk_ is how they begin",
        "x-goog-api-key": "AIza",
        "accept": "*/*",
    }
    kept = {"x-note": "slk_ is how they begin", "x-goog-api-key": "AIza", "accept": "*/*"}
    assert without_keys(headers) == kept
    assert without_keys(kept) is kept
    assert without_keys(plain := {"accept": "*/*", "authorization": "Basic eDp5"}) is plain


def test_beside_the_key_the_providers_own_stays() -> None:
    headers = {"x-slugline-key": KEY, "authorization": "Bearer sk-provider", "x-api-key": "sk-ant"}
    assert without_keys(headers) == {"authorization": "Bearer sk-provider", "x-api-key": "sk-ant"}


@given(
    st.dictionaries(
        st.sampled_from([*KEY_HEADERS, "x-a", "x-b"]), st.tuples(st.text(" ,;:=/\"'?x-", max_size=9), st.booleans())
    )
)
def test_no_key_is_ever_left(parts: dict[str, tuple[str, bool]]) -> None:
    headers = {name: before + KEY if has else before for name, (before, has) in parts.items()}
    kept = without_keys(headers)
    assert not any(KEY in value for value in kept.values())
    assert {name for name, (_, has) in parts.items() if not has} <= set(kept)


def test_a_key_in_a_text_is_made_unreadable() -> None:
    assert masked(f"/v1/files?key={KEY}&b=1") == "/v1/files?key=slk_…&b=1"
    assert masked("nothing") == "nothing"


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[KeyStore]:
    engine = open_engine(new_registry(tmp_path / "registry.db"))
    yield KeyStore(engine, clock=lambda: NOW)
    engine.dispose()


@pytest.fixture
def live(keys: KeyStore, tmp_path: Path) -> Iterator[LiveRegistry]:
    live = LiveRegistry(f"sqlite:///{tmp_path / 'registry.db'}")
    yield live
    live.close()


def refusal(headers: dict[str, str], live: LiveRegistry, now: datetime = NOW, **more: bool) -> tuple[str, str, str]:
    with pytest.raises(NotAuthenticated) as caught:
        authenticate(headers, live, now, **more)
    assert answer_for(caught.value).status == 401
    assert KEY not in caught.value.message
    assert OTHER not in caught.value.message
    return caught.value.code, caught.value.caller, caught.value.message


def test_without_keys_everybody_may_unless_one_is_required(live: LiveRegistry) -> None:
    for headers in ({}, {"authorization": "Bearer sk-provider"}, {"authorization": f"Bearer {KEY}"}):
        assert authenticate(headers, live, NOW) is None
    assert refusal({}, live, required=True)[0] == "auth_key_missing"
    assert refusal({"x-api-key": KEY}, live, required=True)[0] == "auth_key_unknown"


def test_each_refusal_says_why(keys: KeyStore, live: LiveRegistry) -> None:
    soon = keys.create(KeyTerms(name="soon", expires_at=NOW + timedelta(hours=1)), by=owner("a"))
    headers = {"authorization": f"Bearer {soon.secret.text}"}
    assert authenticate(headers, live, NOW) == soon.key
    assert authenticate(headers, live, NOW + timedelta(minutes=59, seconds=59)) == soon.key
    code, caller, message = refusal(headers, live, NOW + timedelta(hours=1))
    assert (code, caller) == ("auth_key_expired", "soon")
    assert "expired at 2026-11-22 01:00 UTC" in message
    keys.revoke(soon.key.key_id, by=owner("a"))
    code, caller, message = refusal(headers, live, NOW + timedelta(hours=1))
    assert (code, caller) == ("auth_key_revoked", "soon")
    assert soon.key.key_id in message
    assert refusal({}, live)[:2] == ("auth_key_missing", "")
    assert refusal({"authorization": "Bearer sk-provider"}, live)[0] == "auth_key_missing"
    assert "holds no Slugline key" in refusal({"x-slugline-key": "sk-1"}, live)[2]
    assert "ends in '9999'" in refusal({"x-api-key": OTHER}, live)[2]
    assert "no whole Slugline key" in refusal({"x-api-key": KEY[:-1]}, live)[2]


def key(**terms: object) -> CallerKey:
    return CallerKey(
        key_id="k_1",
        hash="h",
        hint="hint",
        terms=KeyTerms(name="web", **terms),  # type: ignore[arg-type]
        created_at=NOW,
        created_by="a",
        revision=1,
    )


def test_whoever_has_no_limit_may_everything() -> None:
    for caller in (None, key()):
        check_endpoint(caller, "anything")
        check_prompt(caller, None)
        check_prompt(caller, "a")
        check_channel(caller, ("stable",))
        check_channel(caller, (), 7)
        check_model(caller, "p", "")


def test_endpoints() -> None:
    caller = key(endpoints=("chat.completions", "audio.*"))
    check_endpoint(caller, "chat.completions")
    check_endpoint(caller, "audio.speech")
    for name in ("responses", "chat.completions.", "chat.%63ompletions"):
        with pytest.raises(NotAllowed, match="may use the endpoints chat.completions, audio.. only, not") as caught:
            check_endpoint(caller, name)
        assert (caught.value.code, answer_for(caught.value).status) == ("auth_endpoint_not_allowed", 403)


def test_prompts() -> None:
    caller = key(prompts=("support-*",))
    check_prompt(caller, "support-agent")
    with pytest.raises(NotAllowed, match="only, not 'billing'"):
        check_prompt(caller, "billing")
    with pytest.raises(NotAllowed, match="and this call names none") as caught:
        check_prompt(caller, None)
    assert caught.value.code == "auth_prompt_not_allowed"
    assert not may_use_prompt(caller, None)
    assert may_use_prompt(caller, "support-x")


def test_channels_and_numbers() -> None:
    caller = key(channels=("stable", "eu-*"))
    check_channel(caller, ("eu-west",))
    with pytest.raises(NotAllowed, match="not 'latest'"):
        check_channel(caller, ("latest",))
    check_channel(caller, ("latest", "stable"), 7)
    for elsewhere in ((), ("latest",)):
        with pytest.raises(NotAllowed, match="none of them points to version 7 now") as caught:
            check_channel(caller, elsewhere, 7)
        assert (caught.value.code, caught.value.param) == ("auth_channel_not_allowed", "version")


def test_models() -> None:
    caller = key(models=("gpt-*-mini", "groq/*"))
    check_model(caller, "openai", "gpt-4o-mini")
    check_model(caller, "groq", "llama-4")
    for provider, model in (("openai", "gpt-4o"), ("openai", "llama-4"), ("openai", "")):
        with pytest.raises(NotAllowed) as caught:
            check_model(caller, provider, model)
        assert caught.value.code == "auth_model_not_allowed"
        assert not may_use_model(caller, provider, model)
