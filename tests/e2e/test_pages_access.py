"""Keys, people, settings, shared pages, and how each viewer sees the pages: over HTTP, and in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.e2e.test_pages import sits
from tests.e2e.test_pages_evaluations import gated, prepared
from tests.plugins.browser import check_pages
from tests.plugins.site import Page, Site, Visitor, browser_for

KEY = re.compile(r"slk_[0-9A-Za-z]{40}")
LINK = re.compile(r"http://[^<\s]+/shared/[\w-]+")
BERLIN = {"cookie": "slugline_zone=Europe/Berlin"}


@pytest.fixture
def anybody(site: Site) -> Iterator[Visitor]:
    """Somebody from elsewhere, without a key."""
    with browser_for(site.server.url, None) as http:
        yield Visitor(http)


@pytest.fixture(scope="module")
def measured(site: Site) -> str:
    """A prompt whose quality can be looked at."""
    site.save("shown", "one", "two")
    site.promote("shown", 1)
    return "/prompts/shown/quality"


def made_key(site: Site, **typed: str) -> tuple[str, str]:
    """The text and the id of a key that an admin makes on the page."""
    page = site["admin"].send(site["admin"].open("/keys"), "/keys", **typed)
    assert page.status == 200, page.text
    [text] = set(KEY.findall(page.answer.text))
    found = site.call("admin", "GET", "/api/keys")["keys"]
    return text, next(each["key_id"] for each in found if each["hint"] == text[-4:] and each["name"] == typed["name"])


def works(site: Site, text: str) -> int:
    return site.server.api.get("/v1/models", headers={"authorization": f"Bearer {text}"}).status_code


def test_a_key_is_made_changed_rolled_and_revoked_by_clicking(site: Site) -> None:
    admin = site["admin"]
    text, key_id = made_key(
        site, name="page-made", owner="ann@example.com", prompts="a-*, b", budget_usd="12.50", budget_period="day",
        requests_per_minute="30", expires_at=f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%dT%H:%M}",
    )  # fmt: skip
    assert works(site, text) == 200
    told = site.call("admin", "GET", f"/api/keys/{key_id}")
    assert (told["roles"], told["prompts"], told["budget_usd"], told["budget_period"]) == (
        ["application"], ["a-*", "b"], "12.5", "day",
    )  # fmt: skip
    page = admin.open("/keys")
    assert "page-made" in page.text
    assert "prompts: a-*, b" in page.text
    assert KEY.search(page.answer.text) is None, "shown once"

    one = admin.open(f"/keys/{key_id}")
    admin.send(one, f"/keys/{key_id}", name="page-renamed", role_viewer="1")
    told = site.call("admin", "GET", f"/api/keys/{key_id}")
    assert (told["name"], told["roles"], told["budget_usd"]) == ("page-renamed", ["viewer", "application"], "12.5")
    stale = admin.send(one, f"/keys/{key_id}", name="lost update")
    assert (stale.status, "changed by somebody else" in stale.text) == (412, True)

    rolled = admin.send(admin.open(f"/keys/{key_id}"), f"/keys/{key_id}/roll", grace="1")
    [second] = set(KEY.findall(rolled.answer.text))
    assert (works(site, text), works(site, second)) == (200, 200)
    until = datetime.fromisoformat(site.call("admin", "GET", f"/api/keys/{key_id}")["expires_at"])
    assert timedelta(minutes=50) < until - datetime.now(UTC) <= timedelta(hours=1)
    admin.send(admin.open(f"/keys/{key_id}"), f"/keys/{key_id}/revoke", reason="tried")
    assert (works(site, text), works(site, second)) == (401, 200)
    assert "revoked" in admin.open("/keys?ended=1").text
    again = admin.post(f"/keys/{key_id}/roll", {"once": "x", "grace": "0"})
    assert (again.status, "has ended already" in again.text) == (409, True)


def test_a_form_that_is_sent_twice_makes_one_key(site: Site) -> None:
    admin = site["admin"]
    fields = admin.open("/keys").form("/keys").fields | {"name": "twice"}
    assert KEY.search(admin.post("/keys", fields).answer.text)
    second = admin.post("/keys", fields)
    assert (second.status, KEY.search(second.answer.text)) == (412, None)
    assert "its text was shown then" in second.text
    assert [each["name"] for each in site.call("admin", "GET", "/api/keys")["keys"]].count("twice") == 1


def test_what_a_key_can_not_be_stands_in_the_form_again(site: Site) -> None:
    admin = site["admin"]
    for typed, said in (
        ({"name": ""}, "'name'"),
        ({"name": "x", "budget_usd": "much"}, "'budget_usd' is an amount"),
        ({"name": "x", "requests_per_minute": "-1"}, "'requests_per_minute' is a whole number"),
        ({"name": "x", "expires_at": "2001-01-01T00:00"}, "lies in the past"),
        ({"name": "x", "role_application": ""}, "role"),
    ):
        page = admin.send(admin.open("/keys"), "/keys", owner="kept", **typed)
        assert (page.status, said in page.text) == (400, True), page.text[:600]
        assert page.form("/keys").fields["owner"] == "kept"


def test_keys_and_settings_are_for_admins(site: Site) -> None:
    for who in ("viewer", "application", "author", "reviewer", "promoter"):
        for path in ("/keys", "/keys.json", "/keys/k_x"):
            assert site[who].open(path).status == 403, (who, path)
        for action in ("/keys", "/keys/k_x", "/keys/k_x/roll", "/keys/k_x/revoke", "/people/p_x/block"):
            assert site[who].post(action, {"name": "x"}).status == 403, (who, action)
    assert "Keys and people" not in site["author"].open("/").text
    seen = site["viewer"].open("/settings")
    assert (seen.status, "Settings in force" in seen.text, "Lost" in seen.text) == (200, False, True)
    assert site["application"].open("/settings").status == 403
    assert "settings" not in site["viewer"].http.get("/settings.json").json()


def test_settings_and_health_tell_what_is_so(site: Site) -> None:
    told = site["admin"].http.get("/settings.json").json()
    assert told["records"]["lost"] == 0
    assert len(told["workers"]) == 2
    assert all(each["current"] for each in told["workers"])
    assert told["registry"]["schema"] == "0009"
    assert re.fullmatch(r"\d{4}_\w+", told["clickhouse"]["schema"])
    assert told["clickhouse"]["engine"] == "up"
    sources = {each["name"]: (each["value"], each["source"]) for each in told["settings"]}
    assert sources["behind_proxy"] == ("true", "slugline.toml")
    assert sources["retries"] == ("1", "default")
    assert sources["data"][1] == "option"
    page = site["admin"].open("/settings").text
    assert "worker 1 (pid" in page
    assert "slugline.toml" in page


def shared(site: Site, path: str, who: str = "ann", **typed: str) -> tuple[Page, str]:
    """The page on which a link was made, and the link."""
    page = site[who].open(f"/shares?path={path}")
    page = site[who].send(page, "/shares", **typed)
    assert page.status == 200, page.text
    return page, LINK.findall(page.answer.text)[0]


def test_a_shared_page_shows_that_page_and_nothing_to_do(site: Site, measured: str, anybody: Visitor) -> None:
    _, link = shared(site, f"{measured}?since=3d", note="for legal")
    page = anybody.open(link)
    assert (page.status, page.forms) == (200, [])
    assert "Quality by version" in page.text
    assert "Shared by key ann to be read" in page.text
    assert "Audit log" not in page.text
    assert re.findall(r'href="(?!/static|#|data:)[^"]*"', page.answer.text) == []
    assert not {"form", "button", "input", "nav", "dialog"} & set(page.tags)
    # As somebody with a link sees it, whoever they are.
    assert site["admin"].open(link).forms == []
    for path in (measured, f"{link}/../../audit", f"{link}.json", "/api/prompts", f"{link}?since=90d&x=/audit"):
        found = anybody.http.get(path, headers={"accept": "application/json"})
        assert "Audit" not in found.text, path
        assert path.startswith(link) or found.status_code == 401, path
    assert anybody.http.post(link, headers={"origin": site.server.url}).status_code in (401, 404, 405, 415)
    listed = site["ann"].open("/shares")
    assert f"{measured}?since=3d" in listed.text
    assert link.rpartition("/")[2] not in listed.answer.text, "shown once"


def test_a_link_ends_and_says_so(site: Site, measured: str, anybody: Visitor) -> None:
    _, link = shared(site, measured, note="ends")
    assert anybody.open(link).status == 200
    [share] = re.findall(r'action="(/shares/s_\w+/revoke)"', site["ann"].open("/shares").answer.text)[:1]
    assert site["paul"].post(share, {"x": "y"}).status == 403, "only whoever made it, and admins"
    assert site["admin"].post(share, {"x": "y"}).status == 200
    for gone in (link, f"{site.server.url}/shared/", f"{site.server.url}/shared/nothing"):
        page = anybody.open(gone)
        assert (page.status, "This link has ended, or was never one" in page.text) == (404, True)
    events = site["ann"].open("/audit").text
    assert "key ann shared the page /prompts/shown/quality" in events
    assert "ended the link to the page /prompts/shown/quality" in events


def test_who_may_share_what(site: Site, measured: str) -> None:
    assert site["viewer"].open("/shares").status == 403
    assert site["viewer"].post("/shares", {"path": measured}).status == 403
    assert site["scoped"].post("/shares", {"path": measured}).status == 403, "sam sees other prompts"
    for path in ("/audit", "/keys", "https://evil.example/prompts/shown/quality", "/prompts/shown", "/shares", ""):
        assert site["ann"].post("/shares", {"path": path}).status == 400, path
    assert site["ann"].post("/shares", {"path": "/prompts/nothing/quality"}).status == 404
    assert "Share this page" in site["ann"].open(measured).text
    assert "Share this page" not in site["viewer"].open(measured).text


def test_what_cases_say_is_shared_only_where_that_was_asked(site: Site, anybody: Visitor) -> None:
    prepared(site, "told-cases", text="Word for word: {{ days }}")
    path = gated(site, "told-cases")
    _, figures = shared(site, path)
    _, everything = shared(site, path, bodies="1")
    less, more = anybody.open(figures), anybody.open(everything)
    assert (less.status, more.status) == (200, 200)
    assert "Figures" in less.text
    assert '<h2 id="cases">' not in less.answer.text
    assert '<h2 id="cases">' in more.answer.text
    assert more.forms == []


def test_times_are_shown_and_typed_in_the_viewers_zone(site: Site) -> None:
    site.save("zoned", "one")
    site.promote("zoned", 1)
    at = datetime.fromisoformat(site.events("zoned")[0]["at"])
    plain, berlin = site["ann"].open("/audit"), site["ann"].open("/audit", **BERLIN)
    assert "When (UTC)" in plain.text
    assert "When (Europe/Berlin)" in berlin.text
    assert f"{at:%Y-%m-%d %H:%M:%S}" in plain.text
    hours = 2 if at.month in range(4, 10) else 1
    assert f"{at + timedelta(hours=hours):%Y-%m-%d %H:%M:%S}" in berlin.text
    # 08:00 in Berlin in January is 07:00 UTC, and summer is an hour more.
    for typed, utc in (("2027-01-05T08:00:00", "2027-01-05 07:00"), ("2027-07-05T08:00:00", "2027-07-05 06:00")):
        page = site["ann"].open(f"/live?time={typed}", **BERLIN)
        assert f"at {typed.replace('T', ' ')} Europe/Berlin" in page.text
        assert f"at {utc}:00 UTC" in site["ann"].open(f"/live?time={utc.replace(' ', 'T')}").text
        assert page.text.split("served at")[0], utc
    page = site["paul"].open("/prompts/zoned", **BERLIN)
    fields = page.form("/prompts/zoned/schedule").fields | {"at": "2999-01-31T09:00", "reason": "in Berlin"}
    site["paul"].post("/prompts/zoned/schedule", fields, **BERLIN)
    [planned] = [e for e in site.events("zoned") if e["action"] == "schedule"]
    assert planned["evidence"]["at"].startswith("2999-01-31T08:00")
    # What an address says wins, so that a copied one means the same elsewhere; what is no zone is UTC.
    assert "When (Asia/Tokyo)" in site["ann"].open("/audit?zone=Asia/Tokyo", **BERLIN).text
    for nonsense in ("../../etc/passwd", "Europe/Nowhere", "<b>", "a" * 300):
        assert "When (UTC)" in site["ann"].open("/audit", cookie=f"slugline_zone={nonsense}").text


def test_without_scripts_a_zone_is_chosen_on_the_page(site: Site, anybody: Visitor) -> None:
    me = Visitor(browser_for(site.server.url, site.keys["ann"]))
    with me.http:
        page = me.send(me.open("/me"), "/me/zone", zone="America/New_York")
        assert "now that is America/New_York" in page.text
        assert "When (America/New_York)" in me.open("/audit").text
        refused = me.send(page, "/me/zone", zone="New York")
        assert (refused.status, "'New York' is no zone" in refused.text) == (400, True)
        assert "now that is UTC" in me.send(page, "/me/zone", zone="").text


@pytest.mark.needs("chromium")
def test_a_browser_tells_its_zone_and_copies_what_means_the_same(browser: Any, site: Site, measured: str) -> None:
    page = sits(browser, site, "ann", timezone_id="Asia/Tokyo")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/audit")
    page.wait_for_selector("text=When (Asia/Tokyo)")
    page.goto(f"{measured}?since=2026-11-05+09:00")
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_function("document.querySelector('[data-said]').textContent === 'Copied'")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith("?since=2026-11-05+09%3A00&zone=Asia%2FTokyo")
    page.context.close()


@pytest.mark.needs("chromium")
def test_keys_go_places_unless_somebody_types_or_wants_none(browser: Any, site: Site, measured: str) -> None:
    page = sits(browser, site, "ann")
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("u")
    page.wait_for_url("**/rules")
    page.goto("/?q=")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("gu?")
    assert page.evaluate("document.activeElement.value") == "gu?"
    page.goto("/?q=shown")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.textContent").strip() == "shown"
    page.keyboard.press("Control+g")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    page.goto("/me")
    page.get_by_label("Single keys do something").uncheck()
    page.get_by_role("button", name="Keep").click()
    page.keyboard.press("?")
    assert page.get_by_role("dialog").count() == 0
    page.context.close()


@pytest.mark.needs("chromium", "node")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_these_pages_are_accessible_and_fit(browser: Any, site: Site, measured: str, scheme: str, width: int) -> None:
    _, key_id = made_key(site, name=f"axe-{scheme}", prompts="a-*", owner="somebody@example.com")
    _, link = shared(site, measured, who="admin")
    options: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    page = sits(browser, site, "admin", **options)
    paths = ["/keys", f"/keys/{key_id}", "/me", "/settings", "/shares", f"/shares?path={measured}", link, "/shared/x"]
    check_pages(page, site.server.url, paths)
    page.goto("/")
    page.get_by_role("button", name="Sign out").click()
    check_pages(page, site.server.url, ["/sign-in", "/audit"])
    page.context.close()


def test_statics_are_what_their_hash_says_and_nothing_else(site: Site, anybody: Visitor) -> None:
    page = anybody.open("/sign-in")
    sent = [len(page.answer.content)]
    for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.answer.text):
        found = anybody.http.get(path)
        assert found.headers["cache-control"].endswith("immutable")
        sent.append(len(found.content))
    assert len(sent) == 3
    assert sum(sent) < 60_000, "a first visit, uncompressed"
    for path in ("/static/../pages.py", "/static/..%2fpages.py", "/static/nothing.js"):
        assert httpx.get(f"{site.server.url}{path}").status_code in (401, 404), path
