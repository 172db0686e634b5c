"""Everything the registry refuses, as one small tree, and the sentences that say so.

Knows codes, messages and the HTTP status each class stands for. Refuses to know where errors are raised or how a
border prints them: the application turns them into OpenAI's error body in one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import ClassVar


class RegistryError(Exception):
    """Base of all refusals. `message` is for people, `param` names the input at fault where there is one."""

    code: ClassVar[str] = "prompt_error"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class PromptNotFoundError(RegistryError):
    """No prompt has this slug."""

    code = "prompt_not_found"


class PromptVersionNotFoundError(RegistryError):
    """The prompt exists, the numbered version doesn't."""

    code = "prompt_version_not_found"


class PromptChannelNotFoundError(RegistryError):
    """The prompt exists and has no channel of this name."""

    code = "prompt_channel_not_found"


class PromptChannelEmptyError(RegistryError):
    """Nothing is on the channel yet, or nothing earlier was."""

    code = "prompt_channel_empty"


class PromptReferenceInvalidError(RegistryError):
    """A slug, channel name or reference is not well-formed, or not allowed here."""

    code = "prompt_reference_invalid"


class PromptVariableMissingError(RegistryError):
    """Required variables were not given; the message names all of them."""

    code = "prompt_variable_missing"


class PromptVariableInvalidError(RegistryError):
    """A variable's value is not what its schema allows."""

    code = "prompt_variable_invalid"


class PromptRenderFailedError(RegistryError):
    """A template raised while rendering."""

    code = "prompt_render_failed"


class PromptRenderLimitError(RegistryError):
    """A template reached a limit of output, steps or time."""

    code = "prompt_render_limit"


class PromptInvalidError(RegistryError):
    """Content (or another input of a write) was refused before anything was stored."""

    code = "prompt_invalid"


class PromptConflictError(RegistryError):
    """`If-Match` named a revision that is no longer the prompt's."""

    code = "prompt_conflict"


class PromptExistsError(RegistryError):
    """A prompt that must be new exists already."""

    code = "prompt_exists"


class PromptArchivedError(RegistryError):
    """The prompt is archived: it serves whoever still calls it, and nothing about it changes."""

    code = "prompt_archived"


class PromptProtectedError(RegistryError):
    """The channel asks for more than this version has: approvals, or an evaluation that passed."""

    code = "prompt_protected"


class DatasetNotFoundError(RegistryError):
    """No dataset, no version of it, or no case in it goes by this name."""

    code = "prompt_dataset_not_found"


class EvaluationNotFoundError(RegistryError):
    """No evaluation has this id."""

    code = "prompt_evaluation_not_found"


class ProbeNotFoundError(RegistryError):
    """No probe has this id."""

    code = "prompt_probe_not_found"


class EvaluationOverError(RegistryError):
    """The evaluation has come to its end, or another process runs it by now."""

    code = "prompt_evaluation_over"


class MonitorNotFoundError(RegistryError):
    """No monitor was declared for this metric of this prompt."""

    code = "prompt_monitor_not_found"


class AlertNotFoundError(RegistryError):
    """No alert has this id."""

    code = "prompt_alert_not_found"


class AlertClosedError(RegistryError):
    """The alert was acknowledged, or is over."""

    code = "prompt_alert_closed"


class PromptRequestNotFoundError(RegistryError):
    """No request for a promotion, or no scheduled move, has this id."""

    code = "prompt_request_not_found"


class PromptRequestClosedError(RegistryError):
    """The request, or the scheduled move, has come to its end already."""

    code = "prompt_request_closed"


class PromptOwnWorkError(RegistryError):
    """Nobody approves what they made or asked for, nor somebody whom the server doesn't know."""

    code = "prompt_own_work"


class IdempotencyKeyReusedError(RegistryError):
    """The Idempotency-Key belongs to another write."""

    code = "prompt_idempotency_key_reused"


class AuthRoleNotAllowedError(RegistryError):
    """None of the roles of whoever asks allows it."""

    code = "auth_role_not_allowed"


class AuthPromptNotAllowedError(RegistryError):
    """The prompt is out of scope for whoever asks."""

    code = "auth_prompt_not_allowed"


class AuthChannelNotAllowedError(RegistryError):
    """The channel is out of scope for whoever asks."""

    code = "auth_channel_not_allowed"


class AuthKeyNotFoundError(RegistryError):
    """No caller key has this id."""

    code = "auth_key_not_found"


class AuthKeyInvalidError(RegistryError):
    """The terms of a caller key make no sense."""

    code = "auth_key_invalid"


class AuthKeyEndedError(RegistryError):
    """The caller key is revoked, so nothing about it can be changed any more."""

    code = "auth_key_ended"


class AuthKeyConflictError(RegistryError):
    """`If-Match` named a revision that is no longer the key's."""

    code = "auth_key_conflict"


class AuthPersonNotFoundError(RegistryError):
    """Nobody with this id ever signed in."""

    code = "auth_person_not_found"


