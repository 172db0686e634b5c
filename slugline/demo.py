"""The demo: a new user's first five minutes, carried out for real against a server of its own in a temporary folder.

Every figure that it prints was computed from what just happened. It uses what a user would: the HTTP API, the official OpenAI
SDK, and SQL. The server is its own, on loopback: proxies that the environment names are left aside on the way there.
"""

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from slugline.demo_setup import ModelSource, model_source, running_server
from slugline.language import is_french

if TYPE_CHECKING:
    from openai import OpenAI

SLUG = "support-agent"
LOAD_SECONDS = 30.0

VERSION_1 = {
    "kind": "chat",
    "messages": [
        {
            "role": "system",
            "content": "You are a support agent of {{ company }}. Answer the customer in one or two short sentences.",
        }
    ],
    "variables": {"type": "object", "properties": {"company": {"type": "string", "default": "Acme"}}},
}
VERSION_2 = {
    **VERSION_1,
    "messages": [
        {
            "role": "system",
            "content": "Tu es agent du support de {{ company }}. Réponds toujours en français (always answer in French), "
            "en une ou deux phrases courtes.",
        }
    ],
}
QUESTIONS = (
    "My parcel hasn't arrived. Where is it?",
    "How do I reset my password?",
    "I was charged twice this month!",
    "Can I change the delivery address?",
    "The screen is broken. What now?",
    "How long does a refund take?",
    "Your app crashes when I log in.",
    "I want to cancel my order.",
)

QUALITY_SQL = """
SELECT c.version AS version,
       any(c.model_served) AS model_served,
       count() AS calls,
       countIf(s.value IS NOT NULL) AS scored,
       round(avg(s.value), 2) AS in_french,
       round(quantile(0.5)(c.duration_ms), 1) AS p50_ms,
       sum(c.input_tokens) AS tokens_in,
       sum(c.output_tokens) AS tokens_out,
       sum(c.cost) AS cost_usd
FROM calls AS c
LEFT JOIN (SELECT call_id, value FROM scores WHERE name = 'in_french') AS s ON s.call_id = c.call_id
WHERE c.prompt = 'support-agent'
GROUP BY version
ORDER BY version
"""


def run(*, model: str, keep: bool, rounds: int) -> None:
    """Runs the demo; raises RuntimeError in words when a step doesn't show what it should."""
    try:
        from openai import OpenAIError
    except ImportError as error:
        raise RuntimeError("the demo calls through the official OpenAI SDK: pip install 'slugline[demo]'") from error
    # SIGTERM ends it as Ctrl-C does: the server that it started ends with it.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        _run(model=model, keep=keep, rounds=rounds)
    except OpenAIError as error:
        raise RuntimeError(f"a call failed: {error}") from error


def _run(*, model: str, keep: bool, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="slugline-demo-") as temporary, model_source(model) as source:
        data = Path(temporary) / "data"
        config = Path(temporary) / "slugline.toml"
        config.write_text(source.toml, "utf-8")
        with running_server(data, config, source) as url:
            _tour(url, data, config, source, rounds)
            if keep:
                _stay(url, data)


def _tour(url: str, data: Path, config: Path, source: ModelSource, rounds: int) -> None:
    _say(f"Slugline is up: {url} (SQLite and the embedded ClickHouse, in {data})")
    _say(f"Who answers: {source.label}")
    api = httpx.Client(base_url=url, headers={"x-slugline-actor": "demo"}, timeout=120, trust_env=False)
    with api:
        _step("Save a prompt in two versions, and promote the first")
        _ok(
            api.post(
                "/api/prompts",
                json={"slug": SLUG, "content": {**VERSION_1, "model": source.model}, "message": "first version"},
            )
        )
        _ok(
            api.post(
                f"/api/prompts/{SLUG}/versions",
                json={"content": {**VERSION_2, "model": source.model}, "message": "answer in French"},
            )
        )
        _promote(api, 1, "go live")
        _say("  version 1 is stable; version 2 is only on latest")

        _step("Call it with the official OpenAI SDK: only base_url differs from calling OpenAI")
        _first_call(url)

        _step(
            f"{2 * rounds} calls, streamed and not, to stable (version 1) and latest (version 2); each answer is scored by code"
        )
        _traffic(api, url, rounds)

        _step("Promote version 2, call, roll back, call")
        _promote(api, 2, "French customers first")
        _say(f"  promoted: the next request is served by {_served_by(url)}")
        began = time.perf_counter()
        _ok(api.post(f"/api/prompts/{SLUG}/channels/stable/rollback", json={"reason": "English customers complained"}))
        _say(
            f"  rolled back in {(time.perf_counter() - began) * 1000:.0f} ms: the next request is served by {_served_by(url)}"
        )

    _step("Quality by prompt version, read back from ClickHouse")
    _say(QUALITY_SQL.strip())
    _wait_for_rows(data, config, calls=2 * rounds + 3, scores=2 * rounds)
    _slugline("sql", QUALITY_SQL, "--data", str(data), "--config", str(config))
    _say("The same with intervals, by model served:")
    _slugline("quality", SLUG, "--data", str(data), "--config", str(config))


