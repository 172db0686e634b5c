from datetime import UTC, datetime, timedelta

import pytest

from registry.errors import (
    PromptChannelNotFoundError,
    PromptInvalidError,
    PromptNotFoundError,
    PromptVersionNotFoundError,
)
from registry.roles import owner
from registry.split import Arm
from registry.storage.database import reading
from registry.values import Content
from registry.writing.fragments import Effect, impact, users_of
from tests.unit.registry.conftest import chat


def _save(store, slug, source, **fields):
    return store.save(slug, Content(kind="text", text=source, **fields), message="m", by=owner("ann")).version


def _promote(store, slug, number, channel="stable"):
    store.promote(slug, number, channel=channel, reason="r", by=owner("bob"))


def _users(engine, slug):
    with reading(engine) as connection:
        found = users_of(connection, slug)
    assert found.fragment == slug
    return [
        [(u.slug, u.number, u.fragment_versions, u.direct, u.channels) for u in users]
        for users in (found.current, found.past)
    ]


def _impact(engine, slug, to=None) -> dict[str, Effect]:
    with reading(engine) as connection:
        found = impact(connection, slug, to)
    return {f"{effect.user.slug}@{effect.user.number}": effect for effect in found.effects}


def test_who_uses_a_fragment_now_and_did_before(store, engine):
    _save(store, "tone", "one")
    for number in (1, 2, 3):
        _save(store, "agent", f"{number} {{% include 'tone' %}}")
    _promote(store, "agent", 1)
    _save(store, "tone", "two")
    _save(store, "mixed", "{% include 'tone@1' %}{% include 'tone@2' %}{% include 'tone' %}")
    _save(store, "outer", "{% include 'mixed' %}")
    _save(store, "twice", "{% include 'tone@1' %}{% include 'mixed' %}")
    _save(store, "left", "{% include 'tone' %}")
    _save(store, "left", "nothing any more")
    assert _users(engine, "tone") == [
        [
            ("agent", 3, (1,), True, ("latest",)),
            ("agent", 1, (1,), True, ("stable",)),
            ("mixed", 1, (1, 2), True, ("latest",)),
            ("outer", 1, (1, 2), False, ("latest",)),
            ("twice", 1, (1, 2), True, ("latest",)),
        ],
        [("agent", 2, (1,), True, ()), ("left", 1, (2,), True, ())],
    ]
    assert _users(engine, "mixed") == [[(slug, 1, (1,), True, ("latest",)) for slug in ("outer", "twice")], []]
    assert _users(engine, "agent") == [[], []]
    with pytest.raises(PromptNotFoundError, match="did you mean 'tone'"):
        _users(engine, "tune")


def test_an_unchanged_save_notes_no_use_twice(store, engine):
    _save(store, "tone", "one")
    for _ in range(2):
        _save(store, "agent", "{% include 'tone' %}")
    assert _users(engine, "tone")[0] == [("agent", 1, (1,), True, ("latest",))]


def test_what_would_change_if_a_fragment_moved(store, engine):
    _save(store, "tone", "be kind", variables={"properties": {"a": {"type": "string"}}})
    _save(store, "agent", "You {% include 'tone' %}.")
    _save(store, "outer", "{% include 'agent' %} {% include 'tone@1' %}")
    _save(store, "pinned", "{% include 'tone@1' %}")
    _save(store, "own", "{% include 'tone' %}", variables={"properties": {"n": {"enum": ["x"]}}})
    _save(store, "tone", "be very kind, {{ n }}", variables={"properties": {"n": {"type": "string"}}})
    _save(store, "there", "{% include 'tone' %}")
    found = _impact(engine, "tone")
    assert set(found) == {"agent@1", "outer@1", "pinned@1", "own@1", "there@1"}
    agent = found["agent@1"]
    assert (agent.diff.old, agent.diff.new) == ("agent@1", "agent@1 with tone@2")
    assert agent.diff.sentences == ("fragment 'tone' moves from version 1 to 2",)
    assert [(s.operation, s.text) for s in agent.diff.messages[0].segments] == [
        ("same", "You be "),
        ("removed", "kind"),
        ("added", "very kind, {{ n }}"),
        ("same", "."),
    ]
    assert (agent.pinned, agent.problem, agent.newly_required) == (False, "", ("n",))
    assert found["outer@1"].diff.sentences == ("fragment 'tone' moves from version 1 to versions 1 and 2",)
    assert found["pinned@1"].pinned
    assert found["pinned@1"].diff.empty
    assert found["there@1"].diff.empty
    assert not found["there@1"].pinned
    assert found["own@1"].newly_required == ("n",)
    assert store.prompt("agent").latest == 1


