"""Signing in and out: with a key and at an identity provider, and everything by which somebody else might get in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from dashboards.signing import SignInRefusedError
from registry.keys import KeyTerms
from registry.sessions import session_hash
from slugline.access import open_access
from slugline.settings import load_settings
from slugline.signing.oidc import Oidc, Pending
from slugline.signing.settings import OidcSettings
from tests.plugins.oidc import CLIENT, LIES, SECRET, Provider, run_provider
from tests.plugins.server import Server, run_server
from tests.plugins.site import Page, Site, Visitor, browser_for

COOKIE = "slugline_session"
ROLES = '{ prompters = ["author", "reviewer"], boss = "admin" }'


@dataclass(slots=True)
class Door:
    """A server, the texts of keys for it, and the browsers that were opened."""

    server: Server
    keys: dict[str, str]
    opened: list[httpx.Client] = field(default_factory=list)


@pytest.fixture(autouse=True)
def closed(door: Door) -> Iterator[None]:
    yield
    while door.opened:
        door.opened.pop().close()


@pytest.fixture(scope="module")
def oidc() -> Iterator[Provider]:
    with run_provider() as running:
        yield running


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, oidc: Provider) -> Iterator[Door]:
    """A server that others could reach, with an identity provider; and keys for it."""
    folder: Path = tmp_path_factory.mktemp("door")
    settings = load_settings({"data": folder / "data", "behind_proxy": True}, None)
    with open_access(settings, "", {}) as access:
        terms = {
            "admin": KeyTerms(name="root", roles=("admin",)),
            "ann": KeyTerms(name="ann", roles=("author",)),
            "old": KeyTerms(name="old", roles=("author",)),
        }
        keys = {name: access.keys.create(each).secret.text for name, each in terms.items()}
    toml = f"""
