"""Sends one signal's items until the collector has them: again after a while, in smaller pieces, or never more, as its answers say.

Refuses to know what the items are and where they wait; what was erased meanwhile it is told.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from tracing.telemetry.counts import ExportCounts
from tracing.telemetry.delivery import Delivery, wait_before
from tracing.telemetry.senders import Sender
from tracing.telemetry.settings import Signal

T = TypeVar("T")

log = logging.getLogger("slugline.telemetry")


class Delivering:
    """The way to a collector. `pause` waits so many seconds, and says whether the end has come."""

    def __init__(
        self, senders: Mapping[Signal, Sender], counts: ExportCounts, pause: Callable[[float], Awaitable[bool]]
    ) -> None:
        self._senders, self._counts, self._pause = senders, counts, pause

    async def deliver(
        self,
        signal: Signal,
        items: Sequence[tuple[int, T]],
        pack: Callable[[Sequence[T]], Message],
        blanked: Callable[[], Collection[int]],
    ) -> bool:
        """Sends items, each with its line's place, until they are accepted or refused; False when the end came first.

        What was erased while it waited for the collector is not sent any more.
        """
        sender = self._senders.get(signal)
        pending = [items] if sender is not None and items else []
        tries = 0
        while pending and sender is not None:
            gone = await asyncio.to_thread(blanked)
            now = pending[-1] = [(place, item) for place, item in pending[-1] if place not in gone]
            if not now:
                pending.pop()
                continue
            delivery = await sender.send(await asyncio.to_thread(pack, [item for _, item in now]))
            if delivery.kind == "taken":
                self.note(signal, delivery, len(now))
            elif delivery.kind == "smaller" and len(now) > 1:
                pending[-1:] = [now[len(now) // 2 :], now[: len(now) // 2]]
                continue
            elif delivery.kind in {"later", "held"}:
                self.say(signal, delivery)
                tries += 1
                if await self._pause(wait_before(tries, delivery, random.random())):  # noqa: S311 - no secret
                    return False
                continue
            else:
                self._counts.refused += len(now)
                log.error("%d of %s were refused and are not sent again: %s", len(now), signal, delivery.message)
            pending.pop()
            tries = 0
        return True

    def note(self, signal: Signal, delivery: Delivery, count: int) -> None:
        """Counts what was taken, and says what was not."""
        if self._counts.goes_on(signal):
            log.info("the collector takes %s again", signal)
        self._counts.sent[signal] = self._counts.sent.get(signal, 0) + count - delivery.rejected
        if delivery.rejected or delivery.message:
            self._counts.refused += delivery.rejected
            log.warning(
                "the collector did not take %d of %d %s: %s", delivery.rejected, count, signal, delivery.message
            )

    def say(self, signal: Signal, delivery: Delivery) -> None:
        """Says why a signal waits, once."""
        if self._counts.waits(signal, delivery.message, held=delivery.kind == "held"):
            log.warning("%s wait to be sent: %s", signal, delivery.message)