def test_an_impact_says_what_would_not_compile_any_more(store, engine):
    _save(store, "a", "{{ n }}", variables={"properties": {"n": {"type": "integer"}}})
    _save(store, "b", "{{ n }}", variables={"properties": {"n": {"type": "integer"}}})
    _save(store, "agent", "{% include 'a' %}{% include 'b' %}")
    _save(store, "b", "{{ n }}", variables={"properties": {"n": {"type": "string"}}})
    effect = _impact(engine, "b")["agent@1"]
    assert "fragments 'a' and 'b' declare variable 'n' differently" in effect.problem
    assert effect.newly_required == ()
    assert _impact(engine, "b", 1)["agent@1"].problem == ""


def test_an_impact_is_of_a_number_a_channel_or_the_newest(store, engine):
    for source in ("one", "two", "three"):
        _save(store, "tone", source)
    _promote(store, "tone", 2)
    _save(store, "agent", "{% include 'tone@1' %}{% include 'tone@latest' %}")
    sentences = [_impact(engine, "tone", to)["agent@1"].diff.sentences for to in (None, 2, "stable", 1)]
    assert sentences == [
        (),
        *[("fragment 'tone' moves from versions 1 and 3 to versions 1 and 2",)] * 2,
        ("fragment 'tone' moves from versions 1 and 3 to version 1",),
    ]
    store.save("tone", chat("x"), message="m", by=owner("a"))
    for to, error in (
        (9, PromptVersionNotFoundError),
        ("canary", PromptChannelNotFoundError),
        (None, PromptInvalidError),
    ):
        with pytest.raises(error):
            _impact(engine, "tone", to)


def test_a_version_with_a_share_of_a_channel_is_a_current_user(store, engine):
    _save(store, "tone", "one")
    for number in (1, 2, 3):
        _save(store, "agent", f"{number} {{% include 'tone' %}}")
    _promote(store, "agent", 1)
    store.rollout("agent", [Arm(version=2, share=5)], reason="try", by=owner("bob"))
    assert [(number, channels) for _, number, *_, channels in _users(engine, "tone")[0]] == [
        (3, ("latest",)),
        (2, ("stable",)),
        (1, ("stable",)),
    ]
    ended = datetime(2026, 1, 1, tzinfo=UTC)
    store.promote("agent", 3, holdback=10, reason="good", by=owner("bob"))
    with reading(engine) as connection:
        held = users_of(connection, "tone", now=ended)
        after = users_of(connection, "tone", now=ended + timedelta(days=36500))
    assert [(user.number, user.channels) for user in held.current] == [(3, ("latest", "stable")), (1, ("stable",))]
    assert [(user.number, user.channels) for user in after.current] == [(3, ("latest", "stable"))]


def test_the_same_request_again_answers_with_the_lock_that_it_made(store):
    _save(store, "tone", "one")
    content = Content(kind="text", text="{% include 'tone' %}")
    first = store.save("agent", content, message="m", by=owner("ann"), idempotency_key="k")
    _save(store, "tone", "two")
    again = store.save("agent", content, message="m", by=owner("ann"), idempotency_key="k")
    assert again.version == first.version


def test_a_fragment_beside_another_that_has_it_too_is_used_directly(store, engine):
    _save(store, "a", "a")
    _save(store, "b", "{% include 'a' %}")
    _save(store, "agent", "{% include 'a' %}{% include 'b' %}")
    assert _users(engine, "a")[0] == [("agent", 1, (1,), True, ("latest",)), ("b", 1, (1,), True, ("latest",))]
