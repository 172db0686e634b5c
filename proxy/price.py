"""What a call cost, in US dollars. Own prices from the settings win over the published ones; unknown is None, never zero.

Published prices come from genai-prices' offline data. One look-up there costs some 200 µs, so the rates of a model are
kept for an hour (some providers price by the time of day). Large contexts are priced in tiers and looked up each time.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from genai_prices import Usage, calc_price

from proxy.providers import Provider
from proxy.tally import Tally

_TIERS_FROM = 100_000  # no published tier starts below this many input tokens
_MILLION = Decimal(1_000_000)
_PROVIDER_IDS = {"xai": "x-ai", "gemini": "google"}
_PLACES = Decimal("0.000000001")


@dataclass(frozen=True, slots=True)
class _Rates:
    """US dollars per token."""

    input: Decimal
    cached_input: Decimal
    cache_write: Decimal
    output: Decimal

    def cost(self, used: "_Used") -> Decimal:
        fresh = used.inputs - used.cached - used.written
        return (
            self.input * fresh
            + self.cached_input * used.cached
            + self.cache_write * used.written
            + self.output * used.outputs
        )


@dataclass(frozen=True, slots=True)
class _Used:
    """Tokens; `inputs` include those read from a cache and those written to one."""

    inputs: int = 0
    cached: int = 0
    written: int = 0
    outputs: int = 0

    @classmethod
    def of(cls, tally: Tally) -> "_Used":
        inputs = tally.input_tokens or 0
        cached = min(tally.cached_input_tokens or 0, inputs)
        written = min(tally.cache_write_tokens or 0, inputs - cached)
        return cls(inputs, cached, written, tally.output_tokens or 0)


@dataclass(slots=True)
class PriceList:
    """Prices by provider and model, remembered."""

    _rates: dict[tuple[str, str, int], _Rates | None] = field(default_factory=dict)

    def cost(self, provider: Provider, model: str, tally: Tally, at: datetime) -> str | None:
        """The cost of a call as a decimal string with at most nine places, or None where price or usage is unknown."""
        if tally.input_tokens is None and tally.output_tokens is None:
            return None
        used = _Used.of(tally)
        own = provider.prices.get(tally.model) or provider.prices.get(model) or provider.prices.get("*")
        if own is not None:
            rates = _Rates(
                Decimal(str(own.input)) / _MILLION,
                Decimal(str(own.cached_input if own.cached_input is not None else own.input)) / _MILLION,
                Decimal(str(own.input)) / _MILLION,
                Decimal(str(own.output)) / _MILLION,
            )
            return _money(rates.cost(used))
        if provider.simulator:
            return None
        for name in dict.fromkeys((tally.model, model)):
            if used.inputs >= _TIERS_FROM:
                total = _published(provider, name, used, at)
                if total is not None:
                    return _money(total)
                continue
            found = self._rates_of(provider, name, at)
            if found is not None:
                return _money(found.cost(used))
        return None

    def _rates_of(self, provider: Provider, model: str, at: datetime) -> _Rates | None:
        key = (provider.name, model, int(at.timestamp() // 3600))
        if key not in self._rates:
            if len(self._rates) > 10_000:
                self._rates.clear()
            self._rates[key] = _look_up(provider, model, at)
        return self._rates[key]


def _look_up(provider: Provider, model: str, at: datetime) -> _Rates | None:
    kinds = (_Used(1000), _Used(1000, cached=1000), _Used(1000, written=1000), _Used(outputs=1000))
    fresh, cached, written, output = (_published(provider, model, used, at) for used in kinds)
    if fresh is None or output is None:
        return None
    return _Rates(
        fresh / 1000,
        (cached if cached is not None else fresh) / 1000,
        (written if written is not None else fresh) / 1000,
        output / 1000,
    )


def _published(provider: Provider, model: str, used: _Used, at: datetime) -> Decimal | None:
    if not model:
        return None
    usage = Usage(
        input_tokens=used.inputs,
        cache_read_tokens=used.cached,
        cache_write_tokens=used.written,
        output_tokens=used.outputs,
    )
    try:
        return calc_price(
            usage, model, provider_id=_PROVIDER_IDS.get(provider.name, provider.name), genai_request_timestamp=at
        ).total_price
    except (LookupError, ValueError):
        return None


def _money(amount: Decimal) -> str:
    return format(amount.quantize(_PLACES).normalize(), "f")
