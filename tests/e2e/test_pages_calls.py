"""The pages of calls, on a server with some: found by whatever one knows, counted, followed live; every text in them is hostile."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evaluation.moments import read_moment
from tests.e2e.test_pages_forms import HOSTILE
from tests.plugins import past, told
from tests.plugins.browser import check_pages
from tests.plugins.server import Server, run_server, simulator_settings
from tests.plugins.site import Page, Visitor, browser_for
from tracing.event import CallEvent, ScoreEvent, SpanEvent

SLUG = "answers"
SCRIPTED = {"script-src 'self'", "connect-src 'self'"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Iterator[Server]:
    folder, now = tmp_path_factory.mktemp("told"), past.utc_now()
    past.write_registry(folder / "data", SLUG, now, reason=HOSTILE)
    with run_server(folder, simulator_settings(provider + "/v1"), workers=1) as running:
        past.load(running, *rows(now))
        told.load_spans(running, spans(now))
        yield running


def rows(now: datetime) -> tuple[list[CallEvent], list[ScoreEvent]]:
    new = told.ids(1)
    calls = [told.call(next(new), now - timedelta(minutes=5 + n), user=f"u{n % 7}") for n in range(120)]
    failed = {"outcome": "provider_error", "status": 500, "error_code": "provider_error", "cost": None}
    calls += [told.call(next(new), now - timedelta(minutes=7 * n + 6), **failed) for n in range(9)]
    calls += [
        told.call(
            next(new),
            began(now) + timedelta(milliseconds=ms),
            trace_id=TRACE,
            span_id=own,
            parent_span_id=parent,
            user="t",
        )
        for ms, own, parent in ((360, "50", "01"), (1940, "70", "06"))
    ]
    calls.append(angry(now))
    calls.append(told.call(HOSTILE_ID, now - timedelta(minutes=2), said=HOSTILE))
    return calls, [told.complaint(calls[-2]), told.complaint(calls[-1], comment=HOSTILE)]


TRACE, LONG = "ab" * 16, "cd" * 16


def began(now: datetime) -> datetime:
    return now - timedelta(days=2)


def spans(now: datetime) -> list[SpanEvent]:
    """An agent's trace with a tool, and one of a thousand spans."""
    start = began(now)
    query = {"gen_ai.operation.name": "execute_tool", "query": HOSTILE}
    found = [
        told.span(TRACE, "01", "", "reply.generate", start, 2410),
        told.span(TRACE, "02", "01", f"kb.search {HOSTILE}", start + timedelta(milliseconds=20), 324, attributes=query),
        told.span(
            TRACE,
            "06",
            "01",
            "guard.check",
            start + timedelta(milliseconds=1930),
            466,
            status="error",
            status_message="blocked",
        ),
    ]
    later = (start + timedelta(milliseconds=n * 50) for n in range(1, 1000))
    found += [
        told.span(LONG, f"{n:04x}", f"{n // 3:04x}" if n > 1 else "", f"step {n}", at, 90)
        for n, at in enumerate(later, 1)
    ]
    return found


HOSTILE_ID = "00000000-0000-4000-8000-000000000001"
ANGRY_ID = "00000000-0000-4000-8000-000000000002"


def angry(now: datetime) -> CallEvent:
    tuesday = read_moment("tuesday 15:00", now=now, zone=UTC)
    if tuesday > now:
        tuesday -= timedelta(days=7)
    return told.call(ANGRY_ID, tuesday + timedelta(minutes=3), user="dora", said="order 4711")


@pytest.fixture
def visitor(server: Server) -> Iterator[Visitor]:
    with browser_for(server.url, None) as http:
        yield Visitor(http)


def inert(page: Page) -> Page:
    """Whole, and with nothing in it that runs but this server's own script."""
    assert page.status == 200, page.text
    text = page.answer.text
    assert text.rstrip().endswith("</html>")
    assert {"img", "iframe"}.isdisjoint(page.tags)
    assert all(tag.startswith('<script src="/static/') for tag in re.findall("<script[^>]*>", text))
    assert " style=" not in text
    policy = set(page.answer.headers["content-security-policy"].split("; "))
    assert {"default-src 'none'"} | SCRIPTED <= policy
    assert "unsafe" not in str(policy)
    return page


def listed(page: Page) -> list[str]:
    return re.findall(r'data-call="([0-9a-f-]{36})"', page.answer.text)


