"""A streamed answer on its way: chunks pass on as they come, and the call is on record before its last bytes are.

Knows events and their order; refuses to know ASGI and the record's shape. Whoever reads it either reads to the end or calls
`leave`: both end in exactly one record.
"""

from collections.abc import Callable

import msgspec

from proxy.answer import ProviderAnswer
from proxy.dialects.translation import StreamTranslator
from proxy.endpoints import Endpoint
from proxy.errors import UpstreamFailed, UpstreamMalformed, UpstreamTimeout, answer_for
from proxy.failures import malformed
from proxy.passing import described
from proxy.sse import EventReader, ServerSentEvent, data_of
from proxy.tally import Tally
from proxy.translated import translated_event
from tracing.event import Outcome

_KEPT_BYTES = 4 * 1024 * 1024
_CHECK = msgspec.json.Decoder(msgspec.Raw)
_MOST_EVENT_BYTES = 64 * 1024 * 1024


class StreamEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How a stream ended."""

    outcome: Outcome
    tally: Tally
    error_code: str = ""
    error_message: str = ""


class AnswerStream:
    """The chunks of an answer. `on_end` is called once, before the bytes that end the stream are given out."""

    def __init__(
        self,
        answer: ProviderAnswer,
        endpoint: Endpoint,
        *,
        translator: StreamTranslator | None = None,
        hide_usage: bool,
        on_first_chunk: Callable[[], None],
        on_end: Callable[[StreamEnd], None],
    ) -> None:
        self._answer = answer
        self._endpoint = endpoint
        self._translator = translator
        self._hide_usage = hide_usage
        self._on_first_chunk = on_first_chunk
        self._on_end = on_end
        self._reader = EventReader()
        self._payloads: list[bytes] = []
        self._kept = 0
        self._begun = False
        self._ended = False
        self._exhausted = False
        self._left = False

    async def next(self) -> bytes | None:
        """The next bytes for the client, or None when the stream is over."""
        while not self._exhausted:
            try:
                chunk = await self._answer.chunk()
            except UpstreamFailed as error:
                self._exhausted = True
                outcome: Outcome = "timeout" if isinstance(error, UpstreamTimeout) else "provider_error"
                if self._end(outcome, error.code, error.message):
                    return answer_for(error).event(self._endpoint.errors)
                return None
            if chunk is None:
                self._exhausted = True
                return self._at_end_of_body()
            if not self._begun:
                self._begun = True
                self._on_first_chunk()
            passed = self._pass(chunk)
            if passed:
                return passed
        return None

    def leave(self, *, error_code: str = "", error_message: str = "") -> None:
        """Ends the stream early because the client is gone; the provider's call is aborted."""
        self._exhausted = True
        self._end("client_left", error_code, error_message)
        self._answer.close()

    async def drain(self) -> None:
        """Reads on to the end although the client is gone, so that its usage is known; cancelling it ends the stream early."""
        self._left = True
        try:
            while await self.next() is not None:
                pass
        except BaseException:
            self.leave()
            raise
        self._answer.close()

    def close(self) -> None:
        """Gives the connection back after the end."""
        self._answer.close()

    def _pass(self, chunk: bytes) -> bytes:
        """The whole events that a chunk completes: half an event is of no use to a client, and could not be followed by an error."""
        passed: list[bytes] = []
        try:
            for event in self._reader.feed(chunk):
                self._pass_event(event, passed)
            if len(self._reader.rest) > _MOST_EVENT_BYTES:
                raise malformed(self._answer.provider, f"an event is longer than {_MOST_EVENT_BYTES // 2**20} MiB")
        except UpstreamMalformed as error:
            self._exhausted = True
            if self._end("provider_error", error.code, error.message):
                passed.append(answer_for(error).event(self._endpoint.errors))
        return b"".join(passed)

    def _pass_event(self, event: ServerSentEvent, passed: list[bytes]) -> None:
        if not _readable(event.data):
            found = event.data[:80].decode("utf-8", "replace")
            raise malformed(self._answer.provider, f"an event is not a JSON object: {found}")
        if self._translator is None:
            self._tell(event, passed)
        else:
            for raw in translated_event(self._translator, self._answer.provider, event.data):
                self._tell(ServerSentEvent(raw, data_of(raw)), passed)

    def _tell(self, event: ServerSentEvent, passed: list[bytes]) -> None:
        self._keep(event)
        if self._endpoint.ends(event.data):
            self._end("ok")
        if not (self._hide_usage and _only_usage(event)):
            passed.append(event.raw)

    def _keep(self, event: ServerSentEvent) -> None:
        """Keeps an event for the tally; of an enormous stream only what counts."""
        self._kept += len(event.data)
        if self._kept <= _KEPT_BYTES or b'"usage"' in event.data or b'"error"' in event.data:
            self._payloads.append(event.data)

    def _at_end_of_body(self) -> bytes | None:
        rest = self._reader.finish()
        if self._ended:
            return rest or None
        told: list[bytes] = []
        last = data_of(rest)
        try:
            if last and _readable(last):  # a last event without its blank line
                self._pass_event(ServerSentEvent(rest, last), told)
            if self._translator is not None:
                for raw in self._translator.finish():
                    self._tell(ServerSentEvent(raw, data_of(raw)), told)
        except UpstreamMalformed as error:
            self._end("provider_error", error.code, error.message)
            return answer_for(error).event(self._endpoint.errors)
        tally = self._endpoint.tally_events(self._payloads, complete=True)
        if self._ended or (_readable(last) and (tally.finish_reason or tally.error)):
            self._end("ok")
            return b"".join(told) or None
        cut = UpstreamFailed(
            f"provider '{self._answer.provider}' ended its stream before the answer did", code="provider_cut_off"
        )
        self._end("provider_error", cut.code, cut.message)
        return answer_for(cut).event(self._endpoint.errors)

    def _end(self, outcome: Outcome, error_code: str = "", error_message: str = "") -> bool:
        """Puts the end on record, once; True the first time."""
        if self._ended:
            return False
        self._ended = True
        tally = self._endpoint.tally_events(self._payloads, complete=outcome == "ok")
        if tally.error and outcome == "ok":
            outcome, error_code, error_message = "provider_error", "provider_error_event", tally.error
        if self._left and outcome == "ok":
            outcome = "client_left"
        self._on_end(StreamEnd(outcome=outcome, tally=tally, error_code=error_code, error_message=error_message))
        return True


