from datetime import UTC, datetime, timedelta

import pytest

from registry.errors import (
    PromptChannelEmptyError,
    PromptChannelNotFoundError,
    PromptConflictError,
    PromptExistsError,
    PromptInvalidError,
    PromptNotFoundError,
    PromptReferenceInvalidError,
    PromptVersionNotFoundError,
)
from registry.roles import owner
from registry.writing.store import Store
from tests.unit.registry.conftest import chat

START = datetime(2026, 1, 5, 15, tzinfo=UTC)


class Clock:
    """A clock that moves when told."""

    now = START

    def __call__(self) -> datetime:
        return self.now


def _save(store: Store, *texts: str, slug: str = "a", **more: object):
    return [store.save(slug, chat(text), message=f"why {text}", by=owner("ann"), **more) for text in texts]  # type: ignore[arg-type]


def _promote(store: Store, *numbers: int, channel: str = "stable") -> None:
    for number in numbers:
        store.promote("a", number, channel=channel, reason="better", by=owner("bob"))


def test_saves_are_numbered_and_latest_follows(store):
    saved = _save(store, "one", "two", "three")
    assert [one.version.number for one in saved] == [1, 2, 3]
    assert [one.revision for one in saved] == [1, 2, 3]
    assert store.prompt("a").channels == {"latest": 3}
    assert store.version("a", 2) == saved[1].version
    assert store.version("a", 2).message == "why two"
    assert [version.number for version in store.versions("a")] == [3, 2, 1]
    assert len({one.version.version_id for one in saved}) == 3


def test_equal_content_makes_no_version_and_no_event(store):
    first = _save(store, "one")[0]
    again = store.save("a", chat("one"), message="again", by=owner("bob"))
    assert (again.created, again.version, again.revision) == (False, first.version, first.revision)
    assert store.revision() == 1
    _save(store, "two", "one")
    assert store.prompt("a").latest == 3


def test_content_that_does_not_compile_is_not_stored(store):
    for content in (chat("{{ x"), chat("{{ x | random }}"), chat("x", parameters={"a": float("inf")})):
        with pytest.raises(PromptInvalidError):
            store.save("a", content, message="m", by=owner("ann"))
    with pytest.raises(PromptInvalidError, match="'message' has more than"):
        store.save("a", chat("x"), message="m" * 10_001, by=owner("ann"))
    assert store.prompts() == []
    assert store.revision() == 0


def test_slugs_are_checked(store):
    with pytest.raises(PromptReferenceInvalidError, match="such as 'my-prompt'"):
        _save(store, "x", slug="My Prompt")


def test_what_is_saved_is_what_is_read(store):
    content = chat(
        "{{ a }}", variables={"properties": {"a": {"type": "string"}}}, tools=[{"z": 1, "a": 2}], locked=("model",)
    )
    saved = store.save("a", content, message="m", by=owner("ann")).version
    assert store.version("a", 1) == saved
    assert saved.content == content
    assert list(saved.content.tools[0]) == ["z", "a"]


def test_promotion_moves_a_channel_and_says_from_where(store):
    _save(store, "one", "two")
    first = store.promote("a", 1, reason=" first ", by=owner("bob"), evidence={"run": 7}, request_id="r1")
    assert (first.from_version, first.to_version, first.changed, first.revision) == (None, 1, True, 3)
    newest = store.promote("a", None, reason="newest", by=owner("bob"))
    assert (newest.from_version, newest.to_version) == (1, 2)
    again = store.promote("a", 2, reason="again", by=owner("bob"))
    assert (again.changed, again.revision, again.at) == (False, newest.revision, newest.at)
    assert store.revision() == 4
    assert store.prompt("a").channels == {"latest": 2, "stable": 2}
    entry = store.history("a")[1]
    assert (entry.action, entry.actor, entry.reason, entry.evidence, entry.request_id) == (
        "promote",
        "bob",
        "first",
        {"run": 7},
        "r1",
    )
    assert (entry.channel, entry.from_version, entry.to_version) == ("stable", None, 1)


def test_own_channels_are_made_by_promotion_and_independent(store):
    _save(store, "one", "two")
    _promote(store, 1)
    _promote(store, 2, channel="canary")
    assert store.prompt("a").channels == {"canary": 2, "latest": 2, "stable": 1}
    moved = {channel.name: (channel.version, channel.moved_by) for channel in store.channels("a")}
    assert moved == {"canary": (2, "bob"), "latest": (2, "ann"), "stable": (1, "bob")}


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"slug": "b"}, PromptNotFoundError, "prompt 'b' not found"),
        ({"slug": "aa"}, PromptNotFoundError, "did you mean 'a'"),
        ({"number": 9}, PromptVersionNotFoundError, "no version 9; it has versions 1-2"),
        ({"channel": "latest"}, PromptReferenceInvalidError, "'latest' can't be moved, it follows every save"),
        ({"channel": "7"}, PromptReferenceInvalidError, "not a channel"),
        ({"reason": "  "}, PromptInvalidError, "say why"),
        ({"if_match": 1}, PromptConflictError, "If-Match names revision 1, it is at revision 2 now"),
    ],
)
def test_promotions_that_are_refused(store, change, error, said):
    _save(store, "one", "two")
    with pytest.raises(error, match=said):
        store.promote(**{"slug": "a", "number": 1, "reason": "r", "by": owner("bob"), **change})
    assert store.revision() == 2


