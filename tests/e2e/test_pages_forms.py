"""Every page and every form through a real server: what they do, who may send them, and that nothing typed gets lost."""

import html
import json
import re
import subprocess
import sys

import httpx
import pytest

from registry.roles import ALLOWED, ROLES
from tests.plugins.server import Server
from tests.plugins.site import Page, Site, Visitor, browser_for

OWN_SCRIPT = r'<script src="/static/[a-z_]+\.js\?v=[0-9a-f]{12}" defer></script>'

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'>{{ 7*7 }}{% raw %}"
SOON = "2999-01-01T09:00"


def pages_of(slug: str, request: str = "") -> list[str]:
    """Every page about a prompt, and every page about all."""
    here = f"/prompts/{slug}"
    return [
        *("/", "/new", "/requests", "/requests?state=all", "/rules", "/audit", "/audit/verify", "/live", "/?q=x"),
        *(here, f"{here}?channel=eu&version=1", f"{here}/versions", f"{here}/versions/1", f"{here}/versions/2"),
        *(f"{here}/diff?from=1&to=2", f"{here}/diff", f"{here}/edit", f"{here}/edit?version=1", f"{here}/history"),
        *([f"/requests/{request}"] if request else []),
    ]


def ask(site: Site, slug: str, version: int = 2, channel: str = "stable") -> str:
    body = {"version": version, "channel": channel, "reason": "please"}
    return str(site.call("ann", "POST", f"/api/prompts/{slug}/requests", body)["request_id"])


def test_every_page_is_whole_without_scripts_and_let_nothing_foreign_in(site: Site) -> None:
    site.save("pages-all", "one", "two")
    site.promote("pages-all", 1)
    for path in pages_of("pages-all", ask(site, "pages-all")):
        page = site["admin"].open(path)
        assert page.status == 200, (path, page.text)
        assert page.answer.text.rstrip().endswith("</html>"), path
        scripts = re.findall("<script[^>]*>[^<]*</script>", page.answer.text)
        assert len(scripts) == page.tags.count("script"), path
        assert all(re.fullmatch(OWN_SCRIPT, each) for each in scripts), path
        assert " style=" not in page.answer.text, path
        assert " on" not in re.sub(r">[^<]*<", "><", page.answer.text).replace(" only", ""), path
        policy = page.answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert page.answer.headers["cache-control"] == "no-store"
        assert page.answer.headers["x-content-type-options"] == "nosniff"
    sheet = re.search(r'href="(/static/app\.css\?v=\w+)"', page.answer.text)
    assert sheet
    assert "immutable" in site["admin"].http.get(sheet[1]).headers["cache-control"]


def test_the_four_questions_on_one_screen(site: Site) -> None:
    site.save("pages-four", "Answer in 30 words.", "Answer in 20 words.", parameters={"temperature": 0.7})
    site.save("pages-four", "Answer in 10 words.", parameters={"temperature": 0.2})
    site.promote("pages-four", 1)
    site.call("admin", "POST", "/api/prompts/pages-four/channels/stable/promote", {"version": 2, "reason": "too long"})
    page = site["paul"].open("/prompts/pages-four")
    assert "stable version 2" in page.text  # which is running
    assert "the admin" in page.text  # who changed it
    assert "too long" in page.text
    assert re.search(r"<del>30</del>.*<ins>20</ins>", page.answer.text, re.DOTALL)  # and what exactly
    assert "parameter 'temperature' changes from 0.7 to 0.2" in page.text  # what comes next
    assert f"curl {site.server.url}/v1/chat/completions" in page.text  # can we try it before
    assert "prompt/pages-four@latest" in page.text
    assert "prompt/pages-four@3" in page.text
    back = site["paul"].send(page, "/prompts/pages-four/rollback", reason="worse")  # can we go back: one form
    assert back.status == 200
    assert "rolled stable back from version 2 to 1." in back.text
    assert site.live("pages-four")["stable"] == 1


def test_the_lines_to_copy_work(server: Server, tmp_path) -> None:  # type: ignore[no-untyped-def]
    server.save("pages-try", "It's {{ company }}'s \"agent\": be {{ tone }}.")
    with browser_for(server.url, None) as http:
        page = Visitor(http).open("/prompts/pages-try")
    blocks = re.findall(r"<pre tabindex=\"0\">(.*?)</pre>", page.answer.text, re.DOTALL)
    for block in [html.unescape(block) for block in blocks]:
        if block.startswith("curl"):
            done = subprocess.run(["bash", "-c", block], capture_output=True, text=True, check=True)
            assert json.loads(done.stdout)["choices"], done.stdout
        else:
            done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=True)
            assert done.stdout.strip()
    assert len(blocks) == 4


