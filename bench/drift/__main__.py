"""Runs rows of the acceptance table and writes bench/results/drift.md and drift.json; rows that aren't run stay in them as they were."""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.drift.judging import Judged
from bench.drift.loading import READ, left_out, open_databases
from bench.drift.million import measure
from bench.drift.running import batches
from bench.drift.scenarios import ROWS
from bench.drift.sharing import Done, shared
from bench.drift.stress import STRESS
from bench.drift.tables import Result, coverage_result, row_result, time_result

RESULTS = Path(__file__).parents[1] / "results" / "drift"
ORDER = ("1", "2", "2b", "3", "4", "5", "6", "7", "8", "9", "stress")
_FOR_COVERAGE = ("1", "2", "2b", "3", "4", "7")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.drift", description=__doc__)
    parser.add_argument(
        "--rows", default=",".join(ORDER), help="rows of the table, such as 1,2,4; 8 is counted over the others"
    )
    parser.add_argument("--seeds", type=int, help="histories of a row (default: as the table says)")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--only", default="", help="one family of the rows")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write, without .md and .json")
    parser.add_argument("--note", default="", help="a word on these seeds for the results")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="each has an engine of its own")
    given = parser.parse_args()
    wanted = given.rows.split(",")
    if unknown := sorted(set(wanted) - set(ORDER)):
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ORDER)}")
    known = _read(given.results)
    _run_histories([name for name in wanted if name in ROWS], given, known)
    for name in wanted:
        if name in {"5", "6", "9"}:
            began = time.monotonic()
            result = _measured(name, given.seeds, given.first_seed)
            _keep(given, known, result, {"seconds": round(time.monotonic() - began, 1)})
    if "8" in wanted and (
        counted := {name: known[name]["data"]["intervals"] for name in _FOR_COVERAGE if name in known}
    ):
        _keep(given, known, coverage_result(counted), {"note": ""})


def _run_histories(names: list[str], given: argparse.Namespace, known: dict[str, Any]) -> None:
    """Rows that are made of histories, by several processes; each row is written as soon as its last history is judged."""
    plans = {name: ROWS[name].plans(given.seeds, given.first_seed, given.only) for name in names}
    todo = [(name, batch) for name in names for batch in batches(plans[name])]
    if not todo:
        return
    processes = min(given.processes, len(todo))
    left = Counter(name for name, _ in todo)
    done: dict[str, list[Done]] = {name: [] for name in names}
    with shared([batch for _, batch in todo], processes) as ended:
        for each in ended:
            name = todo[each.number][0]
            done[name].append(each)
            left[name] -= 1
            for one in each.judged:
                _tell(one)
            if left[name]:
                continue
            place = {(plan.family, plan.seed): number for number, plan in enumerate(plans[name])}
            judged = sorted(
                (one for batch in done[name] for one in batch.judged), key=lambda one: place[one.family, one.seed]
            )
            about = {
                "histories": len(judged), "rows": sum(batch.rows for batch in done[name]), "processes": processes,
                "loading_seconds": round(sum(batch.loading for batch in done[name]), 1),
                "seconds": round(sum(batch.seconds for batch in done[name]), 1),
            }  # fmt: skip
            _keep(given, known, _result(name, judged), about)


def _measured(name: str, seeds: int | None, first_seed: int) -> Result:
    if name == "9":
        with open_databases() as databases:
            return measure(databases)
    from bench.drift.watching import delays, false_alarms

    watched = false_alarms if name == "5" else delays
    return watched(seeds, first_seed)


def _keep(given: argparse.Namespace, known: dict[str, Any], result: Result, about: dict[str, Any]) -> None:
    known[result.row] = {
        "met": result.met, "line": result.line, "table": result.table, "data": result.data, "first_seed": given.first_seed,
        "note": given.note, "commit": _commit(), **about,
    }  # fmt: skip
    print(f"row {result.row}: {_verdict(result.met)} - {result.line}", flush=True)
    _write(given.results, known)


def _result(name: str, judged: list[Judged]) -> Result:
    if name == "7":
        return time_result(judged)
    return row_result(ROWS[name], judged, {family: each.aim for family, each in STRESS.items()})


def _tell(each: Judged) -> None:
    mark = "right" if each.right else f"WRONG: {each.why}\n    it said: {each.said}"
    print(f"{each.family} {each.seed} ({each.seconds:.1f} s): {mark}", file=sys.stderr, flush=True)


def _verdict(met: bool | None) -> str:
    return {True: "met", False: "MISSED", None: "no aim"}[met]


def _read(path: Path) -> dict[str, Any]:
    file = path.with_suffix(".json")
    known: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return known


def _write(path: Path, known: dict[str, Any]) -> None:
    ordered = {name: known[name] for name in ORDER if name in known}
    path.with_suffix(".json").write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", "utf-8")
    path.with_suffix(".md").write_text(_page(ordered), "utf-8")


def _page(known: dict[str, Any]) -> str:
    about = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    read, others = (", ".join(sorted(f"`{name}`" for name in names)) for names in (READ, set(left_out().values())))
    parts = [_HEAD.format(about=about, date=datetime.now(UTC).date(), read=read, others=others)]
    parts += ["| row | what | result |\n| --- | --- | --- |"]
    parts += [f"| {name} | {_about(name)} | {_verdict(each['met'])}: {each['line']} |" for name, each in known.items()]
    if missing := [name for name in ORDER if name not in known]:
        parts.append(f"\nNot run yet: {', '.join(missing)}.")
    for name, each in known.items():
        parts.append(f"\n## Row {name}: {_about(name)}\n\n{each['line']}.{_how(each)}\n\n{each['table']}")
        parts += _wrong(each["data"].get("wrong", []))
    return "\n".join(parts) + "\n"


def _how(each: dict[str, Any]) -> str:
    told = f" At {each['commit']}"
    if each.get("histories"):
        pace = each["rows"] / max(each["loading_seconds"], 1)
        processes = each.get("processes", 1)
        told += (
            f", seeds of each family from {each['first_seed']:,} on; {each['rows']:,} rows loaded and counted at {pace:,.0f} a second and "
            f"process, {each['seconds'] / 60 / processes:.0f} minutes of {processes} processes in all"
        )
    return f"{told}. {each['note']}".rstrip()


def _wrong(wrong: list[dict[str, Any]]) -> list[str]:
    if not wrong:
        return []
    lines = [
        f"- {each['family']}, seed {each['seed']}: {each['why']}. It said: {each['said'] or 'nothing'}"
        for each in wrong
    ]
    return ["\n<details><summary>Those that were not right</summary>\n", *lines, "\n</details>"]


def _about(name: str) -> str:
    others = {
        "5": "the monitor in a week without a change: at most 1 % raise an alarm",
        "6": "the monitor after a loss of 5 points: hours until the alarm",
        "8": "how often the 95 % interval of a contribution holds its truth",
        "9": "a million calls: how long a report takes",
    }
    return others.get(name) or ROWS[name].what


def _commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "no commit"


_HEAD = """# Whether drift reports are right

`python -m bench.drift` on {about}, embedded engine, {date}. Histories whose truth is known are made by bench/drift, which shares
nothing with the analysis, loaded into ClickHouse, and asked about by the function behind `slugline drift`. Of what the schema derives
from calls and scores, only what the analysis reads is there for these histories ({read}); what other pages read
({others}) is left out, and a test shows that reports are the same with it. Row 9 has it all.
Right is: the causes that are named are the true ones, no more and no fewer. Bounds are Wilson's at 95 %.
Scores are true or false, with a chance between 0.7 and 0.85 before the change.
"""

if __name__ == "__main__":
    main()
