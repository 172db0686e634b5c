"""Evaluations and gates on pages: asked for with their cost, run by the server, read case by case, and what a channel makes of them."""

import csv
import io
import time
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from registry.roles import ALLOWED, ROLES
from tests.plugins.site import Page, Site

KIND = "You answer the mail of a parcel service. Apologise to the customer."
SHORT = "Be short."
WAIT_SECONDS = 60


def cases(count: int = 4, must: int = 1, text: str = "") -> list[dict[str, Any]]:
    """Cases that an answer passes which apologises, as the simulator does where it is told to."""
    return [
        {
            "variables": {},
            "messages": [{"role": "user", "content": f"Where is parcel {n}?{text}"}],
            "checks": [{"type": "icontains-any", "value": ["sorry", f"apologise{text}"]}],
            "tags": ["shipping" if n % 2 else f"money{text}"],
            "must_pass": n < must,
            "note": f"parcel {n}{text}",
            "expected": text or None,
        }
        for n in range(count)
    ]


def prepared(site: Site, slug: str, *, policy: dict[str, Any] | None = None, count: int = 4, text: str = "") -> None:
    """A prompt whose version 1 apologises and is on stable, and whose version 2 doesn't; a dataset of its name, and a policy on it."""
    site.save(slug, KIND, SHORT)
    site.promote(slug, 1)
    site.call(
        "ann", "POST", "/api/datasets", {"name": slug, "cases": cases(count, text=text), "message": text or "first"}
    )
    if policy is not None:
        body = {"policy": {"dataset": slug, **policy}, "reason": "careful"}
        site.call("admin", "PUT", f"/api/rules/{slug}/stable", body)


def ended(site: Site, page: Page, who: str = "ann") -> Page:
    """The evaluation's page, once it is over."""
    path = page.path.partition("?")[0]
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        page = site[who].open(path)
        if " done " in page.text or "Broken off" in page.text or "Stopped" in page.text:
            return page
        assert time.monotonic() < deadline, page.text
        time.sleep(0.2)


def gated(site: Site, slug: str) -> str:
    """Where the evaluation is that a gate of version 2 asked for, once it is over."""
    body = {"prompt": slug, "candidate": "2", "dataset": slug}
    [one] = site.call("ann", "POST", "/api/evaluations", body)["evaluations"]
    return ended(site, site["ann"].open(f"/evaluations/{one['evaluation_id']}")).path


def evaluation_pages(site: Site, slug: str, path: str) -> list[str]:
    """Every page about a dataset and an evaluation of it, the case that failed last."""
    here = f"/datasets/{slug}"
    case = site["admin"].open(path).answer.text.split(f'href="{path}/cases/')[1].partition('"')[0]
    return [
        *("/datasets", "/new/dataset", f"{here}?q=parcel", f"{here}/diff", f"{here}/cases/{case}"),
        *(f"{here}/cases/{case}/edit", "/evaluations", f"/evaluations/new?prompt={slug}", path),
        *(f"/prompts/{slug}?version=2", f"/prompts/{slug}/quality", f"/rules?slug={slug}", f"{path}/cases/{case}"),
    ]


def test_from_the_cost_to_the_cases_that_failed(site: Site) -> None:
    prepared(site, "ev-seen")
    ann = site["ann"]
    page = ann.open("/evaluations/new?prompt=ev-seen")
    fields = page.form("/evaluations/new").fields
    chosen = (fields["version"], fields["against"], fields["dataset"])
    assert chosen == ("2", "1", "ev-seen")  # the newest against what is live
    assert ("action", "start") not in page.form("/evaluations/new").buttons  # first what it costs
    priced = ann.send(page, "/evaluations/new", action="estimate")
    assert "8 calls" in priced.text
    assert ann.open("/evaluations?prompt=ev-seen").text.count("ev-seen@2") == 0
    begun = ann.send(priced, "/evaluations/new", action="start")
    assert begun.path.endswith("?follow=true")
    page = ended(site, begun)
    assert "ev-seen@2 against ev-seen@1" in page.text
    assert "0 of 4" in page.text
    assert "4 of 4" in page.text
    assert page.answer.text.index("parcel 0") < page.answer.text.index("parcel 1")  # must pass, and failed
    assert "−100.0 points" in page.text
    here = page.path
    assert "worse than the baseline 4" in page.text
    again = ann.open(
        page.answer.text.split('href="/evaluations/new?')[1]
        .partition('"')[0]
        .join(("/evaluations/new?", ""))
        .replace("&amp;", "&")
    )
    assert again.form("/evaluations/new").fields["against"] == "1"
    assert "No case fits" in ann.open(f"{here}?show=better").text
    tagged = ann.open(f"{here}?tag=shipping&show=failed").text
    assert "parcel 1" in tagged
    assert "parcel 0" not in tagged
    case = ann.open(page.answer.text.split(f'href="{here}/cases/')[1].partition('"')[0].join((f"{here}/cases/", "")))
    assert case.text.count("Where is parcel 0?") >= 1
    assert "none is there of" in case.text

    http = ann.http
    told = http.get(f"{here}.json").json()
    assert [target["passed"] for target in told["targets"]] == [0, 4]
    table = list(csv.DictReader(io.StringIO(http.get(f"{here}.csv").text)))
    assert (
        sorted((row["target"], row["passed"]) for row in table)
        == [("ev-seen@1", "yes")] * 4 + [("ev-seen@2", "no")] * 4
    )
    suites = ET.fromstring(http.get(f"{here}.xml").text)  # noqa: S314 - our own server's
    assert [suite.get("failures") for suite in suites] == ["4", "0"]
    assert http.get(f"{here}.md").text.startswith("### ❌ ev\\-seen")
    assert here.rpartition("/")[2] in [
        each["evaluation_id"] for each in http.get("/evaluations.json").json()["evaluations"]
    ]


