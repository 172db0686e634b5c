"""Who calls, and what they may: a caller's key in a request's headers, and its scopes. Pure, but for the registry's look-up in memory.

Knows where SDKs put a key and what a key may do. Refuses to know limits that have to be counted (proxy/meter.py) and the order of
things (proxy/admission.py). Looking a key up by its hash needs no comparison in constant time: how long that takes says something about
the hash of what was sent, which nobody can steer towards the hash of a key that they don't have.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime

from proxy.errors import NotAllowed, NotAuthenticated
from proxy.plan import PROVIDER_KEY_HEADERS
from registry.keys import KEY_TEXT, PREFIX, CallerKey, key_hash, principal_of
from registry.roles import allows, permit
from registry.serving.live import LiveRegistry

KEY_HEADER = "x-slugline-key"
KEY_HEADERS = (KEY_HEADER, *PROVIDER_KEY_HEADERS, "x-portkey-api-key")
"""Where a key may stand, in the order in which they are looked at: Slugline's own, the providers', Portkey's."""


_USUAL = ("application",)


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The text of the Slugline key that a request presents, or None. Only what starts with `slk_` is one.

    In `authorization` it is a Bearer token, or the password of HTTP Basic, which is how browsers send one.
    """
    for name in KEY_HEADERS:
        value = headers.get(name)
        if value is not None and (text := _key_in(value)) is not None:
            return text
    return None


def without_keys(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers without those that hold a Slugline key, whatever their names: no provider, record or log ever sees one."""
    kept = {name: value for name, value in headers.items() if PREFIX not in value or not _holds_key(name, value)}
    authorization = kept.get("authorization", "")
    if authorization[:6].lower() == "basic " and PREFIX in _basic(authorization[6:].strip()):
        del kept["authorization"]
    return headers if len(kept) == len(headers) else kept


def masked(text: str) -> str:
    """A text with every Slugline key in it made unreadable."""
    return KEY_TEXT.sub(f"{PREFIX}…", text) if PREFIX in text else text


def authenticate(
    headers: Mapping[str, str], live: LiveRegistry, now: datetime, *, required: bool = False
) -> CallerKey | None:
    """The key that a request presents; None while no key was ever made, and none is `required`.

    Raises NotAuthenticated with auth_key_missing, auth_key_unknown, auth_key_revoked or auth_key_expired.
    """
    text = presented_key(headers)
    key = None if text is None else live.key(key_hash(text))
    if key is None:
        if not required and not live.has_keys:
            return None
        raise _missing(headers) if text is None else _unknown(text)
    if key.revoked_at is not None:
        raise NotAuthenticated(
            f"the key '{key.terms.name}' ({key.key_id}) was revoked at {key.revoked_at:%Y-%m-%d %H:%M} UTC",
            code="auth_key_revoked",
            caller=key.terms.name,
        )
    if key.terms.expires_at is not None and key.terms.expires_at <= now:
        raise NotAuthenticated(
            f"the key '{key.terms.name}' ({key.key_id}) expired at {key.terms.expires_at:%Y-%m-%d %H:%M} UTC",
            code="auth_key_expired",
            caller=key.terms.name,
        )
    return key


def check_role(key: CallerKey) -> None:
    """Raises AuthRoleNotAllowedError where a key is for looking on only."""
    if key.terms.roles != _USUAL:  # which may: a look at the table costs more than this
        permit(principal_of(key), "call")


def check_endpoint(key: CallerKey | None, endpoint: str) -> None:
    """Raises NotAllowed with auth_endpoint_not_allowed where a key is not for an endpoint, by its name on record."""
    if key is not None and not allows(key.terms.endpoints, endpoint):
        raise _not_allowed(key, "endpoint", "endpoints", key.terms.endpoints, f"not '{endpoint}'")


