"""How people are told of an alert, by real receivers on loopback: webhook, Slack, e-mail, OTLP; refused, repeated, and never redirected."""

import asyncio
import base64
import hashlib
import hmac
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from registry.alerts import Alert, AlertLine
from registry.storage.database import open_engine
from registry.writing.store import Store
from slugline.alerting.delivering import deliver_due, open_destinations, wait_before
from slugline.alerting.settings import DestinationSettings, destinations_for
from slugline.settings import Settings, SettingsError, load_settings
from tests.plugins.collector import attributes, http_collector
from tests.plugins.receivers import run_hook, run_mail_server
from tests.plugins.registries import new_registry

T0 = datetime(2026, 11, 5, 9, tzinfo=UTC)
LINE = AlertLine(
    slug="support-agent",
    metric="helpful",
    side="down",
    scale="points",
    since=T0,
    earliest=T0 - timedelta(hours=1),
    latest=T0 + timedelta(hours=2),
    before=0.92,
    after=0.841,
    difference=-0.079,
    low=-0.097,
    high=-0.061,
    n_before=12_000,
    n_after=2_400,
)


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    engine = open_engine(new_registry(tmp_path / "registry.db"))
    yield Store(engine, clock=clock)
    engine.dispose()


def settings(tmp_path: Path, **alerts: dict[str, object]) -> Settings:
    return load_settings({"data": tmp_path, "alerts": alerts, "public_url": "https://slugline.example"}, None)


def raise_alert(store: Store, *destinations: str, line: AlertLine = LINE) -> Alert:
    alert = store.raise_alert(
        [line],
        about="prompt",
        name=line.slug,
        cause={"kind": "promotion", "text": "version 8 was promoted to stable by <ann> & co"},
        destinations=destinations,
    )
    assert alert is not None
    return alert


async def deliver(store: Store, found: Settings, **environment: str) -> list[tuple[str, str, int, str]]:
    await deliver_due(store, open_destinations(found, environment))
    return [(e.destination, e.state, e.attempts, e.error) for alert in store.alerts() for e in alert.deliveries]


async def test_a_webhook_is_signed_and_says_everything(store: Store, tmp_path: Path) -> None:
    key = base64.b64encode(b"a key of some bytes").decode()
    with run_hook() as hook:
        found = settings(
            tmp_path,
            hook={"url": hook.url, "secret": "env:KEY", "headers": {"x-team": "support", "x-key": "env:OTHER"}},
        )
        alert = raise_alert(store, "hook")
        assert await deliver(store, found, KEY=f"whsec_{key}", OTHER="o") == [("hook", "sent", 1, "")]
    [post] = hook.posts
    assert (post.headers["x-team"], post.headers["x-key"]) == ("support", "o")
    signed = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
    expected = base64.b64encode(hmac.new(b"a key of some bytes", signed, hashlib.sha256).digest()).decode()
    assert post.headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(post.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 120
    told = post.json
    assert (told["id"], told["type"]) == (post.headers["webhook-id"], "alert.opened")
    assert told["id"] == store.alert(alert.alert_id).deliveries[0].delivery_id
    assert told["data"]["url"] == f"https://slugline.example/alerts/{alert.alert_id}"
    assert told["data"]["alert"]["lines"][0]["difference"] == -0.079
    for said in ("'helpful' fell 7.9 points [6.1, 9.7]: 92 % → 84.1 %", "Since 2026-11-05 09:00 UTC", "version 8 was"):
        assert said in told["data"]["text"]


async def test_slack_gets_text_with_nothing_in_it_that_means_something_there(store: Store, tmp_path: Path) -> None:
    with run_hook() as hook:
        alert = raise_alert(store, "chat")
        found = settings(tmp_path, chat={"kind": "slack", "url": "env:WHERE"})
        assert await deliver(store, found, WHERE=hook.url) == [("chat", "sent", 1, "")]
    text = hook.posts[0].json["text"]
    assert text.startswith("*support-agent: 'helpful' fell*\n")
    assert "by &lt;ann&gt; &amp; co" in text
    assert f"<https://slugline.example/alerts/{alert.alert_id}>" in text


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_goes_out_encrypted_and_with_a_login(store: Store, tmp_path: Path, security: str) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(trusted))
    with run_mail_server(tls=context, at_once=security == "tls", login=("slug", "line")) as box:
        mail = {
            **{"kind": "email", "host": "127.0.0.1", "port": box.port, "security": security, "sender": "s@x.example"},
            **{"to": ["oncall@x.example", "ann@x.example"], "user": "slug", "password": "env:PASSWORD"},
        }
        raise_alert(store, "mail")
        untrusted = await deliver(store, settings(tmp_path, mail=mail), PASSWORD="line")
        assert "certificate" in untrusted[0][3].lower()
        mail["certificate"] = str(trusted)
        store._clock.now += timedelta(minutes=10)  # type: ignore[attr-defined]
        wrong = await deliver(store, settings(tmp_path, mail=mail), PASSWORD="wrong")
        assert "535" in wrong[0][3]
        store._clock.now += timedelta(minutes=10)  # type: ignore[attr-defined]
        assert await deliver(store, settings(tmp_path, mail=mail), PASSWORD="line") == [("mail", "sent", 3, "")]
    [got] = box.mails
    assert box.secure == [True]
    assert got["subject"] == "[Slugline] support-agent: 'helpful' fell"
    assert got["to"] == "oncall@x.example, ann@x.example"
    assert "fell 7.9 points" in got.get_content()


