"""The playground through a real server that asks for keys: with and without a script, who may, and whose account it is."""

import json
import re
from typing import Any

import pytest

from tests.e2e.test_pages_calls import inert
from tests.e2e.test_pages_forms import HOSTILE
from tests.plugins.browser import check_pages
from tests.plugins.site import Page, Site, Visitor, browser_for

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "examples": ["Ann"]}, "words": {"type": "integer", "default": 20}},
}
TEXT = "Greet {{ name }} in {{ words }} words."


@pytest.fixture(scope="module")
def slug(site: Site) -> str:
    site.save("play", TEXT, TEXT + " Warmly.", variables=SCHEMA)
    site.promote("play", 1)
    return "play"


def run(who: Visitor, page: Page, **typed: str) -> Page:
    return who.send(page, "/playground", action="run", **typed)


def answered(page: Page) -> list[str]:
    """The ids of the calls that were made."""
    return re.findall(r'data-call-link href="/calls/([0-9a-f-]{36})"', page.answer.text)


def said_by(page: Page) -> list[str]:
    """The answers' texts."""
    return re.findall(r"<pre data-text[^>]*>([^<]+)</pre>", page.answer.text)


def row(site: Site, call_id: str) -> dict[str, Any]:
    return site.server.row(call_id)


def test_a_form_is_filled_run_and_recorded_as_nobodys_use(site: Site, slug: str) -> None:
    page = inert(site["ann"].open(f"/playground?prompt={slug}&version=1"))
    assert page.form("/playground").fields["var.name"] == "Ann"
    assert page.form("/playground").fields["var.words"] == "20"
    done = inert(run(site["ann"], page, **{"var.name": HOSTILE}, says="Hello"))
    assert len(said_by(done)) == 1
    assert "Tokens" in done.text
    [call] = answered(done)
    made = row(site, call)
    assert (made["purpose"], made["prompt"], made["version"], made["outcome"]) == ("playground", slug, 1, "ok")
    assert json.loads(made["variables"]) == {"name": HOSTILE, "words": 20}
    assert (made["caller"], made["tags"]) == ("ann", {"tried by": "key ann"})
    assert HOSTILE in json.loads(made["request"])["messages"][0]["content"]
    assert done.form("/playground").fields["var.name"] == HOSTILE  # nothing typed gets lost
    assert f'href="/calls/{call}/add-to-dataset"' in done.answer.text
    again = inert(site["ann"].open(f"/playground?call={call}"))
    assert (
        again.form("/playground").fields | {"var.name": HOSTILE, "says": "Hello", "version_a": "1"}
        == again.form("/playground").fields
    )


def test_two_side_by_side_on_two_models(site: Site, slug: str) -> None:
    page = site["rita"].open(f"/playground?prompt={slug}&version=2&two=1&model_b=simulator-small")
    assert page.form("/playground").fields["version_b"] == "1"  # what is on stable
    done = run(site["rita"], page)
    one, other = (row(site, call) for call in answered(done))
    assert (one["version"], one["model_requested"]) == (2, "simulator-large")
    assert (other["version"], other["model_requested"]) == (1, "simulator-small")


def test_an_edited_text_is_tried_and_then_saved(site: Site, slug: str) -> None:
    page = site["ann"].open(f"/playground?prompt={slug}&version=2")
    text = page.form("/playground").fields["text_a"].replace("Warmly.", "Coldly, {{ mood }}.")
    shown = site["ann"].send(page, "/playground", action="show", text_a=text)
    assert "var.mood" in shown.form("/playground").fields
    done = run(site["ann"], shown, **{"var.mood": "gloomy"})
    [call] = answered(done)
    made = row(site, call)
    assert (made["prompt"], made["tags"]["draft of"]) == ("", slug)
    assert "Coldly, gloomy." in json.loads(made["request"])["messages"][0]["content"]
    kept = site["ann"].send(done, "/playground", action="save-a", message_a="colder")
    assert kept.path.startswith(f"/prompts/{slug}/versions/3")
    assert site.events(slug)[0]["reason"] == "colder"
    same = site["ann"].send(site["ann"].open(f"/playground?prompt={slug}"), "/playground", action="save-a")
    assert (same.status, "change it first" in same.text) == (400, True)
    refused = site["rita"].post("/playground", {**done.form("/playground").fields, "action": "save-a"})
    assert (refused.status, "may not save versions" in refused.text) == (400, True)


def test_what_is_wrong_is_said_and_nothing_gets_lost(site: Site, slug: str) -> None:
    page = site["ann"].open(f"/playground?prompt={slug}&version=1")
    wrong = run(site["ann"], page, **{"var.words": "many", "var.name": "kept"})
    assert (wrong.status, "variable 'words' is a number, not 'many'" in wrong.text) == (400, True)
    assert wrong.form("/playground").fields["var.name"] == "kept"
    assert site["ann"].open("/playground?prompt=plays").status == 404
    assert site["ann"].open(f"/playground?prompt={slug}&version=99").status == 404
    assert "there is nothing to ask" in run(site["ann"], site["ann"].open("/playground")).text
    free = run(site["ann"], site["ann"].open("/playground"), model_a="simulator-small", says="Hello")
    assert row(site, answered(free)[0])["prompt"] == ""


