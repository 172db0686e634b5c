"""`slugline key`: caller keys from the command line, of the registry here or behind a server."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slugline.commands.key_terms import in_words, named_terms, scopes, state
from slugline.commands.options import Config, Data, Json, Server, Why, access_for, print_json, print_rows

if TYPE_CHECKING:
    from registry.keys import CallerKey

KeyId = Annotated[str, typer.Argument(help="The key's id, such as k_4fQm0ZkT9xBa.", show_default=False)]
Prompts = Annotated[
    list[str] | None, typer.Option("--prompt", help="A prompt that it may use, * for anything; more than once.")
]
Channels = Annotated[list[str] | None, typer.Option("--channel", help="A channel that it may use; more than once.")]
Endpoints = Annotated[
    list[str] | None, typer.Option("--endpoint", help="An endpoint, such as chat.completions; more than once.")
]
Models = Annotated[list[str] | None, typer.Option("--model", help="A model, such as gpt-5* or groq/*; more than once.")]
DefaultChannel = Annotated[
    str | None, typer.Option("--default-channel", help="The channel of calls that name no version.")
]
Expires = Annotated[str | None, typer.Option("--expires", help="90d, 12h, a date, or never.")]
RequestsPerMinute = Annotated[
    int | None, typer.Option("--requests-per-minute", min=0, help="In any 60 seconds; 0 for no limit.")
]
Budget = Annotated[str | None, typer.Option("--budget", help="US dollars a day, a month or in all: 50/month; or none.")]
Roles = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        help="viewer, application, author, reviewer, promoter or admin; more than once (default: application).",
    ),
]
Owner = Annotated[str | None, typer.Option("--owner", help="Whom to ask about it.")]

_LIMITS_TAKEN_AWAY = "An empty text takes a scope or the default channel away: --prompt ''."


def build() -> typer.Typer:
    """The group `slugline key`."""
    group = typer.Typer(help="Caller keys: who may call, what, and how much.", no_args_is_help=True)
    for command in (create, list_, show, revoke):
        group.command(command.__name__.rstrip("_"))(command)
    group.command("update", epilog=_LIMITS_TAKEN_AWAY)(update)
    return group


def create(
    name: Annotated[str, typer.Argument(help="Who it is for; stands on every call's record.", show_default=False)],
    prompt: Prompts = None,
    channel: Channels = None,
    endpoint: Endpoints = None,
    model: Models = None,
    default_channel: DefaultChannel = None,
    expires: Expires = None,
    requests_per_minute: RequestsPerMinute = None,
    budget: Budget = None,
    owner: Owner = None,
    role: Roles = None,
    admin: Annotated[bool, typer.Option("--admin", help="Short for --role admin.")] = False,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a key. Its text is printed once, and kept nowhere."""
    from registry.keys import KeyTerms

    terms = named_terms(
        {"prompts": prompt, "channels": channel, "endpoints": endpoint, "models": model},
        default_channel,
        expires,
        requests_per_minute,
        budget,
        datetime.now(UTC),
    )
    roles = tuple(role or ()) + (("admin",) if admin else ()) or ("application",)
    with access_for(data, config, server) as access:
        first = not access.keys.all_keys()
        issued = access.keys.create(KeyTerms(name=name, roles=roles, owner=owner or "", **terms))
    if json:
        print_json({"key": issued.secret.text, **_fields(issued.key)})
    else:
        print(issued.secret.text)
        print(f"\nThis is the key {issued.key.key_id} of '{name}', shown this once: put it where secrets are kept.")
        print(in_words(issued.key.terms))
    if first:
        print(
            "This is the first key: from now on every call below /v1 needs one, on a running server, too.",
            file=sys.stderr if json else sys.stdout,
        )


def list_(json: Json = False, server: Server = None, data: Data = None, config: Config = None) -> None:
    """List all keys, revoked ones too."""
    with access_for(data, config, server) as access:
        keys = access.keys.all_keys()
    if json:
        print_json([_fields(key) for key in keys])
        return
    now = datetime.now(UTC)
    print_rows(
        ("id", "name", "ends in", "roles", "state", "may use", "owner", "made (UTC)"),
        [
            (
                key.key_id,
                key.terms.name,
                key.hint,
                ", ".join(key.terms.roles),
                state(key, now),
                scopes(key.terms) or "everything",
                key.terms.owner,
                f"{key.created_at:%Y-%m-%d %H:%M}",
            )
            for key in keys
        ],
    )


def show(key_id: KeyId, json: Json = False, server: Server = None, data: Data = None, config: Config = None) -> None:
    """Show what a key may do, and how much it was used on this machine."""
    with access_for(data, config, server) as access:
        key = access.keys.key(key_id)
        use = access.keys.use(key)
    if json:
        print_json({**_fields(key), "use": {**use.model_dump(), "spent_usd": f"{use.spent_usd:f}"}})
        return
    print(
        f"{key.key_id}  {key.terms.name}  ({', '.join(key.terms.roles)}, ends in {key.hint}, {state(key, datetime.now(UTC))})"
    )
    print(f"made by {key.created_by} at {key.created_at:%Y-%m-%d %H:%M} UTC, revision {key.revision}")
    if key.terms.owner:
        print(f"owner: {key.terms.owner}")
    print(in_words(key.terms))
    period = {"day": "today (UTC)", "month": "this month (UTC)"}.get(key.terms.budget_period or "", "in all")
    print(f"used on this machine: {use.requests:,} requests; {use.spent_usd:f} US dollars {period}")
    if use.unpriced_calls:
        calls = "1 call has" if use.unpriced_calls == 1 else f"{use.unpriced_calls:,} calls have"
        print(f"{calls} no known cost and counts as nothing against a budget")


def revoke(
    key_id: KeyId,
    message: Why = "",
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """End a key for good. The next request with it is refused."""
    with access_for(data, config, server) as access:
        key = access.keys.revoke(key_id, reason=message)
    if json:
        print_json(_fields(key))
    else:
        print(f"{key.key_id} ({key.terms.name}) was revoked by {key.revoked_by} at {key.revoked_at:%Y-%m-%d %H:%M} UTC")


def update(
    key_id: KeyId,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    role: Roles = None,
    prompt: Prompts = None,
    channel: Channels = None,
    endpoint: Endpoints = None,
    model: Models = None,
    default_channel: DefaultChannel = None,
    expires: Expires = None,
    requests_per_minute: RequestsPerMinute = None,
    budget: Budget = None,
    owner: Owner = None,
    json: Json = False,
    server: Server = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Change what a key may do; what isn't named stays. The next request goes by it."""
    from slugline.settings import SettingsError

    changes = named_terms(
        {"prompts": prompt, "channels": channel, "endpoints": endpoint, "models": model},
        default_channel,
        expires,
        requests_per_minute,
        budget,
        datetime.now(UTC),
    )
    changes |= {field: value for field, value in (("name", name), ("owner", owner)) if value is not None}
    if role:
        changes["roles"] = tuple(role)
    if not changes:
        raise SettingsError("say what to change, such as --budget 100/month; `slugline key update --help` lists it all")
    with access_for(data, config, server) as access:
        key = access.keys.update(key_id, changes)
    if json:
        print_json(_fields(key))
    else:
        print(f"{key.key_id} ({key.terms.name}) is as of revision {key.revision}:\n{in_words(key.terms)}")


def _fields(key: CallerKey) -> dict[str, Any]:
    from registry.http.keys_api import key_fields
    from registry.keys import plain

    return {name: plain(value) for name, value in key_fields(key).items()}
