"""What a key looks like, what its scopes let pass, and which terms are refused."""

import secrets
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from registry.errors import AuthKeyInvalidError
from registry.keys import (
    KEY_TEXT,
    KeyTerms,
    Secret,
    allows,
    as_json,
    changes_between,
    check_terms,
    key_hash,
    new_key_id,
    new_secret,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_a_keys_text_is_long_random_and_hidden():
    made = {new_secret(secrets.randbelow).text for _ in range(200)}
    assert len(made) == 200
    assert all(KEY_TEXT.fullmatch(text) for text in made)
    assert len({text[i] for text in made for i in range(4, 44)}) == 62
    secret = Secret("slk_" + "a" * 40)
    assert "aaa" not in f"{secret!r} {secret} {[secret]}"


def test_what_is_kept_is_the_sha256():
    assert key_hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_an_id_fits_where_it_is_counted_by_it():
    assert len(new_key_id(secrets.randbelow)) <= 16


@pytest.mark.parametrize(
    ("patterns", "name", "passes"),
    [
        ((), "anything", True),
        (("support-agent",), "support-agent", True),
        (("support-agent",), "support-agent-2", False),
        (("a", "support-*"), "support-agent", True),
        (("support-*",), "Support-agent", False),
        (("*-4o",), "gpt-4o", True),
        (("*-4o",), "gpt-4o-mini", False),
        (("*",), "", True),
    ],
)
def test_scopes(patterns, name, passes):
    assert allows(patterns, name) is passes


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"name": " "}, "'name' takes 1 to 100"),
        ({"name": "x" * 101}, "'name' takes"),
        ({"name": "a\nb"}, "printable"),
        ({"name": "slk_abc"}, "looks like a key"),
        ({"prompts": ("a b",)}, "'a b' can't be one of 'prompts'"),
        ({"models": ("gpt-[45]",)}, "can't be one of 'models'"),
        ({"models": ("",)}, "can't be one of"),
        ({"default_channel": "7"}, "not a channel"),
        ({"default_channel": "latest", "channels": ("stable", "eu-*")}, "not one that it may use .stable, eu-.."),
        ({"expires_at": NOW}, "past"),
        ({"expires_at": NOW.replace(tzinfo=None)}, "time zone"),
        ({"requests_per_minute": 0}, "from 1 to"),
        ({"budget_usd": Decimal(5)}, "a period"),
        ({"budget_period": "day"}, "a period"),
        ({"budget_usd": Decimal(5), "budget_period": "year"}, "a period"),
        ({"budget_usd": Decimal(0), "budget_period": "day"}, "goes from"),
        ({"budget_usd": Decimal("nan"), "budget_period": "day"}, "goes from"),
        ({"budget_usd": Decimal("0.0000000001"), "budget_period": "day"}, "goes from"),
        ({"budget_usd": Decimal("1.0000000001"), "budget_period": "day"}, "nine places"),
    ],
)
def test_terms_that_make_no_sense_are_refused_with_what_would(terms, said):
    with pytest.raises(AuthKeyInvalidError, match=said) as caught:
        check_terms(KeyTerms(**{"name": "n", **terms}), NOW)
    assert caught.value.param in {*terms, "budget_usd"}


def test_terms_that_make_sense_are_put_in_order():
    terms = check_terms(
        KeyTerms(
            name=" web ",
            endpoints=("/v1/chat/completions", "responses", "audio/*", "responses"),
            channels=("st*",),
            default_channel="stable",
            expires_at=NOW + timedelta(seconds=1),
            budget_usd=Decimal("50.00"),
            budget_period="month",
        ),
        NOW,
    )
    assert (terms.name, terms.endpoints) == ("web", ("chat.completions", "responses", "audio.*"))
    assert str(terms.budget_usd) == "50"
    assert check_terms(terms, NOW) == terms


def test_changes_are_told_as_json_has_them():
    before = KeyTerms(name="web", budget_usd=Decimal(50), budget_period="month", expires_at=NOW)
    after = replace(before, prompts=("a",), budget_usd=Decimal("0.5"), expires_at=None)
    assert changes_between(before, after) == {
        "prompts": {"from": [], "to": ["a"]},
        "budget_usd": {"from": "50", "to": "0.5"},
        "expires_at": {"from": "2026-11-22T00:00:00+00:00", "to": None},
    }
    assert changes_between(before, before) == {}
    assert as_json(after) == {
        "name": "web",
        "roles": ["application"],
        "prompts": ["a"],
        "budget_usd": "0.5",
        "budget_period": "month",
    }
    assert set(as_json(after)) < {each.name for each in fields(KeyTerms)}
