"""What templates may use to write a value down, by the name that it has in them. Knows names; refuses to know pages and who reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dashboards import numbers, text
from dashboards.case_fields import TYPES
from dashboards.lines import label_of
from dashboards.outcomes import title_of
from dashboards.policies import in_words
from dashboards.sides import rows
from registry.datasets import case_name
from registry.rules import Rule


def _asks_for(rule: Rule) -> str:
    return text.asks_for(rule.approvals, rule.evaluation, rule.holdback, [policy.dataset for policy in rule.asked])


FILTERS: Mapping[str, Callable[..., Any]] = {
    "percent": text.percent,
    "tagged": text.tagged,
    "pretty": text.pretty,
    "told": text.told,
    "coded": text.coded,
    "count": text.count,
    "rows": rows,
    "near": text.near,
    "case_name": case_name,
    "check_words": text.check_words,
    "policy_words": in_words,
    "evaluation_title": title_of,
    "rate": numbers.rate,
    "points": numbers.points,
    "signed": numbers.signed,
    "ends": numbers.ends,
    "money": numbers.money,
    "duration": numbers.duration,
    "decimal": numbers.number,
    "times": numbers.times,
    "compared": numbers.told_of,
    "event_label": label_of,
}

GLOBALS: Mapping[str, Any] = {"check_types": TYPES, "asks_for": _asks_for}