def test_the_newest_come_first_and_older_ones_on_further_pages(visitor: Visitor) -> None:
    page = inert(visitor.open("/calls?since=12h"))
    assert listed(page)[0] == HOSTILE_ID
    assert len(listed(page)) == 50
    seen = listed(page)
    while following := re.search(r'href="([^"]*cursor=[^"]*)"', page.answer.text):
        page = visitor.open(following[1].replace("&amp;", "&"))
        seen += listed(page)
    assert len(seen) == len(set(seen)) == 130
    assert "130 calls, 9 failed" in visitor.open("/calls?since=12h").text


def test_thumbs_down_tuesday_at_three_is_found_by_typing_and_by_clicking(visitor: Visitor) -> None:
    page = inert(visitor.open("/calls?around=tuesday+15:00&score=helpful%3Dfalse"))
    now = datetime.now(UTC)
    if read_moment("tuesday 15:00", now=now, zone=UTC) <= now:
        assert listed(page) == [ANGRY_ID]
        assert "helpful: no It never came." in page.text
    week = visitor.open("/calls?since=8d")
    link = re.search(r'href="(/calls\?[^"]*score=helpful%3Dfalse)"', week.answer.text)
    assert link
    clicked = visitor.open(link[1].replace("&amp;", "&"))
    assert set(listed(clicked)) == {ANGRY_ID, HOSTILE_ID}
    assert "score: helpful=false" in clicked.text
    assert listed(visitor.open("/calls?since=8d&text=ORDER+4711")) == [ANGRY_ID]
    assert listed(visitor.open("/calls?since=8d&user=dora&prompt=answers&version=2")) == [ANGRY_ID]
    assert listed(visitor.open("/calls?since=8d&user=dora&prompt=other")) == []


def test_counts_lead_to_what_they_count(visitor: Visitor) -> None:
    page = visitor.open("/calls?since=12h")
    link = re.search(r'<a href="([^"]*outcome=provider_error)"><span>provider error</span><span class="number">9<', page.answer.text)  # fmt: skip
    assert link
    failed = visitor.open(link[1].replace("&amp;", "&"))
    assert len(listed(failed)) == 9
    assert re.search(r'aria-current="true" href="/calls\?since=12h"><span>provider error', failed.answer.text)
    bars = re.findall(r'<a href="([^"]*since=[^"]*)" tabindex="-1">', page.answer.text)
    assert sum(len(listed(visitor.open(bar.replace("&amp;", "&")))) for bar in bars[-2:]) > 0


def test_the_twins_say_what_the_page_does(visitor: Visitor) -> None:
    query = "since=8d&score=helpful%3Dfalse"
    found = visitor.http.get(f"/calls.json?{query}").json()
    assert [call["call_id"] for call in found["calls"]] == [HOSTILE_ID, ANGRY_ID]
    assert found["calls"][1]["scores"][0]["comment"] == "It never came."
    table = list(csv.DictReader(io.StringIO(visitor.http.get(f"/calls.csv?{query}").text)))
    assert [row["call_id"] for row in table] == [HOSTILE_ID, ANGRY_ID]
    assert table[1]["scores"] == '{"helpful": "no"}'
    whole = list(csv.DictReader(io.StringIO(visitor.http.get("/calls.csv?since=12h").text)))
    assert len(whole) == 130
    assert 'href="/calls.csv?since=12h"' in visitor.open("/calls?since=12h").answer.text


def test_what_is_asked_wrongly_is_said_beside_what_was_typed(visitor: Visitor) -> None:
    for query, said in (
        ("promt=x", "did you mean 'prompt'?"),
        ("since=soon", "since is such as"),
        ("status=abc", "a status is such as 429 or 5xx"),
        ("cursor=nonsense", "is no cursor"),
    ):
        page = visitor.open(f"/calls?{query}&text=kept")
        assert (page.status, said in page.text) == (400, True), page.text
        assert 'value="kept"' in page.answer.text
        assert visitor.http.get(f"/calls.json?{query}").status_code in (400, 422)


def test_nothing_found_says_what_to_do(visitor: Visitor, server: Server) -> None:
    none = visitor.open("/calls?user=nobody")
    assert "No calls fit" in none.text
    empty = visitor.open("/calls?since=2020-01-01&until=2020-01-02")
    assert "No calls in this time" in empty.text
    assert f"curl {server.url}/v1/chat/completions" in empty.text
    assert f'OpenAI(base_url="{server.url}/v1"' in empty.text.replace("&#34;", '"')


