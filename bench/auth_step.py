"""What asking for a key costs a call: `python -m bench.auth_step`. Prints a table and writes bench/results/auth-step.md.

The whole step as the request path runs it (proxy/admission.py) on a real registry and a real meter, with as many sheets as workers, in
one process: find the key, ask the registry, strip the headers, count. Best of many short rounds, as whatever else the machine does only
ever adds. The look whether the registry changed is part of it, and given apart: a call that names a prompt made it before there were keys.
"""

import contextlib
import os
import platform
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from proxy.admission import admit, settle
from proxy.draft import Draft
from proxy.endpoints import ENDPOINTS
from proxy.errors import ProxyError
from proxy.line import CallRequest
from proxy.meter import Meter
from registry.keys import KeyTerms
from registry.roles import owner
from registry.serving.live import LiveRegistry
from registry.storage.database import migrate, open_engine
from registry.writing.key_store import KeyStore

RESULTS = Path(__file__).parent / "results" / "auth-step.md"
ROUNDS, CALLS = 200, 100
TEXT = "Where is my parcel? I ordered two pairs of shoes on Monday, and the page says that they left the warehouse. "
BODY = b'{"model":"m","messages":[{"role":"user","content":"%s"}]}' % (TEXT * 13).encode()
SDK_HEADERS = {  # what openai-python sends
    "host": "127.0.0.1:4545",
    "accept-encoding": "gzip, deflate",
    "connection": "keep-alive",
    "accept": "application/json",
    "content-type": "application/json",
    "user-agent": "OpenAI/Python 2.8.0",
    "x-stainless-lang": "python",
    "x-stainless-package-version": "2.8.0",
    "x-stainless-os": "Linux",
    "x-stainless-arch": "x64",
    "x-stainless-runtime": "CPython",
    "x-stainless-runtime-version": "3.11.7",
    "x-stainless-async": "false",
    "x-stainless-read-timeout": "600",
    "x-stainless-retry-count": "0",
    "content-length": str(len(BODY)),
}


@dataclass(slots=True)
class Part:
    """As much of the request path's line as the step needs."""

    registry: LiveRegistry
    meter: Meter
    key_required: bool = False
    clock: Any = time.perf_counter
    now: Any = field(default=lambda: datetime.now(UTC))


def main() -> None:
    limits = {"requests_per_minute": 1_000_000_000, "budget_usd": Decimal(1_000_000), "budget_period": "month"}
    scopes = {"prompts": ("support-*", "billing"), "endpoints": ("chat.completions", "responses")}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/registry.db"
        engine = open_engine(url)
        migrate(engine)
        live = LiveRegistry(url)
        keys = KeyStore(engine)
        with contextlib.closing(Meter(Path(folder) / "meter")) as meter:
            line = Part(live, meter)
            rows.append(("no key was ever made", measure(line, "Bearer sk-provider")))
            for label, terms in (("a key without limits", {}), ("with two scopes", scopes)):
                issued = keys.create(KeyTerms(name="k", **terms), by=owner("bench"))
                rows.append((label, measure(line, f"Bearer {issued.secret.text}")))
            rows.append(("an unknown key, turned away", measure(line, "Bearer slk_" + "a" * 40)))
        for workers in (1, 2, 4):
            issued = keys.create(KeyTerms(name="k", **limits), by=owner("bench"))
            with contextlib.ExitStack() as stack:
                meters = [
                    stack.enter_context(contextlib.closing(Meter(Path(folder) / f"meter-{workers}")))
                    for _ in range(workers)
                ]
                for other in meters[1:]:
                    other.take(issued.key.key_id, None, datetime.now(UTC))
                shown = f"a key with a rate limit and a budget, {workers} worker{'s' if workers > 1 else ''}"
                rows.append((shown, measure(Part(live, meters[0]), f"Bearer {issued.secret.text}")))
        look = min(_seconds(live) for _ in range(ROUNDS)) * 1e6
        live.close()
        engine.dispose()
    text = report(rows, look)
    print(text)
    RESULTS.write_text(text)


def measure(line: Any, authorization: str) -> tuple[float, float]:
    """Microseconds of the step, and of adding the cost at the end; the best round's mean."""
    headers = {**SDK_HEADERS, "authorization": authorization}
    call = CallRequest(endpoint=ENDPOINTS["/v1/chat/completions"], headers=headers, body=BODY)
    best = best_end = float("inf")
    for _ in range(ROUNDS):
        drafts = [
            Draft(call_id="c", at=line.now(), started=0.0, endpoint="chat.completions", purpose="production")
            for _ in range(CALLS)
        ]
        before = time.perf_counter()
        for draft in drafts:
            with contextlib.suppress(ProxyError):
                admit(call, line, draft)
        best = min(best, time.perf_counter() - before)
        before = time.perf_counter()
        for draft in drafts:
            settle(draft, line, "ok", "0.000123")
        best_end = min(best_end, time.perf_counter() - before)
    return best / CALLS * 1e6, best_end / CALLS * 1e6


def _seconds(live: LiveRegistry) -> float:
    before = time.perf_counter()
    for _ in range(CALLS):
        live.key("nobody's")
    return (time.perf_counter() - before) / CALLS


def report(rows: list[tuple[str, tuple[float, float]]], look: float) -> str:
    lines = [
        "# What asking for a key costs a call",
        "",
        f"`python -m bench.auth_step` on {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}: best of "
        f"{ROUNDS} rounds of {CALLS:,} calls. 17 headers, as openai-python sends them, and a body of 1.4 kB. {look:.1f} µs of each step "
        "are the look whether the registry changed, which a call that names a prompt needs anyway and makes once.",
        "",
        "| | step, µs | adding the cost at the end, µs |",
        "| --- | --- | --- |",
        *(f"| {label} | {step:.1f} | {end:.1f} |" for label, (step, end) in rows),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
