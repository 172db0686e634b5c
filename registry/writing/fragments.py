"""Fragments and who uses them: finding one at save, entering its use, and what a move of it would do to its users.

Knows the table `includes` and reads prompts, versions and channels. Refuses to know HTTP, and to change anything but that table.
A use is current while a call can still reach it by name: through the prompt's newest version, or one that a channel is on. Every
other use is past; versions are never deleted, so it stays known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, insert, select

from registry.diffs.compare import Diff, diff_content
from registry.errors import PromptInvalidError, PromptNotFoundError, nearest, version_id_not_found, version_not_found
from registry.reference import Reference, is_version_id
from registry.roles import Principal, permit
from registry.storage import rows
from registry.storage.reader import STABLE, check_number, known, nothing_on
from registry.storage.rows import LATEST
from registry.storage.tables import includes, prompts
from registry.templates.limits import Limits
from registry.templates.template import CompiledContent, compile_content
from registry.values import Content, Prompt, Version
from registry.writing.locking import Find, lock_of, moved, used_in


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentUser:
    """A version that uses a fragment.

    `fragment_versions` are the versions of it that it is locked to, ascending; `direct` is False where the fragment only stands
    inside other fragments of it. `channels` are those that the version is on, `latest` among them where it is the newest.
    """

    slug: str
    number: int
    version_id: str
    fragment_versions: tuple[int, ...]
    direct: bool
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentUsers:
    """Who uses a fragment: versions that calls get by name now, and others. By slug, newest versions first."""

    fragment: str
    current: tuple[FragmentUser, ...]
    past: tuple[FragmentUser, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a fragment's move would do to one user, were that saved again.

    `pinned`: every reference to the fragment names a version, so nothing moves. `problem` says why it would no longer compile, or
    is empty. `newly_required` are variables that calls would have to give then and needn't now.
    """

    user: FragmentUser
    pinned: bool
    diff: Diff
    problem: str
    newly_required: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What would change for each current user if the fragment's `to` were what its references mean."""

    fragment: str
    to: int
    effects: tuple[Effect, ...]


def finder(connection: Connection, by: Principal) -> Find:
    """Finds fragments for `registry.writing.locking`, within the transaction of a save.

    Only those that `by` may read: a fragment's words become the prompt's, so including one is reading it.
    """

    def find(reference: Reference) -> Version:
        permit(by, "read", slug=reference.slug)
        found = rows.read_prompts(connection, prompts.c.slug == reference.slug)
        if not found:
            guess = nearest(reference.slug, rows.read_slugs(connection))
            hint = f"did you mean '{guess}'?" if guess else "save it first, as a prompt of kind 'text'"
            raise PromptNotFoundError(f"fragment '{reference.slug}' not found; {hint}")
        return _version(connection, found[0], _number(connection, found[0], reference.selector))

    return find


def enter_uses(connection: Connection, version: Version) -> None:
    """Note which fragments a version that was just written uses."""
    direct: dict[tuple[str, int], bool] = {}
    for used in used_in(version.content.includes):
        key = (used.slug, used.number)
        direct[key] = direct.get(key, False) or used.direct
    about = {
        "version_id": version.version_id,
        "slug": version.slug,
        "number": version.number,
        "revision": version.revision,
    }
    if direct:
        connection.execute(
            insert(includes),
            [
                {**about, "fragment": slug, "fragment_version": number, "direct": is_direct}
                for (slug, number), is_direct in direct.items()
            ],
        )


def users_of(connection: Connection, slug: str, *, now: datetime | None = None) -> FragmentUsers:
    """Which versions use a fragment, and which channels they are on, as main version or with a share of it.

    Shares that are over at `now` don't count; without it all do. Raises PromptNotFoundError.
    """
    known(connection, slug)
    users = list(_users(connection, slug, now))
    return FragmentUsers(
        fragment=slug,
        current=tuple(user for user in users if user.channels),
        past=tuple(user for user in users if not user.channels),
    )


