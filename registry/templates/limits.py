"""How much one render may produce, do and take. A value; who enforces it is `registry.templates.budget`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds for one render of one version.

    `output`: characters over all messages; no intermediate value may be larger either. `data`: characters that templates outside
    of text may print together, such as images and files in a message's parts (base64 makes a third more of them). `steps`: loop iterations,
    calls and filters. `seconds`: wall time. `source` and `nodes`: characters of template text in one version, fragments included, and parts
    of its syntax (names, operators, tags); both checked at save, so that no worker ever compiles for long.
    """

    output: int = 1_000_000
    data: int = 50_000_000
    steps: int = 100_000
    seconds: float = 1.0
    source: int = 1_000_000
    nodes: int = 10_000
