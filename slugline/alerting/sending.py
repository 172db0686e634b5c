"""How one destination is told: by a webhook, a webhook as Slack has it, by e-mail, or over OTLP. One try each; `delivering` decides what
follows.

1. An address comes from the settings and from nowhere else, and redirects are not followed.
2. A repetition carries the same id, so that a receiver can tell it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import smtplib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Protocol

import httpx

from slugline.alerting.message import Message
from slugline.alerting.settings import DestinationSettings

Secret = Callable[[str], str]
"""Gives what `env:NAME` or `file:PATH` leads to; raises SettingsError."""

_LONGEST_ANSWER = 300


class NotSent(Exception):
    """A destination didn't take it, in words. `wait` is how many seconds it asked for before the next try, None where it didn't."""

    def __init__(self, message: str, *, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class Destination(Protocol):
    """Somebody who can be told."""

    async def send(self, message: Message) -> None:
        """One try. Raises NotSent and SettingsError."""
        ...


def open_destination(settings: DestinationSettings, secret: Secret) -> Destination:
    """The destination of the settings; connects when something is sent. Secrets are read then, so that one can be changed meanwhile."""
    if settings.kind == "email":
        return Mail(settings, secret)
    return Webhook(settings, secret, _slack if settings.kind == "slack" else _json)


class Webhook:
    """A POST of JSON, signed as https://www.standardwebhooks.com has it where there is a secret."""

    def __init__(self, settings: DestinationSettings, secret: Secret, body: Callable[[Message], bytes]) -> None:
        self._settings, self._secret, self._body = settings, secret, body

    async def send(self, message: Message) -> None:
        settings = self._settings
        body = self._body(message)
        headers = {name: _read(value, self._secret) for name, value in settings.headers.items()}
        headers |= {"content-type": "application/json", "user-agent": "slugline", "webhook-id": message.delivery_id}
        timestamp = str(int(datetime.now(UTC).timestamp()))
        headers["webhook-timestamp"] = timestamp
        if settings.secret:
            key = _key(self._secret(settings.secret))
            headers["webhook-signature"] = signature(key, message.delivery_id, timestamp, body)
        verify = ssl.create_default_context(cafile=settings.certificate) if settings.certificate else True
        try:
            async with (
                asyncio.timeout(settings.timeout_seconds),
                httpx.AsyncClient(verify=verify, timeout=settings.timeout_seconds, follow_redirects=False) as client,
            ):
                answer = await client.post(_read(settings.url, self._secret), content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            raise NotSent(f"it can't be reached: {_words(error)}") from error
        if not answer.is_success:
            said = " ".join(answer.text[:_LONGEST_ANSWER].split())
            where = " (redirects are not followed)" if answer.is_redirect else ""
            raise NotSent(
                f"it answered {answer.status_code}{where}{': ' + said if said else ''}",
                wait=_seconds(answer.headers.get("retry-after", "")),
            )


class Mail:
    """An e-mail over SMTP, to all addresses at once."""

    def __init__(self, settings: DestinationSettings, secret: Secret) -> None:
        self._settings, self._secret = settings, secret

    async def send(self, message: Message) -> None:
        password = self._secret(self._settings.password) if self._settings.password else ""
        try:
            await asyncio.to_thread(self._send, mail_of(message, self._settings), password)
        except (smtplib.SMTPException, OSError) as error:
            raise NotSent(f"the mail server {self._settings.host} didn't take it: {_words(error)}") from error

    def _send(self, mail: EmailMessage, password: str) -> None:
        settings = self._settings
        context = ssl.create_default_context(cafile=settings.certificate or None)
        port = settings.port or (465 if settings.security == "tls" else 587)
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, port, timeout=settings.timeout_seconds, context=context
            )
        else:
            server = smtplib.SMTP(settings.host, port, timeout=settings.timeout_seconds)
        with server:
            if settings.security == "starttls":
                server.starttls(context=context)
            if settings.user:
                server.login(settings.user, password)
            refused = server.send_message(mail)
            if refused:  # some took it: to send it again would tell those twice
                raise NotSent(f"refused for {', '.join(refused)}")


def mail_of(message: Message, settings: DestinationSettings) -> EmailMessage:
    """The mail. Its Message-ID is the delivery's, so that mail readers fold a repetition."""
    mail = EmailMessage()
    mail["Subject"] = " ".join(f"[Slugline] {message.subject}".split())
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.to)
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{message.delivery_id}@{settings.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday note is to answer
    mail.set_content(message.text)
    return mail


def signature(key: bytes, delivery_id: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256, in base64, of id, timestamp (seconds since 1970) and body with dots between."""
    signed = b".".join((delivery_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    """`whsec_` and base64, as libraries of that standard write a secret; any other text is the key itself."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error as error:
            raise NotSent("its secret begins with whsec_, and what follows is no base64") from error
    return secret.encode()


def _json(message: Message) -> bytes:
    return json.dumps(message.to_json(), ensure_ascii=False).encode("utf-8", "replace")


def _slack(message: Message) -> bytes:
    """https://docs.slack.dev/messaging/formatting-message-text: three characters are escaped, `<url|text>` is a link."""
    rest = message.text.partition("\n")[2].replace(message.url, "\0")
    text = f"*{_for_slack(message.subject)}*\n{_for_slack(rest)}".replace("\0", f"<{message.url}>")
    return json.dumps({"text": text}, ensure_ascii=False).encode("utf-8", "replace")


def _for_slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _read(text: str, secret: Secret) -> str:
    return secret(text) if text.startswith(("env:", "file:")) else text


def _seconds(retry_after: str) -> float | None:
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None


def _words(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