def test_hostile_texts_stay_texts(visitor: Visitor) -> None:
    page = inert(visitor.open("/calls?text=onerror"))
    assert listed(page) == [HOSTILE_ID]
    assert "<img src=x" not in page.answer.text
    assert "helpful: no <img src=x onerror=alert(1)>" in page.text


def test_rows_alone_for_what_came_since(visitor: Visitor) -> None:
    since = (datetime.now(UTC) - timedelta(minutes=4)).isoformat()
    rows = visitor.http.get("/calls/newer", params={"ended_since": since, "prompt": SLUG}).text
    assert re.findall(r'data-call="([^"]+)"', rows) == [HOSTILE_ID]
    assert visitor.http.get("/calls/newer", params={"ended_since": "now"}).status_code == 400


def test_a_call_says_which_version_and_why_and_what_it_cost(visitor: Visitor) -> None:
    page = inert(visitor.open(f"/calls/{ANGRY_ID}"))
    for words in (
        "answers@2",
        "Be kind to order 4711.",
        "Where is my order? order 4711",
        "On its way. order 4711",
        "The call came by stable. ann had moved it to version 2",
        "Now version 2 is on",
        "$0.0005 gpt-4o: input $2.5, output $10 per million tokens (genai-prices 1)",
        "652 ms first words after 210 ms",
        "openai gpt-4o 200",
        "It never came.",
    ):
        assert words in page.text, words
    for link in (
        f"/playground?call={ANGRY_ID}",
        f"/calls/{ANGRY_ID}/add-to-dataset",
        "/prompts/answers?channel=stable#act",
    ):
        assert f'href="{link}"' in page.answer.text
    assert f'href="/traces/{ANGRY_ID.replace("-", "")}?span=' in page.answer.text
    found = visitor.http.get(f"/calls/{ANGRY_ID}.json").json()
    assert found["call_id"] == ANGRY_ID
    assert found["why"][0].startswith("The call came by stable")
    assert found["score_history"][f"thumb-{ANGRY_ID}-helpful"][0]["comment"] == "It never came."
    assert visitor.open("/calls/00000000-0000-4000-8000-00000000ffff").status == 404
    assert visitor.open("/calls/nonsense").status == 404


def test_every_view_of_a_hostile_call_is_inert(visitor: Visitor) -> None:
    for view in ("rendered", "template", "raw"):
        page = inert(visitor.open(f"/calls/{HOSTILE_ID}?view={view}"))
        assert "onerror=alert(1)" in page.text
        assert "<img src=x" not in page.answer.text


def test_a_score_is_given_changed_and_taken_away(visitor: Visitor, server: Server) -> None:
    path = f"/calls/{HOSTILE_ID}"
    scores = f"{path}/scores"
    page = visitor.send(visitor.open(path), scores, name="tone", value="yes", comment="fine")
    assert "The score is recorded." in page.text
    given = f"SELECT value, comment, source FROM scores WHERE name = 'tone' AND call_id = '{HOSTILE_ID}'"
    server.until(given, lambda rows: rows == [{"value": 1.0, "comment": "fine", "source": "human"}])
    visitor.send(visitor.open(path), scores, name="tone", value="0,5", comment=HOSTILE)
    server.until(given, lambda rows: [row["value"] for row in rows] == [0.5])
    page = inert(visitor.open(path))
    assert re.search(r"1 earlier value .* yes ?, “fine”", page.text), page.text[
        page.text.index("Give the score") - 600 :
    ]
    wrong = visitor.send(page, scores, name="tone", value="x" * 201, comment="kept")
    assert (wrong.status, 'value="kept"' in wrong.answer.text) == (400, True)
    row = server.sql(f"SELECT score_id FROM scores WHERE name = 'tone' AND call_id = '{HOSTILE_ID}'")[0]
    visitor.send(page, f"{scores}/take-away", among={"score": row["score_id"]})
    server.until(given, lambda rows: rows == [])


