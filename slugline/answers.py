"""What a server's answers say, as the registry's own values.

Knows which field of an answer is which of a value; both have the same names where they can. Refuses to know HTTP. What an answer
leaves out (identities of reviewers, hashes of keys) is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from registry.content import parse_content
from registry.errors import RegistryError
from registry.keys import CallerKey, KeyTerms
from registry.split import Split
from registry.values import HistoryEntry, PromotionRequest, Saved, Schedule, Version
from slugline.client import ServerError

T = TypeVar("T")


def value_of(kind: type[T], data: Any, **more: Any) -> T:
    """A frozen value from an answer's object whose fields have the same names. Raises ServerError."""
    try:
        return TypeAdapter(kind).validate_python({**data, **more})
    except (ValidationError, TypeError) as error:
        raise _odd(kind, error) from error


def values_of(kind: type[T], data: Any, name: str) -> list[T]:
    """As `value_of`, of a list that stands in an answer by a name."""
    try:
        return TypeAdapter(list[kind]).validate_python(named(data, name))  # type: ignore[valid-type]
    except ValidationError as error:
        raise _odd(kind, error) from error


def named(data: Any, name: str) -> Any:
    """What stands in an answer by a name. Raises ServerError."""
    if isinstance(data, Mapping) and name in data:
        return data[name]
    raise ServerError(f"the server's answer has no '{name}': is it a Slugline server of this command line's version?")


def version_of(data: Any) -> Version:
    """A version from a VersionOut."""
    try:
        content = parse_content(data["content"])
        given = {**data, "number": data["version"], "content": content, "created_at": time_of(data["created_at"])}
        return Version(**{each.name: given[each.name] for each in fields(Version)})
    except (KeyError, TypeError, ValueError, RegistryError) as error:
        raise _odd(Version, error) from error


def saved_of(data: Any) -> Saved:
    """A save from a SavedOut."""
    version = version_of(data)
    return Saved(version=version, created=bool(data["created"]), revision=version.revision)


def live_of(data: Any) -> HistoryEntry:
    """The move that put a version on a channel, from a LiveOut."""
    split = value_of(Split, named(data, "split"))
    arms = [arm.as_json() for arm in split.arms]
    return value_of(
        HistoryEntry,
        data,
        at=named(data, "since"),
        actor=named(data, "by"),
        to_version=named(data, "version"),
        evidence={"split": arms, "sticky": split.sticky} if arms else {},
        request_id="",
    )


def schedule_of(data: Any) -> Schedule:
    """A scheduled move from a ScheduleOut."""
    return value_of(Schedule, data, identity="")


def request_of(data: Any) -> PromotionRequest:
    """A request for a promotion from a RequestOut."""
    unknown = {"review_id": "", "request_id": named(data, "request_id"), "identity": "", "names": ()}
    reviews = [{**each, **unknown} for each in named(data, "reviews")]
    return value_of(PromotionRequest, data, identity="", reviews=reviews)


def key_of(data: Any) -> CallerKey:
    """A caller key from a KeyOut."""
    return value_of(CallerKey, data, hash="", terms=value_of(KeyTerms, data))


def time_of(text: str) -> datetime:
    """A time of an answer, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _odd(kind: type, error: Exception) -> ServerError:
    places = error.errors()[0]["loc"] if isinstance(error, ValidationError) else ()
    where = ".".join(str(place) for place in places) or str(error)[:100]
    return ServerError(
        f"the server's answer is no {kind.__name__} as this command line knows it ({where}): are the two of one version?"
    )
