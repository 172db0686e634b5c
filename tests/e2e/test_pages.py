"""The pages in a real browser: a change's whole way through four people's hands, accessible, nothing foreign, hostile text inert."""

from typing import Any

import pytest

from tests.e2e.test_pages_evaluations import evaluation_pages, gated, prepared
from tests.e2e.test_pages_forms import HOSTILE, ask, pages_of
from tests.plugins.browser import check_pages
from tests.plugins.server import Server
from tests.plugins.site import Site

pytestmark = pytest.mark.needs("chromium")


def sits(browser: Any, site: Site, who: str, **options: Any) -> Any:
    """A page in a browser in which somebody has signed in."""
    page = browser.new_context(base_url=site.server.url, **options).new_page()
    page.goto("/sign-in")
    page.locator("input[name=key]").fill(site.keys[who])
    page.get_by_role("button", name="Sign in with a key").click()
    return page


@pytest.fixture(scope="module")
def filled(site: Site) -> tuple[str, str]:
    """A prompt with something on every page, and a request for it."""
    slug = "seen"
    schema = {"type": "object", "properties": {"plan": {"type": "string", "enum": ["free", "paid"], "default": "free"}}}
    long = "\n".join(f"Rule {number}: be kind to {{{{ plan }}}} customers." for number in range(12))
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}
    for number in range(3):
        text = long.replace("Rule 6: be kind", f"Rule 6: be {['kind', 'very kind', 'brief'][number]}")
        site.save(slug, text, variables=schema, parameters={"temperature": number}, tools=[tool])
    for number in (1, 2):
        site.promote(slug, number)
        site.promote(slug, number, "eu")
    body: dict[str, Any] = {"arms": [{"version": 3, "share": 5}], "reason": "a try"}
    site.call("admin", "POST", f"/api/prompts/{slug}/channels/stable/rollout", body)
    site.call("ann", "PATCH", f"/api/prompts/{slug}", {"purpose": "answers", "owner": "team", "tags": ["mail"]})
    site.call("admin", "PUT", f"/api/rules/{slug}/stable", {"approvals": 1, "holdback": 5})
    body = {"version": 3, "at": "2999-01-01T00:00:00Z", "reason": "later"}
    site.call("admin", "POST", f"/api/prompts/{slug}/channels/eu/schedule", body)
    request = ask(site, slug, 3)
    site.call("rita", "POST", f"/api/requests/{request}/reviews", {"kind": "comment", "text": "why?"})
    return slug, request


@pytest.fixture(scope="module")
def evaluated(site: Site) -> list[str]:
    """Every page about a dataset with two versions, and about an evaluation that a gate asked for."""
    prepared(site, "judged", policy={"min_pass_rate": 0.9, "watch": {"scores": ["helpful"]}})
    path = gated(site, "judged")
    site.call("rita", "POST", "/api/datasets/judged/cases", {"case": {"variables": {"days": 3}}})
    site.call("ann", "POST", "/api/prompts/judged/requests", {"version": 2, "reason": "please"})
    return evaluation_pages(site, "judged", path)


@pytest.mark.needs("node")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_every_page_is_accessible_and_fits(
    browser: Any, site: Site, filled: Any, evaluated: list[str], scheme: str, width: int
) -> None:
    page = sits(browser, site, "admin", color_scheme=scheme, viewport={"width": width, "height": 900})
    check_pages(page, site.server.url, [*pages_of(*filled), *evaluated, "/prompts/nothing-here"])
    page.context.close()


def test_light_and_dark_by_the_system_or_by_choice(browser: Any, server: Server) -> None:
    colours = {"light": "rgb(250, 250, 248)", "dark": "rgb(18, 20, 22)"}
    for scheme, other in (("light", "dark"), ("dark", "light")):
        page = browser.new_context(base_url=server.url, color_scheme=scheme).new_page()
        page.goto("/")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == colours[scheme]
        page.get_by_role("button", name=other.title(), exact=True).click()
        page.goto("/rules")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == colours[other]
        page.get_by_role("button", name="As the system").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == colours[scheme]
        page.context.close()


def test_home_says_what_is_live_and_how_much_it_is_called(browser: Any, server: Server) -> None:
    server.promote("page-prompt", server.save("page-prompt", "Be kind."))
    answer = server.chat(model="prompt/page-prompt", messages=[{"role": "user", "content": "hi"}])
    server.row(answer.headers["x-slugline-call-id"])
    number = answer.headers["x-slugline-prompt"].rpartition("@")[2]
    page = browser.new_page()
    page.goto(server.url + "/")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="page-prompt"))
    assert row.get_by_role("cell").nth(0).inner_text().startswith(f"version {number}")
    assert int(row.get_by_role("cell").nth(3).inner_text()) >= 1
    page.close()


