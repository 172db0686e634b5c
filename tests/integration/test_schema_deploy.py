"""What is shipped for a ClickHouse server: well-formed, with names that ClickHouse knows, and a reader who can't write."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from tracing.clickhouse import ClickHouse

ROOT = Path(__file__).parents[2]
CONFIG = ET.parse(ROOT / "deploy/clickhouse/config.d/slugline.xml").getroot()  # noqa: S314 - our own file
USERS = ET.parse(ROOT / "deploy/clickhouse/users.d/slugline.xml").getroot()  # noqa: S314 - our own file


async def test_the_server_settings_are_known_to_the_engine(records: ClickHouse) -> None:
    known = {row[0] for row in (await records.query("SELECT name FROM system.server_settings")).rows}
    plain = {entry.tag for entry in CONFIG if len(entry) == 0 and not entry.get("remove")}
    assert plain and plain <= known
    merge_tree = {row[0] for row in (await records.query("SELECT name FROM system.merge_tree_settings")).rows}
    assert {entry.tag for entry in CONFIG.findall("merge_tree/*")} <= merge_tree


def test_clickhouses_own_logs_have_an_end() -> None:
    logs = {entry.tag: entry for entry in CONFIG if entry.tag.endswith("_log")}
    assert {"query_log", "metric_log", "trace_log", "text_log", "asynchronous_metric_log", "part_log"} <= set(logs)
    for name, entry in logs.items():
        text = entry.findtext("ttl") or ""
        assert entry.get("remove") == "1" or re.fullmatch(r"event_date \+ INTERVAL \d+ DAY DELETE", text), name


async def test_the_profiles_settings_are_known_and_the_reader_reads_only(records: ClickHouse) -> None:
    known = {row[0] for row in (await records.query("SELECT name FROM system.settings")).rows}
    profiles = USERS.find("profiles")
    assert profiles is not None
    for profile in profiles:
        names = {entry.tag for entry in profile if entry.tag != "constraints"} | {
            entry.tag for entry in profile.findall("constraints/*")
        }
        assert names <= known, profile.tag
    reader = profiles.find("slugline_reader")
    assert reader is not None and reader.findtext("readonly") == "2"
    grants = [entry.text for entry in USERS.findall("users/slugline_reader/grants/query")]
    assert grants == ["GRANT SELECT, SHOW ON slugline.*"]


async def test_every_view_in_the_documentation_can_be_read(records: ClickHouse) -> None:
    text = (ROOT / "docs/clickhouse.md").read_text("utf-8")
    names = [
        name
        for line in text.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    ]
    assert {"quality_by_version", "calls_by_hour", "what_was_live", "otel_traces", "scores_hourly"} <= set(names)
    await records.command(
        "INSERT INTO calls (call_id, ts, outcome, purpose, prompt, version, trace_id) VALUES (generateUUIDv7(), now64(3), 'ok', 'production', 'p', 1, 't')"
    )
    for name in names:
        if name not in ("scores", "scores_hourly", "scores_daily"):
            assert (await records.query(f"SELECT count() FROM {name}")).rows[0][0] == 1, name
