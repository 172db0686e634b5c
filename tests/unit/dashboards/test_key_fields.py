"""A key's terms as a form has them, and back."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from dashboards.forms import Form
from dashboards.key_fields import changed, fields_of, scopes_of, terms_of
from registry.errors import AuthKeyInvalidError
from registry.keys import KeyTerms

TERMS = KeyTerms(
    name="shop",
    roles=("viewer", "author"),
    prompts=("a-*", "b"),
    channels=("stable",),
    default_channel="eu",
    owner="ann@example.com",
    expires_at=datetime(2027, 1, 31, 8, 0, 59, tzinfo=UTC),
    requests_per_minute=30,
    budget_usd=Decimal("12.5"),
    budget_period="day",
)
BERLIN = ZoneInfo("Europe/Berlin")


def test_a_form_that_nobody_touched_changes_nothing() -> None:
    fields = fields_of(TERMS, BERLIN)
    assert fields["expires_at"] == "2027-01-31T09:00", "in the viewer's zone"
    assert changed(TERMS, terms_of(Form(fields=fields, zone=BERLIN))) == {}


def test_what_was_typed_is_what_changes() -> None:
    fields = dict(fields_of(TERMS, UTC)) | {"prompts": "", "budget_usd": "", "expires_at": "", "role_admin": "1"}
    assert changed(TERMS, terms_of(Form(fields=fields))) == {
        "prompts": (),
        "roles": ("viewer", "author", "admin"),
        "budget_usd": None,
        "budget_period": None,
        "expires_at": None,
    }


def test_limits_in_words_and_what_is_no_amount() -> None:
    assert scopes_of(TERMS) == [("prompts", "a-*, b"), ("channels", "stable"), ("default channel", "eu")]
    with pytest.raises(AuthKeyInvalidError, match="'budget_usd' is an amount"):
        terms_of(Form(fields={"budget_usd": "lots"}))