def test_a_form_that_is_sent_twice_starts_one_evaluation(site: Site) -> None:
    prepared(site, "ev-once")
    page = site["ann"].open("/evaluations/new?prompt=ev-once")
    first = site["ann"].send(page, "/evaluations/new", action="start")
    second = site["ann"].send(page, "/evaluations/new", action="start")
    assert first.path == second.path
    # What a form brings as its id names nothing on the server's disk.
    strange = site["ann"].send(page, "/evaluations/new", action="start", once="../../../strange")
    assert strange.status == 200
    assert "strange" not in strange.path


def test_what_cannot_be_run_is_said_where_it_was_asked(site: Site) -> None:
    prepared(site, "ev-wrong")
    ann = site["ann"]
    page = ann.open("/evaluations/new?prompt=ev-wrong")
    for typed, said in (
        ({"against": "2"}, "there is nothing to compare"),
        ({"budget": "much"}, "'budget' is an amount in US dollars"),
        ({"repeats": "x"}, "'repeats' is a whole number"),
        ({"version": "9"}, "has no version 9"),
        ({"dataset": "none-such"}, "dataset 'none-such' not found"),
    ):
        kept = ann.send(page, "/evaluations/new", action="estimate", **typed)
        assert kept.status in {400, 404}, said
        assert said in kept.text
        assert kept.has("/evaluations/new")


def test_the_page_follows_until_it_is_told_to_stop(site: Site) -> None:
    prepared(site, "ev-follow", count=30)
    page = site["ann"].open("/evaluations/new?prompt=ev-follow")
    begun = site["ann"].send(page, "/evaluations/new", action="start", repeats="5")
    if " done " not in begun.text:
        assert begun.answer.headers["refresh"] == "3"
        assert "Stop following" in begun.text
        quiet = site["ann"].open(begun.path.partition("?")[0])
        assert "refresh" not in quiet.answer.headers
        if quiet.has(f"{quiet.path}/cancel"):
            stopped = site["ann"].send(quiet, f"{quiet.path}/cancel")
            assert "Stopped: cancelled by key ann" in stopped.text
    over = ended(site, begun)
    assert "refresh" not in site["ann"].open(f"{over.path}?follow=true").answer.headers


def test_a_gate_says_which_cases_and_lets_through_what_passes(site: Site) -> None:
    slug = "ev-gate"
    prepared(site, slug, policy={"margin": 0.05})
    here = f"/prompts/{slug}?version=2"
    page = site["rita"].open(here)
    assert "not evaluated" in page.text
    assert "not worse than what is live by 5 % of cases or more" in page.text
    asked = site["rita"].send(page, f"/prompts/{slug}/evaluate")
    assert "8 calls" in asked.text
    assert f"beside {slug}@1, which is on stable now" in asked.text
    over = ended(site, site["rita"].send(asked, f"/prompts/{slug}/evaluate", action="start"), "rita")
    assert f"May {slug}@2 get onto stable?" in over.text
    assert "1 of 1 cases that must pass failed: parcel 0" in over.text

    page = site["paul"].open(here)
    assert "1 case that must pass failed" in page.text
    assert "−100.0 points" in page.text
    assert not page.has(f"/prompts/{slug}/evaluate")  # a promoter runs none
    refused = site["paul"].send(page, f"/prompts/{slug}/promote", version="2", reason="please")
    assert refused.status == 403
    assert "failed its evaluation on ev-gate@1: 1 of 1 cases that must pass failed: parcel 0" in refused.text
    assert site.live(slug)["stable"] == 1
    request = site.call("ann", "POST", f"/api/prompts/{slug}/requests", {"version": 2, "reason": "please"})[
        "request_id"
    ]
    review = site["rita"].open(f"/requests/{request}")
    assert "1 case that must pass failed" in review.text
    assert review.has(f"/prompts/{slug}/evaluate")

    site.save(slug, KIND + " Always.")
    page = site["rita"].open(f"/prompts/{slug}?version=3")
    asked = site["rita"].send(page, f"/prompts/{slug}/evaluate")
    ended(site, site["rita"].send(asked, f"/prompts/{slug}/evaluate", action="start"), "rita")
    # Four cases show nothing within five points; a policy that allows that lets it through.
    unsure = site["paul"].open(f"/prompts/{slug}?version=3")
    assert "not enough cases" in unsure.text
    body = {"policy": {"dataset": slug, "uncertain": "allow"}, "reason": "few cases"}
    site.call("admin", "PUT", f"/api/rules/{slug}/stable", body)
    page = site["paul"].open(f"/prompts/{slug}?version=3")
    assert "Nothing is missing for version 3." in page.text
    done = site["paul"].send(page, f"/prompts/{slug}/promote", version="3", reason="as good")
    assert "put version 3 on stable" in done.text