# Form, fields, the action that it takes. {channel}, {request} and {schedule} are put in.
FORMS = {
    "save": ("/prompts/{slug}/edit", {"text": "system:\nnew\n", "base": "1", "revision": "", "message": "m"}, "save"),
    "new": ("/new", {"slug": "{slug}-new", "text": "system:\nnew\n"}, "save"),
    "describe": ("/prompts/{slug}/describe", {"purpose": "p"}, "save"),
    "archive": ("/prompts/{slug}/archive", {"then": "archive", "reason": "r"}, "archive"),
    "promote": ("/prompts/{slug}/promote", {"version": "2", "channel": "{channel}", "reason": "r"}, "move"),
    "rollback": ("/prompts/{slug}/rollback", {"to": "1", "channel": "{channel}", "reason": "r"}, "move"),
    "rollout": (
        "/prompts/{slug}/rollout",
        {"version_0": "2", "share_0": "5", "sticky": "session", "channel": "{channel}", "reason": "r"},
        "move",
    ),
    "schedule": (
        "/prompts/{slug}/schedule",
        {"version": "2", "at": SOON, "channel": "{channel}", "reason": "r"},
        "move",
    ),
    "cancel": ("/schedules/{schedule}/cancel", {}, "move"),
    "ask": ("/prompts/{slug}/request", {"version": "3", "channel": "{channel}", "reason": "r"}, "request"),
    "comment": ("/requests/{request}/review", {"kind": "comment", "text": "t"}, "request"),
    "approve": ("/requests/{request}/review", {"kind": "approve"}, "review"),
    "reject": ("/requests/{request}/review", {"kind": "reject", "text": "t"}, "review"),
    "withdraw": ("/requests/{request}/withdraw", {}, "move"),
    "protect": ("/rules", {"slug": "{slug}", "channel": "eu", "approvals": "1"}, "protect"),
}
INTO_A_CHANNEL = {"promote", "rollout"}


def prepared(site: Site, slug: str, channel: str) -> dict[str, str]:
    """A prompt with something of all that forms are about; `stable` is protected, and version 2 isn't approved for it."""
    site.save(slug, "one", "two", "three")
    for move in (1, 3):
        site.promote(slug, move, channel)
    site.call("admin", "PUT", f"/api/rules/{slug}/stable", {"approvals": 2})
    request = ask(site, slug, 2, channel)
    body = {"version": 2, "at": SOON + ":00Z", "reason": "r"}
    planned = site.call("admin", "POST", f"/api/prompts/{slug}/channels/{channel}/schedule", body)
    return {"slug": slug, "channel": channel, "request": request, "schedule": planned["schedule_id"]}


def filled(site: Site, name: str, places: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Where one of the forms is sent, and what is in it."""
    action, fields, _ = FORMS[name]
    given = {key: value.format(**places) for key, value in fields.items()}
    if name == "save":
        given["revision"] = str(site.events(places["slug"])[0]["revision"])
    return action.format(**places), given


@pytest.mark.parametrize("channel", ["stable", "canary"])
@pytest.mark.parametrize("name", FORMS)
def test_the_table_of_roles_and_forms(site: Site, name: str, channel: str) -> None:
    """Every role sends every form, whether it is shown to it or not; `canary` isn't protected."""
    needed = FORMS[name][2]
    places = prepared(site, f"table-{name}-{channel}", channel)
    before = site.events(places["slug"])
    for role in (each for each in ROLES if each not in ALLOWED[needed]):  # type: ignore[index]
        page = site[role].post(*filled(site, name, places))
        assert (page.status, "the role" in page.text) == (403, True), role
        assert page.answer.headers["content-type"] == "text/html; charset=utf-8"
    assert site.events(places["slug"]) == before
    for role in (each for each in ROLES if each in ALLOWED[needed]):  # type: ignore[index]
        mine = prepared(site, f"table-{name}-{role}-{channel}", channel)
        before = site.events(mine["slug"])
        page = site[role].post(*filled(site, name, mine))
        after = site.events(mine["slug"])
        if channel == "stable" and name in INTO_A_CHANNEL:
            assert page.status == 403, role
            assert f"channel 'stable' of prompt '{mine['slug']}' is protected" in page.text
            assert after == before
        else:
            assert [each.status_code for each in page.answer.history] == [303], page.text
            assert page.status == 200, page.text
            assert len(after) == len(before) + (name != "new")


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"application"}))
def test_only_forms_that_one_may_send_are_shown(site: Site, role: str) -> None:
    slug = f"shown-{role}"
    site.save(slug, "one", "two")
    site.promote(slug, 2)
    site.promote(slug, 1)
    request = ask(site, slug)
    shown = {
        action.format(slug=slug, request=request): needed
        for action, _, needed in FORMS.values()
        if "{schedule}" not in action and not action.endswith("/review")
    }
    pages = [f"/prompts/{slug}", f"/prompts/{slug}/edit", "/new", f"/requests/{request}", "/rules"]
    seen = [site[role].open(path) for path in pages]
    for action, needed in shown.items():
        assert any(page.has(action) for page in seen) == (role in ALLOWED[needed]), action  # type: ignore[index]
    buttons = {button for page in seen for form in page.forms for button in form.buttons}
    assert (("kind", "approve") in buttons) == (role in ALLOWED["review"])
    assert (("kind", "comment") in buttons) == (role in ALLOWED["request"])