def _first_call(url: str) -> None:
    _say(f'  client = OpenAI(base_url="{url}/v1")')
    _say(
        '  client.chat.completions.create(model="prompt/support-agent", messages=[…], extra_body={"variables": {"company": "Acme"}})'
    )
    with _openai(url) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=f"prompt/{SLUG}",
            messages=[{"role": "user", "content": QUESTIONS[0]}],
            max_tokens=60,
            extra_body={"variables": {"company": "Acme"}},
        )
    _say(f"  customer: {QUESTIONS[0]}")
    _say(f"  answer:   {raw.parse().choices[0].message.content}")
    for name in ("x-slugline-prompt", "x-slugline-channel", "x-slugline-call-id"):
        _say(f"  {name}: {raw.headers[name]}")


def _openai(url: str) -> "OpenAI":
    from openai import DefaultHttpxClient, OpenAI

    return OpenAI(base_url=f"{url}/v1", api_key="unused", http_client=DefaultHttpxClient(trust_env=False))


def _traffic(api: httpx.Client, url: str, rounds: int) -> None:
    scores = []
    with _openai(url) as client:
        for number in range(2 * rounds):
            channel = ("stable", "latest")[number % 2]
            call_id, text = _ask(client, channel, QUESTIONS[(number // 2) % len(QUESTIONS)], streamed=number % 4 < 2)
            scores.append(
                {
                    "call_id": call_id,
                    "name": "in_french",
                    "value": is_french(text),
                    "scorer": "demo",
                    "scorer_version": "1",
                }
            )
    _ok(api.post("/api/scores", json=scores))
    _say(f"  {len(scores)} calls made and scored")


def _ask(client: Any, channel: str, question: str, *, streamed: bool) -> tuple[str, str]:
    """One call; gives its id and the answer's text."""
    raw = client.chat.completions.with_raw_response.create(
        model=f"prompt/{SLUG}@{channel}",
        messages=[{"role": "user", "content": question}],
        max_tokens=60,
        temperature=0,
        stream=streamed,
        extra_body={"variables": {"company": "Acme"}},
    )
    answer = raw.parse()
    if streamed:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
    else:
        text = answer.choices[0].message.content or ""
    return raw.headers["x-slugline-call-id"], text


def _served_by(url: str) -> str:
    with _openai(url) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=f"prompt/{SLUG}", messages=[{"role": "user", "content": QUESTIONS[1]}], max_tokens=8
        )
    return str(raw.headers["x-slugline-prompt"])


def _promote(api: httpx.Client, version: int, reason: str) -> None:
    _ok(api.post(f"/api/prompts/{SLUG}/channels/stable/promote", json={"version": version, "reason": reason}))


def _wait_for_rows(data: Path, config: Path, **expected: int) -> None:
    """Rows are loaded within about a second of their call; a score counts once its call is there."""
    statement = "SELECT (SELECT count() FROM calls) AS calls, (SELECT count() FROM scores WHERE prompt != '') AS scores"
    deadline = time.monotonic() + LOAD_SECONDS
    while True:
        output = _slugline("sql", statement, "--json", "--data", str(data), "--config", str(config), capture=True)
        found = json.loads(output)[0]
        if found == expected:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"ClickHouse has {found} after {LOAD_SECONDS:.0f} s, not {expected}")
        time.sleep(0.5)


def _slugline(*arguments: str, capture: bool = False) -> str:
    sys.stdout.flush()
    done = subprocess.run(
        [sys.executable, "-m", "slugline", *arguments],
        check=False,
        stdout=subprocess.PIPE if capture else None,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"slugline {arguments[0]} ended with status {done.returncode}")
    return done.stdout or ""


def _ok(answer: httpx.Response) -> Mapping[str, Any]:
    if answer.status_code >= 400:
        raise RuntimeError(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
    body: Mapping[str, Any] = answer.json()
    return body


def _stay(url: str, data: Path) -> None:
    _step(f"The server stays up: {url} (Ctrl-C ends it and removes {data})")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


def _step(text: str) -> None:
    print(f"\n── {text}", flush=True)


def _say(text: str) -> None:
    print(text, flush=True)
