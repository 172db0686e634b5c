"""The quality report as a table for terminals: compact at 100 columns, "–" for what is unknown.

Knows rich and how numbers are written for people. Refuses to know where the report came from and to change a number
beyond rounding it.
"""

import textwrap
from collections.abc import Iterator

from rich import box
from rich.table import Table
from rich.text import Text

from evaluation.quality import Quality, QualityRow, Score

UNKNOWN = "–"
_SCORE_WIDTH = len("0.83 [0.76, 0.88] n=120")


def as_table(quality: Quality) -> Table:
    """One line a version; below it one a served model, where a version was served by more than one.

    Where all scores have one name, it heads their column; otherwise each value has its name above it.
    """
    names = {score.name for row in quality.totals for score in row.scores}
    only = next(iter(names)) if len(names) == 1 else None
    title = Text(f"Quality of {quality.prompt} by version")
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("v", justify="right", no_wrap=True)
    table.add_column("model", overflow="fold")
    for heading in ("calls", "errors", "scored"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column(Text(f"{only or 'score'}\nmean [95 %]"), no_wrap=True)
    for heading in ("ms\np50/p95", "tokens\nin/out", "cost\n$"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, model, row in _lines(quality):
        scores = [line for score in row.scores for line in _score_lines(score, named=only is None)]
        table.add_row(
            Text(name),
            Text(model),
            str(row.calls),
            f"{row.errors} {_percent(row.error_rate)}" if row.errors else "0",
            _percent(row.coverage),
            Text("\n".join(scores) or UNKNOWN),
            f"{_number(row.latency_p50_ms)}/{_number(row.latency_p95_ms)}",
            f"{_number(row.input_tokens_mean)}/{_number(row.output_tokens_mean)}",
            _cost(row),
        )
    notes = _notes(quality)
    table.caption = Text(notes) if notes else None
    table.caption_justify = "left"
    return table


def value_text(score: Score) -> str:
    """Such as `0.83 [0.76, 0.88] n=120`, or `billing 7, delivery 5 n=12` for a category."""
    if score.kind == "category":
        value = ", ".join(f"{label} {count}" for label, count in score.labels) or UNKNOWN
    elif score.mean is None:
        value = UNKNOWN
    else:
        interval = score.interval
        value = f"{score.mean:.2f} " + (f"[{interval.low:.2f}, {interval.high:.2f}]" if interval else f"[{UNKNOWN}]")
    return f"{value} n={score.n}" + (f" ({score.unparsed} unparsed)" if score.unparsed else "")


def score_text(score: Score) -> str:
    """The score's name and value, such as `helpful 0.83 [0.76, 0.88] n=120`."""
    return f"{score.name} {value_text(score)}"


def _score_lines(score: Score, *, named: bool) -> list[str]:
    """A score in lines no longer than a mean with its interval, except where a single label or name is longer."""
    value = value_text(score)
    lines = textwrap.wrap(value, _SCORE_WIDTH, break_long_words=False) if score.kind == "category" else [value]
    return [score.name, *(f"  {line}" for line in lines)] if named else lines


def _lines(quality: Quality) -> Iterator[tuple[str, str, QualityRow]]:
    """The first two columns and the row of each line, in the order of versions."""
    for total in quality.totals:
        models = [row for row in quality.rows if row.version == total.version]
        if len(models) <= 1:
            yield str(total.version), (models[0].model_served if models else None) or UNKNOWN, total
            continue
        yield str(total.version), f"all {len(models)} models", total
        for row in models:
            yield "", row.model_served or UNKNOWN, row


def _number(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:.1f}" if abs(value) < 10 else f"{value:.0f}"


def _percent(share: float) -> str:
    """Whole percents, but never 0 % or 100 % for what is only near it."""
    if 0 < share < 0.01 or 0.99 < share < 1:
        return "<1%" if share < 0.5 else ">99%"
    return f"{share:.0%}"


def _cost(row: QualityRow) -> str:
    """The sum of what is known; a star where some calls had no price, explained below the table."""
    if row.cost is None:
        return UNKNOWN
    return f"{row.cost:.3g}" + ("*" if row.unpriced_calls else "")


def _notes(quality: Quality) -> str:
    notes = []
    if not quality.totals:
        notes.append("No calls in this window.")
    left = sum(total.client_left for total in quality.totals)
    if left:
        notes.append(f"{left} call{'' if left == 1 else 's'} ended because the client left; not counted as errors.")
    unpriced = sum(total.unpriced_calls for total in quality.totals if total.cost is not None)
    if unpriced:
        notes.append(f"* without {unpriced} call{'' if unpriced == 1 else 's'} of unknown price.")
    recorded, calls = (sum(getattr(total, name) for total in quality.totals) for name in ("recorded_calls", "calls"))
    if recorded != calls:
        notes.append(f"Estimated from a sample: {recorded} of {calls} calls are on record; errors are all recorded.")
    if not quality.exact:
        notes.append("Latencies are estimates (t-digest by day).")
    return "\n".join(notes)