def test_an_application_sees_no_page_but_is_told_why(site: Site) -> None:
    for path in ("/", "/audit", "/rules", "/requests", "/live", "/new", "/prompts/any", "/prompts/any/edit"):
        page = site["application"].open(path)
        assert page.status == 403
        assert "key the application may not see versions, history and quality" in page.text


def test_a_scoped_key_sees_and_moves_its_own_prompts_only(site: Site) -> None:
    for slug in ("sam-own", "other-secret"):
        site.save(slug, f"text of {slug}", "two")
        site.promote(slug, 1)
        request = ask(site, slug)
    for path in ("/", "/requests", "/audit", "/live", "/requests?state=all"):
        text = site["scoped"].open(path).text
        assert "sam-own" in text, path
        assert "other-secret" not in text, path
    for path in [each for each in pages_of("other-secret", request) if "other-secret" in each or request in each]:
        page = site["scoped"].open(path)
        assert page.status == 403, path
        assert "text of other-secret" not in page.text
    for action, fields, _ in FORMS.values():
        if "{slug}" in action:
            given = {key: value.format(slug="x", channel="stable") for key, value in fields.items()}
            assert site["scoped"].post(action.format(slug="other-secret"), given).status == 403, action
    assert site["scoped"].post(f"/requests/{request}/review", {"kind": "comment", "text": "t"}).status == 403
    eu = site["eu"].open("/prompts/sam-own")
    assert not eu.has("/prompts/sam-own/promote")
    assert site["eu"].open("/prompts/sam-own?channel=eu").has("/prompts/sam-own/promote")
    page = site["eu"].post("/prompts/sam-own/promote", {"version": "2", "channel": "stable", "reason": "r"})
    assert page.status == 403
    assert "may use the channels eu only" in page.text


def test_nobody_elses_page_sends_a_form(site: Site) -> None:
    site.save("pages-csrf", "one", "two")
    fields = {"version": "1", "reason": "r"}
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {},
    ):
        http = site["admin"].http
        answer = http.post("/prompts/pages-csrf/promote", data=fields, headers=headers)
        assert answer.status_code == 403, headers
    assert "curl -H" in answer.text
    assert "stable" not in site.live("pages-csrf")
    own = http.post("/prompts/pages-csrf/promote", data=fields, headers={"sec-fetch-site": "same-origin"})
    assert own.status_code == 200
    assert site.live("pages-csrf")["stable"] == 1


