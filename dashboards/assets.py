"""Style sheets and scripts that some pages have beside the frame's own, each at an address that changes with its content.

Knows files and addresses. A page with a script is answered under a policy that lets this server's own scripts run and ask this server for
more; nothing inline, and nothing from elsewhere (https://www.w3.org/TR/CSP3/).
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from importlib import resources

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from dashboards.frame import CONTENT_SECURITY_POLICY

_TYPES = {"css": "text/css", "js": "text/javascript"}
_SCRIPTED = "; ".join(dict.fromkeys((*CONTENT_SECURITY_POLICY.split("; "), "script-src 'self'", "connect-src 'self'")))


def add_assets(router: APIRouter, *names: str) -> Mapping[str, str]:
    """Serves files of `dashboards/static`; gives their addresses by name. They are asked for once, so they may be kept for ever."""
    addresses = {}
    for name in names:
        text = (resources.files("dashboards") / "static" / name).read_text("utf-8")
        addresses[name] = f"/static/{name}?v={sha256(text.encode()).hexdigest()[:12]}"
        _serve(router, name, text)
    return addresses


def scripted(page: HTMLResponse) -> HTMLResponse:
    """The page, with leave to run this server's own scripts."""
    page.headers["content-security-policy"] = _SCRIPTED
    return page


def _serve(router: APIRouter, name: str, text: str) -> None:
    kind = _TYPES[name.rpartition(".")[2]]

    @router.get(f"/static/{name}")
    def asset() -> Response:
        return Response(text, media_type=kind, headers={"cache-control": "max-age=31536000, immutable"})
