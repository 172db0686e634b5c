"""The table of roles and actions, in full, at the one write path; and that no channel or prompt out of scope is touched."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from registry.errors import AuthChannelNotAllowedError, AuthPromptNotAllowedError, AuthRoleNotAllowedError
from registry.keys import KeyTerms
from registry.roles import ALLOWED, ROLES, Principal, owner, permit, permit_version
from registry.split import Arm
from registry.writing.key_store import KeyStore
from registry.writing.store import Store
from tests.unit.registry.conftest import Beginning, chat, database_with

TABLE = {
    #               viewer application author reviewer promoter admin
    "save": (False, False, True, False, False, True),
    "describe": (False, False, True, False, False, True),
    "archive": (False, False, False, False, True, True),
    "restore": (False, False, False, False, True, True),
    "ask": (False, False, True, True, True, True),
    "comment": (False, False, True, True, True, True),
    "approve": (False, False, False, True, False, True),
    "reject": (False, False, False, True, False, True),
    "withdraw": (False, False, False, False, True, True),
    "promote": (False, False, False, False, True, True),
    "rollback": (False, False, False, False, True, True),
    "rollout": (False, False, False, False, True, True),
    "schedule": (False, False, False, False, True, True),
    "cancel": (False, False, False, False, True, True),
    "protect": (False, False, False, False, False, True),
    "judge": (False, False, True, True, False, True),
    "create a key": (False, False, False, False, False, True),
}
SOON = datetime.now(UTC) + timedelta(days=1)


def acts(store: Store, keys: KeyStore, channel: str = "stable") -> dict[str, Callable[[Principal], object]]:
    """Every write there is, each on prompt `a`."""
    asked = store.ask("a", 2, channel=channel, reason="r", by=owner("someone")).request_id
    planned = store.schedule("a", 2, at=SOON, channel=channel, reason="r", by=owner("someone")).schedule_id
    return {
        "save": lambda by: store.save("a", chat("new"), message="m", by=by),
        "describe": lambda by: store.describe("a", purpose="p", by=by),
        "archive": lambda by: store.archive("a", reason="r", by=by),
        "restore": lambda by: store.restore("a", reason="r", by=by),
        "ask": lambda by: store.ask("a", 1, channel=channel, reason="r", by=by),
        "comment": lambda by: store.review(asked, "comment", text="t", by=by),
        "approve": lambda by: store.review(asked, "approve", by=by),
        "reject": lambda by: store.review(asked, "reject", text="t", by=by),
        "withdraw": lambda by: store.withdraw(asked, by=by),
        "promote": lambda by: store.promote("a", 2, channel=channel, reason="r", by=by),
        "rollback": lambda by: store.rollback("a", channel=channel, to=1, reason="r", by=by),
        "rollout": lambda by: store.rollout("a", [Arm(version=3, share=5)], channel=channel, reason="r", by=by),
        "schedule": lambda by: store.schedule("a", 2, at=SOON, channel=channel, reason="r", by=by),
        "cancel": lambda by: store.cancel(planned, by=by),
        "protect": lambda by: store.protect("a", channel=channel, approvals=1, by=by),
        "judge": lambda by: store.judge("a", 2, passed=True, evidence={}, by=by),
        "create a key": lambda by: keys.create(KeyTerms(name="x"), by=by),
    }


def moved(store: Store) -> None:
    """Prompt `a` with three versions, and two channels that have been on two of them."""
    for text in ("one", "two", "three"):
        store.save("a", chat(text), message=text, by=owner("ann"))
    for channel in ("stable", "canary"):
        for number in (1, 3, 1):
            store.promote("a", number, channel=channel, reason="r", by=owner("bob"))


database = database_with(Beginning(moved))


def by_role(role: str, **scopes: tuple[str, ...]) -> Principal:
    return Principal(name=role, identity=f"key:{role}", roles=frozenset({role}), **scopes)


def may(act: str, role: str) -> bool:
    return TABLE[act][ROLES.index(role)]


@pytest.mark.parametrize("channel", ["stable", "canary"])
@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_may_not_is_refused_and_changes_nothing(role, channel, store, engine):
    do = acts(store, KeyStore(engine), channel)
    assert set(do) == set(TABLE)
    before = store.revision()
    for act in (act for act in TABLE if not may(act, role)):
        with pytest.raises(AuthRoleNotAllowedError, match=f"{role} may not .* that takes the role"):
            do[act](by_role(role))
        assert store.revision() == before, act


@pytest.mark.parametrize("channel", ["stable", "canary"])
@pytest.mark.parametrize(("act", "role"), [(act, role) for act in TABLE for role in ROLES if may(act, role)])
def test_what_a_role_may_is_done(act, role, channel, store, engine):
    acts(store, KeyStore(engine), channel)[act](by_role(role))


@pytest.mark.parametrize("act", sorted(set(TABLE) - {"create a key"}))
def test_no_prompt_out_of_scope(act, store, engine):
    do = acts(store, KeyStore(engine))
    with pytest.raises(AuthPromptNotAllowedError):
        do[act](by_role("admin", prompts=("b", "c*")))
    if act != "restore":  # nothing is archived
        do[act](by_role("admin", prompts=("a",)))


MOVING = {
    "ask",
    "comment",
    "approve",
    "reject",
    "withdraw",
    "promote",
    "rollback",
    "rollout",
    "schedule",
    "cancel",
    "protect",
}


@pytest.mark.parametrize("act", sorted(MOVING))
def test_no_channel_out_of_scope(act, store, engine):
    with pytest.raises(AuthChannelNotAllowedError):
        acts(store, KeyStore(engine), "stable")[act](by_role("admin", channels=("canary",)))
    acts(store, KeyStore(engine), "canary")[act](by_role("admin", channels=("canary",)))


def test_every_action_has_a_role_and_every_role_reads():
    assert all(roles <= set(ROLES) and "admin" in roles for roles in ALLOWED.values())
    assert ALLOWED["read"] == set(ROLES)


@pytest.mark.parametrize(
    ("scopes", "channel", "standing", "may"),
    [
        ({}, "stable", (), True),
        ({"channels": ("stable",)}, "stable", (), True),
        ({"channels": ("stable",)}, "canary", (), False),
        ({"channels": ("stable",)}, None, ("latest", "stable"), True),
        ({"channels": ("stable",)}, None, ("latest",), False),
        ({"prompts": ("b",)}, "stable", (), False),
    ],
)
def test_an_application_reads_what_its_channels_serve(scopes, channel, standing, may):
    by = by_role("application", **scopes)
    if may:
        permit_version(by, "a", channel, standing)
    else:
        with pytest.raises((AuthChannelNotAllowedError, AuthPromptNotAllowedError)):
            permit_version(by, "a", channel, standing)


def test_whoever_may_inspect_reads_every_version():
    permit_version(by_role("promoter", channels=("canary",)), "a", None, ("latest",))


def test_several_roles_add_up():
    both = Principal(name="x", identity="key:x", roles=frozenset({"author", "promoter"}))
    permit(both, "save")
    permit(both, "move")
    with pytest.raises(AuthRoleNotAllowedError, match=r"\(this one has author, promoter\)"):
        permit(both, "review")