def test_trying_takes_a_role_and_keys_are_held_to_their_terms(site: Site, slug: str) -> None:
    viewer = site["viewer"].open(f"/playground?prompt={slug}")
    assert "Trying costs money, so it takes the role author, reviewer, promoter or admin." in viewer.text
    assert "data-run" not in viewer.answer.text
    fields = viewer.form("/playground").fields | {"action": "run"}
    assert "may not call models" in site["viewer"].post("/playground", fields).text
    assert site["application"].open("/playground").status == 403
    assert site["scoped"].open(f"/playground?prompt={slug}").status == 403
    assert "may use the prompts sam-* only" in run(site["scoped"], site["scoped"].open("/playground"), says="x").text
    made = site.call(
        "admin", "POST", "/api/keys", {"name": "small", "roles": ["author"], "models": ["simulator-small"]}
    )
    with browser_for(site.server.url, made["key"]) as http:
        small = Visitor(http)
        page = small.open(f"/playground?prompt={slug}&version=1")
        assert "simulator-small only" in run(small, page).text
        assert answered(run(small, page, model_a="simulator-small"))
    made = site.call("admin", "POST", "/api/keys", {"name": "slow", "roles": ["author"], "requests_per_minute": 1})
    with browser_for(site.server.url, made["key"]) as http:
        slow = Visitor(http)
        page = slow.open(f"/playground?prompt={slug}&version=1")
        assert said_by(run(slow, page))
        assert "may make 1 requests a minute" in run(slow, page).text


def test_an_answer_comes_as_events(site: Site, slug: str) -> None:
    page = site["ann"].open(f"/playground?prompt={slug}&version=1")
    sent = {"content-type": "application/x-www-form-urlencoded", "origin": site.server.url}
    with site["ann"].http.stream("POST", "/playground/run", data=page.form("/playground").fields | {"side": "a"}, headers=sent) as answer:  # fmt: skip
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        events = re.findall(r"event: (\w+)\ndata: (.*)\n\n", answer.read().decode())
    assert [kind for kind, _ in events][:1] == ["begun"]
    assert [kind for kind, _ in events][-1] == "ended"
    assert "".join(json.loads(data)["text"] for kind, data in events if kind == "words")
    ended = json.loads(events[-1][1])
    assert ended["error"] == ""
    assert ended["output_tokens"] > 0
    elsewhere = site["ann"].http.post("/playground/run", data={"side": "a"}, headers={"origin": "http://evil.example"})
    assert elsewhere.status_code == 403


def test_leaving_ends_the_call(site: Site, slug: str) -> None:
    page = site["ann"].open(f"/playground?prompt={slug}&version=1&model=simulator-slow")
    sent = {"content-type": "application/x-www-form-urlencoded", "origin": site.server.url}
    fields = page.form("/playground").fields | {"side": "a"}
    with site["ann"].http.stream("POST", "/playground/run", data=fields, headers=sent) as answer:
        begun = next(line for line in answer.iter_lines() if line.startswith("data: "))
    made = row(site, json.loads(begun.removeprefix("data: "))["call_id"])
    assert (made["outcome"], made["status"], made["purpose"]) == ("client_left", 499, "playground")


@pytest.mark.needs("chromium", "node")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_answers_are_streamed_side_by_side(browser: Any, site: Site, slug: str, scheme: str, width: int) -> None:
    signed = {"authorization": f"Bearer {site.keys['ann']}"}
    size = {"width": width, "height": 900}
    context = browser.new_context(
        base_url=site.server.url, extra_http_headers=signed, color_scheme=scheme, viewport=size
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"/playground?prompt={slug}&version=2&two=1")
    page.get_by_label("name (needed)").fill(HOSTILE)
    page.get_by_role("button", name="Run").click()
    for side in ("a", "b"):
        page.locator(f'[data-side="{side}"] [data-links]').wait_for()
        assert len(page.locator(f'[data-side="{side}"] [data-text]').inner_text()) > 40
        assert "ms" in page.locator(f'[data-side="{side}"] [data-fact="duration_ms"]').inner_text()
    assert page.locator('[data-side="a"] [data-error]').is_hidden()
    page.get_by_label("name (needed)").fill("x")
    page.locator('[data-side="b"] input[name="model_b"]').fill("nobody/gpt")
    page.get_by_role("button", name="Run").click()
    page.locator('[data-side="b"] [data-error]').wait_for()
    assert said == []
    check_pages(page, site.server.url, [f"/playground?prompt={slug}&two=1"])
    context.close()
