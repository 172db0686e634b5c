"""The pages as people with different keys use them: a server that asks for keys, and a browser of a few lines that sends their forms.

`site` is shared by the tests of a run's worker: use slugs of your own. A `Visitor` reads a page, fills a form that stands on it and
sends it as a browser would, hidden fields, chosen options and all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from registry.keys import KeyTerms
from registry.roles import ROLES
from slugline.access import open_access
from slugline.settings import load_settings
from tests.plugins.server import Server, run_server, simulator_settings


@dataclass(slots=True)
class SeenForm:
    """A form on a page. `fields` are what a browser would send if nobody touched it; `buttons` name=value of its named buttons."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    """Collects forms and the text that people read."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[SeenForm] = []
        self.text: list[str] = []
        self.tags: list[str] = []
        self._form: SeenForm | None = None
        self._area: str | None = None
        self._select: str | None = None
        self._quiet = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        if tag == "form":
            self._form = SeenForm(action=given.get("action", ""), method=given.get("method", "get"))
            self.forms.append(self._form)
        elif tag in ("style", "title", "script"):
            self._quiet += 1
        elif self._form is not None and "name" in given:
            self._field(tag, given, self._form)
        elif tag == "option" and self._form is not None and self._select:
            chosen = "selected" in given or self._select not in self._form.fields
            self._form.fields |= {self._select: given.get("value", "")} if chosen else {}

    def _field(self, tag: str, given: dict[str, str], form: SeenForm) -> None:
        name, kind = given["name"], given.get("type", "text")
        if tag == "textarea":
            self._area = name
            form.fields[name] = ""
        elif tag == "select":
            self._select = name
        elif tag == "button":
            form.buttons.append((name, given.get("value", "")))
        elif tag == "input" and (kind != "checkbox" or "checked" in dict(given)):
            form.fields[name] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "textarea" and self._form is not None and self._area:
            self._form.fields[self._area] = self._form.fields[self._area].removeprefix("\n")  # as browsers read it
            self._area = None
        elif tag == "select":
            self._select = None
        elif tag in ("style", "title", "script"):
            self._quiet -= 1

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._area:
            self._form.fields[self._area] += data
        if not self._quiet:
            self.text.append(data)


@dataclass(frozen=True, slots=True)
class Page:
    """What was answered, as a browser shows it."""

    answer: httpx.Response
    forms: list[SeenForm]
    text: str
    tags: list[str]

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def path(self) -> str:
        return self.answer.url.raw_path.decode()

    def has(self, action: str) -> bool:
        """Whether a form that is sent there stands on the page."""
        return any(form.action == action for form in self.forms)

    def form(self, action: str, **fields: str) -> SeenForm:
        """The form that is sent there, with these fields in it as they are."""
        found = [
            form
            for form in self.forms
            if form.action == action and fields.items() <= form.fields.items() and form.method == "post"
        ]
        assert len(found) == 1, (action, fields, [form.action for form in self.forms], self.text[:2000])
        return found[0]


@dataclass(slots=True)
class Visitor:
    """Somebody with a browser, and a key where `name` has one."""

    http: httpx.Client
    name: str = ""

    def open(self, path: str, **headers: str) -> Page:
        """A page, after redirects."""
        return self._page(self.http.get(path, headers=headers))

    def send(self, page: Page, action: str, /, *, among: dict[str, str] | None = None, **typed: str) -> Page:
        """Fills a form of a page and sends it; what comes after redirects. `among` tells it from others that go there."""
        return self.post(action, page.form(action, **(among or {})).fields | typed)

    def post(self, action: str, fields: dict[str, str], **headers: str) -> Page:
        """Sends a form, whether it stands on a page or not."""
        sent = {"content-type": "application/x-www-form-urlencoded", "origin": str(self.http.base_url).rstrip("/")}
        return self._page(self.http.post(action, content=urlencode(fields), headers=sent | headers))

    def _page(self, answer: httpx.Response) -> Page:
        reader = _Reader()
        if answer.headers.get("content-type", "").startswith("text/html"):
            reader.feed(answer.text)
        return Page(answer, reader.forms, " ".join(" ".join(reader.text).split()), reader.tags)


@dataclass(slots=True)
class Site:
    """The server and everybody who has a key for it: one of each role by its name, and the people of `PEOPLE`."""

    server: Server
    keys: dict[str, str]
    visitors: dict[str, Visitor]

    def __getitem__(self, name: str) -> Visitor:
        return self.visitors[name]

    def call(self, who: str, method: str, path: str, body: Any = None) -> Any:
        """A request to the API with somebody's key; its JSON."""
        key = {"authorization": f"Bearer {self.keys[who]}"}
        answer = self.server.api.request(method, path, json=body, headers=key)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def save(self, slug: str, *texts: str, **content: Any) -> None:
        """Saves versions, one of each text, as ann."""
        key = {"authorization": f"Bearer {self.keys['ann']}"}
        new = self.server.api.get(f"/api/prompts/{slug}/versions", headers=key).status_code == 404
        for text in texts:
            given = {"messages": [{"role": "system", "content": text}], "model": "simulator-large", **content}
            body = {"content": given, "message": f"says {text[:20]}"}
            if new:
                self.call("ann", "POST", "/api/prompts", {"slug": slug, **body})
            else:
                self.call("ann", "POST", f"/api/prompts/{slug}/versions", body)
            new = False

    def promote(self, slug: str, version: int, channel: str = "stable") -> None:
        body = {"version": version, "reason": "test"}
        self.call("admin", "POST", f"/api/prompts/{slug}/channels/{channel}/promote", body)

    def live(self, slug: str) -> dict[str, int]:
        """What each channel of a prompt points to."""
        found = self.call("admin", "GET", f"/api/live?prompt={slug}")["live"]
        return {each["channel"]: each["version"] for each in found}

    def events(self, slug: str) -> list[dict[str, Any]]:
        """A prompt's history, newest first."""
        return list(self.call("admin", "GET", f"/api/prompts/{slug}/history")["events"])


PEOPLE = {
    "ann": KeyTerms(name="ann", roles=("author",)),
    "rita": KeyTerms(name="rita", roles=("reviewer",)),
    "paul": KeyTerms(name="paul", roles=("promoter",)),
    "otto": KeyTerms(name="otto", roles=("promoter",)),
    "scoped": KeyTerms(name="sam", roles=("author", "reviewer", "promoter"), prompts=("sam-*",)),
    "eu": KeyTerms(name="eva", roles=("promoter", "reviewer"), channels=("eu",)),
}


def browser_for(url: str, key: str | None) -> httpx.Client:
    """A client that asks for pages as browsers do."""
    return httpx.Client(
        base_url=url,
        auth=("me", key) if key else None,
        headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"},
        follow_redirects=True,
        timeout=60,
    )


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[Site]:
    """A server that others could reach, so that it asks everybody for a key."""
    folder: Path = tmp_path_factory.mktemp("site")
    settings = load_settings({"data": folder / "data", "behind_proxy": True}, None)
    people = {role: KeyTerms(name=f"the {role}", roles=(role,)) for role in ROLES} | PEOPLE
    with open_access(settings, "", {}) as access:
        keys = {name: access.keys.create(terms).secret.text for name, terms in people.items()}
    toml = "behind_proxy = true\n" + simulator_settings(provider + "/v1")
    with run_server(folder, toml, workers=2) as server:
        clients = {name: browser_for(server.url, key) for name, key in keys.items()}
        yield Site(server, keys, {name: Visitor(client, name) for name, client in clients.items()})
        for client in clients.values():
            client.close()