class BytesStream:
    """An answer that is neither JSON nor events (audio, say): its bytes pass on as they come, and are counted."""

    def __init__(
        self, answer: ProviderAnswer, *, on_first_chunk: Callable[[], None], on_end: Callable[[StreamEnd], None]
    ) -> None:
        self._answer = answer
        self._on_first_chunk = on_first_chunk
        self._on_end = on_end
        self._bytes = 0
        self._ended = False

    async def next(self) -> bytes | None:
        """The next bytes for the client, or None when the answer is over and on record.

        A provider that breaks off raises UpstreamFailed: the client's connection breaks off too, as nothing else would tell it.
        """
        try:
            chunk = await self._answer.chunk()
        except UpstreamFailed as error:
            self._end("timeout" if isinstance(error, UpstreamTimeout) else "provider_error", error.code, error.message)
            raise
        if chunk is None:
            self._end("ok")
            return None
        if not self._bytes:
            self._on_first_chunk()
        self._bytes += len(chunk)
        return chunk

    def leave(self, *, error_code: str = "", error_message: str = "") -> None:
        """Ends the answer early because the client is gone; the provider's call is aborted."""
        self._end("client_left", error_code, error_message)
        self._answer.close()

    async def drain(self) -> None:
        """As `leave`: such an answer tells no usage that would be worth its rest."""
        self.leave()

    def close(self) -> None:
        """Gives the connection back after the end."""
        self._answer.close()

    def _end(self, outcome: Outcome, error_code: str = "", error_message: str = "") -> None:
        if not self._ended:
            self._ended = True
            tally = Tally(response=described(self._answer.header("content-type"), self._bytes).decode())
            self._on_end(StreamEnd(outcome=outcome, tally=tally, error_code=error_code, error_message=error_message))


def _readable(data: bytes) -> bool:
    """Whether an event's data is what it has to be, so that no SDK stumbles over it; checked only, in a third of a microsecond."""
    if not data or data == b"[DONE]":
        return True
    try:
        data.decode()
        _CHECK.decode(data)
    except (UnicodeDecodeError, msgspec.DecodeError):
        return False
    return data.lstrip()[:1] == b"{"


def _only_usage(event: ServerSentEvent) -> bool:
    """The extra chunk that `include_usage` adds: usage and no choices."""
    data = event.data
    return b'"usage"' in data and b'"choices":[]' in data.replace(b" ", b"")