def test_evidence_that_is_about_something_else_is_said_to_be(site: Site) -> None:
    slug = "ev-stale"
    prepared(site, slug, policy={"uncertain": "allow"})
    site.save(slug, KIND + " Now.")
    page = site["ann"].open(f"/prompts/{slug}?version=3")
    asked = site["ann"].send(page, f"/prompts/{slug}/evaluate")
    ended(site, site["ann"].send(asked, f"/prompts/{slug}/evaluate", action="start"))
    page = site["ann"].open(f"/prompts/{slug}?version=3")
    assert "Nothing is missing for version 3." in page.text, page.text[page.text.find("Still missing") :][:1500]
    site.call("rita", "POST", f"/api/datasets/{slug}/cases", {"case": cases(5)[4]})
    page = site["ann"].open(f"/prompts/{slug}?version=3")
    assert "passed, but doesn't count any more" in page.text
    assert "version 3 was evaluated on ev-stale@1, and it is ev-stale@2 now" in page.text


def test_a_policy_is_written_on_the_page_of_rules(site: Site) -> None:
    slug = "ev-rules"
    prepared(site, slug)
    admin = site["admin"]
    page = admin.open(f"/rules?slug={slug}")
    typed = {"slug": slug, "dataset": slug, "margin": "3.5", "min_pass_rate": "90", "watch_scores": "helpful"}
    kept = admin.send(page, "/rules", **typed, confidence="high")
    assert kept.status == 400
    assert "'confidence' is a number, not 'high'" in kept.text
    assert kept.form("/rules").fields["margin"] == "3.5"
    done = admin.send(kept, "/rules", confidence="99")
    assert "not worse than what is live by 3.5 % of cases or more, shown at 99 % confidence" in done.text
    [rule] = [each for each in site.call("admin", "GET", "/api/rules")["rules"] if each["slug"] == slug]
    assert (rule["policy"]["margin"], rule["policy"]["min_pass_rate"]) == (0.035, 0.9)
    page = admin.open(f"/rules?slug={slug}")
    assert page.form("/rules").fields["watch_scores"] == "helpful"
    admin.send(page, "/rules", approvals="1")  # the policy stays
    [rule] = [each for each in site.call("admin", "GET", "/api/rules")["rules"] if each["slug"] == slug]
    assert (rule["approvals"], rule["policy"]["margin"]) == (1, 0.035)
    admin.send(admin.open(f"/rules?slug={slug}"), "/rules", approvals="1", dataset="")
    [rule] = [each for each in site.call("admin", "GET", "/api/rules")["rules"] if each["slug"] == slug]
    assert rule["policy"] is None


@pytest.mark.parametrize("action", ["/evaluations/new", "/prompts/{slug}/evaluate", "/evaluations/{id}/cancel"])
def test_who_may_run_one(site: Site, action: str) -> None:
    slug = f"ev-roles-{action.rpartition('/')[2]}"
    prepared(site, slug)
    body = {"prompt": slug, "candidate": "2", "dataset": slug}
    for role in ROLES:
        [one] = site.call("ann", "POST", "/api/evaluations", body)["evaluations"]
        fields = {
            "prompt": slug,
            "version": "2",
            "dataset": slug,
            "against": "1",
            "channel": "stable",
            "action": "estimate",
        }
        page = site[role].post(action.format(slug=slug, id=one["evaluation_id"]), fields)
        may = role in ALLOWED["evaluate"]
        assert page.status in ({200, 409} if may else {403}), (role, page.text)  # it may be over already
        new = site[role].open("/evaluations/new")
        assert new.status == (200 if may else 403)
    assert site["scoped"].post(action.format(slug=slug, id=one["evaluation_id"]), fields).status == 403
    assert site["scoped"].open(f"/evaluations/{one['evaluation_id']}").status == 403
    assert slug not in site["scoped"].open("/evaluations").text
    assert slug not in site["scoped"].open("/drift").text
    for kind in ("quality", "drift", "quality.json", "drift.json"):
        for who in ("scoped", "application"):
            assert site[who].open(f"/prompts/{slug}/{kind}").status == 403, kind
    assert site["admin"].http.post(action.format(slug=slug, id=one["evaluation_id"]), data=fields).status_code == 403