def test_a_change_goes_through_four_hands(browser: Any, site: Site) -> None:
    """An author edits, a reviewer approves, a promoter promotes, whoever is on call rolls back; without JavaScript."""
    slug = "four-hands"
    site.save(slug, "Refunds are possible within 30 days.")
    site.promote(slug, 1)
    site.call("admin", "PUT", f"/api/rules/{slug}/stable", {"approvals": 1, "reason": "four eyes"})
    ann, rita, paul, otto = (
        sits(browser, site, who, java_script_enabled=False) for who in ("ann", "rita", "paul", "otto")
    )

    ann.goto("/")
    ann.get_by_label("Search").fill("four-ha")
    ann.get_by_role("button", name="Show").click()
    ann.get_by_role("link", name=slug).click()
    assert ann.get_by_role("button", name="Promote").count() == 0
    ann.get_by_role("link", name="New version").click()
    editor = ann.get_by_label("The prompt, as a .prompty file")
    editor.fill(editor.input_value().replace("30 days", "14 days, never longer"))
    ann.get_by_label("What changed, and why").fill("Shorter refund policy")
    ann.get_by_role("button", name="Preview").click()
    assert ann.locator("ins").all_inner_texts() == ["14", ", never longer"]
    ann.get_by_role("button", name="Save as version 2").click()
    assert "Saved as version 2" in ann.get_by_role("status").inner_text()
    ann.get_by_role("link", name="Ask for promotion").click()
    assert "Still missing for version 2" in ann.locator("#act").inner_text()
    form = ann.get_by_role("form", name="Ask for a promotion")
    form.get_by_label("Why").fill("Legal asked for it")
    form.get_by_role("button", name="Ask").click()
    address = ann.url

    paul.goto(address)
    assert "has 0 of 1 approvals" in paul.inner_text("main")
    assert paul.get_by_role("button", name="Promote").count() == 0

    rita.goto("/requests")
    rita.get_by_role("link", name=f"{slug}@2").click()
    assert rita.locator("del").all_inner_texts() == ["30"]
    rita.get_by_label("What you say of it").fill("Checked with legal")
    rita.get_by_role("button", name="Approve").click()
    assert "key rita approved" in rita.inner_text("main")

    paul.reload()
    paul.get_by_label("Why", exact=True).fill("Approved by rita")
    paul.get_by_role("button", name="Promote version 2 to stable").click()
    assert "key paul put version 2 on stable" in paul.get_by_role("status").inner_text()
    assert site.live(slug)["stable"] == 2

    otto.goto(f"/prompts/{slug}")
    otto.get_by_text("Roll back to 1").click()
    otto.get_by_role("row", name="stable").get_by_label("Why").fill("Answers are wrong since 14:05")
    otto.get_by_role("button", name="Roll stable back to version 1").click()
    assert "key otto rolled stable back from version 2 to 1" in otto.get_by_role("status").inner_text()
    assert site.live(slug)["stable"] == 1

    otto.get_by_role("link", name="History").click()
    rows = otto.get_by_role("row").all_inner_texts()
    acts = ["rolled", "put version 2", "approved", "asked", "saved", "set what", "put version 1", "made"]
    assert [row.split("key ")[1].partition(" ")[0] for row in rows[1:]] == [
        *("otto", "paul", "rita", "ann", "ann", "the", "the", "ann"),
    ]
    assert all(act in row for act, row in zip(acts, rows[1:], strict=True))
    for each in (ann, rita, paul, otto):
        each.context.close()


def test_hostile_text_runs_nothing(browser: Any, site: Site) -> None:
    slug = "hostile-seen"
    site.save(slug, "{% raw %}" + HOSTILE.replace("{% raw %}", "") + "{% endraw %}", "two")
    site.call("ann", "PATCH", f"/api/prompts/{slug}", {"purpose": HOSTILE, "owner": HOSTILE, "tags": [HOSTILE]})
    for number in (1, 2):
        body = {"version": number, "reason": HOSTILE}
        site.call("admin", "POST", f"/api/prompts/{slug}/channels/stable/promote", body)
    request = site.call("ann", "POST", f"/api/prompts/{slug}/requests", {"version": 1, "reason": HOSTILE})["request_id"]
    prepared(site, "hostile-judged", text=HOSTILE)
    evaluated = evaluation_pages(site, "hostile-judged", gated(site, "hostile-judged"))
    page = sits(browser, site, "admin")
    dialogs: list[str] = []
    said: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: said.append(message.text))
    for path in [*pages_of(slug, request), *evaluated]:
        page.goto(path)
        assert page.locator("main img, main script").count() == 0, path
    assert page.inner_text("main").count(HOSTILE) >= 1  # the last of them shows the case
    page.goto(f"/prompts/{slug}")
    assert page.inner_text("main").count(HOSTILE) >= 3
    page.goto(f"/prompts/{slug}/edit?version=1")
    assert "<script>alert(2)</script>" in page.get_by_label("The prompt, as a .prompty file").input_value()
    assert dialogs == []
    assert said == []
    page.context.close()


def test_the_keyboard_reaches_everything(browser: Any, site: Site, filled: Any) -> None:
    page = sits(browser, site, "paul", java_script_enabled=True)
    page.goto(f"/prompts/{filled[0]}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    reached = set()
    for _ in range(200):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "() => {const e = document.activeElement; return [e.textContent.trim(), e.tagName, "
            "getComputedStyle(e).outlineStyle]}"
        )
        if outline[1] == "BODY":
            break
        assert outline[2] != "none", outline
        reached.add(outline[0])
    for name in ("Promote", "Set shares", "Schedule the promotion", "Roll back to 1 on stable"):
        assert name in reached, reached
    page.context.close()
