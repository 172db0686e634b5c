"""Shares of a channel through the whole server: the same session gets the same version on every worker, and the record says as what."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx

from tests.plugins.server import Server

SESSIONS = 60


def _move(server: Server, slug: str, how: str, **body: object) -> dict[str, object]:
    answer = server.api.post(f"/api/prompts/{slug}/channels/stable/{how}", json={"reason": "test", **body})
    assert answer.status_code < 300, answer.text
    return dict(answer.json())


def _versions(server: Server, slug: str, *variants: str) -> dict[str, str]:
    """What each session gets; over new connections, so that every worker is met."""
    found = {}
    for number in range(SESSIONS):
        with httpx.Client(base_url=server.url, timeout=60) as fresh:
            answer = fresh.post(
                "/v1/chat/completions",
                json={"prompt": {"id": slug}, "messages": [{"role": "user", "content": "hi"}]},
                headers={"x-slugline-session": f"session-{number}"},
            )
        assert answer.status_code == 200, answer.text
        assert answer.headers.get("x-slugline-variant", "") in variants
        found[f"session-{number}"] = answer.headers["x-slugline-prompt"]
    return found


def test_a_rollout_is_sticky_grows_and_ends(server: Server) -> None:
    slug = "rolled-out"
    server.save(slug, "You are version one.")
    server.save(slug, "You are version two.")
    server.promote(slug, 1)
    moved = _move(server, slug, "rollout", arms=[{"version": 2, "share": 30}])
    assert moved["split"] == {
        "arms": [{"version": 2, "share": 30.0, "kind": "rollout", "until": None}],
        "sticky": "session",
    }
    first = _versions(server, slug, "main", "rollout")
    assert set(first.values()) == {f"{slug}@1", f"{slug}@2"}
    assert _versions(server, slug, "main", "rollout") == first
    _move(server, slug, "rollout", arms=[{"version": 2, "share": 60}])
    grown = _versions(server, slug, "main", "rollout")
    assert all(grown[session] == f"{slug}@2" for session, version in first.items() if version == f"{slug}@2")
    assert list(grown.values()).count(f"{slug}@2") > list(first.values()).count(f"{slug}@2")
    rows = server.until(
        f"SELECT session, version, variant FROM calls WHERE prompt = '{slug}'",
        lambda found: len(found) == 3 * SESSIONS,
    )
    assert {(row["version"], row["variant"]) for row in rows} == {(1, "main"), (2, "rollout")}
    assert Counter(row["session"] for row in rows if row["variant"] == "rollout") == Counter(
        [session for found in (first, first, grown) for session, version in found.items() if version == f"{slug}@2"]
    )
    with httpx.Client(base_url=server.url) as api:  # what is read is what is called
        for session, version in grown.items():
            shown = api.get(f"/api/prompts/{slug}", headers={"x-slugline-session": session}).json()
            assert f"{slug}@{shown['version']}" == version
    _move(server, slug, "promote", version=2, holdback=20)
    held = _versions(server, slug, "main", "holdback")
    assert set(held.values()) == {f"{slug}@1", f"{slug}@2"}
    assert all(held[session] == f"{slug}@2" for session, version in grown.items() if version == f"{slug}@2")
    _move(server, slug, "rollback")
    assert set(_versions(server, slug, "").values()) == {f"{slug}@1"}


def test_a_scheduled_move_comes_by_itself(server: Server) -> None:
    slug = "scheduled"
    server.save(slug, "one")
    server.save(slug, "two")
    server.promote(slug, 1)
    due = datetime.now(UTC) + timedelta(seconds=1.5)
    planned = _move(server, slug, "schedule", version=2, at=due.isoformat())
    assert planned["state"] == "waiting"
    assert server.api.get(f"/api/prompts/{slug}").json()["version"] == 1
    deadline = time.monotonic() + 60
    while server.api.get(f"/api/prompts/{slug}").json()["version"] == 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    (done,) = server.api.get("/api/schedules", params={"prompt": slug}).json()["schedules"]
    assert (done["state"], done["schedule_id"]) == ("done", planned["schedule_id"])
    assert server.api.get(f"/api/prompts/{slug}").json()["version"] == 2
    entry = server.api.get(f"/api/prompts/{slug}/history").json()["events"][0]
    assert datetime.fromisoformat(entry["at"]) >= due