behind_proxy = true
[oidc]
issuer = "{oidc.url}"
client_id = "{CLIENT}"
client_secret = "env:OIDC_SECRET"
name = "Example Inc"
claim = "team.groups"
roles = {ROLES}
allowed_domains = ["example.com"]
"""
    with run_server(folder, toml, workers=2, OIDC_SECRET=SECRET) as server:
        yield Door(server, keys)


def visitor(door: Door, address: str = "") -> Visitor:
    """Somebody with a browser and without a key; `address` is where a reverse proxy says that they come from."""
    http = browser_for(door.server.url, None)
    if address:
        http.headers["x-forwarded-for"] = address
    door.opened.append(http)
    return Visitor(http)


def sign_in(who: Visitor, key: str, path: str = "/") -> Page:
    return who.send(who.open(path), "/sign-in", key=key)


def by_provider(who: Visitor, path: str = "/") -> Page:
    """Through the identity provider, as a browser goes."""
    page = who.open(path)
    way = re.search(r'href="(/sign-in/provider[^"]*)"', page.answer.text)
    assert way, page.text
    return who.open(way[1])


def test_a_page_asks_who_it_is_and_is_shown_then(door: Door) -> None:
    who = visitor(door)
    page = who.open("/rules?slug=a&channel=stable")
    assert page.path == "/sign-in?next=%2Frules%3Fslug%3Da%26channel%3Dstable"
    assert "Audit log" not in page.text
    page = who.send(page, "/sign-in", key=f" {door.keys['ann']} ")
    assert (page.status, page.path) == (200, "/rules?slug=a&channel=stable")
    assert "key ann author" in page.text
    [cookie] = [each for each in who.http.cookies.jar if each.name == COOKIE]
    assert cookie.value
    assert door.keys["ann"] not in str(who.http.cookies)
    set_by = page.answer.history[0].headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= {part.strip() for part in set_by.split(";")}
    assert who.http.get("/api/prompts").status_code == 200, "JSON twins and the API know who it is, too"
    assert who.http.get("/v1/models").status_code == 401, "calls take a key"
    stored = (door.server.data / "registry.db").read_bytes() + (door.server.data / "registry.db-wal").read_bytes()
    assert session_hash(cookie.value).encode() in stored
    assert cookie.value.encode() not in stored


def test_behind_https_the_cookie_is_for_this_host_alone(door: Door) -> None:
    who = visitor(door)
    who.http.headers["x-forwarded-proto"] = "https"
    answer = who.http.post(
        "/sign-in",
        data={"key": door.keys["ann"], "back": "/rules"},
        headers={"origin": who.http.base_url.__str__()},
        follow_redirects=False,
    )
    set_by = answer.headers["set-cookie"]
    assert set_by.startswith(f"__Host-{COOKIE}=")
    assert {"Secure", "HttpOnly", "Path=/"} <= {part.strip() for part in set_by.split(";")}
    text = set_by.partition("=")[2].partition(";")[0]
    plain = httpx.get(
        f"{door.server.url}/api/prompts", headers={"cookie": f"{COOKIE}={text}", "x-forwarded-proto": "https"}
    )
    assert plain.status_code == 401, "a cookie that a page over http could have set counts for nothing over https"


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "/sign-out", "", "é"]
)
def test_the_way_back_leads_nowhere_else(door: Door, back: str) -> None:
    who = visitor(door)
    page = who.send(who.open("/sign-in"), "/sign-in", key=door.keys["ann"], back=back)
    assert (page.status, page.path) == (200, "/")


def test_signing_out_here_and_everywhere(door: Door) -> None:
    here, there, other = visitor(door), visitor(door), visitor(door)
    for who, key in ((here, "ann"), (there, "ann"), (other, "admin")):
        assert sign_in(who, door.keys[key]).path == "/"
    stolen = dict(here.http.cookies)
    assert here.send(here.open("/"), "/sign-out").path == "/sign-in"
    with httpx.Client(base_url=door.server.url, cookies=stolen) as http:
        assert http.get("/api/prompts").json()["error"]["code"] == "auth_session_ended"
    assert there.open("/audit").path == "/audit"
    sign_in(here, door.keys["ann"])
    assert here.send(here.open("/me"), "/sign-out/everywhere").path == "/sign-in"
    assert there.open("/audit").path == "/sign-in?next=%2Faudit"
    page = other.open("/audit")
    assert page.path == "/audit"
    assert "key ann signed out everywhere" in page.text
    assert "key ann signed in with a key" in page.text


def test_a_new_sign_in_ends_the_one_before(door: Door) -> None:
    who = visitor(door)
    sign_in(who, door.keys["ann"])
    before = dict(who.http.cookies)
    page = who.post("/sign-in", {"key": door.keys["admin"], "back": "/"})
    assert "key root admin" in page.text
    assert dict(who.http.cookies) != before
    with httpx.Client(base_url=door.server.url, cookies=before) as http:
        assert http.get("/api/prompts").status_code == 401


def test_a_revoked_key_signs_out_at_once(door: Door) -> None:
    who, admin = visitor(door), {"authorization": f"Bearer {door.keys['admin']}"}
    sign_in(who, door.keys["old"])
    assert who.open("/rules").path == "/rules"
    [key] = [each for each in door.server.api.get("/api/keys", headers=admin).json()["keys"] if each["name"] == "old"]
    door.server.api.post(f"/api/keys/{key['key_id']}/revoke", json={}, headers=admin)
    for _ in range(4):  # whichever worker
        assert who.http.get("/api/prompts").status_code == 401
    assert who.open("/rules").path == "/sign-in?next=%2Frules"
    assert "was revoked" in who.send(who.open("/sign-in"), "/sign-in", key=door.keys["old"]).text


def test_a_form_of_somebody_who_was_signed_out_is_not_lost(door: Door) -> None:
    who = visitor(door)
    sign_in(who, door.keys["admin"])
    page = who.open("/rules")
    who.send(page, "/sign-out")
    typed = {**page.form("/rules").fields, "slug": "*", "reason": "typed with care"}
    refused = who.post("/rules", typed, referer=f"{door.server.url}/rules")
    assert refused.status == 401
    assert "typed with care" in refused.text
    assert '/sign-in?next=%2Frules"' in refused.answer.text
    admin = {"authorization": f"Bearer {door.keys['admin']}"}
    assert door.server.api.get("/api/rules", headers=admin).json()["rules"] == []


def test_other_sites_can_not_use_a_sign_in(door: Door) -> None:
    who = visitor(door)
    sign_in(who, door.keys["admin"])
    made = {"name": "x"}
    said = [
        who.http.post("/api/keys", json=made, headers=headers).status_code
        for headers in (
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {},
        )
    ]
    assert said == [403] * 5
    assert who.http.post("/api/keys", json=made, headers={"origin": door.server.url}).status_code == 201
    assert who.http.post("/sign-out", headers={"origin": "https://evil.example"}).status_code == 403
    assert who.open("/audit").path == "/audit"
    forged = httpx.post(
        f"{door.server.url}/sign-in", data={"key": door.keys["ann"]}, headers={"origin": "https://evil.example"}
    )
    assert forged.status_code == 403, "nobody is signed in as somebody else behind their back"
    assert "set-cookie" not in forged.headers


def test_what_is_no_key_signs_nobody_in_and_trying_on_ends(door: Door) -> None:
    who = visitor(door, "203.0.113.9")
    said = [sign_in(who, key).text for key in ("", "hunter2", "slk_short", "slk_" + "x" * 40)]
    assert all("Sign in" in each for each in said)
    assert "not known here" in said[-1]
    statuses = [sign_in(who, "slk_" + "y" * 40).status for _ in range(8)]
    assert statuses == [403] * 6 + [429] * 2
    page = sign_in(who, door.keys["ann"])
    assert (page.status, "try again in" in page.text) == (429, True), "not with a good one either"
    assert sign_in(visitor(door, "203.0.113.10"), door.keys["ann"]).status == 200, "others are not kept out"
    assert COOKIE not in who.http.cookies


def test_a_person_signs_in_and_has_the_roles_of_their_groups(door: Door, oidc: Provider) -> None:
    oidc.be(
        sub="u-ann", name="Ann Example", email="ann@example.com", email_verified=True, team={"groups": ["prompters"]}
    )
    who = visitor(door)
    page = by_provider(who, "/rules")
    assert (page.status, page.path) == (200, "/rules")
    assert "Ann Example author, reviewer" in page.text
    assert not page.has("/rules"), "what channels ask for takes an admin"
    # The same person comes back with other groups: other roles, in the session that is open elsewhere, too.
    oidc.be(
        sub="u-ann",
        name="Ann E.",
        userinfo={"email": "ann@example.com", "email_verified": True, "team": {"groups": ["boss", "x"]}},
    )
    page = by_provider(visitor(door), "/rules")
    assert "Ann E. admin" in page.text
    assert who.open("/rules").has("/rules")
    told = [each for each in _events(door) if each["action"] == "session.open" and "person_id" in each["evidence"]]
    assert [each["evidence"]["roles"] for each in told[:2]] == [["admin"], ["author", "reviewer"]]
    assert len({each["identity"] for each in told[:2]}) == 1


@pytest.mark.parametrize("lie", LIES)
def test_a_provider_that_lies_signs_nobody_in(door: Door, oidc: Provider, lie: str) -> None:
    oidc.be(
        sub="u-eve",
        name="Eve",
        userinfo={"email": "eve@example.com", "email_verified": True, "team": {"groups": ["boss"]}},
    )
    oidc.lie(lie)
    try:
        who = visitor(door)
        page = by_provider(who)
    finally:
        oidc.lie("")
    assert page.status == 403, page.text
    assert (
        "begin again" in page.text
        or "can't be believed" in page.text
        or "says:" in page.text
        or "another client" in page.text
        or "no ID token" in page.text
    )
    assert COOKIE not in who.http.cookies
    assert who.open("/audit").path == "/sign-in?next=%2Faudit"
    assert by_provider(who).status == 200, "the truth does"


async def test_a_provider_that_calls_itself_something_else_is_not_asked(oidc: Provider) -> None:
    settings = OidcSettings(issuer=oidc.url, client_id=CLIENT, default_roles=("viewer",))
    pending = Pending(state="s", nonce="n", verifier="v" * 43, back="/")
    oidc.lie("discovery")
    try:
        with pytest.raises(SignInRefusedError, match="write it exactly as the provider does"):
            await Oidc(settings, str).address(pending, "https://slugline.example/sign-in/callback")
    finally:
        oidc.lie("")
    with pytest.raises(SignInRefusedError, match="can't be asked"):
        nowhere = settings.model_copy(update={"issuer": "http://127.0.0.1:9"})
        await Oidc(nowhere, str).address(pending, "https://slugline.example/sign-in/callback")


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"email": "ann@other.com", "email_verified": True}, "only addresses at example.com"),
        ({"email": "ann@example.com.evil.org", "email_verified": True}, "only addresses at example.com"),
        ({"email": "ann@example.com", "email_verified": False}, "was checked"),
        ({"email": "ann@example.com"}, "was checked"),
        ({}, "only addresses at example.com"),
        ({"email": "ann@example.com", "email_verified": True, "team": {"groups": ["nobody"]}}, "no role here"),
    ],
)
def test_who_is_not_let_in_is_told_why(door: Door, oidc: Provider, claims: dict[str, object], said: str) -> None:
    oidc.be(**{"sub": "u-x", "team": {"groups": ["boss"]}, **claims})
    who = visitor(door)
    page = by_provider(who)
    assert (page.status, said in page.text) == (403, True), page.text
    assert COOKIE not in who.http.cookies


def test_an_answer_counts_once_and_in_the_browser_that_asked(door: Door, oidc: Provider) -> None:
    oidc.be(sub="u-ann", email="ann@example.com", email_verified=True, team={"groups": ["boss"]})
    who, victim = visitor(door), visitor(door)
    leaving = who.http.get("/sign-in/provider?next=/rules", follow_redirects=False)
    answer = httpx.get(leaving.headers["location"]).headers["location"]
    assert "code_challenge" in parse_qs(urlsplit(leaving.headers["location"]).query)
    page = Visitor(victim.http).open(answer)
    assert (page.status, "begin again" in page.text) == (403, True), "an answer that somebody else is made to open"
    assert who.open(answer).path == "/rules"
    replayed = who.http.get(answer, follow_redirects=True)
    assert replayed.status_code == 403
    assert "begun no sign-in" in replayed.text


def test_a_blocked_person_is_out_and_stays_out(door: Door, oidc: Provider) -> None:
    oidc.be(sub="u-bob", name="Bob", email="bob@example.com", email_verified=True, team={"groups": ["boss"]})
    bob, admin = visitor(door), visitor(door)
    by_provider(bob)
    sign_in(admin, door.keys["admin"])
    person = next(each for each in _people(admin) if each["name"] == "Bob")
    page = admin.open("/keys")
    admin.send(page, f"/people/{person['person_id']}/block", reason="left the company")
    assert bob.open("/audit").path == "/sign-in?next=%2Faudit"
    assert "blocked by key root" in by_provider(bob).text
    admin.send(admin.open("/keys"), f"/people/{person['person_id']}/unblock", reason="came back")
    assert by_provider(bob).status == 200


def test_where_nobody_has_to_sign_in_somebody_may(tmp_path: Path) -> None:
    """On loopback the pages stay open; who signed in and is signed out meanwhile doesn't go on as somebody else."""
    with run_server(tmp_path, "", workers=1) as server:
        _signed_in_on_loopback(server)


