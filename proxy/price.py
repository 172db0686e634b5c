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
_PROVIDER_IDS = {"xai": "x-ai"}
_PLACES = Decimal("0.000000001")


@dataclass(frozen=True, slots=True)
class _Rates:
    """US dollars per token."""

    input: Decimal
    cached_input: Decimal
    output: Decimal

    def cost(self, inputs: int, cached: int, outputs: int) -> Decimal:
        return self.input * (inputs - cached) + self.cached_input * cached + self.output * outputs


@dataclass(slots=True)
class PriceList:
    """Prices by provider and model, remembered."""

    _rates: dict[tuple[str, str, int], _Rates | None] = field(default_factory=dict)

    def cost(self, provider: Provider, model: str, tally: Tally, at: datetime) -> str | None:
        """The cost of a call as a decimal string with at most nine places, or None where price or usage is unknown."""
        if tally.input_tokens is None and tally.output_tokens is None:
            return None
        inputs, outputs = tally.input_tokens or 0, tally.output_tokens or 0
        cached = min(tally.cached_input_tokens or 0, inputs)
        own = provider.prices.get(tally.model) or provider.prices.get(model) or provider.prices.get("*")
        if own is not None:
            rates = _Rates(
                Decimal(str(own.input)) / _MILLION,
                Decimal(str(own.cached_input if own.cached_input is not None else own.input)) / _MILLION,
                Decimal(str(own.output)) / _MILLION,
            )
            return _money(rates.cost(inputs, cached, outputs))
        if provider.simulator:
            return None
        for name in dict.fromkeys((tally.model, model)):
            if inputs >= _TIERS_FROM:
                total = _published(provider, name, inputs, cached, outputs, at)
                if total is not None:
                    return _money(total)
                continue
            found = self._rates_of(provider, name, at)
            if found is not None:
                return _money(found.cost(inputs, cached, outputs))
        return None

    def _rates_of(self, provider: Provider, model: str, at: datetime) -> _Rates | None:
        key = (provider.name, model, int(at.timestamp() // 3600))
        if key not in self._rates:
            if len(self._rates) > 10_000:
                self._rates.clear()
            self._rates[key] = _look_up(provider, model, at)
        return self._rates[key]


def _look_up(provider: Provider, model: str, at: datetime) -> _Rates | None:
    thousand = _published(provider, model, 1000, 0, 0, at)
    cached = _published(provider, model, 1000, 1000, 0, at)
    output = _published(provider, model, 0, 0, 1000, at)
    if thousand is None or output is None:
        return None
    return _Rates(thousand / 1000, (cached if cached is not None else thousand) / 1000, output / 1000)


def _published(provider: Provider, model: str, inputs: int, cached: int, outputs: int, at: datetime) -> Decimal | None:
    if not model:
        return None
    usage = Usage(input_tokens=inputs, cache_read_tokens=cached, output_tokens=outputs)
    try:
        return calc_price(
            usage, model, provider_id=_PROVIDER_IDS.get(provider.name, provider.name), genai_request_timestamp=at
        ).total_price
    except (LookupError, ValueError):
        return None


def _money(amount: Decimal) -> str:
    return format(amount.quantize(_PLACES).normalize(), "f")
