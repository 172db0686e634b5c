"""The options by which `calls`, `calls export` and `tail` choose calls: those of `tracing.search.filters.CallFilter`, by its names.

Kept as data, so that `slugline --help` needn't import what reads them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tracing.search.filters import CallFilter

MANY: Mapping[str, str] = {
    "prompt": "The prompt's slug; - for calls that name none.",
    "version": "The version's number.",
    "channel": "The channel that the call came by.",
    "variant": "main, rollout or holdback.",
    "model": "The model that was asked for or that answered.",
    "provider": "The provider.",
    "endpoint": "Such as /v1/chat/completions.",
    "status": "An HTTP status such as 429, or 5xx.",
    "outcome": "ok, refused, provider_error, timeout or client_left.",
    "error_code": "The error's code, such as provider_timeout.",
    "caller": "The name of the caller's key.",
    "user": "The app's user.",
    "session": "The session.",
    "stratum": "The stratum.",
    "external_id": "The app's own id of the call.",
    "trace_id": "The trace.",
    "purpose": "production, evaluation, probe, playground or judge.",
    "origin": "import, langfuse or litellm; - for calls through this proxy.",
    "tag": "team=search, or team for any value; several must all fit.",
    "score": "helpful, 'helpful>=0.5', helpful=true, tone=angry; several must all fit.",
}
"""Options that may be given several times."""

ONE: Mapping[str, str] = {
    "since": "From when: 2h, 7d, 'last tuesday', or a time such as 2026-11-17T15:00Z.",
    "until": "Before when, in the same forms.",
    "text": "Text in the input or the output.",
    "input_text": "Text in the input.",
    "output_text": "Text in the output.",
    "min_cost": "US dollars.",
    "max_cost": "US dollars.",
    "min_ms": "Duration in milliseconds.",
    "max_ms": "Duration in milliseconds.",
    "min_tokens": "Input and output tokens.",
    "max_tokens": "Input and output tokens.",
}
"""Options that may be given once."""


def with_filters(command: Callable[..., None], *, leave_out: frozenset[str] = frozenset()) -> Callable[..., None]:
    """The command with an option for each filter; it gets what was given as `filters`, and the rest as it declares it."""

    def run(**given: Any) -> None:
        filters = {name: given.pop(name) for name in names}
        command(filters={name: value for name, value in filters.items() if value}, **given)

    names = [name for name in (*MANY, *ONE) if name not in leave_out]
    own = inspect.signature(command, eval_str=True).parameters
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                list[str] | None if name in MANY else str | None,
                typer.Option(
                    f"--{name.replace('_', '-')}", help={**MANY, **ONE}[name], metavar="TEXT", show_default=False
                ),
            ],
        )
        for name in names
    ]
    kept = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for name, each in own.items() if name != "filters"]
    # Arguments come first in help; typer tells them from options itself.
    run.__signature__ = inspect.Signature([*options, *kept])  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in (*options, *kept)}
    run.__doc__, run.__name__ = command.__doc__, command.__name__
    return run


def read_filters(given: Mapping[str, Any], now: datetime | None = None) -> CallFilter:
    """What the options mean. Raises SettingsError."""
    from pydantic import ValidationError

    from slugline.settings import SettingsError
    from tracing.search.filters import CallFilter

    fields = dict(given)
    for name in ("since", "until"):
        if name in fields:
            fields[name] = read_moment(fields[name], f"--{name}", now or datetime.now(UTC))
    try:
        return CallFilter.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = f"--{str(first['loc'][0]).replace('_', '-')}: " if first["loc"] else ""
        raise SettingsError(where + first["msg"].removeprefix("Value error, ")) from None


def read_moment(text: str, option: str, now: datetime) -> datetime:
    """A time on this machine's clock, as people say it: 2h, 7d, `last tuesday`, 2026-11-17 15:00. Raises SettingsError."""
    from evaluation.errors import AnalysisError
    from evaluation.moments import read_moment as said
    from slugline.settings import SettingsError

    try:
        return said(text, now=now, what=option)
    except AnalysisError as error:
        raise SettingsError(str(error)) from None