class AuthPersonBlockedError(RegistryError):
    """An admin keeps this person out."""

    code = "auth_person_blocked"


class AuthTooManyTriesError(RegistryError):
    """Too many sign-ins failed from one address."""

    code = "auth_too_many_tries"


class AuthShareNotFoundError(RegistryError):
    """No shared page has this link, or it has ended."""

    code = "auth_share_not_found"


class PromptNotPlainError(RegistryError):
    """Another product's client asks for a template that only Slugline itself can render."""

    code = "prompt_not_plain"


class RegistryUnavailableError(RegistryError):
    """The registry's database can't be read or written now."""

    code = "registry_unavailable"


STATUS: Mapping[type[RegistryError], int] = {
    RegistryError: 400,
    PromptNotFoundError: 404,
    PromptVersionNotFoundError: 404,
    PromptChannelNotFoundError: 404,
    PromptChannelEmptyError: 404,
    PromptReferenceInvalidError: 400,
    PromptVariableMissingError: 400,
    PromptVariableInvalidError: 400,
    PromptRenderFailedError: 400,
    PromptRenderLimitError: 400,
    PromptInvalidError: 400,
    PromptConflictError: 412,
    PromptExistsError: 409,
    PromptArchivedError: 409,
    # Not 409: clients take that for a passing state and ask again.
    PromptProtectedError: 403,
    DatasetNotFoundError: 404,
    EvaluationNotFoundError: 404,
    ProbeNotFoundError: 404,
    EvaluationOverError: 409,
    MonitorNotFoundError: 404,
    AlertNotFoundError: 404,
    AlertClosedError: 409,
    PromptRequestNotFoundError: 404,
    PromptRequestClosedError: 409,
    PromptOwnWorkError: 403,
    IdempotencyKeyReusedError: 422,
    AuthRoleNotAllowedError: 403,
    AuthPromptNotAllowedError: 403,
    AuthChannelNotAllowedError: 403,
    AuthKeyNotFoundError: 404,
    AuthKeyInvalidError: 400,
    AuthKeyEndedError: 409,
    AuthKeyConflictError: 412,
    AuthPersonNotFoundError: 404,
    AuthPersonBlockedError: 403,
    AuthTooManyTriesError: 429,
    AuthShareNotFoundError: 404,
    # Not 409: clients take that for a passing state and ask again.
    PromptNotPlainError: 422,
    RegistryUnavailableError: 503,
}
"""HTTP status by class; `STATUS[type(error)]` holds for every error raised by this room."""


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """The known name closest in spelling, or None when nothing is close.

    Compares only names of about the same length, so that an unknown slug costs little in a large registry.
    """
    candidates = [name for name in known if abs(len(name) - len(wrong)) <= 4]
    return next(iter(get_close_matches(wrong, candidates[:2000], n=1, cutoff=0.6)), None)


def prompt_not_found(slug: str, known: Iterable[str]) -> PromptNotFoundError:
    """No such slug; suggests the nearest of `known`."""
    guess = nearest(slug, known)
    hint = f"; did you mean '{guess}'?" if guess else "; `slugline prompt list` shows those that exist"
    return PromptNotFoundError(f"prompt '{slug}' not found{hint}", param="prompt")


def version_not_found(slug: str, number: int, newest: int) -> PromptVersionNotFoundError:
    """No such version; names those that exist (numbers have no gaps)."""
    have = "only version 1" if newest == 1 else f"versions 1-{newest}"
    return PromptVersionNotFoundError(f"prompt '{slug}' has no version {number}; it has {have}", param="version")


def version_id_not_found(slug: str, version_id: str, newest: int) -> PromptVersionNotFoundError:
    """No version of this prompt has the id."""
    have = "only version 1" if newest == 1 else f"versions 1-{newest}"
    return PromptVersionNotFoundError(
        f"prompt '{slug}' has no version with the id '{version_id}'; it has {have}", param="version"
    )


def channel_not_found(slug: str, channel: str, known: Iterable[str]) -> PromptChannelNotFoundError:
    """No such channel; names those that exist."""
    names = sorted(known)
    hint = f"; did you mean version {channel[1:]} ({slug}@{channel[1:]})?" if channel[1:].isdigit() else ""
    if not hint and (guess := nearest(channel, names)):
        hint = f"; did you mean '{guess}'?"
    return PromptChannelNotFoundError(
        f"prompt '{slug}' has no channel '{channel}'{hint or ''} (it has {', '.join(names)})", param="version"
    )


def channel_empty(slug: str, channel: str, newest: int) -> PromptChannelEmptyError:
    """The channel exists for every prompt, but this prompt has nothing on it yet."""
    return PromptChannelEmptyError(
        f"prompt '{slug}' has nothing on channel '{channel}' yet: promote a version first "
        f"(slugline prompt promote {slug} {newest}) or call {slug}@latest",
        param="version",
    )