def check_prompt(key: CallerKey | None, slug: str | None) -> None:
    """Raises NotAllowed with auth_prompt_not_allowed where a key is not for a prompt; `slug` is None for a call that names none.

    Asked before the prompt is looked up, so that nobody learns of prompts that aren't theirs from what is said about them.
    """
    if key is not None and not may_use_prompt(key, slug):
        said = "and this call names none" if slug is None else f"not '{slug}'"
        raise _not_allowed(key, "prompt", "prompts", key.terms.prompts, said)


def check_channel(key: CallerKey | None, channels: Sequence[str], number: int | None = None) -> None:
    """Raises NotAllowed with auth_channel_not_allowed where no way by which a call reached its version is open to a key.

    `channels` is the channel that the call named. For a call that named a `number` it is the channels that point to that number now: a
    number is another name for what stands there, so it opens nothing that a channel doesn't, and nothing that stood there once.
    """
    if key is None or not key.terms.channels or any(allows(key.terms.channels, channel) for channel in channels):
        return
    said = f"and none of them points to version {number} now" if number else f"not '{', '.join(channels)}'"
    raise _not_allowed(key, "channel", "channels", key.terms.channels, said)


def check_model(key: CallerKey | None, provider: str, model: str) -> None:
    """Raises NotAllowed with auth_model_not_allowed where a key is not for a model, by its own name or as `provider/model`.

    A call that names no model is not for a key that may use only some: who knows what it would start.
    """
    if key is not None and not may_use_model(key, provider, model):
        said = f"not '{model}' of provider '{provider}'" if model else "and this call names none"
        raise _not_allowed(key, "model", "models", key.terms.models, said)


def may_use_prompt(key: CallerKey | None, slug: str | None) -> bool:
    """Whether a caller may use a prompt, or call without one; anybody may anything while there are no keys."""
    return key is None or not key.terms.prompts or (slug is not None and allows(key.terms.prompts, slug))


def may_use_model(key: CallerKey | None, provider: str, model: str) -> bool:
    """Whether a caller may use a provider's model, or name none."""
    if key is None or not key.terms.models:
        return True
    names = (model, f"{provider}/{model}") if model else ()
    return any(allows(key.terms.models, name) for name in names)


def _key_in(value: str) -> str | None:
    text = value.strip()
    if text.startswith(PREFIX):
        return text
    scheme, _, rest = text.partition(" ")
    rest = rest.strip()
    if rest.startswith(PREFIX) and scheme.lower() in {"bearer", "token"}:
        return rest
    if scheme.lower() == "basic":
        user, _, password = _basic(rest).partition(":")
        return next((part for part in (password, user) if part.startswith(PREFIX)), None)
    return None


def _basic(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        return ""


def _holds_key(name: str, value: str) -> bool:
    """Whether a value with `slk_` in it is to be left out: where keys stand, half a key is one, too."""
    return name in KEY_HEADERS or KEY_TEXT.search(value) is not None


def _missing(headers: Mapping[str, str]) -> NotAuthenticated:
    if KEY_HEADER in headers:
        said = f"the header {KEY_HEADER} holds no Slugline key: one begins with '{PREFIX}'"
    else:
        said = (
            f"this server asks for a Slugline key: send it as 'authorization: Bearer {PREFIX}…' (the api_key of an SDK), "
            f"or in the header {KEY_HEADER} where the provider's own key stands in authorization"
        )
    return NotAuthenticated(f"{said}; `slugline key create NAME` makes one", code="auth_key_missing")


def _unknown(text: str) -> NotAuthenticated:
    if KEY_TEXT.fullmatch(text):
        said = f"the Slugline key that ends in '{text[-4:]}' is not known here: was it made on another server?"
    else:
        said = f"what was sent is no whole Slugline key: one is '{PREFIX}' and 40 letters and digits"
    return NotAuthenticated(said, code="auth_key_unknown")


def _not_allowed(key: CallerKey, what: str, scope: str, patterns: Sequence[str], said: str) -> NotAllowed:
    return NotAllowed(
        f"the key '{key.terms.name}' may use the {scope} {', '.join(patterns[:20])} only, {said}",
        code=f"auth_{what}_not_allowed",
        param={"prompt": "prompt", "channel": "version", "model": "model"}.get(what),
    )