def impact(
    connection: Connection,
    slug: str,
    to: int | str | None = None,
    *,
    now: datetime | None = None,
    limits: Limits | None = None,
) -> Impact:
    """What would change if the fragment moved to `to`: a number, a channel, or None for the newest version.

    Raises PromptNotFoundError, PromptVersionNotFoundError or PromptChannelNotFoundError for what isn't there, and
    PromptInvalidError for a version that can't be included.
    """
    prompt = known(connection, slug)
    target = _version(connection, prompt, _number(connection, prompt, LATEST if to is None else to))
    lock_of(target)  # a chat prompt is refused here, once, not for each user
    effects = []
    for user in users_of(connection, slug, now=now).current:
        version = rows.read_version(connection, user.slug, user.number)
        if version is not None:
            effects.append(_effect(user, version, target, limits or Limits()))
    return Impact(fragment=slug, to=target.number, effects=tuple(effects))


def _effect(user: FragmentUser, version: Version, target: Version, limits: Limits) -> Effect:
    old = version.content
    new = replace(old, includes=moved(old.includes, target))
    sentences, messages = diff_content(old, new)
    compiled, problem = _compiled(new, limits)
    before, _ = _compiled(old, limits)
    required = () if compiled is None else compiled.check.required
    return Effect(
        user=user,
        pinned=all(used.pinned for used in used_in(old.includes) if used.slug == target.slug),
        diff=Diff(
            old=version.reference,
            new=f"{version.reference} with {target.reference}",
            sentences=sentences,
            messages=messages,
        ),
        problem=problem,
        newly_required=tuple(name for name in required if before is None or name not in before.check.required),
    )


def _compiled(content: Content, limits: Limits) -> tuple[CompiledContent | None, str]:
    try:
        return compile_content(content, limits), ""
    except PromptInvalidError as error:
        return None, error.message


def _users(connection: Connection, slug: str, now: datetime | None) -> Iterator[FragmentUser]:
    query = (
        select(includes)
        .where(includes.c.fragment == slug)
        .order_by(includes.c.slug, includes.c.number.desc(), includes.c.fragment_version)
    )
    found: dict[str, FragmentUser] = {}
    on: dict[str, dict[int, list[str]]] = {}
    for row in connection.execute(query).mappings():
        user, version = row["slug"], row["number"]
        if user not in on:
            on[user] = _channels_by_version(connection, user, now)
        other = found.get(row["version_id"])
        found[row["version_id"]] = FragmentUser(
            slug=user,
            number=version,
            version_id=row["version_id"],
            fragment_versions=(*(other.fragment_versions if other else ()), row["fragment_version"]),
            direct=row["direct"] or (other is not None and other.direct),
            channels=tuple(on[user].get(version, ())),
        )
    yield from found.values()


def _channels_by_version(connection: Connection, slug: str, now: datetime | None) -> dict[int, list[str]]:
    on: dict[int, list[str]] = {}
    for name, channel in rows.read_channels(connection, slug).items():
        arms = channel.split.arms if now is None else channel.split.at(now)
        for version in {channel.version, *(arm.version for arm in arms)}:
            on.setdefault(version, []).append(name)
    return on


def _number(connection: Connection, prompt: Prompt, selector: int | str | None) -> int:
    """The version's number that a selector means; without one, `stable`, or the newest where nothing is there."""
    if selector is None:
        return prompt.channels.get(STABLE, prompt.latest)
    if isinstance(selector, int):
        return check_number(prompt.slug, selector, prompt)
    if is_version_id(selector):
        number = rows.read_number(connection, prompt.slug, selector)
        if number is None:
            raise version_id_not_found(prompt.slug, selector, prompt.latest)
        return number
    if selector not in prompt.channels:
        raise nothing_on(prompt.slug, selector, prompt.channels)
    return prompt.channels[selector]


def _version(connection: Connection, prompt: Prompt, number: int) -> Version:
    found = rows.read_version(connection, prompt.slug, number)
    if found is None:
        raise version_not_found(prompt.slug, number, prompt.latest)
    return found
