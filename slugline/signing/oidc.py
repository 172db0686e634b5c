"""An identity provider over OpenID Connect: the way to it and back, and what its answer must be to be believed.

Knows discovery (https://openid.net/specs/openid-connect-discovery-1_0.html), the code flow with PKCE
(https://datatracker.ietf.org/doc/html/rfc7636) and ID tokens (https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation).
Refuses to know cookies, roles and sessions. The rules:

1. The document of discovery must be of the very issuer that the settings name, and its addresses safe; redirects are not followed.
2. An ID token is signed with one of the provider's public keys, is for this client, has not expired, and has the nonce of this sign-in.
3. What the token leaves out is asked for, and must be about the same person.

The libraries are imported when somebody signs in: most servers never need them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from secrets import compare_digest
from typing import Any, cast

from dashboards.signing import SignInRefusedError
from slugline.settings import SettingsError
from slugline.signing.settings import OidcSettings, is_safe

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Those with a public key: with the others whoever knows the client's secret could sign."""

_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_FRESH_SECONDS = 600.0
_LEEWAY_SECONDS = 60
_LONGEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What a sign-in needs when the answer comes back."""

    state: str
    nonce: str
    verifier: str
    back: str


class Oidc:
    """One identity provider. `secret` gives what `env:NAME` or `file:PATH` leads to. Methods raise SignInRefusedError."""

    def __init__(self, settings: OidcSettings, secret: Callable[[str], str]) -> None:
        self._settings = settings
        self._secret = secret
        self._known: tuple[float, Mapping[str, Any]] | None = None

    async def address(self, pending: Pending, answer_at: str) -> str:
        """Where the browser goes to sign in; the provider answers at the URL `answer_at`."""
        found = await self._discovered()
        async with self._client(found, answer_at) as client:
            url, _ = client.create_authorization_url(
                found["authorization_endpoint"],
                state=pending.state,
                code_verifier=pending.verifier,
                nonce=pending.nonce,
            )
        return str(url)

    async def claims(
        self, answer: Mapping[str, str], pending: Pending, answer_at: str, claim: str
    ) -> Mapping[str, Any]:
        """What the provider says of whoever came back with an answer. `claim` is looked for beyond the token where that has none."""
        settings = self._settings
        if not compare_digest(answer.get("state", "").encode(), pending.state.encode()):
            raise SignInRefusedError("this answer belongs to another sign-in, or to none: begin again")
        if answer.get("iss", settings.issuer) != settings.issuer:  # RFC 9207
            raise SignInRefusedError("the answer is another identity provider's: begin again")
        if "error" in answer:
            said = answer.get("error_description") or answer["error"]
            raise SignInRefusedError(f"{settings.name} says: {_short(said)}")
        if not answer.get("code"):
            raise SignInRefusedError(f"{settings.name} came back without a code: begin again")
        found = await self._discovered()
        async with self._client(found, answer_at) as client:
            try:
                token = await client.fetch_token(
                    found["token_endpoint"], code=answer["code"], code_verifier=pending.verifier
                )
                claims = await self._checked(token.get("id_token"), found, pending.nonce)
                return await self._completed(str(token.get("access_token", "")), found, claims, claim)
            except SignInRefusedError:
                raise
            except Exception as error:
                raise _refused(settings, error) from error

    async def _completed(
        self, bearer: str, found: Mapping[str, Any], claims: Mapping[str, Any], claim: str
    ) -> Mapping[str, Any]:
        """The claims with what only the provider's userinfo has."""
        missing = [name for name in ("email", claim) if name.partition(".")[0] not in claims and name not in claims]
        where = found.get("userinfo_endpoint")
        if not missing or not isinstance(where, str) or not is_safe(where):
            return claims
        told = await self._fetch(where, bearer)
        if told.get("sub") != claims["sub"]:
            raise SignInRefusedError(f"{self._settings.name} says two things about who you are: begin again")
        return {**told, **claims}

    async def _checked(self, token: Any, found: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """The claims of an ID token that holds."""
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        settings = self._settings
        if not isinstance(token, str):
            raise SignInRefusedError(f"{settings.name} gave no ID token: does the client have the scope openid?")
        said = found.get("id_token_signing_alg_values_supported")
        taken = [name for name in ALGORITHMS if not isinstance(said, list) or name in said]
        try:
            keys = KeySet.import_key_set(cast("Any", await self._fetch(found["jwks_uri"])))
            claims = jwt.decode(token, keys, algorithms=taken).claims
            registry = jwt.JWTClaimsRegistry(
                leeway=_LEEWAY_SECONDS,
                iss={"essential": True, "value": settings.issuer},
                aud={"essential": True, "value": settings.client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            )
            registry.validate(claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise SignInRefusedError(
                f"the ID token of {settings.name} can't be believed: {_short(str(error) or type(error).__name__)}"
            ) from error
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != settings.client_id:
            raise SignInRefusedError(f"the ID token of {settings.name} was made for another client")
        return dict(claims)

    async def _discovered(self) -> Mapping[str, Any]:
        """The provider's document, fetched anew after ten minutes."""
        settings, now = self._settings, time.monotonic()
        if self._known is not None and now - self._known[0] < _FRESH_SECONDS:
            return self._known[1]
        found = await self._fetch(f"{settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != settings.issuer:
            raise SignInRefusedError(
                f"oidc.issuer is '{settings.issuer}', and what answers there calls itself '{_short(str(found.get('issuer')))}': "
                "write it exactly as the provider does"
            )
        for name in _ENDPOINTS:
            if not isinstance(found.get(name), str) or not is_safe(found[name]):
                raise SignInRefusedError(f"{settings.name} has no {name} that is safe to use")
        self._known = (now, found)
        return found

    async def _fetch(self, url: str, bearer: str = "") -> dict[str, Any]:
        import httpx

        settings = self._settings
        headers = {"accept": "application/json", **({"authorization": f"Bearer {bearer}"} if bearer else {})}
        try:
            async with httpx.AsyncClient(timeout=settings.timeout_seconds) as client:
                answer = (await client.get(url, headers=headers)).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise _refused(settings, error) from error
        if not isinstance(answer, dict):
            raise SignInRefusedError(f"what {url} answers is not what an identity provider says")
        return answer

    def _client(self, found: Mapping[str, Any], answer_at: str) -> Any:
        from authlib.integrations.httpx_client import AsyncOAuth2Client

        settings = self._settings
        # Read anew each time, so that it can be changed meanwhile.
        try:
            secret = None if settings.client_secret is None else self._secret(settings.client_secret)
        except SettingsError as error:
            raise SignInRefusedError(f"this server isn't set up for {settings.name}: {error}") from error
        methods = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        basic = "client_secret_basic" in methods
        return AsyncOAuth2Client(
            client_id=settings.client_id,
            client_secret=secret,
            token_endpoint_auth_method="none" if secret is None else f"client_secret_{'basic' if basic else 'post'}",
            scope=" ".join(settings.scopes),
            redirect_uri=answer_at,
            code_challenge_method="S256",
            timeout=settings.timeout_seconds,
        )


def _refused(settings: OidcSettings, error: Exception) -> SignInRefusedError:
    return SignInRefusedError(
        f"{settings.name} can't be asked who you are: {_short(str(error) or type(error).__name__)}"
    )


def _short(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]
