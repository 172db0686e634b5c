"""A policy as the fields of a form, and back; and in words. Pure.

Knows that shares are typed in per cent. Refuses to know what is allowed: `registry.policy` reads what comes out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboards.forms import Form
from registry.errors import PromptInvalidError
from registry.policy import Policy

_SHARES = ("margin", "min_pass_rate", "max_cost_increase", "max_latency_increase", "max_length_increase")
_LIMITS = (
    ("max_cost_increase", "cost"),
    ("max_latency_increase", "latency"),
    ("max_length_increase", "length of answers"),
)


def fields_of(policy: Policy | None) -> dict[str, str]:
    """What stands in the form before anybody touched it; for no policy the usual terms, without a dataset."""
    asked = policy or Policy(dataset="")
    watch = asked.watch
    shares = {name: getattr(asked, name) for name in _SHARES}
    return {
        "dataset": asked.dataset,
        **{name: "" if share is None else _number(share * 100) for name, share in shares.items()},
        "confidence": _number(asked.confidence * 100),
        "metrics": "\n".join(f"{name}: {_number(least)}" for name, least in asked.metrics.items()),
        "max_age_days": _number(asked.max_age_hours / 24),
        "repeats": str(asked.repeats),
        "uncertain": asked.uncertain,
        "watch_scores": ", ".join(watch.scores) if watch else "",
        "watch_margin": _number(watch.margin) if watch else "0.02",
        "watch_days": _number(watch.days) if watch else "14",
        "watch_then": watch.then if watch else "tell",
    }


def policy_of(form: Form) -> dict[str, Any] | None:
    """The policy that the form says, as `read_policy` takes it; None where it names no dataset. Raises PromptInvalidError."""
    if not form.text("dataset"):
        return None
    told: dict[str, Any] = {"dataset": form.text("dataset"), "uncertain": form.text("uncertain") or "refuse"}
    for name in (*_SHARES, "confidence"):
        share = _typed(form, name)
        if share is not None:
            told[name] = round(share / 100, 9)
    days, repeats = _typed(form, "max_age_days"), form.whole("repeats")
    told |= {} if days is None else {"max_age_hours": days * 24}
    told |= {} if repeats is None else {"repeats": repeats}
    told["metrics"] = dict(_metric(line) for line in form.raw("metrics").split("\n") if line.strip())
    scores = [name.strip() for name in form.text("watch_scores").split(",") if name.strip()]
    if scores:
        margin, watched = _typed(form, "watch_margin"), _typed(form, "watch_days")
        told["watch"] = {"scores": scores, "then": form.text("watch_then") or "tell"}
        told["watch"] |= {} if margin is None else {"margin": margin}
        told["watch"] |= {} if watched is None else {"days": watched}
    return told


def in_words(policy: Policy) -> list[str]:
    """What a policy asks for, a sentence each."""
    worse = f"not worse than what is live by {_number(policy.margin * 100)} % of cases or more"
    said = [
        f"{worse}, shown at {_number(policy.confidence * 100)} % confidence" if policy.margin else "not worse at all"
    ]
    if policy.min_pass_rate is not None:
        said.append(f"at least {_number(policy.min_pass_rate * 100)} % of cases pass")
    said += [f"mean {name} of at least {_number(least)}" for name, least in policy.metrics.items()]
    for name, what in _LIMITS:
        most = getattr(policy, name)
        if most is not None:
            said.append(f"{what} up by no more than {_number(most * 100)} %")
    if policy.repeats > 1:
        said.append(f"each case asked {policy.repeats} times")
    said.append(f"no older than {_age(policy.max_age_hours)}")
    if policy.uncertain == "allow":
        said.append("what too few cases leave open is allowed")
    if policy.watch:
        then = "rolls back by itself" if policy.watch.then == "roll back" else "tells"
        said.append(
            f"afterwards {', '.join(policy.watch.scores)} is watched for {_number(policy.watch.days)} days, and {then}"
        )
    return said


def _age(hours: float) -> str:
    return f"{_number(hours / 24)} days" if hours >= 48 else f"{_number(hours)} hours"


def _metric(line: str) -> tuple[str, float]:
    name, _, least = line.rpartition(":")
    try:
        return name.strip(), float(least.strip().replace(",", "."))
    except ValueError:
        raise PromptInvalidError(f"'metrics' has a line '{line[:60]}'; write 'similar: 0.8'", param="metrics") from None


def _typed(form: Form, name: str) -> float | None:
    text = form.text(name).removesuffix("%").strip().replace(",", ".")
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise PromptInvalidError(f"'{name}' is a number, not '{text[:40]}'", param=name) from None


def _number(value: float) -> str:
    return f"{round(value, 9):.10g}"


def typed_policy(form: Form, fields: Mapping[str, str]) -> dict[str, str]:
    """What was typed where the form was sent, else what stands there."""
    return {name: form.raw(name) if name in form.fields else value for name, value in fields.items()}
