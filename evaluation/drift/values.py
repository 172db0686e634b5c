"""The words of a drift report: metrics, cells, events, contributions, evidence and refusals, as frozen values.

Knows what the words mean and how a report becomes JSON. Refuses to know ClickHouse, statistics and sentences.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from evaluation.intervals import Interval
from evaluation.plain import plain

Unit = Literal["points", "score", "tokens", "percent", "dollars"]
"""What a change is told in: percentage points of a rate, a score's own scale, tokens, percent of a latency, US dollars a call."""

Cause = Literal[
    "prompt", "model", "prompt or model", "not separable", "parameters", "scorer", "mix", "silent model", "local"
]
"""`model`: the provider served another model or fingerprint, as calls show. `silent model`: nothing in the calls changed, yet prompts that
use the same model moved with it. `local`: this prompt alone moved, and nothing recorded explains it (retrieval, tools, an input that isn't
measured). `prompt or model`: both changed together, and no traffic tells them apart. `mix`: other inputs, not other answers."""

Grade = Literal["A", "B", "C", "X"]
"""A: concurrent traffic or a paired replay. B: before and after, all else constant, and the change's time agrees. C: only the time agrees.
X: can't be separated."""

EventKind = Literal["promotion", "rollback", "rollout", "model", "fingerprint", "parameters", "scorer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What is measured: `name` is a score's name, or one of the built-in metrics. `higher_is_better` None is neither.

    `log`: the cells hold natural logarithms, so that a change is a ratio.
    """

    name: str
    unit: Unit
    higher_is_better: bool | None = True
    log: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The observations of one hour that agree in everything a change can be traced to.

    `hour` counts hours since 1970 (UTC). `n` observations with their `total` and `squares`, each weighed by the calls that it stands for;
    `calls` made them, scored or not; `unparsed` scores could not be read. `weight` is the mean weight of an observation, by which a sample
    makes the mean of `n` less sure: 1 where every call is on record. Calls and scores may come in cells of their own: what is added up
    is right.
    """

    hour: int
    stratum: str
    version: int
    channel: str
    variant: str
    model: str
    fingerprint: str
    params: str
    scorer: str
    n: float
    total: float
    squares: float
    calls: float
    unparsed: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that changed at a known time. `announced`: somebody did it on record (a promotion); otherwise calls tell of it.

    `until` is when it was complete, for what comes in over hours. `before` and `after` are the values, as people write them.
    """

    kind: EventKind
    at: datetime
    until: datetime | None = None
    before: str
    after: str
    announced: bool
    by: str = ""
    reason: str = ""
    channel: str = ""
    revision: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of the comparison. `mean` is None where nothing was scored; `interval` is at 95 %. `hours` are those that were used."""

    since: datetime
    until: datetime
    calls: float
    n: float
    coverage: float
    unparsed: float
    mean: float | None
    interval: Interval | None
    hours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """A cause's part in the total change, on the metric's scale (0.05 is five points of a rate; a logarithm's difference for `log`).

    `named`: large and sure enough to be called a cause. `event` is what happened then, None for mix and what nobody announced.
    """

    cause: Cause
    change: float
    interval: Interval
    named: bool
    grade: Grade
    event: Event | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StratumEffect:
    """What a cause did to one kind of input. `shown`: told from chance after correction for the number of strata (Holm)."""

    stratum: str
    cause: Cause
    effect: float
    interval: Interval
    n_before: float
    n_after: float
    share_before: float
    share_after: float
    shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An event of the window and what became of it: `counted` in the table of contributions, or why not."""

    event: Event
    counted: bool
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BothOrders:
    """Two factors that depend on each other: what the first and second did in either order, and each one's Shapley share."""

    first: Cause
    second: Cause
    first_then_second: tuple[float, float]
    second_then_first: tuple[float, float]
    shapley: tuple[float, float]
    interaction: float
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What the report doesn't say, and why, in words for people."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """The one thing that would settle what is open, and the command that starts it ("" where none does)."""

    what: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """What changed in one metric of one prompt and why. Contributions and `remainder` add up to `change`.

    `remainder` is what the sides' own chance leaves. `change_at` is when it happened, with the earliest and latest time that fit; None
    where no single moment is known. `enough` False: `refusals` say how much is missing, and nothing else is filled in but the sides.
    `sentence` is the report in one or two sentences.
    """

    prompt: str
    metric: Metric
    before: Side
    after: Side
    enough: bool
    change: float | None = None
    interval: Interval | None = None
    contributions: tuple[Contribution, ...] = ()
    remainder: Interval | None = None
    remainder_change: float | None = None
    change_at: datetime | None = None
    change_between: tuple[datetime, datetime] | None = None
    strata: tuple[StratumEffect, ...] = ()
    events: tuple[Judged, ...] = ()
    orders: BothOrders | None = None
    refusals: tuple[Refusal, ...] = ()
    next_step: NextStep | None = None
    sentence: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain values for JSON: times in ISO 8601 with a Z, unknown as null."""
        values: dict[str, Any] = plain(asdict(self))
        return values
