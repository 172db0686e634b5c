"""What redaction costs a call: microseconds a KB of request and answer, by what is in them.

    python -m bench.redaction --write

For comparison the same patterns with Python's own `re`, one after the other.
"""

import argparse
import json
import platform
import random
import re
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from tracing.privacy.patterns import KINDS
from tracing.privacy.redactor import Redactor

ROUNDS, SECONDS = 7, 0.2
SECRET = "my mail is ada@example.org and the key sk-proj-abcdefghijklmnop0123"  # noqa: S105 - what is looked for
HEAD = """# Redaction

`python -m bench.redaction --write` on {machine}, Python {python}, google-re2 {re2}; best of {rounds} rounds, one core of a machine
with other work on it. A call's cost is its request and its answer together; it is paid between the answer's last byte from the provider
and its last byte to the client. Where numbers in a row could be a card, or JSON has unusual escapes, a body is read and not only scanned.

| body | KB | default kinds, µs a KB | all kinds, µs a KB | all kinds, µs | Python's `re`, µs a KB |
| --- | --- | --- | --- | --- | --- |
"""


def prose(chance: random.Random, words: int) -> str:
    """Text of made-up words with numbers in between."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    made = ["".join(chance.choice(letters) for _ in range(chance.randint(2, 9))) for _ in range(words)]
    return " ".join(word if chance.random() < 0.95 else str(chance.randint(1, 9999)) for word in made)


def bodies() -> dict[str, str]:
    """Request bodies as apps send them."""
    chance = random.Random(1)

    def chat(*contents: str) -> str:
        return json.dumps({"model": "m", "messages": [{"role": "user", "content": content} for content in contents]})

    tools = [{"type": "function", "function": {"name": f"f{n}", "description": prose(chance, 30)}} for n in range(20)]
    nested = json.dumps({"query": prose(chance, 400), "note": 'a "quoted"\nline'})
    return {
        "a short question": chat(prose(chance, 20)),
        "a 2 KB prompt": chat(prose(chance, 300)),
        "a conversation of 40 messages": chat(*(prose(chance, 60) for _ in range(40))),
        "20 tools": json.dumps({"messages": [{"role": "user", "content": "Hi"}], "tools": tools}),
        "tool arguments (JSON in JSON)": chat(nested),
        "a document of 100 KB": chat(prose(chance, 15_000)),
        "a 2 KB prompt with a mail address and a key": chat(prose(chance, 290) + " " + SECRET),
        "a document of 100 KB with both": chat(prose(chance, 15_000) + " " + SECRET),
        "a picture of 1 MB": chat("data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAA" * 43_690),
    }


def microseconds(run: Callable[[], object]) -> float:
    """The best round's time of one run."""
    count, best = 1, float("inf")
    run()
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(count):
            run()
        took = time.perf_counter() - begun
        best = min(best, took / count)
        count = max(1, int(SECONDS / ROUNDS / best))
    return best * 1e6


def usual_patterns() -> list[re.Pattern[str]]:
    """The patterns in Python's spelling."""
    spelled = [pattern.regex for found in KINDS.values() for pattern in found]
    return [re.compile(text.replace(r"\pL\pN", r"\w").replace(r"[\pL]", "[^\\W\\d_]").replace(r"\pL", "a-z")
                       .replace(r"\x{a0}", "\\xa0").replace(r"\z", r"\Z")) for text in spelled]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="keep the results in bench/results/redaction.md")
    write = parser.parse_args().write
    default, every, usual = Redactor(("secrets", "card", "iban")), Redactor(list(KINDS)), usual_patterns()
    lines = []
    for name, body in bodies().items():
        size = len(body) / 1024
        fast, full = (microseconds(lambda one=one, body=body: one.json_text(body)) for one in (default, every))  # type: ignore[misc]
        slow = microseconds(lambda body=body: [pattern.search(body) for pattern in usual]) if size < 500 else None  # type: ignore[misc]
        shown = "–" if slow is None else f"{slow / size:.0f}"
        lines.append(f"| {name} | {size:,.1f} | {fast / size:.1f} | {full / size:.1f} | {full:,.0f} | {shown} |")
        print(lines[-1], flush=True)
    if write:
        head = HEAD.format(
            machine=platform.machine(), python=platform.python_version(), re2=version("google-re2"), rounds=ROUNDS
        )
        Path("bench/results/redaction.md").write_text(head + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
