"""Answers of evaluations go some time after the end; those that are nowhere else, or may still be needed, stay."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from evaluation.runs.journal import Journal
from registry.cases import Check
from slugline.commands.eval_view import NOT_FINISHED
from slugline.evaluation_pruning import prune
from slugline.folder import DataFolder
from tests.plugins.evaluating import Desk, mail


def test_only_what_is_over_for_long_and_kept_elsewhere_goes(tmp_path: Path, simulator: str) -> None:
    desk = Desk(tmp_path, simulator)
    desk.dataset(mail(3), [Check(type="is-complete")])
    over = desk.report("agent@2", "--dataset", "golden")["evaluation_id"]
    held = desk.report("agent@1", "--dataset", "golden")["evaluation_id"]
    begun = desk.report("agent@1", "--dataset", "golden", "--budget", "0.000001", status=NOT_FINISHED)["evaluation_id"]
    file = tmp_path / "mail.json"
    file.write_text(json.dumps({"tests": [{"vars": {"x": "1"}, "assert": [{"type": "is-complete"}]}]}))
    alone = desk.report("agent@1", "--file", str(file))["evaluation_id"]
    data, now = DataFolder(desk.data), datetime.now(UTC)

    def left() -> set[str]:
        return {folder.name for folder in data.evaluations.iterdir()}

    assert prune(data, desk.store, days=1, now=now + timedelta(hours=23)) == []
    assert prune(data, desk.store, days=0, now=now + timedelta(days=9)) == []
    assert left() == {over, held, begun, alone}
    with Journal(data.evaluations / held):
        assert prune(data, desk.store, days=1, now=now + timedelta(hours=25)) == [over]
    assert left() == {held, begun, alone}
    assert desk.store.results(over), "the registry keeps the results"
    assert desk("--resume", begun).status == 0
