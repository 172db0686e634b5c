"""What was used and what a unit of it costs: tokens by kind, US dollars per million of each, and the two multiplied. Pure.

Every token is counted once: audio and cached tokens are part of the input tokens that a provider tells, and have prices of their own
where there are any. Reasoning tokens are output tokens, at their price.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter

import msgspec
import orjson

from proxy.tally import Tally

_MILLION = Decimal(1_000_000)
_PLACES = Decimal("0.000000001")


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of a call, each in one kind only. None where an answer does not say enough: its cost is unknown then."""

    input: int = 0
    cached_input: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    audio_input: int = 0
    cached_audio_input: int = 0
    output: int = 0
    audio_output: int = 0

    @classmethod
    def of(cls, tally: Tally) -> "Used | None":
        """What was used. Input that isn't told is unknown; output that isn't told is none where the answer came whole (embeddings)."""
        if tally.input_tokens is None or (tally.output_tokens is None and tally.usage_source == "partial"):
            return None
        inputs, outputs = tally.input_tokens, tally.output_tokens or 0
        cached = min(tally.cached_input_tokens or 0, inputs)
        written = min(tally.cache_write_tokens or 0, inputs - cached)
        long = min(tally.cache_write_1h_tokens or 0, written)
        cached_audio = min(tally.cached_audio_tokens or 0, cached)
        audio = min(tally.audio_input_tokens or 0, inputs)
        fresh_audio = min(max(audio - cached_audio, 0), inputs - cached - written)
        audio_output = min(tally.audio_output_tokens or 0, outputs)
        return cls(
            input=inputs - cached - written - fresh_audio,
            cached_input=cached - cached_audio,
            cache_write=written - long,
            cache_write_1h=long,
            audio_input=fresh_audio,
            cached_audio_input=cached_audio,
            output=outputs - audio_output,
            audio_output=audio_output,
        )

    @property
    def inputs(self) -> int:
        """All input tokens: they decide on a price's tier."""
        return (
            self.input
            + self.cached_input
            + self.cache_write
            + self.cache_write_1h
            + self.audio_input
            + self.cached_audio_input
        )

    @property
    def outputs(self) -> int:
        """All output tokens."""
        return self.output + self.audio_output

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that there were any of."""
        return tuple(kind for kind, tokens in zip(_KINDS, _tokens(self), strict=True) if tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """US dollars per million tokens of each kind, and per request. A kind without a price of its own has that of the plainer kind."""

    input: Decimal
    output: Decimal
    cached_input: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal
    audio_input: Decimal
    cached_audio_input: Decimal
    audio_output: Decimal
    request: Decimal = Decimal(0)

    @property
    def flat(self) -> bool:
        """Whether a call costs the same whatever it used."""
        return not any(getattr(self, name) for name in _KINDS)

    def cost(self, used: Used, kinds: Iterable[str]) -> str:
        """What a call cost that used some kinds of tokens, as a decimal with at most nine places."""
        cost = self.request
        for kind in kinds:
            cost += getattr(self, kind) * getattr(used, kind) / _MILLION
        return format(cost.quantize(_PLACES).normalize(), "f")

    def told(self, source: str, name: str, kinds: Iterable[str]) -> str:
        """The price as the record keeps it: where it is from, and the figures that the cost of these kinds of tokens was made with."""
        figures = {kind: float(getattr(self, kind)) for kind in _KINDS if kind in _ALWAYS or kind in kinds}
        per_request = {"request": float(self.request)} if self.request else {}
        return orjson.dumps({"source": source, "model": name, **figures, **per_request}).decode()


_KINDS: tuple[str, ...] = Used.__struct_fields__
_tokens = attrgetter(*_KINDS)
_ALWAYS = frozenset({"input", "output"})
