"""People's own Python decides, and whatever it does ends with its own check: loops, crashes, exits, prints."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from evaluation.checks.own_python import read_value
from registry.cases import Case
from tests.unit.evaluation.checks.outputs import result

CHECKS = """
import json, os, sys, time
import words  # a neighbour of this file, not a module of the checker's

def get_assert(output, context):
    print("this goes nowhere")
    return output == context["vars"]["name"] + words.END

def graded(output, context):
    return {"pass": len(output) > 2, "score": 0.6, "reason": f"{len(output)} letters, {context['config']['most']} at most"}

def score(output, context):
    return len(output) / 10

def told(output, context):
    return context["expected"] in context["prompt"] and context["cost"] == 0.002

def forever(output, context):
    while True:
        pass

def asleep(output, context):
    os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "600")
    time.sleep(600)

def crash(output, context):
    os.kill(os.getpid(), 11)

def leave(output, context):
    sys.exit(3)

def leave_hard(output, context):
    os._exit(3)

def broken(output, context):
    raise ValueError("no such luck")

def odd(output, context):
    return "yes"

def unwritable(output, context):
    return object()

def shout(output, context):
    os.write(1, b"noise"); sys.stdout.write("x" * 1_000_000); sys.__stdout__.flush()
    return True
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "checks.py").write_text(CHECKS, "utf-8")
    (tmp_path / "words.py").write_text("END = '!'\n", "utf-8")
    (tmp_path / "own_tone-1.5.dist-info").mkdir()
    (tmp_path / "own_tone-1.5.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: own-tone\nVersion: 1.5\n"
    )
    (tmp_path / "own_tone-1.5.dist-info" / "entry_points.txt").write_text("[slugline.checks]\ntone = checks:score\n")
    return tmp_path


async def told(folder: Path, where: str, text: str = "Ada!", seconds: float = 20.0, **more: Any) -> Any:
    check = {"type": "python", "value": where, **more}
    case = Case(variables={"name": "Ada"}, expected="Where")
    return await result(check, text, case=case, allow_python=True, folder=folder, python_seconds=seconds)


async def test_a_function_of_a_file_decides(folder: Path) -> None:
    yes = await told(folder, "file://checks.py")
    assert (yes.passed, yes.score) == (True, 1.0), yes.reason
    assert len(yes.version) == 12  # of the file's content
    assert (await told(folder, "file://checks.py", "Bob!")).passed is False
    assert (await told(folder, "file://checks.py:told")).passed is True
    for options in ({"config": {"most": 9}}, {"most": 9}, {"config": {"other": 1}, "most": 9}):
        graded = await told(folder, f"file://{folder}/checks.py:graded", options=options)
        assert (graded.passed, graded.score, graded.reason) == (True, 0.6, "4 letters, 9 at most")
    turned = await result(
        {"type": "not-python", "value": "file://checks.py:shout"}, "x", allow_python=True, folder=folder
    )
    assert turned.passed is False


async def test_a_function_of_an_installed_package_decides(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    tone = await told(folder, "package:tone")
    assert (tone.passed, tone.score, tone.version) == (True, 0.4, "1.5"), tone.reason
    unknown = await told(folder, "package:tune")
    assert unknown.passed is None and "no installed package has the check 'tune' (there are: tone)" in unknown.reason


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ("crash", "the process ended by SIGSEGV"),
        ("leave", "SystemExit: 3"),
        ("leave_hard", "the process ended with code 3"),
        ("broken", "ValueError: no such luck"),
        ("odd", "it returned a text, not a boolean"),
        ("unwritable", "it returned object"),
        ("nothing", "checks.py has no function 'nothing'"),
    ],
)
async def test_whatever_it_does_is_one_undecided_check(folder: Path, function: str, why: str) -> None:
    said = await told(folder, f"file://checks.py:{function}")
    assert said.passed is None and why in said.reason


async def test_an_endless_function_is_ended_with_what_it_started(folder: Path) -> None:
    for function in ("forever", "asleep"):
        said = await told(folder, f"file://checks.py:{function}", seconds=1.0)
        assert said.passed is None and said.reason == "python: it took longer than 1 s and was ended"
    assert not _running(folder)


async def test_a_cancelled_check_leaves_no_process(folder: Path) -> None:
    running = asyncio.create_task(told(folder, "file://checks.py:asleep", seconds=600.0))
    while len(_running(folder)) < 2:
        await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    until = time.monotonic() + 20
    while _running(folder) and time.monotonic() < until:
        await asyncio.sleep(0.02)
    assert not _running(folder)


DRIVER = """
import asyncio, sys
from pathlib import Path
from evaluation.checks.running import run_checks
from evaluation.runs.values import Output
from registry.cases import Case, Check

run = run_checks([Check(type="python", value="file://checks.py:idle")], allow_python=True, folder=Path(sys.argv[1]), python_seconds=600)
asyncio.run(run(Case(), Output(text="x")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the system ends children with their parents only there")
async def test_a_killed_run_takes_the_function_along(folder: Path) -> None:
    (folder / "checks.py").write_text(
        "import time\n\ndef idle(output, context):\n    open('begun', 'w')\n    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", DRIVER, str(folder)]) as driver:
        while not (folder / "begun").exists():
            assert driver.poll() is None
            await asyncio.sleep(0.02)
        assert _running(folder)
        driver.kill()
    until = time.monotonic() + 20
    while _running(folder) and time.monotonic() < until:
        await asyncio.sleep(0.02)
    assert not _running(folder)


async def test_without_leave_nothing_runs(folder: Path) -> None:
    (folder / "checks.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n", "utf-8")
    check = {"type": "python", "value": "file://checks.py"}
    for name in ("python", "not-python"):
        said = await result({**check, "type": name}, "x", folder=folder)
        assert said.passed is None and "--allow-python" in said.reason
    assert not (folder / "ran").exists()
    assert (await told(folder, "file://none.py")).reason.startswith("python: none.py can't be read")


@pytest.mark.parametrize(
    ("value", "threshold", "passed", "score"),
    [
        (True, None, True, 1.0),
        (False, None, False, 0.0),
        (0.4, None, True, 0.4),
        (0, None, False, 0.0),
        (0.4, 0.5, False, 0.4),
        (12.5, 10, True, 1.0),
        (-3, None, False, 0.0),
        ({"pass": True, "score": 0.4}, 0.5, False, 0.4),
        ({"pass_": False, "score": 1}, None, False, 1.0),
        ({"score": 0.5}, None, True, 0.5),
        ({"pass": True}, None, True, 1.0),
        ({"reason": "none"}, None, None, 0.0),
        (None, None, None, 0.0),
        (float("inf"), None, None, 0.0),
    ],
)
def test_what_a_function_returns_is_read_as_promptfoo_reads_it(
    value: Any, threshold: Any, passed: Any, score: float
) -> None:
    said = read_value(value, threshold)
    assert (said.passed, said.score) == (passed, score)


def _running(folder: Path) -> list[str]:
    """Processes that work in a folder."""
    if sys.platform != "linux":
        return []
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == folder and (entry / "stat").read_text().rpartition(")")[2].split()[
                0
            ] != "Z":
                found.append(entry.name)
        except OSError:
            continue
    return found