async def test_the_collector_gets_an_event(store: Store, tmp_path: Path) -> None:
    with http_collector() as collector:
        found = load_settings({"data": tmp_path, "telemetry": {"endpoint": collector.url}}, None)
        assert destinations_for(["a"], found.alerts, collector=True) == ["otlp"]
        raise_alert(store, "otlp")
        assert await deliver(store, found) == [("otlp", "sent", 1, "")]
    [(signal_name, _, request)] = collector.requests
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    told = attributes(record.attributes)
    assert (signal_name, record.event_name, record.severity_text) == ("logs", "slugline.alert", "WARN")
    assert told["slugline.alert.type"] == "alert.opened"
    assert told["slugline.alert.prompts"] == ["support-agent"]
    assert told["gen_ai.prompt.name"] == "support-agent"
    assert "fell 7.9 points" in record.body.string_value


async def test_what_is_not_taken_is_tried_again_under_the_same_id_and_redirects_are_not_followed(
    store: Store, tmp_path: Path, clock: Clock
) -> None:
    with run_hook() as elsewhere, run_hook() as hook:
        hook.next = [(302, {"location": elsewhere.url}), (503, {"retry-after": "60"})]
        found = settings(tmp_path, hook={"url": hook.url})
        raise_alert(store, "hook")
        assert await deliver(store, found) == [
            ("hook", "waiting", 1, "it answered 302 (redirects are not followed): told")
        ]
        assert await deliver(store, found) == [
            ("hook", "waiting", 1, "it answered 302 (redirects are not followed): told")
        ], "not before its time"
        clock.now += timedelta(seconds=30)
        assert (await deliver(store, found))[0][1:3] == ("waiting", 2)
        clock.now += timedelta(seconds=45)
        assert (await deliver(store, found))[0][1:3] == ("waiting", 2), "the receiver asked for a minute"
        clock.now += timedelta(seconds=45)
        assert (await deliver(store, found))[0] == ("hook", "sent", 3, "")
        assert elsewhere.posts == []
        assert len({post.headers["webhook-id"] for post in hook.posts}) == 1


