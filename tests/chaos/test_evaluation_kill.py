"""`kill -9` of an evaluation, again and again: no answer that was kept is paid for twice, and the report is that of an unbroken run."""

import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from proxy.simulator import Pace, SimulatorConfig
from registry.cases import Check
from tests.plugins.evaluating import Desk, comparable, mail
from tests.plugins.judge import JudgeModel, serve_judge
from tests.plugins.simulator import serve_simulator

CASES = 30
CONCURRENCY = 4
KILLS = 4


def start(desk: Desk, *arguments: str) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SLUGLINE_")}
    command = [sys.executable, "-m", "slugline", "eval", *arguments, "--concurrency", str(CONCURRENCY), *desk.options]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=clean)


def killed_once_asked(desk: Desk, running: subprocess.Popen[str], judge: JudgeModel, count: int) -> str:
    """Kills it once models were asked so often; gives the evaluation's id."""
    deadline = time.monotonic() + 60
    judged = len(judge.asked)
    while len(desk.asked()) + len(judge.asked) - judged < count:
        assert time.monotonic() < deadline
        assert running.poll() is None, "it ended before it was killed"
        time.sleep(0.005)
    running.kill()
    _, told = running.communicate()
    found = re.search(r"evaluation ([0-9a-f-]{36})", told)
    assert found, told
    return found[1]


def test_an_evaluation_that_is_killed_again_and_again_pays_for_nothing_twice(tmp_path: Path) -> None:
    choose = random.Random(20261123)
    pace = {"simulator-large": Pace(first_chunk_ms=40)}
    with serve_judge() as judge, serve_simulator(SimulatorConfig(pace=pace, journal_limit=10_000)) as provider:
        desk = Desk(tmp_path, provider, judge.url)
        checks = [
            Check(type="icontains-any", value=["thank", "good that"], metric="kind"),
            Check(type="model-graded-closedqa", value="is it kind?"),
        ]
        asked_for = ("agent@1", "agent@2", "--dataset", desk.dataset(mail(CASES), checks))

        everything: Counter[tuple[str, str]] = Counter()
        evaluation_id, arguments = "", asked_for
        for _ in range(KILLS):
            paid_for = set(desk.kept(evaluation_id)) if evaluation_id else set()
            evaluation_id = killed_once_asked(desk, start(desk, *arguments), judge, choose.randint(3, 30))
            asked = desk.asked(forget=True)
            assert not paid_for & set(asked), "an answer that was kept was asked for again"
            kept = set(desk.kept(evaluation_id)) - paid_for
            assert len(set(asked) - kept) <= CONCURRENCY, "more was asked than was under way when it was killed"
            everything.update(asked)
            arguments = ("--resume", evaluation_id)
        assert 0 < len(everything) < 2 * CASES, "it was never killed in the middle"

        paid_for = set(desk.kept(evaluation_id))
        broken = desk.report("--resume", evaluation_id, status=3)
        last = desk.asked(forget=True)
        assert not paid_for & set(last)
        everything.update(last)

        assert len(everything) == 2 * CASES
        assert everything.total() <= 2 * CASES + KILLS * CONCURRENCY
        assert len(judge.asked) <= 2 * CASES + KILLS * CONCURRENCY
        results = desk.store.results(evaluation_id)
        assert len({result.key for result in results}) == len(results) == 2 * CASES
        assert desk.store.evaluation(evaluation_id).done == 2 * CASES
        assert desk.store.evaluation(evaluation_id).state == "done"

        unbroken = desk.report(*asked_for, status=3)
        assert unbroken["evaluation_id"] != evaluation_id
        assert Counter(desk.asked()) == Counter(dict.fromkeys(everything, 1))
        assert comparable(broken) == comparable(unbroken)