def test_programs_get_errors_they_can_read(site: Site) -> None:
    browser = site["admin"].open("/prompts/pages-al")
    assert browser.status == 404
    assert "prompt 'pages-al' not found" in browser.text
    answer = site["admin"].http.get("/prompts/pages-al", headers={"accept": "*/*"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "prompt_not_found")
    for path in ("/prompts/UPPER", "/requests/none", "/prompts/pages-al/versions/x", "/live?time=noon"):
        page = site["admin"].open(path)
        assert page.status in {400, 404}, path
        assert "This can't be done" in page.text or "Not found" in page.text


def test_from_a_new_prompt_to_a_version_on_stable(site: Site) -> None:
    ann = site["ann"]
    page = ann.open("/new")
    kept = ann.send(page, "/new", slug="Pages New!", message="first", text="system:\nHi {{ name")
    assert kept.status == 400
    form = kept.form("/new")
    assert (form.fields["slug"], form.fields["message"], form.fields["text"]) == (
        "Pages New!",
        "first",
        "system:\nHi {{ name",
    )
    seen = ann.send(kept, "/new", slug="pages-new", text="system:\nHi {{ name }}", action="preview")
    assert "This would be saved. A call gives name." in seen.text
    saved = ann.send(seen, "/new", action="save")
    assert saved.path == "/prompts/pages-new/versions/1?done=saved"
    assert "Saved as version 1" in saved.text
    again = ann.send(ann.open("/new"), "/new", slug="pages-new", text="system:\nother")
    assert again.status == 409
    assert again.form("/new").fields["text"] == "system:\nother"
    page = ann.open("/prompts/pages-new/edit")
    preview = ann.send(page, "/prompts/pages-new/edit", text="system:\nHello {{ name }}", action="preview")
    assert "<del>Hi</del>" in preview.answer.text
    assert site.events("pages-new")[0]["revision"] == int(preview.form("/prompts/pages-new/edit").fields["revision"])
    same = ann.send(page, "/prompts/pages-new/edit", action="save")
    assert "version 1 says the same already" in same.text
    second = ann.send(preview, "/prompts/pages-new/edit", message="warmer", action="save")
    assert second.path == "/prompts/pages-new/versions/2?done=saved"
    assert "warmer" in second.text
    paul = site["paul"]
    page = paul.send(paul.open("/prompts/pages-new"), "/prompts/pages-new/promote", version="2", reason="go live")
    assert "key paul put version 2 on stable." in page.text
    assert site.live("pages-new") == {"latest": 2, "stable": 2}


def test_a_file_comes_back_as_it_was_through_the_editor(site: Site) -> None:
    """Line ends, leading empty lines, markers in text and markup survive the browser's way of sending text."""
    texts = ["\n\nfirst lines empty", "a\r\nb", "system:\nnot a marker", "</textarea><b>&amp;", "tab\tand  spaces  "]
    for number, text in enumerate(texts):
        slug = f"pages-survive-{number}"
        site.save(slug, text)
        page = site["ann"].open(f"/prompts/{slug}/edit")
        fields = {
            name: value.replace("\n", "\r\n") for name, value in page.form(f"/prompts/{slug}/edit").fields.items()
        }
        assert "says the same already" in site["ann"].post(f"/prompts/{slug}/edit", fields).text, text


def test_two_writers_lose_nothing(site: Site) -> None:
    site.save("pages-lost", "one")
    ann, admin = site["ann"], site["admin"]
    first, second = ann.open("/prompts/pages-lost/edit"), admin.open("/prompts/pages-lost/edit")
    admin.send(second, "/prompts/pages-lost/edit", text="system:\ntheirs", message="quicker", action="save")
    page = ann.send(first, "/prompts/pages-lost/edit", text="system:\nmine", message="slower", action="save")
    assert page.status == 412
    assert "key the admin saved version 2 since you opened the editor" in page.text
    assert "theirs" in page.text
    form = page.form("/prompts/pages-lost/edit")
    assert (form.fields["text"], form.fields["message"]) == ("system:\nmine", "slower")
    assert "<del>theirs</del>" in page.answer.text
    saved = ann.send(page, "/prompts/pages-lost/edit", action="save")
    assert saved.path == "/prompts/pages-lost/versions/3?done=saved"
    texts = [
        each["content"]["messages"][0]["content"]
        for each in site.call("admin", "GET", "/api/prompts/pages-lost/versions")["versions"]
    ]
    assert texts == ["mine", "theirs", "one"]


def test_a_promotion_meanwhile_takes_nothing_from_a_writer(site: Site) -> None:
    site.save("pages-calm", "one")
    page = site["ann"].open("/prompts/pages-calm/edit")
    site.promote("pages-calm", 1)
    saved = site["ann"].send(page, "/prompts/pages-calm/edit", text="system:\ntwo", action="save")
    assert saved.path == "/prompts/pages-calm/versions/2?done=saved"


def test_a_refused_form_keeps_what_was_typed(site: Site) -> None:
    site.save("pages-kept", "one", "two")
    site.promote("pages-kept", 1)
    paul = site["paul"]
    page = paul.open("/prompts/pages-kept")
    promote = "/prompts/pages-kept/promote"
    typed = paul.send(page, promote, version="2", reason="", holdback="abc")
    assert typed.status == 400
    assert "'holdback' is a share in per cent" in typed.text
    fields = typed.form(promote).fields
    assert (fields["version"], fields["holdback"]) == ("2", "abc")
    site.call("ann", "PATCH", "/api/prompts/pages-kept", {"purpose": "changed meanwhile"})
    late = paul.send(page, promote, version="2", reason="mine", holdback="")
    assert late.status == 412
    assert "somebody else changed this prompt since you opened the page" in late.text
    assert late.form(promote).fields["reason"] == "mine"
    assert site.live("pages-kept")["stable"] == 1
    done = paul.send(late, promote)
    assert done.status == 200
    assert site.live("pages-kept")["stable"] == 2
    nowhere = paul.send(page, promote, channel="Not A Channel", reason="typed by hand")
    assert nowhere.status == 400
    assert "typed by hand" in nowhere.answer.text
    unknown = paul.post(promote, {"version": "99", "reason": "typed, too"})
    assert unknown.status == 404
    assert "has no version 99" in unknown.text
    assert "typed, too" in unknown.answer.text
    refused = site["ann"].post(promote, {"version": "1", "reason": "a long reason of ann's"})
    assert refused.status == 403
    assert "a long reason of ann's" in refused.text


def test_a_form_that_is_sent_twice_counts_once(site: Site) -> None:
    site.save("pages-twice", "one", "two", "three")
    for number in (1, 2, 3):
        site.promote("pages-twice", number)
    page = site["paul"].open("/prompts/pages-twice")
    for _ in range(2):
        assert site["paul"].send(page, "/prompts/pages-twice/rollback", reason="bad answers").status == 200
    assert [event["action"] for event in site.events("pages-twice")].count("rollback") == 1
    assert site.live("pages-twice")["stable"] == 2
    page = site["paul"].open("/prompts/pages-twice")
    for _ in range(2):
        done = site["paul"].send(page, "/prompts/pages-twice/promote", version="3", reason="again")
        assert "put version 3 on stable" in done.text
    assert [event["action"] for event in site.events("pages-twice")].count("promote") == 4


def test_a_rollback_never_waits_for_anything(site: Site) -> None:
    """Whoever is on call goes back though the channel is protected and somebody wrote to the prompt since the page was read."""
    site.save("pages-oncall", "one", "two")
    for number in (1, 2):
        site.promote("pages-oncall", number)
    site.call("admin", "PUT", "/api/rules/pages-oncall/stable", {"approvals": 3, "evaluation": True})
    page = site["otto"].open("/prompts/pages-oncall")
    site.save("pages-oncall", "three")
    done = site["otto"].send(page, "/prompts/pages-oncall/rollback", reason="wrong refunds")
    assert done.status == 200
    assert site.live("pages-oncall")["stable"] == 1
    assert site.events("pages-oncall")[0]["reason"] == "wrong refunds"


def test_shares_holdback_and_their_end(site: Site) -> None:
    site.save("pages-share", "one", "two", "three")
    site.promote("pages-share", 1)
    paul, rollout = site["paul"], "/prompts/pages-share/rollout"

    def arms() -> list[tuple[int, float, str]]:
        prompts = site.call("admin", "GET", "/api/prompts")["prompts"]
        (prompt,) = [each for each in prompts if each["slug"] == "pages-share"]
        found = prompt["splits"].get("stable", {"arms": []})["arms"]
        return [(arm["version"], arm["share"], arm["kind"]) for arm in found]

    page = paul.open("/prompts/pages-share")
    page = paul.send(page, "/prompts/pages-share/promote", version="2", reason="r", holdback="5")
    assert arms() == [(1, 5.0, "holdback")]
    assert "5 % version 1 held back until" in page.text
    typed = {"version_0": "3", "share_0": "10", "sticky": "variable", "variable": "plan", "reason": "try"}
    page = paul.send(page, rollout, **typed)
    assert "split stable: version 2, beside it 10 % version 3 (rollout), 5 % version 1 (hold-back)." in page.text
    assert arms() == [(3, 10.0, "rollout"), (1, 5.0, "holdback")]
    shown = page.form(rollout).fields
    assert (shown["version_0"], shown["share_0"], shown["sticky"], shown["variable"]) == ("3", "10", "variable", "plan")
    bad = paul.send(page, rollout, share_0="99", reason="too much")
    assert bad.status == 400
    assert "nothing is left for version 2" in bad.text
    page = paul.send(page, rollout, end_holdback="1", reason="compared")
    assert arms() == [(3, 10.0, "rollout")]
    page = paul.send(page, rollout, share_0="", reason="over")
    assert arms() == []
    assert "gave all of stable to version 2" in page.text


def test_scheduled_asked_reviewed_and_withdrawn(site: Site) -> None:
    site.save("pages-plan", "one", "two")
    site.promote("pages-plan", 1)
    paul, ann, rita = site["paul"], site["ann"], site["rita"]
    page = paul.open("/prompts/pages-plan?version=2")
    past = paul.send(page, "/prompts/pages-plan/schedule", at="2020-01-01T09:00", reason="r")
    assert past.status == 400
    assert past.form("/prompts/pages-plan/schedule").fields["at"] == "2020-01-01T09:00"
    page = paul.send(page, "/prompts/pages-plan/schedule", at=SOON, reason="after the holidays")
    assert "Version 2 for stable at 2999-01-01 09:00 UTC, by key paul: after the holidays" in page.text
    (cancel,) = [form for form in page.forms if form.action.startswith("/schedules/")]
    assert "cancelled the scheduled move of version 2 for stable" in paul.post(cancel.action, cancel.fields).text
    assert paul.post(cancel.action, cancel.fields).status == 409
    site.call("admin", "PUT", "/api/rules/pages-plan/stable", {"approvals": 1})
    page = ann.send(ann.open("/prompts/pages-plan"), "/prompts/pages-plan/request", reason="ready")
    assert page.path.startswith("/requests/")
    assert "version 2 has 0 of 1 approvals" in page.text
    assert "<del>one</del>" in page.answer.text
    review = f"{page.path}/review"
    silent = rita.post(review, {"kind": "reject", "text": ""})
    assert silent.status == 400
    page = rita.send(rita.open(page.path), review, kind="reject", text="not\nyet")
    assert "key rita rejected" in page.text
    assert "rejected" in rita.open("/requests?state=rejected").text
    page = ann.send(ann.open(page.path), f"{page.path}/withdraw", text="will write another")
    assert "withdrawn" in page.text
    page = ann.send(ann.open("/prompts/pages-plan"), "/prompts/pages-plan/request", reason="again")
    own = site["admin"].post(f"{page.path}/review", {"kind": "approve"})
    assert own.status == 200
    ready = paul.open(page.path)
    assert "Nothing is missing" in ready.text
    done = paul.send(ready, "/prompts/pages-plan/promote", reason="approved")
    assert done.status == 200
    assert site.live("pages-plan")["stable"] == 2
    assert "promoted" in paul.open(page.path).text


def test_nobody_approves_their_own_work_through_a_page(site: Site) -> None:
    site.save("pages-own", "one", "two")
    request = site.call("admin", "POST", "/api/prompts/pages-own/requests", {"version": 2, "reason": "r"})["request_id"]
    page = site["admin"].post(f"/requests/{request}/review", {"kind": "approve", "text": "looks good to me"})
    assert page.status == 403
    assert "somebody else has to approve it" in page.text
    assert "looks good to me" in page.answer.text


def test_about_archive_and_restore(site: Site) -> None:
    site.save("pages-about", "one")
    admin = site["admin"]
    page = admin.open("/prompts/pages-about")
    page = admin.send(page, "/prompts/pages-about/describe", purpose="answers", owner="team", tags="a, b,, c ")
    assert "changed" in page.text
    (prompt,) = [each for each in site.call("admin", "GET", "/api/prompts")["prompts"] if each["slug"] == "pages-about"]
    assert (prompt["purpose"], prompt["owner"], prompt["tags"]) == ("answers", "team", ["a", "b", "c"])
    page = admin.send(page, "/prompts/pages-about/describe", purpose="")
    assert "answers" not in page.text
    page = admin.send(page, "/prompts/pages-about/archive", reason="replaced")
    assert "whoever still calls it is served" in page.text
    assert not page.has("/prompts/pages-about/promote")
    assert "pages-about" not in admin.open("/?q=pages-about").text.replace("slug, purpose", "")
    assert "pages-about" in admin.open("/?q=pages-about&archived=true").text
    refused = admin.post("/prompts/pages-about/promote", {"version": "1", "reason": "r"})
    assert refused.status == 409
    page = admin.send(page, "/prompts/pages-about/archive", reason="needed after all")
    assert page.has("/prompts/pages-about/promote")


def test_rules_are_set_changed_and_taken_away(site: Site) -> None:
    site.save("pages-rules", "one")
    admin = site["admin"]
    page = admin.send(admin.open("/rules"), "/rules", slug="pages-rules", channel="eu", approvals="2", evaluation="1")
    assert "2 approvals and an evaluation that passed" in page.text
    page = admin.open("/rules?slug=pages-rules&channel=eu")
    form = page.form("/rules").fields
    assert (form["approvals"], form["evaluation"]) == ("2", "1")
    bad = admin.send(page, "/rules", approvals="11", reason="more")
    assert bad.status == 400
    assert bad.form("/rules").fields["approvals"] == "11"
    assert bad.form("/rules").fields["reason"] == "more"
    fields = {"slug": "pages-rules", "channel": "eu", "approvals": "0"}
    assert "pages-rules" not in admin.post("/rules", fields).text
    assert admin.post("/rules", {"slug": "", "channel": "stable", "approvals": "5"}).status == 400


def test_what_was_live_then_and_who_did_what(site: Site) -> None:
    site.save("pages-past", "one", "two")
    site.promote("pages-past", 1)
    site.promote("pages-past", 2)
    first, second = [event for event in reversed(site.events("pages-past")) if event["action"] == "promote"]
    then = site["viewer"].open("/live", **{}).answer
    assert then.status_code == 200
    for event, version in ((first, 1), (second, 2)):
        page = site["viewer"].open(f"/live?prompt=pages-past&time={event['at'].replace('+00:00', '')}")
        assert f"stable version {version}" in page.text
    before = site["viewer"].open("/live?prompt=pages-past&time=2020-01-01T00:00")
    assert "Nothing was there at 2020-01-01 00:00:00 UTC" in before.text
    history = site["viewer"].open("/prompts/pages-past/history").text
    assert "key the admin put version 2 on stable in place of version 1" in history
    audit = site["viewer"].open("/audit").text
    assert "key the admin put version 2 on stable in place of version 1" in audit
    older = site["viewer"].open(f"/audit?before={first['revision']}").text
    assert "pages-past key the admin put" not in older
    verified = site["viewer"].open("/audit/verify")
    assert "The history is whole" in verified.text
    head = re.search(r"<pre>(\d+:[0-9a-f]{64})</pre>", verified.answer.text)
    assert head
    assert "The history is whole" in site["viewer"].open(f"/audit/verify?head={head[1]}").text
    assert "The history is not whole" in site["viewer"].open(f"/audit/verify?head={head[1][:-4]}0000").text


def test_searching_finds_every_word_anywhere(site: Site) -> None:
    for slug, purpose in (("pages-find-mail", "answers refunds"), ("pages-find-chat", "answers small talk")):
        site.save(slug, "x")
        site.call("ann", "PATCH", f"/api/prompts/{slug}", {"purpose": purpose, "tags": ["Berlin"]})
    text = site["viewer"].open("/?q=REFUNDS+berlin+pages-find").text
    assert "pages-find-mail" in text
    assert "pages-find-chat" not in text
    assert "No prompt fits" in site["viewer"].open("/?q=no-such-word").text


def test_a_done_notice_tells_only_what_is_in_the_history(site: Site) -> None:
    site.save("pages-done", "one")
    revision = site.events("pages-done")[0]["revision"]
    viewer = site["viewer"]
    assert "made the prompt, with version 1." in viewer.open(f"/prompts/pages-done?done={revision}").text
    for made_up in ("You+won", str(revision - 1), "99999999999999999999", "-1", "%00"):
        page = viewer.open(f"/prompts/pages-done?done={made_up}")
        assert page.status == 200
        assert 'role="status"' not in page.answer.text


def test_hostile_text_stays_text_on_every_page(site: Site) -> None:
    """In every field that people fill, on every page that shows it."""
    slug = "pages-hostile"
    schema = {"type": "object", "properties": {"v": {"description": HOSTILE, "default": HOSTILE, "enum": [HOSTILE]}}}
    tools = [{"type": "function", "function": {"name": "f", "description": HOSTILE}}]
    raw = "{% raw %}" + HOSTILE.replace("{% raw %}", "") + "{% endraw %}{{ v }}"
    more = {"variables": schema, "tools": tools, "parameters": {"stop": HOSTILE}}
    for number, text in enumerate((raw, raw + " more", raw + " and more")):
        body = {
            "content": {"messages": [{"role": "user", "content": text}], "model": HOSTILE, **more},
            "message": HOSTILE,
            "author": HOSTILE,
            "source": {"commit": HOSTILE, "path": HOSTILE},
        }
        path = "/api/prompts" if not number else f"/api/prompts/{slug}/versions"
        site.call("ann", "POST", path, {**body, **({} if number else {"slug": slug})})
    about = {"purpose": HOSTILE, "owner": HOSTILE, "tags": [HOSTILE]}
    site.call("ann", "PATCH", f"/api/prompts/{slug}", about)
    for number in (1, 2):
        body = {"version": number, "reason": HOSTILE, "evidence": {HOSTILE: HOSTILE}}
        site.call("admin", "POST", f"/api/prompts/{slug}/channels/stable/promote", body)
    request = site.call("ann", "POST", f"/api/prompts/{slug}/requests", {"version": 3, "reason": HOSTILE})["request_id"]
    for kind in ("comment", "reject"):
        site.call("rita", "POST", f"/api/requests/{request}/reviews", {"kind": kind, "text": HOSTILE})
    again = site.call("admin", "POST", f"/api/prompts/{slug}/requests", {"version": 3, "reason": HOSTILE})["request_id"]
    body = {"version": 3, "at": SOON + ":00Z", "reason": HOSTILE}
    site.call("admin", "POST", f"/api/prompts/{slug}/channels/stable/schedule", body)
    quoted = "/?q=" + str(httpx.QueryParams({"q": HOSTILE})).removeprefix("q=")
    typed = [
        site["admin"].post(f"/prompts/{slug}/promote", {"version": "3", "reason": HOSTILE, "holdback": HOSTILE}),
        site["admin"].post(f"/prompts/{slug}/promote", {"version": HOSTILE, "reason": HOSTILE}),
        site["admin"].post(f"/prompts/{slug}/promote", {"version": "1", "channel": HOSTILE, "reason": HOSTILE}),
        site["admin"].post("/new", {"slug": HOSTILE, "text": HOSTILE, "message": HOSTILE}),
        site["admin"].post("/rules", {"slug": HOSTILE, "channel": HOSTILE, "approvals": HOSTILE}),
        site["admin"].post(f"/requests/{again}/review", {"kind": "approve", "text": HOSTILE}),
        site["viewer"].post("/rules", {HOSTILE: HOSTILE}),
    ]
    paths = [*pages_of(slug, request), quoted, f"/prompts/{slug}/diff?from={quoted[4:]}", f"/live?time={quoted[4:]}"]
    for page in [*(site["admin"].open(path) for path in paths), *typed]:
        check_inert(page)
    shown = site["admin"].open(f"/prompts/{slug}/versions/1").text
    assert shown.count("<img src=x onerror=alert(1)>") >= 6


def check_inert(page: Page) -> None:
    assert "img" not in page.tags, page.path
    assert page.tags.count("script") == len(re.findall(OWN_SCRIPT, page.answer.text)), page.path
    assert "<img" not in page.answer.text, page.path


def test_the_theme_is_remembered_and_leads_back_here_only(server: Server) -> None:
    with browser_for(server.url, None) as http:
        visitor = Visitor(http)
        page = visitor.send(visitor.open("/rules"), "/theme", theme="dark")
        assert page.path == "/rules"
        assert 'data-theme="dark"' in visitor.open("/audit").answer.text
        visitor.send(page, "/theme", theme="")
        assert "data-theme" not in visitor.open("/audit").answer.text
        for back in ("https://evil.example/", "//evil.example", "/\\evil.example", ""):
            assert visitor.post("/theme", {"theme": "light", "back": back}).path == "/"
    answer = httpx.post(server.url + "/theme", data={"theme": "dark"}, headers={"origin": server.url})
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]


def test_signing_in_where_no_key_is_needed(server: Server, site: Site) -> None:
    with browser_for(server.url, None) as http:
        page = Visitor(http).open("/sign-in")
        assert page.status == 200
        assert "this machine, no key" in page.text
        assert "go on without signing in" in page.text
    page = site["viewer"].open("/sign-in")
    assert (page.status, page.path) == (200, "/")
    assert "key the viewer viewer" in page.text