def test_a_trace_is_a_tree_with_its_calls_and_their_versions(visitor: Visitor) -> None:
    page = inert(visitor.open(f"/traces/{TRACE}"))
    assert re.search(
        r"Spans reply\.generate 2\.4 s kb\.search <img.* 324 ms chat\.completions gpt-4o answers@2 652 ms guard\.check , failed 466 ms "
        r"chat\.completions gpt-4o answers@2 652 ms",
        page.text,
    ), page.text
    assert "Tokens 240 in, 36 out Cost $0.0010" in page.text
    assert re.search(r'span=50" aria-current="true"', page.answer.text)  # the first call, as none failed
    assert "On its way." in page.text
    tool = inert(visitor.open(f"/traces/{TRACE}?span=02"))
    assert "query <img src=x onerror=alert(1)>" in tool.text
    assert re.search(r'href="/traces/\w+\?span=50" rel="next"', tool.answer.text)
    assert "blocked" in visitor.open(f"/traces/{TRACE}?span=06").text
    nodes = visitor.http.get(f"/traces/{TRACE}.json").json()["nodes"]
    assert [(node["name"][:9], node["depth"]) for node in nodes] == [
        ("reply.gen", 0), ("kb.search", 1), ("chat.comp", 1), ("guard.che", 1), ("chat.comp", 2),
    ]  # fmt: skip
    assert visitor.open("/traces/" + "0" * 32).status == 404
    assert visitor.open("/traces/nonsense").status == 404


def test_a_long_trace_is_shown_in_parts(visitor: Visitor) -> None:
    page = inert(visitor.open(f"/traces/{LONG}"))
    assert page.answer.text.count('<li><a href="/traces/') == 400
    assert "1 to 400 of 999" in page.text
    last = visitor.open(f"/traces/{LONG}?first=800")
    assert "801 to 999 of 999" in last.text
    chosen = visitor.http.get(f"/traces/{LONG}.json").json()["nodes"][700]["span_id"]
    assert re.search(rf'span={chosen}" aria-current="true"', visitor.open(f"/traces/{LONG}?span={chosen}").answer.text)


def test_traces_are_found_by_their_calls(visitor: Visitor) -> None:
    page = visitor.open("/traces?since=3d&user=t")
    assert re.findall(r'href="/traces/([0-9a-f]{32})"', page.answer.text) == [TRACE]
    assert re.search(r"answers@2 t, s-1 gpt-4o-2026-11 2 0 1\.6 s 240 → 36", page.text), page.text
    [row] = visitor.http.get("/traces.json?since=3d&user=t").json()["traces"]
    assert (row["trace_id"], row["calls"]) == (TRACE, 2)
    [cells] = csv.DictReader(io.StringIO(visitor.http.get("/traces.csv?since=3d&user=t").text))
    assert cells["trace_id"] == TRACE
    assert "No traces fit" in visitor.open("/traces?user=nobody").text
    assert f"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT={visitor.http.base_url}" in visitor.open("/traces?user=nobody").text
    assert visitor.open("/traces?since=soon").status == 400
    hostile = visitor.open("/traces?since=1h&text=onerror")
    assert HOSTILE_ID.replace("-", "") in hostile.answer.text
    assert "<img src=x" not in hostile.answer.text


@pytest.mark.needs("chromium", "node")
def test_calls_come_in_live_and_wait_while_paused(browser: Any, server: Server) -> None:
    page = browser.new_context(base_url=server.url).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"/calls?live&prompt={SLUG}")
    page.get_by_role("button", name="Pause").wait_for()
    first = server.chat(model=f"prompt/{SLUG}", messages=[{"role": "user", "content": "now"}])
    page.locator(f'tr[data-call="{first.headers["x-slugline-call-id"]}"]').wait_for()
    page.get_by_role("button", name="Pause").click()
    second = server.chat(model=f"prompt/{SLUG}", messages=[{"role": "user", "content": "later"}])
    row = page.locator(f'tr[data-call="{second.headers["x-slugline-call-id"]}"]')
    page.get_by_text("Paused, 1 new").wait_for()
    assert row.count() == 0
    page.get_by_role("button", name="Go on").click()
    row.wait_for()
    assert page.locator("tbody tr").first.get_attribute("data-call") == second.headers["x-slugline-call-id"]
    assert page.locator(f'tr[data-call="{first.headers["x-slugline-call-id"]}"]').count() == 1
    assert said == []
    page.context.close()


@pytest.mark.needs("chromium", "node")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_pages_of_calls_are_accessible_and_fit(browser: Any, server: Server, scheme: str, width: int) -> None:
    size = {"width": width, "height": 900}
    page = browser.new_context(base_url=server.url, color_scheme=scheme, viewport=size).new_page()
    views = [f"/calls/{HOSTILE_ID}?view={view}" for view in (("rendered",) if scheme == "light" else ("raw",))]
    check_pages(
        page,
        server.url,
        [
            "/calls?since=8d&score=helpful%3Dfalse",
            "/calls?live&user=u1",
            "/traces?since=3d&user=t",
            f"/traces/{TRACE}",
            f"/traces/{TRACE}?span=02",
            *views,
        ],
    )
    page.context.close()
