"""From the settings to the recorder that stands before the spool. Own functions are imported here, and nowhere else."""

import importlib
import logging
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from slugline.record_settings import RedactSettings, secrets_only
from slugline.settings import Settings, SettingsError, read_secret
from tracing.event import Event
from tracing.privacy.policy import RecordPolicy, Rule
from tracing.privacy.recorder import Recorder, hashed_identity
from tracing.privacy.redactor import OwnFunction, Redactor

log = logging.getLogger("slugline.privacy")

LONGEST_IDENTITY = 512  # what the request path keeps of an identifier


def open_recorder(
    settings: Settings, environment: Mapping[str, str], append: Callable[[Event], bool], *, whole: bool = False
) -> Recorder:
    """The recorder of a worker, or with `whole` of an import, of which no sample is taken.

    Raises SettingsError for a key or a function that isn't there.
    """
    given = settings.record
    key = hash_key(given.redact, environment)
    return Recorder(
        policy=RecordPolicy(
            mode=given.mode,
            sample=given.sample,
            prompts={name: Rule(mode=rule.mode, sample=rule.sample) for name, rule in given.prompts.items()},
            callers={name: Rule(mode=rule.mode, sample=rule.sample) for name, rule in given.callers.items()},
            whole=whole,
        ),
        bodies=Redactor(
            given.redact.kinds, given.redact.patterns, hash_key=key, function=own_function(given.redact.function)
        ),
        names=Redactor(secrets_only(given.redact.kinds), hash_key=key),
        append=append,
        on_failed=failure_reporter(),
        identity_key=key if given.redact.identities == "hash" else None,
    )


def check_recording(settings: Settings, environment: Mapping[str, str]) -> None:
    """Raises SettingsError where no recorder can be made. Said at the start, not by every process."""
    open_recorder(settings, environment, lambda _: True)


def hash_key(given: RedactSettings, environment: Mapping[str, str]) -> bytes | None:
    """The key of keyed hashes; raises SettingsError where one is asked for and isn't there."""
    if given.hash_key is None:
        if given.identities == "hash":
            raise SettingsError(
                "record.redact.identities: hashing needs record.redact.hash_key (env:NAME or file:PATH)"
            )
        return None
    return read_secret(given.hash_key, environment).encode()


def known_as(identity: str, given: RedactSettings, environment: Mapping[str, str]) -> tuple[str, ...]:
    """All forms that the record may hold of a user or a session: as it was sent, hashed, and as a mark that tells who it is."""
    kept = identity[:LONGEST_IDENTITY]
    if not kept:
        return ()
    key = hash_key(given, environment)
    if key is None:
        return (kept,)
    mark, count = Redactor(given.kinds, given.patterns, hash_key=key).text(kept)  # in a span's attributes
    return (kept, hashed_identity(kept, key), *([mark] if count else []))


def own_function(name: str) -> OwnFunction | None:
    """The function that `module:function` names, from the working directory or what is installed. Raises SettingsError."""
    if not name:
        return None
    module, _, function = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(f"record.redact.function: {name!r} can't be had: {error}") from error
    if not callable(found):
        raise SettingsError(f"record.redact.function: {name!r} is not a function")
    return found  # type: ignore[no-any-return]


def failure_reporter(every_seconds: float = 10.0) -> Callable[[Exception], None]:
    """Logs redactions that failed, by the fault's kind alone: its message may hold what was to go."""
    last = float("-inf")

    def report(error: Exception) -> None:
        nonlocal last
        if time.monotonic() - last >= every_seconds:
            last = time.monotonic()
            log.error("redaction failed (%s): calls are recorded without their bodies", type(error).__name__)

    return report