def _signed_in_on_loopback(server: Server) -> None:
    made = server.api.post("/api/keys", json={"name": "loopback", "roles": ["viewer"]}).json()
    with browser_for(server.url, None) as http:
        who = Visitor(http)
        page = who.open("/audit")
        assert "this machine, no key" in page.text
        page = who.send(who.open("/sign-in?next=/audit"), "/sign-in", key=made["key"])
        assert (page.path, "key loopback viewer" in page.text) == ("/audit", True)
        server.api.post(f"/api/keys/{made['key_id']}/revoke", json={})
        page = who.open("/audit")
        assert page.path == "/sign-in?next=%2Faudit"
        assert "go on without signing in" in page.text
        assert who.open("/audit").path == "/audit"
        assert "this machine, no key" in who.open("/audit").text


def _events(door: Door) -> list[dict[str, object]]:
    admin = {"authorization": f"Bearer {door.keys['admin']}"}
    return list(door.server.api.get("/api/audit?limit=50", headers=admin).json()["events"])


def _people(admin: Visitor) -> list[dict[str, str]]:
    return list(admin.http.get("/keys.json").json()["people"])


def test_the_frame_of_a_site_knows_who_signed_in(site: Site) -> None:
    assert "key the viewer viewer" in site["viewer"].open("/me").text
    assert "nothing to sign out of" in site["viewer"].open("/me").text