async def test_what_nobody_takes_for_days_is_given_up_and_so_is_what_has_no_destination_any_more(
    store: Store, tmp_path: Path, clock: Clock
) -> None:
    clock.now -= timedelta(days=4)
    raise_alert(store, "hook", "gone")
    clock.now += timedelta(days=4)
    with run_hook() as hook:
        hook.next = [(500, {})]
        assert await deliver(store, settings(tmp_path, hook={"url": hook.url})) == [
            ("gone", "given up", 1, "the settings have no destination 'gone' any more"),
            ("hook", "given up", 1, "it answered 500: told"),
        ]


def test_waits_grow_to_half_an_hour_and_no_longer() -> None:
    assert [wait_before(tries, None, 0.5) for tries in (1, 2, 3, 12)] == [5, 10, 20, 1800]
    assert wait_before(9, 86_400, 0.5) == 3600, "nobody can ask for silence for a day"


_TELLS = """
import asyncio, sys
from pathlib import Path
from registry.storage.database import open_engine
from registry.writing.store import Store
from slugline.alerting.delivering import deliver_due, open_destinations
from tests.integration.test_alert_delivery import raise_alert, settings
store = Store(open_engine(sys.argv[1]))
raise_alert(store, "hook")
print("decided", flush=True)
if sys.argv[3] == "deliver":
    asyncio.run(deliver_due(store, open_destinations(settings(Path(sys.argv[2]), hook={"url": sys.argv[4]}), {})))
sys.stdin.read()
"""


@pytest.mark.parametrize("when", ["before", "deliver"])
def test_a_keeper_that_is_killed_between_decision_and_delivery_loses_nothing_and_tells_nothing_twice(
    store: Store, tmp_path: Path, clock: Clock, when: str
) -> None:
    with run_hook() as hook:
        if when == "deliver":
            hook.next = [30.0]  # silence: it is killed while it waits for the answer
        url = str(store.engine.url)
        child = subprocess.Popen(
            [sys.executable, "-c", _TELLS, url, tmp_path, when, hook.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        with child:
            assert child.stdout
            assert child.stdout.readline() == b"decided\n"
            if when == "deliver":
                hook.wait(1)
            child.send_signal(signal.SIGKILL)
        assert store.raise_alert([LINE], about="prompt", name="support-agent", cause={}, destinations=["hook"]) is None
        [alert] = store.alerts()
        clock.now = datetime.now(UTC) + timedelta(minutes=3)
        found = settings(tmp_path, hook={"url": hook.url})
        assert [each[1] for each in asyncio.run(deliver(store, found))] == ["sent"]
        assert {post.headers["webhook-id"] for post in hook.posts} == {alert.deliveries[0].delivery_id}
        assert len(hook.posts) == (2 if when == "deliver" else 1)


def test_an_alert_goes_where_its_prompts_go() -> None:
    some = {
        "all": DestinationSettings(url="https://a.example"),
        "support": DestinationSettings(url="https://b.example", prompts=("support-*",)),
    }
    assert destinations_for(["billing"], some, collector=False) == ["all"]
    assert destinations_for(["billing", "support-agent"], some, collector=True) == ["all", "support", "otlp"]


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        ({"a": {"kind": "webhook"}}, "url is missing"),
        ({"a": {"kind": "webhook", "url": "ftp://x"}}, "url is missing"),
        ({"a": {"kind": "email", "host": "m"}}, "takes host, sender and to"),
        ({"a": {"kind": "email", "host": "m", "sender": "x", "to": ["a@b"]}}, "'x' is no mail address"),
        (
            {
                "a": {
                    "kind": "email",
                    "host": "m",
                    "sender": "x@y",
                    "to": ["a@b"],
                    "user": "u",
                    "password": "env:P",
                    "security": "none",
                }
            },
            "not sent unencrypted",
        ),
        ({"otlp": {"url": "https://a.example"}}, "can't be a destination's name"),
        ({"a": {"url": "https://a.example", "secret": "plain"}}, "a.secret"),
    ],
)
def test_destinations_that_can_not_work_are_refused(tmp_path: Path, alerts: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings({"data": tmp_path, "alerts": alerts}, None)
