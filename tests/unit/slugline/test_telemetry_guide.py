"""docs/telemetry.md: its settings can be used as they stand there, and its table has every metric."""

import json
import re
import time
from pathlib import Path

import pytest

from slugline.collector import read_collector
from slugline.folder import DataFolder
from slugline.folder_metrics import folder_metrics
from slugline.settings import load_settings
from tracing.telemetry.metrics import call_metrics
from tracing.telemetry.prometheus import metric_name
from tracing.telemetry.settings import TelemetrySettings
from tracing.telemetry.totals import read_totals

GUIDE = (Path(__file__).parents[3] / "docs" / "telemetry.md").read_text("utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_settings_can_be_used_as_they_stand_there(block: str, tmp_path: Path) -> None:
    file = tmp_path / "slugline.toml"
    file.write_text(block)
    export = read_collector(load_settings({}, file), {"OTLP_KEY": "k"})
    assert export is not None
    assert set(export.targets) == {"traces", "metrics", "logs"}


def test_the_long_block_has_every_setting_that_is_no_special_case() -> None:
    shown = set(re.findall(r"^([a-z_]+) =", BLOCKS[1], re.MULTILINE))
    special = {f"{signal}_endpoint" for signal in ("traces", "metrics", "logs")}
    special |= {"certificate", "client_certificate", "client_key"}
    assert shown == set(TelemetrySettings.model_fields) - special


def test_every_metric_is_in_the_table_and_nothing_else(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.keeper_status.write_text(json.dumps({"export": {"refused": 0}}))
    metrics = [*call_metrics(read_totals(tmp_path)), *folder_metrics(folder, time.time(), embedded=True)]
    known = {metric_name(metric) for metric in metrics} | {"slugline_registry_revision", "slugline_registry_stale"}
    rows = [line.split("|")[1] for line in GUIDE.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`([a-z_]+)`", "".join(rows))) == sorted(known)


def test_what_the_keeper_measures_is_told_under_its_name(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.keeper_status.write_text(json.dumps({"waiting": "gone", "metrics": {"lag_seconds": 1.5, "words": "x"}}))
    found = {metric_name(each): each.points[0].value for each in folder_metrics(folder, time.time(), embedded=False)}
    assert found["slugline_lag_seconds"] == 1.5
    assert (found["slugline_clickhouse_waiting"], found["slugline_keeper_up"]) == (1, 1)
    assert "slugline_engine_up" not in found
    later = folder_metrics(folder, time.time() + 60, embedded=False)
    assert {metric_name(each): each.points[0].value for each in later}["slugline_keeper_up"] == 0


def test_the_age_of_what_waits_is_in_its_name(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    (folder.spool / "ready").mkdir(parents=True)
    (folder.spool / "ready" / "calls.018f0000-0000-7000-8000-000000000001.jsonl").write_text("12345")
    (folder.spool / "ready" / "odd.jsonl").write_text("")
    begun = 0x018F00000000 / 1000
    found = {metric_name(each): each.points[0].value for each in folder_metrics(folder, begun + 7, embedded=False)}
    assert found["slugline_spool_oldest_age_seconds"] == pytest.approx(7)
    assert (found["slugline_spool_segments_waiting"], found["slugline_spool_size_bytes"]) == (2, 5)
