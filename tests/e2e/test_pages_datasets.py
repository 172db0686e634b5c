"""Datasets on pages: made from a file, changed case by case, from a recorded call, and by nobody who may not."""

import json
from typing import Any

import pytest

from registry.roles import ALLOWED, ROLES
from tests.plugins.site import Page, Site, Visitor

CSV = "question,__expected,__tags,__must_pass\nWhere?,icontains: tracking,shipping,\nMoney back?,icontains: 30 days,refunds,yes\n"


def upload(visitor: Visitor, page: Page, action: str, file: str, text: str, /, **typed: str) -> Page:
    """Sends a form with a file, as a browser does."""
    fields = page.form(action).fields | typed
    fields.pop("file", None)
    origin = {"origin": str(visitor.http.base_url).rstrip("/")}
    answer = visitor.http.post(action, data=fields, files={"file": (file, text.encode())}, headers=origin)
    return visitor._page(answer)


def dataset(site: Site, name: str, *cases: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A dataset by the API."""
    body = {"name": name, "cases": list(cases) or [{"variables": {"question": "Where?"}}], "message": "first", **more}
    return dict(site.call("ann", "POST", "/api/datasets", body))


def newest(site: Site, name: str) -> list[dict[str, Any]]:
    return list(site.call("admin", "GET", f"/api/datasets/{name}/versions/latest")["cases"])


def test_from_a_table_to_single_cases(site: Site) -> None:
    ann = site["ann"]
    page = upload(ann, ann.open("/new/dataset"), "/new/dataset", "golden.csv", CSV, name="ds-table", message="first")
    assert page.status == 200, page.text
    assert "Saved." in page.text
    assert "2 cases, 1 must pass" in page.text
    assert "icontains: tracking" in page.text

    page = ann.open("/datasets/ds-table/add")
    assert page.form("/datasets/ds-table/add").fields["variable_0"] == "question"  # what the other cases have
    kept = ann.send(page, "/datasets/ds-table/add", text_0="Peru?", check_0="icontain", value_0="yes", action="save")
    assert kept.status == 400
    assert "did you mean 'icontains'?" in kept.text
    assert kept.form("/datasets/ds-table/add").fields["text_0"] == "Peru?"
    broken = ann.send(kept, "/datasets/ds-table/add", check_0="regex", value_0="(", action="save")
    assert broken.status == 400
    assert "a check can't work: regex" in broken.text
    typed = {"check_0": "icontains", "value_0": "yes", "tags": "eu, shipping", "note": "Ben was told no"}
    saved = ann.send(kept, "/datasets/ds-table/add", **typed, must_pass="1", action="save")
    assert "Version 2" in saved.text
    added = newest(site, "ds-table")[2]
    assert added == {
        "case_id": added["case_id"],
        "variables": {"question": "Peru?"},
        "checks": [{"type": "icontains", "value": "yes"}],
        "tags": ["eu", "shipping"],
        "must_pass": True,
        "note": "Ben was told no",
    }

    here = f"/datasets/ds-table/cases/{added['case_id']}"
    assert "Ben was told no" in ann.open(here).text
    edited = ann.send(
        ann.open(f"{here}/edit"), "/datasets/ds-table/add", text_0="Chile?", message="typo", action="save"
    )
    assert edited.status == 200, edited.text
    assert [case["variables"]["question"] for case in newest(site, "ds-table")] == ["Where?", "Money back?", "Chile?"]
    assert newest(site, "ds-table")[2]["must_pass"] is True
    diff = ann.open("/datasets/ds-table/diff?from=2&to=3")
    assert "1 case added" in diff.text
    assert "1 case removed" in diff.text

    gone = newest(site, "ds-table")[0]["case_id"]
    page = ann.send(
        ann.open(f"/datasets/ds-table/cases/{gone}"), f"/datasets/ds-table/cases/{gone}/remove", message="x"
    )
    assert page.status == 200
    assert len(newest(site, "ds-table")) == 2
    assert "Where?" in ann.open("/datasets/ds-table/versions/1").text  # earlier versions keep it


def test_more_rows_keep_what_was_typed(site: Site) -> None:
    dataset(site, "ds-rows")
    page = site["ann"].open("/datasets/ds-rows/add")
    action = "/datasets/ds-rows/add"
    page = site["ann"].send(page, action, text_0="one", said_0="hello", action="more")
    fields = page.form(action).fields
    assert (fields["text_0"], fields["said_0"]) == ("one", "hello")
    assert "check_5" in fields
    assert len(newest(site, "ds-rows")) == 1


def test_a_pasted_file_adds_or_replaces(site: Site) -> None:
    dataset(site, "ds-paste", checks=[{"type": "is-json"}])
    ann, action = site["ann"], "/datasets/ds-paste/import"
    text = 'checks: [{type: icontains, value: x}]\ncases:\n  - variables: {question: "Where?"}\n  - variables: {question: "When?"}\n'
    page = ann.send(ann.open(action), action, text=text, form="yaml", then="add")
    assert page.status == 200, page.text
    assert [len(case.get("checks", [])) for case in newest(site, "ds-paste")] == [0, 1, 1]
    again = ann.send(ann.open(action), action, text=text, form="yaml", then="add")
    assert "Nothing to save" in again.text
    line = json.dumps({"variables": {"question": "Why?"}})
    ann.send(ann.open(action), action, text=line, form="jsonl", then="replace")
    assert [case["variables"]["question"] for case in newest(site, "ds-paste")] == ["Why?"]
    wrong = ann.send(ann.open(action), action, text="cases: 5", form="yaml")
    assert wrong.status == 400
    assert "'cases: 5'" not in wrong.text
    assert "cases: 5" in wrong.answer.text  # nothing typed is lost
    bad = ann.send(ann.open(action), action, text='q,__expected\na,regex: "("\n', form="csv")
    assert bad.status == 400
    assert "can't work: regex" in bad.text


def test_checks_of_every_case(site: Site) -> None:
    dataset(site, "ds-checks")
    action = "/datasets/ds-checks/checks"
    page = site["ann"].send(site["ann"].open(action), action, check_0="latency", threshold_0="2000", action="save")
    assert "latency (2000)" in page.text
    told = site.call("admin", "GET", "/api/datasets/ds-checks/versions/latest")
    assert told["checks"] == [{"type": "latency", "threshold": 2000.0}]


def test_two_writers_lose_nothing(site: Site) -> None:
    made = dataset(site, "ds-lost", {"variables": {"q": "a"}}, {"variables": {"q": "b"}})
    edit = f"/datasets/ds-lost/cases/{made['cases'][0]['case_id']}/edit"
    page = site["ann"].open(edit)
    site.call("admin", "POST", "/api/datasets/ds-lost/cases", {"case": {"variables": {"q": "c"}}})
    late = site["ann"].send(page, "/datasets/ds-lost/add", text_0="mine", action="save")
    assert late.status == 412
    assert "somebody else changed this dataset" in late.text
    assert late.form("/datasets/ds-lost/add").fields["text_0"] == "mine"
    assert site["ann"].send(late, "/datasets/ds-lost/add", action="save").status == 200
    assert [case["variables"]["q"] for case in newest(site, "ds-lost")] == ["mine", "b", "c"]


def test_a_call_becomes_a_case_with_the_complaint_as_the_reason(site: Site) -> None:
    site.save(
        "ds-agent", "You answer {{ who }}.", variables={"type": "object", "properties": {"who": {"type": "string"}}}
    )
    site.promote("ds-agent", 1)
    dataset(site, "ds-calls")
    key = {"authorization": f"Bearer {site.keys['application']}"}
    body = {
        "model": "prompt/ds-agent",
        "variables": {"who": "Ann"},
        "messages": [{"role": "user", "content": "My money!"}],
    }
    answer = site.server.api.post("/v1/chat/completions", json=body, headers=key)
    call_id = answer.headers["x-slugline-call-id"]
    score = {"call_id": call_id, "name": "helpful", "value": False, "comment": "She asked three times"}
    site.call("application", "POST", "/api/scores", score)
    site.server.row(call_id)
    site.server.until(f"SELECT 1 FROM scores WHERE call_id = '{call_id}'", lambda rows: len(rows) > 0)
    ann = site["ann"]
    page = ann.open(f"/datasets/ds-calls/add-call?call={call_id}")
    assert page.path == f"/calls/{call_id}/add-to-dataset?dataset=ds-calls"
    form = page.form(f"/calls/{call_id}/add-to-dataset").fields
    assert (form["variable_0"], form["text_0"], form["said_0"]) == ("who", "Ann", "My money!")
    assert (form["note"], form["dataset"]) == ("She asked three times", "ds-calls")
    saved = ann.send(
        page, f"/calls/{call_id}/add-to-dataset", check_0="icontains", value_0="sorry", must_pass="1", action="save"
    )
    assert "Version 2" in saved.text, saved.text
    case = newest(site, "ds-calls")[1]
    assert case["source"] == {"call_id": call_id}
    assert (case["note"], case["must_pass"]) == ("She asked three times", True)
    scoped = site["scoped"].open(f"/calls/{call_id}/add-to-dataset")
    assert scoped.status == 404
    assert "My money!" not in scoped.text
    nowhere = ann.open("/datasets/ds-calls/add-call?call=nothing")
    assert nowhere.status in {400, 404}
    assert "nothing" in nowhere.text


def test_archived_and_back(site: Site) -> None:
    dataset(site, "ds-shelf")
    action = "/datasets/ds-shelf/archive"
    page = site["ann"].send(site["ann"].open("/datasets/ds-shelf"), action, reason="old")
    assert "Archived" in page.text
    assert not page.has("/datasets/ds-shelf/add")
    assert "ds-shelf" not in site["ann"].open("/datasets").text
    assert "ds-shelf" in site["ann"].open("/datasets?archived=true").text
    page = site["ann"].send(page, action)
    assert "Add a case" in page.text


FORMS = {
    "/new/dataset": {"name": "{name}-new", "text": "q\na\n", "form": "csv"},
    "/datasets/{name}/import": {"text": "q\nz\n", "form": "csv", "then": "add"},
    "/datasets/{name}/add": {"variable_0": "q", "text_0": "x", "action": "save"},
    "/datasets/{name}/checks": {"check_0": "is-json", "revision": "{revision}", "action": "save"},
    "/datasets/{name}/cases/{case_id}/remove": {"revision": "{revision}"},
    "/datasets/{name}/archive": {},
}


@pytest.mark.parametrize("gates", [False, True])
@pytest.mark.parametrize("action", FORMS)
def test_who_may_write(site: Site, action: str, gates: bool) -> None:
    """Authors write datasets; one that a channel's policy asks for is a reviewer's."""
    allowed = ALLOWED["review" if gates and action != "/new/dataset" else "save"]
    for role in ROLES:
        name = f"ds-{list(FORMS).index(action)}-{role}-{gates}".lower()
        made = dataset(site, name, {"variables": {"q": "a"}}, {"variables": {"q": "b"}})
        if gates:
            site.save(name, "one")
            body = {"policy": {"dataset": name}, "reason": "careful"}
            site.call("admin", "PUT", f"/api/rules/{name}/stable", body)
        told = {"name": name, "revision": str(made["revision"]), "case_id": made["cases"][0]["case_id"]}
        fields = {key: value.format(**told) for key, value in FORMS[action].items()}
        page = site[role].post(action.format(**told), fields)
        expected = 200 if role in allowed else 403
        if gates and action.endswith("archive") and role in allowed:
            expected = 400  # the policy first
        assert page.status == expected, (role, page.text)
        if role != "application":
            shown = site[role].open(f"/datasets/{name}")
            assert ("Add a case" in shown.text) == (
                role in ALLOWED["review" if gates else "save"]
            ) or "archive" in action
    if action == "/new/dataset":
        return
    scoped = site["scoped"].post(action.format(**told), fields)
    assert scoped.status == 403


def test_no_other_page_sends_a_file(site: Site) -> None:
    http = site["ann"].http
    for headers in ({"origin": "https://evil.example"}, {}):
        files = {"file": ("x.csv", b"q\na\n")}
        answer = http.post("/new/dataset", data={"name": "ds-evil"}, files=files, headers=headers)
        assert answer.status_code == 403
    assert site["admin"].open("/datasets/ds-evil").status == 404


def test_twins_for_machines(site: Site) -> None:
    dataset(site, "ds-twins", {"variables": {"q": "a"}})
    http = site["ann"].http
    assert http.get("/datasets/ds-twins.json").json()["latest"] == 1
    assert "ds-twins" in [each["name"] for each in http.get("/datasets.json").json()["datasets"]]
    for form in ("yaml", "json", "jsonl"):
        answer = http.get(f"/datasets/ds-twins/versions/1.{form}")
        assert answer.status_code == 200
        again = upload(
            site["ann"], site["ann"].open("/new/dataset"), "/new/dataset", f"a.{form}", answer.text, name=f"ds-{form}"
        )
        assert again.status == 200, again.text
        assert newest(site, f"ds-{form}") == newest(site, "ds-twins")
