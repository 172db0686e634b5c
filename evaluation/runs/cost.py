"""What an evaluation costs: a guess before it, a bound while it runs. In US dollars. Pure but for the purse's own sum.

Knows outputs and what they cost. Refuses to know prices: a function that is handed in gives them. What can't be known is None, never 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from evaluation.runs.values import Attempt, CaseResult, Output, Target

Price = Callable[[Target, int, int], float | None]
"""US dollars for a target's call with so many input and output tokens; None where nobody has a price."""

Size = Callable[[Attempt], tuple[int, int]]
"""About how many input and output tokens an attempt will take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What attempts will cost, as far as can be told. `usd` is for those that can be priced; `unpriced` is how many can't."""

    attempts: int
    usd: float
    unpriced: int

    @property
    def in_words(self) -> str:
        """For people: "200 calls, about $0.12"."""
        calls = f"{self.attempts:,} call{'' if self.attempts == 1 else 's'}"
        if self.unpriced == self.attempts:
            return (
                calls
                if not self.attempts
                else f"{calls}, at a cost that can't be told: no price is known for the model"
            )
        told = f"{calls}, about {dollars(self.usd)}"
        return f"{told} and {self.unpriced:,} calls without a price" if self.unpriced else told


def estimate(attempts: Iterable[Attempt], seen: Mapping[str, Sequence[Output]], size: Size, price: Price) -> Estimate:
    """What attempts will cost: what a target's answers cost until now, by its label in `seen`, else by the size of each and the price."""
    means = {label: mean for label, outputs in seen.items() if (mean := mean_cost(outputs)) is not None}
    count, usd, unpriced = 0, 0.0, 0
    for attempt in attempts:
        count += 1
        each = means.get(attempt.target.label)
        if each is None:
            each = price(attempt.target, *size(attempt))
        if each is None:
            unpriced += 1
        else:
            usd += each
    return Estimate(attempts=count, usd=usd, unpriced=unpriced)


def mean_cost(outputs: Iterable[Output]) -> float | None:
    """What an answer cost on average; None where none has a price."""
    costs = [output.cost for output in outputs if output.cost is not None and not output.error]
    return fmean(costs) if costs else None


def paid(output: Output) -> float:
    """What an output cost this evaluation: an answer that was taken from an earlier one costs nothing again."""
    return 0.0 if output.cached or output.cost is None else output.cost


def checks_paid(result: CaseResult) -> float:
    """What an attempt's checks cost."""
    return sum(check.cost or 0.0 for check in result.checks)


def dollars(usd: float) -> str:
    """An amount for people: cents to the hundredth part where it is small."""
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.4f}"


@dataclass(slots=True)
class _Mean:
    total: float = 0.0
    count: int = 0

    def add(self, amount: float) -> None:
        self.total += amount
        self.count += 1

    @property
    def value(self) -> float:
        return self.total / self.count if self.count else 0.0


class Purse:
    """What may be spent on an evaluation, and what was. Without a budget it only counts.

    An attempt is begun only if, with those that are under way, it is likely to stay within the budget. So that this is more than a hope,
    attempts are made one at a time until it is known what one of each target costs (`knows`).
    """

    def __init__(self, budget_usd: float | None) -> None:
        self.budget_usd = budget_usd
        self.spent = 0.0
        self.unpriced = 0
        self._outputs: defaultdict[str, _Mean] = defaultdict(_Mean)
        self._checks: defaultdict[str, _Mean] = defaultdict(_Mean)
        self._under_way: list[str] = []

    def seen(self, label: str, output: Output) -> None:
        """Counts an output: what it cost, and what the next ones of its target may cost."""
        self.spent += paid(output)
        if output.error or output.cached:
            return
        if output.cost is None:
            self.unpriced += 1
        else:
            self._outputs[label].add(output.cost)

    def checked(self, label: str, result: CaseResult) -> None:
        """Counts what an attempt's checks cost."""
        usd = checks_paid(result)
        self.spent += usd
        self._checks[label].add(usd)

    def begin(self, label: str) -> None:
        self._under_way.append(label)

    def end(self, label: str) -> None:
        self._under_way.remove(label)

    @property
    def under_way(self) -> int:
        """How many attempts were begun and have not ended."""
        return len(self._under_way)

    def knows(self, label: str) -> bool:
        """Whether it is known what an attempt of this target costs; without a budget nobody has to."""
        return self.budget_usd is None or self._outputs[label].count > 0

    def allows(self, label: str, *, answered: bool = False) -> bool:
        """Whether another attempt of this target is likely to stay within the budget, with all that are under way. With an answer that
        is there already it costs its checks alone."""
        if self.budget_usd is None:
            return True
        expected = self._checks[label].value if answered else self._expected(label)
        if answered and not expected:
            return True
        likely = expected + sum(map(self._expected, self._under_way))
        return self.spent < self.budget_usd and self.spent + likely <= self.budget_usd

    def _expected(self, label: str) -> float:
        return self._outputs[label].value + self._checks[label].value