def test_rolling_back_walks_back(store):
    _save(store, "one", "two", "three")
    _promote(store, 1, 2, 3)
    moves = [store.rollback("a", reason="bad", by=owner("bob")) for _ in range(2)]
    assert [(move.from_version, move.to_version) for move in moves] == [(3, 2), (2, 1)]
    with pytest.raises(PromptChannelEmptyError, match=r"nothing was live .* before version 1"):
        store.rollback("a", reason="bad", by=owner("bob"))
    _promote(store, 3)
    assert store.rollback("a", reason="bad", by=owner("bob")).to_version == 1
    assert [entry.action for entry in store.history("a", limit=2)] == ["rollback", "promote"]


def test_rolling_back_to_a_named_version_takes_one_that_was_live(store):
    _save(store, "one", "two", "three", "four")
    _promote(store, 1, 2, 3)
    assert store.rollback("a", to=1, reason="bad", by=owner("bob")).to_version == 1
    with pytest.raises(PromptVersionNotFoundError, match=r"version 4 .* was never live on channel 'stable': promote"):
        store.rollback("a", to=4, reason="bad", by=owner("bob"))
    with pytest.raises(PromptVersionNotFoundError, match="versions 1-4"):
        store.rollback("a", to=5, reason="bad", by=owner("bob"))


def test_rolling_back_what_was_never_there(store):
    _save(store, "one")
    with pytest.raises(PromptChannelEmptyError, match="nothing on channel 'stable' yet: promote"):
        store.rollback("a", reason="bad", by=owner("bob"))
    with pytest.raises(PromptChannelNotFoundError, match="no channel 'canary'"):
        store.rollback("a", channel="canary", reason="bad", by=owner("bob"))
    with pytest.raises(PromptReferenceInvalidError, match="can't be moved"):
        store.rollback("a", channel="latest", reason="bad", by=owner("bob"))


def test_a_save_on_terms(store):
    _save(store, "one", if_match=0)
    with pytest.raises(PromptExistsError, match="exists already"):
        _save(store, "two", if_match=0)
    with pytest.raises(PromptNotFoundError):
        _save(store, "x", slug="b", if_match=3)
    _save(store, "other", slug="other")
    _save(store, "two", if_match=1)  # a write to another prompt is no conflict
    with pytest.raises(PromptConflictError):
        _save(store, "three", if_match=1)
    assert store.prompt("a").latest == 2


def test_every_write_to_a_prompt_moves_its_revision(store):
    _save(store, "one")
    _promote(store, 1)
    described = store.describe("a", owner="team", tags=["x", "y"], by=owner("ann"), if_match=2)
    assert (described.revision, described.owner, described.tags, described.purpose) == (3, "team", ("x", "y"), "")
    entry = store.history("a")[0]
    assert (entry.action, entry.channel) == ("describe", None)
    assert entry.evidence == {"owner": {"from": "", "to": "team"}, "tags": {"from": [], "to": ["x", "y"]}}
    assert store.describe("a", owner="team", by=owner("ann")).revision == 3
    with pytest.raises(PromptConflictError):
        store.describe("a", owner="others", by=owner("ann"), if_match=2)


def test_history_reads_on(store):
    _save(store, "1", "2", "3")
    _save(store, "x", slug="b")
    pages, before = [], None
    while page := store.history(limit=3, before_revision=before):
        pages.append([entry.revision for entry in page])
        before = page[-1].revision
    assert pages == [[4, 3, 2], [1]]
    assert [entry.action for entry in store.history("a")] == ["save", "save", "create"]
    with pytest.raises(PromptNotFoundError):
        store.history("zzz")


def _live(store, when):
    return {entry.channel: entry.to_version for entry in store.live_at(when, "a")}


def test_what_was_live_at_a_time(engine):
    clock = Clock()
    store = Store(engine, clock=clock)
    states = []
    for step in ("one", 1, "two", 2, "three", 1):
        if isinstance(step, str):
            _save(store, step)
        else:
            _promote(store, step)
        states.append((clock.now, dict(store.prompt("a").channels)))
        clock.now += timedelta(minutes=10)
    for when, channels in states:
        assert _live(store, when) == channels
        assert _live(store, when + timedelta(minutes=5)) == channels
    assert _live(store, START - timedelta(seconds=1)) == {}


def test_time_never_runs_backwards_in_the_history(engine):
    clock = Clock()
    store = Store(engine, clock=clock)
    _save(store, "one")
    clock.now -= timedelta(hours=1)
    assert _save(store, "two")[0].version.created_at == START
    assert store.history("a")[0].at == START
    assert store.history("a")[0].at.tzinfo is UTC


def test_reads_of_what_is_not_there(store):
    _save(store, "one")
    for read in (store.prompt, store.versions, store.channels):
        with pytest.raises(PromptNotFoundError):
            read("zzz")
    for number in (0, 2):
        with pytest.raises(PromptVersionNotFoundError, match="only version 1"):
            store.version("a", number)


def test_prompts_are_listed_by_slug(store):
    for slug in ("b", "a"):
        _save(store, "x", slug=slug)
    assert [(prompt.slug, prompt.latest, prompt.created_by) for prompt in store.prompts()] == [
        ("a", 1, "ann"),
        ("b", 1, "ann"),
    ]


@pytest.mark.parametrize("field", ["owner", "purpose"])
def test_what_no_text_can_hold_is_refused_on_both_databases(store, field):
    _save(store, "one")
    for write in (
        lambda: store.save("a", chat("two"), message="a\0b", by=owner("ann")),
        lambda: store.promote("a", 1, reason="a\0b", by=owner("ann")),
        lambda: store.describe("a", by=owner("ann"), **{field: "a\0b"}),
    ):
        with pytest.raises(PromptInvalidError, match="holds a NUL character"):
            write()
    assert store.revision() == 1
