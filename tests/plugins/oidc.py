"""A simulator of an identity provider that speaks OpenID Connect, as a process of its own on loopback: it signs everybody in, without asking.

It checks what a client sends as strictly as a real one (PKCE, redirect URI, client's secret, a code once only), and lies where it is told
to: `lie` changes the next ID token or answer. It holds no account of anybody, and is for tests only.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

import httpx

CLIENT, SECRET = "slugline", "planted-secret-of-the-client"


@dataclass(frozen=True, slots=True)
class Provider:
    """A running simulator."""

    url: str

    def be(self, **claims: Any) -> None:
        """Whom it signs in from now on: the claims of the ID token, and those under `userinfo` from there alone."""
        httpx.put(f"{self.url}/be", json=claims).raise_for_status()

    def lie(self, what: str) -> None:
        """What is wrong with its next answers: a name of LIES or "discovery", "" for nothing."""
        httpx.put(f"{self.url}/lie", json={"lie": what}).raise_for_status()


LIES = (
    *("nonce", "audience", "issuer", "expired", "signature", "none", "secret", "subject"),
    *("state", "code", "no token", "another party", "iss"),
)


@contextmanager
def run_provider() -> Iterator[Provider]:
    """A simulator, until the block ends."""
    command = [sys.executable, "-m", "tests.plugins.oidc"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        try:
            assert process.stdout is not None
            yield Provider(process.stdout.readline().strip())
        finally:
            process.kill()


class _State:
    def __init__(self) -> None:
        from joserfc.jwk import RSAKey

        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.other = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.claims: dict[str, Any] = {"sub": "u1"}
        self.lie = ""
        self.codes: dict[str, dict[str, str]] = {}
        self.url = ""


def _token(state: _State, nonce: str) -> str:
    from joserfc import jwt
    from joserfc.jwk import OctKey

    now, lie = int(time.time()), state.lie
    claims = {name: value for name, value in state.claims.items() if name != "userinfo"} | {
        "iss": "https://evil.example" if lie == "issuer" else state.url,
        "aud": "another" if lie == "audience" else [CLIENT, "b"] if lie == "another party" else CLIENT,
        "iat": now - 7200 if lie == "expired" else now,
        "exp": now - 3600 if lie == "expired" else now + 300,
        "nonce": "another" if lie == "nonce" else nonce,
    }
    if lie == "none":
        parts = (json.dumps({"alg": "none"}), json.dumps(claims))
        return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts) + "."
    if lie == "secret":  # signed with what the client knows as well
        return jwt.encode({"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(SECRET.ljust(32, "x")))
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, state.other if lie == "signature" else state.key)


class _Handler(BaseHTTPRequestHandler):
    state: _State

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_PUT(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/lie":
            self.state.lie = given["lie"]
        else:
            self.state.claims = given
        self._json({})

    def do_GET(self) -> None:
        state, parts = self.state, urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        if parts.path == "/.well-known/openid-configuration":
            self._json(
                {
                    "issuer": f"{state.url}/other" if state.lie == "discovery" else state.url,
                    "authorization_endpoint": f"{state.url}/authorize",
                    "token_endpoint": f"{state.url}/token",
                    "userinfo_endpoint": f"{state.url}/userinfo",
                    "jwks_uri": f"{state.url}/keys",
                    "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                }
            )
        elif parts.path == "/keys":
            self._json({"keys": [state.key.as_dict(private=False)]})
        elif parts.path == "/userinfo":
            subject = "somebody else" if state.lie == "subject" else state.claims["sub"]
            self._json({**state.claims.get("userinfo", {}), "sub": subject})
        elif parts.path == "/authorize":
            asked = {"client_id": CLIENT, "response_type": "code", "code_challenge_method": "S256"}
            assert asked.items() <= query.items(), query
            assert "openid" in query["scope"].split()
            assert len(query["state"]) >= 20
            assert len(query["nonce"]) >= 20
            code = secrets.token_urlsafe(8)
            state.codes[code] = query
            back = {"code": code, "state": "another" if state.lie == "state" else query["state"]}
            if state.lie == "code":
                back = {"error": "access_denied", "error_description": "not today", "state": query["state"]}
            if state.lie == "iss":
                back["iss"] = "https://evil.example"
            self.send_response(302)
            self.send_header("location", f"{query['redirect_uri']}?{urlencode(back)}")
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = {name: value[0] for name, value in parse_qs(self._body()).items()}
        begun = self.state.codes.pop(body.get("code", ""), None)
        who = base64.b64decode(self.headers.get("authorization", "Basic ").partition(" ")[2]).decode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(body.get("code_verifier", "").encode()).digest())
        whole = (
            begun is not None
            and [unquote(part) for part in who.split(":")] == [CLIENT, SECRET]
            and body.get("redirect_uri") == begun["redirect_uri"]
            and challenge.decode().rstrip("=") == begun["code_challenge"]
        )
        if begun is None or not whole:
            self._json({"error": "invalid_grant"}, status=400)
            return
        told = {"access_token": "a", "token_type": "Bearer", "expires_in": 60}
        self._json(told if self.state.lie == "no token" else {**told, "id_token": _token(self.state, begun["nonce"])})

    def _body(self) -> str:
        return self.rfile.read(int(self.headers["content-length"])).decode()

    def _json(self, value: Any, *, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    _Handler.state = state = _State()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    print(state.url, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
