"""Where each counter lies in a worker's file, and the labels of its rows. In words of eight bytes in the machine's own order:

    0 …    the mark with the layout's version, the number of rows, the owner's process id, when counting began, and a few counters
    64 …   rows: their labels as JSON in `LABEL_BYTES`, then the counters of one series (`CELLS` words)

A histogram is its sum, then a count for each bucket, the last one for what is above all bounds. Times are in microseconds.
"""

import json
import mmap
from collections.abc import Iterator
from typing import NamedTuple

MAX_ROWS = 1000
LABEL_BYTES = 1024

MARK = int.from_bytes(b"slugtel\x01", "little")
WORD = 8
HEAD_WORDS = 64
ROWS, PID, STARTED = 1, 2, 3
IN_FLIGHT, RECORDED, LOST, SPANS, SPANS_REFUSED = 4, 5, 6, 7, 8

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
FIRST_CHUNK_SECONDS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
"""Upper bounds of the buckets, as the semantic conventions for GenAI metrics advise
(https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/)."""

MICROSECONDS = tuple(round(bound * 1e6) for bound in SECONDS)
FIRST_MICROSECONDS = tuple(round(bound * 1e6) for bound in FIRST_CHUNK_SECONDS)

DURATION = 0
INPUT = DURATION + 2 + len(SECONDS)
OUTPUT = INPUT + 2 + len(TOKENS)
FIRST = OUTPUT + 2 + len(TOKENS)
COST = FIRST + 2 + len(FIRST_CHUNK_SECONDS)
UNPRICED = COST + 1
CELLS = UNPRICED + 1
ROW_WORDS = LABEL_BYTES // WORD + CELLS
FILE_BYTES = (HEAD_WORDS + MAX_ROWS * ROW_WORDS) * WORD


class Labels(NamedTuple):
    """What a series counts the calls of. `overflow`: calls of all series that found no row."""

    endpoint: str = ""
    provider: str = ""
    model_requested: str = ""
    model_served: str = ""
    outcome: str = ""
    error_code: str = ""
    prompt: str = ""
    version: int = 0
    purpose: str = ""
    overflow: bool = False


def rows_of(mapped: mmap.mmap, words: memoryview) -> Iterator[tuple[int, Labels]]:
    """Where the counters of each row begin, in words, and what they count."""
    for number in range(words[ROWS]):
        place = HEAD_WORDS + number * ROW_WORDS
        text = mapped[place * WORD : place * WORD + LABEL_BYTES].rstrip(b"\0")
        yield place + LABEL_BYTES // WORD, Labels(*json.loads(text))
