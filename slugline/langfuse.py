"""A client of Langfuse's public API, as far as an import needs it: the list of prompts, then every version.

Knows the two paths (https://api.reference.langfuse.com, "Prompts"), keys, pages and how to wait when told to. What the answers
say is `registry.importing.langfuse`'s to read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from registry.errors import PromptInvalidError
from registry.importing.imported import Reading, Refused, joined
from registry.importing.langfuse import read_page, read_prompts

_PATH = "/api/public/v2/prompts"
_PER_PAGE = 100
_MOST_PAGES = 1_000
_TRIES = 5
_LONGEST_WAIT_SECONDS = 60.0
_TIMEOUT_SECONDS = 30.0


class LangfuseFailed(Exception):
    """Langfuse can't be read at all; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """A project's keys, as Langfuse's SDKs take them from the environment."""

    public: str
    secret: str


def keys_from(environment: Mapping[str, str]) -> Keys:
    """The keys in LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY. Raises LangfuseFailed that names the one that is missing."""
    found = {name: environment.get(name, "") for name in ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY")}
    missing = [name for name, value in found.items() if not value]
    if missing:
        raise LangfuseFailed(f"set {' and '.join(missing)} to the keys of the Langfuse project to import from")
    return Keys(public=found["LANGFUSE_PUBLIC_KEY"], secret=found["LANGFUSE_SECRET_KEY"])


def fetch(url: str, keys: Keys, *, prefix: str = "", pause: Callable[[float], None] = time.sleep) -> Reading:
    """Every version of every prompt of a project; one that can't be had is refused, the others are read.

    Raises LangfuseFailed if the server can't be reached, refuses the keys, or is no Langfuse.
    """
    if not url.startswith(("http://", "https://")):
        raise LangfuseFailed(f"'{url}' is no address of a Langfuse server; one looks like https://cloud.langfuse.com")
    with httpx.Client(
        base_url=url.rstrip("/"), auth=(keys.public, keys.secret), timeout=_TIMEOUT_SECONDS, follow_redirects=True
    ) as client:
        ask = _Asking(client=client, url=url, pause=pause)
        items, refused = [], []
        for name, versions in _every(ask):
            for version in versions:
                try:
                    # Unresolved: a composed prompt stays composed, and becomes an include.
                    path = f"{_PATH}/{quote(name, safe='')}"
                    items.append(ask.json(path, version=version, resolve="false"))
                except _NotThis as error:
                    refused.append(Refused(origin=f"'{name}' version {version}", reason=str(error)))
    return joined([Reading(refused=tuple(refused)), read_prompts(items, prefix=prefix)])


class _NotThis(Exception):
    """One answer that isn't the one wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    client: httpx.Client
    url: str
    pause: Callable[[float], None]

    def json(self, path: str, **query: str | int) -> Any:
        """An answer's JSON, after as many tries as the server asks for."""
        answer = self._answer(path, query)
        if answer.status_code in (401, 403):
            raise LangfuseFailed(
                f"{self.url} refuses the keys in LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY ({answer.status_code})"
            )
        if answer.status_code != 200:
            raise _NotThis(f"Langfuse answers {answer.status_code}: {' '.join(answer.text.split())[:200]}")
        try:
            return answer.json()
        except ValueError as error:
            raise _NotThis("Langfuse's answer is no JSON") from error

    def _answer(self, path: str, query: Mapping[str, str | int]) -> httpx.Response:
        for attempt in range(1, _TRIES + 1):
            try:
                answer = self.client.get(path, params=dict(query))
            except httpx.HTTPError as error:
                if attempt == _TRIES or isinstance(error, httpx.ConnectError):
                    raise LangfuseFailed(f"{self.url} can't be reached: {error or type(error).__name__}") from error
            else:
                if attempt == _TRIES or (answer.status_code != 429 and answer.status_code < 500):
                    return answer
                self.pause(_wait(answer, attempt))
        raise AssertionError("the last try returns or raises")


def _wait(answer: httpx.Response, attempt: int) -> float:
    """Seconds to wait: as the server says, else a little longer each time."""
    said = answer.headers.get("retry-after", "")
    seconds = float(said) if said.isdecimal() else 0.5 * 2**attempt
    return min(seconds, _LONGEST_WAIT_SECONDS)


def _every(ask: _Asking) -> list[tuple[str, list[int]]]:
    found: list[tuple[str, list[int]]] = []
    for page in range(1, _MOST_PAGES + 1):
        try:
            answer = ask.json(_PATH, page=page, limit=_PER_PAGE)
            entries = read_page(answer)
        except (_NotThis, PromptInvalidError) as error:
            raise LangfuseFailed(f"{ask.url} doesn't answer as Langfuse does: {error}") from error
        found += entries
        meta = answer.get("meta")
        pages = meta.get("totalPages") if isinstance(meta, Mapping) else None
        if not entries or (isinstance(pages, int) and page >= pages):
            break
    return found
