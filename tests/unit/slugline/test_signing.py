"""What claims come to, and which settings of an identity provider make sense."""

import pytest
from pydantic import ValidationError

from dashboards.signing import SignInRefusedError
from slugline.signing.identity import roles_of, vouched_for
from slugline.signing.settings import OidcSettings


def settings(**given: object) -> OidcSettings:
    base = {"issuer": "https://id.example", "client_id": "c", "default_roles": ("viewer",)}
    return OidcSettings.model_validate(base | given)


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"groups": ["writers"]}, ("author", "reviewer")),
        ({"groups": "boss"}, ("admin",)),
        ({"groups": ["boss", "writers", "x"]}, ("author", "reviewer", "admin")),
        ({"groups": []}, ("viewer",)),
        ({"groups": [7, None, {"boss": 1}]}, ("viewer",)),
        ({"groups": {"boss": True}}, ("viewer",)),
        ({}, ("viewer",)),
    ],
)
def test_roles_follow_the_claim(claims: dict[str, object], roles: tuple[str, ...]) -> None:
    assert roles_of(claims, settings(roles={"writers": ["author", "reviewer"], "boss": "admin"})) == roles


def test_a_claim_may_lie_in_an_object_or_have_a_url_for_a_name() -> None:
    nested = settings(claim="realm_access.roles", roles={"a": "admin"})
    assert roles_of({"realm_access": {"roles": ["a"]}}, nested) == ("admin",)
    assert roles_of({"realm_access": ["a"]}, nested) == ("viewer",)
    named = settings(claim="https://example.com/roles", roles={"a": "admin"})
    assert roles_of({"https://example.com/roles": ["a"]}, named) == ("admin",)


def test_an_address_that_nobody_checked_is_nobodys() -> None:
    said = {"sub": "1", "email": "ann@example.com", "name": " Ann \n B "}
    assert vouched_for(said, settings()).email == ""
    assert vouched_for(said, settings(trust_emails=True)).email == "ann@example.com"
    assert vouched_for({**said, "email_verified": False}, settings(trust_emails=True)).email == ""
    found = vouched_for({**said, "email_verified": True}, settings(allowed_domains=("@Example.com",)))
    assert (found.email, found.name, found.subject) == ("ann@example.com", "Ann B", "1")


@pytest.mark.parametrize("claims", [{}, {"sub": ""}, {"sub": 7}, {"sub": None}])
def test_nobody_without_a_subject(claims: dict[str, object]) -> None:
    with pytest.raises(SignInRefusedError, match="'sub'"):
        vouched_for(claims, settings())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"issuer": "http://id.example"}, "https://"),
        ({"client_id": ""}, "client_id is missing"),
        ({"issuer": ""}, "issuer is missing"),
        ({"default_roles": ()}, "nobody could do anything"),
        ({"roles": {"a": "owner"}}, "owner|Input should be"),
        ({"scopes": ["email"]}, "openid"),
        ({"client_secret": "planted"}, "pattern"),
    ],
)
def test_settings_that_let_nobody_in_or_too_much_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(**given)
