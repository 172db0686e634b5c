"""Signing in and out, as pages: with a key, or at an identity provider.

Knows forms, cookies and the way back. Refuses to know what a key is and how a provider is asked (`dashboards.signing`).

The way to the provider is a link and no form: the policy of our pages (form-action) lets no form lead elsewhere.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from dashboards.forms import Form, read_form
from dashboards.frame import Frame, base_url, see_other
from dashboards.session_cookie import PENDING, SESSION, drop_cookie, is_https, read_cookie, set_cookie
from dashboards.signing import SigningIn, SignInRefusedError
from registry.errors import STATUS, AuthTooManyTriesError, RegistryError
from registry.sessions import OpenedSession

Sent = Annotated[Form, Depends(read_form)]
_PENDING_SECONDS = 600


def add_signing(router: APIRouter, frame: Frame, signing: SigningIn, public_url: str) -> None:
    """`/sign-in` with what follows it, and `/sign-out`. `public_url` is where people reach the server, "" for where they do now."""

    def answer_at(request: Request) -> str:
        return f"{public_url or base_url(request)}/sign-in/callback"

    def show(request: Request, back: str, problem: str = "", status: int = 200) -> HTMLResponse:
        page = frame.page(
            request,
            "sign_in.html",
            status=status,
            back=back,
            problem=problem,
            provider=signing.provider,
            needed=signing.needed(request),
            bare=signing.needed(request),
        )
        if signing.session(request) is None and _text(request):
            # One that is over: without it this browser is nobody again.
            drop_cookie(page, SESSION, https=_https(request))
        return page

    @router.get("/sign-in")
    def sign_in(request: Request, next: str = "") -> Response:
        """The ways in; `next` is the page that was asked for."""
        back = local(next)
        if signing.session(request) is not None or frame.who(request).verified:
            return see_other(back)
        return show(request, back)

    @router.post("/sign-in")
    async def with_key(request: Request, form: Sent) -> Response:
        back, source = local(form.text("back")), request.client.host if request.client else ""
        try:
            opened = await to_thread.run_sync(
                lambda: signing.with_key(form.text("key"), source=source, replacing=_text(request))
            )
        except SignInRefusedError as error:
            return show(request, back, str(error), 403)
        except AuthTooManyTriesError as error:
            return show(request, back, error.message, STATUS[type(error)])
        return _signed_in(request, opened, back)

    @router.get("/sign-in/provider")
    async def leave(request: Request, next: str = "") -> Response:
        """To the identity provider."""
        try:
            leaving = await signing.leave(answer_at=answer_at(request), back=local(next))
        except SignInRefusedError as error:
            said = str(error)
            return await to_thread.run_sync(lambda: show(request, local(next), said, 502))
        answer = see_other(leaving.url)
        set_cookie(answer, PENDING, leaving.pending, https=_https(request), seconds=_PENDING_SECONDS)
        return answer

    @router.get("/sign-in/callback")
    async def arrive(request: Request) -> Response:
        """Back from it."""
        pending = read_cookie(request.headers, PENDING, https=_https(request))
        answer: Response
        try:
            arrived = await signing.arrive(
                dict(request.query_params), pending=pending, answer_at=answer_at(request), replacing=_text(request)
            )
            answer = _signed_in(request, arrived.opened, local(arrived.back))
        except (SignInRefusedError, RegistryError) as error:
            said = error.message if isinstance(error, RegistryError) else str(error)
            answer = await to_thread.run_sync(lambda: show(request, "/", said, 403))
        drop_cookie(answer, PENDING, https=_https(request))
        return answer

    @router.post("/sign-in/again")
    def again(request: Request, form: Sent, next: str = "") -> Response:
        """What somebody sent who was signed out meanwhile: nothing was done, and nothing that was typed is lost."""
        way = f"/sign-in?next={quote(local(next), safe='')}"
        return frame.refusal(
            request, "You are signed out, so nothing was done. Sign in, and send the form again.", status=401, way=way
        )

    @router.get("/sign-in/no-such-link")
    def no_such_link(request: Request) -> Response:
        """Where a link to a shared page leads that has ended, or never was one."""
        said = "This link has ended, or was never one: ask whoever gave it to you for another."
        return frame.refusal(request, said, status=404, way="/sign-in")

    @router.post("/sign-out")
    def sign_out(request: Request) -> Response:
        signing.end(_text(request))
        return _signed_out(request)

    @router.post("/sign-out/everywhere")
    def sign_out_everywhere(request: Request) -> Response:
        signing.end_all(request)
        return _signed_out(request)


def local(path: str) -> str:
    """A page of this server to go back to: the path itself, or the first page where it would lead anywhere else."""
    plain = path.isascii() and path.isprintable() and "\\" not in path
    return path if plain and path.startswith("/") and not path.startswith(("//", "/sign-in", "/sign-out")) else "/"


def _signed_in(request: Request, opened: OpenedSession, back: str) -> Response:
    answer = see_other(back)
    set_cookie(answer, SESSION, opened.text, https=_https(request), seconds=opened.seconds)
    return answer


def _signed_out(request: Request) -> Response:
    answer = see_other("/sign-in")
    drop_cookie(answer, SESSION, https=_https(request))
    return answer


def _https(request: Request) -> bool:
    return is_https(request.headers, request.url.scheme)


def _text(request: Request) -> str:
    """The text of the session that a browser has, whether it holds or not."""
    return read_cookie(request.headers, SESSION, https=_https(request))
