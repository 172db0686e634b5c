"""What a call cost, in US dollars, and the price that was used. Own prices from the settings win over the published ones.

Published prices come from genai-prices' offline data (https://github.com/pydantic/genai-prices). One look-up there costs some 300 µs, so
a model's rates are kept for an hour (some providers price by the time of day), for each tier of its prices. What can't be known is None,
never zero: a model nobody has a price for, an answer that didn't say what it used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from importlib.metadata import version

import msgspec
from genai_prices import Usage, calc_price
from genai_prices.types import ModelPrice as Published
from genai_prices.types import TieredPrices

from proxy.providers import ModelPrice, Provider
from proxy.rates import Rates, Used
from proxy.tally import Tally

_PROVIDER_IDS = {"xai": "x-ai", "gemini": "google"}
_MOST_KEPT = 10_000


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """A cost as a decimal, and the price behind it as JSON (`source`, `model`, US dollars per million tokens by kind)."""

    cost: str
    price: str


@dataclass(frozen=True, slots=True)
class _Quote:
    """What a unit of a model's tokens costs, who says so, and under which name. What the record keeps of it is written once."""

    source: str
    name: str
    rates: Rates
    _told: dict[tuple[str, ...], str] = field(default_factory=dict)

    def of(self, used: Used) -> Priced:
        """What a call costs."""
        kinds = used.kinds
        told = self._told.get(kinds)
        if told is None:
            told = self._told[kinds] = self.rates.told(self.source, self.name, kinds)
        return Priced(cost=self.rates.cost(used, kinds), price=told)


@dataclass(frozen=True, slots=True)
class _Found:
    """A model's published prices at a time."""

    source: str
    name: str
    prices: Published
    tiers: tuple[int, ...]
    quotes: dict[int, _Quote] = field(default_factory=dict)

    def covers(self, used: Used) -> bool:
        """Whether all that was used has a price; a model may be priced by hours, letters or pages instead."""
        return self.prices.input_mtok is not None and (not used.outputs or self.prices.output_mtok is not None)

    def at(self, inputs: int) -> _Quote:
        """The price of a call with so many input tokens: that of the tier counts for all of its tokens."""
        tier = sum(inputs > start for start in self.tiers)
        if tier not in self.quotes:
            self.quotes[tier] = _Quote(self.source, self.name, _published_rates(self.prices, inputs))
        return self.quotes[tier]


@dataclass(slots=True)
class PriceList:
    """Prices by provider and model, remembered."""

    source: str = field(default_factory=lambda: f"genai-prices {version('genai-prices')}")
    _own: dict[tuple[str, tuple[str, ...]], _Quote | None] = field(default_factory=dict)
    _found: dict[tuple[str, str, int], _Found | None] = field(default_factory=dict)

    def priced(self, provider: Provider, model: str, tally: Tally, at: datetime) -> Priced | None:
        """What a call cost, or None where price or usage is unknown. `model` is what was asked for; what served wins over it."""
        used = Used.of(tally)
        names = tuple(dict.fromkeys(name for name in (tally.model, model) if name))
        own = self._quoted(provider, names) if provider.prices else None
        if own is not None:
            if used is None and not (own.rates.flat and tally.understood and not tally.error):
                return None
            return own.of(used or Used())
        if used is None or provider.simulator:
            return None
        for name in names:
            found = self._published(provider, name, at)
            if found is not None and found.covers(used):
                return found.at(used.inputs).of(used)
        return None

    def _quoted(self, provider: Provider, names: tuple[str, ...]) -> _Quote | None:
        """The settings' price for a model."""
        key = (provider.name, names)
        if key not in self._own:
            if len(self._own) > _MOST_KEPT:
                self._own.clear()
            own = own_price(provider.prices, names)
            self._own[key] = None if own is None else _Quote("settings", *own)
        return self._own[key]

    def _published(self, provider: Provider, model: str, at: datetime) -> _Found | None:
        key = (provider.name, model, int(at.timestamp() // 3600))
        if key not in self._found:
            if len(self._found) > _MOST_KEPT:
                self._found.clear()
            self._found[key] = _look_up(self.source, provider, model, at)
        return self._found[key]


def own_price(prices: Mapping[str, ModelPrice], names: tuple[str, ...]) -> tuple[str, Rates] | None:
    """The settings' price for a model by any of its names, with the pattern that fits: a name as it is, else the first pattern."""
    for name in names:
        if name in prices:
            return name, _own_rates(prices[name])
    for name in names or ("",):
        for pattern, price in prices.items():
            if fnmatchcase(name, pattern):
                return pattern, _own_rates(price)
    return None


def _own_rates(given: ModelPrice) -> Rates:
    plain, output = _decimal(given.input), _decimal(given.output)
    cached = plain if given.cached_input is None else _decimal(given.cached_input)
    write = plain if given.cache_write is None else _decimal(given.cache_write)
    return Rates(
        input=plain,
        output=output,
        cached_input=cached,
        cache_write=write,
        cache_write_1h=write,
        audio_input=plain if given.audio_input is None else _decimal(given.audio_input),
        cached_audio_input=cached,
        audio_output=output if given.audio_output is None else _decimal(given.audio_output),
        request=_decimal(given.request),
    )


def _published_rates(prices: Published, inputs: int) -> Rates:
    def rate(*names: str) -> Decimal:
        for name in names:
            price = getattr(prices, name, None)
            if isinstance(price, TieredPrices):
                return next((tier.price for tier in reversed(price.tiers) if inputs > tier.start), price.base)
            if price is not None:
                return Decimal(price)
        return Decimal(0)

    return Rates(
        input=rate("input_mtok"),
        output=rate("output_mtok"),
        cached_input=rate("cache_read_mtok", "input_mtok"),
        cache_write=rate("cache_write_mtok", "input_mtok"),
        cache_write_1h=rate("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
        audio_input=rate("input_audio_mtok", "input_mtok"),
        cached_audio_input=rate("cache_audio_read_mtok", "cache_read_mtok", "input_audio_mtok", "input_mtok"),
        audio_output=rate("output_audio_mtok", "output_mtok"),
        request=rate("requests_kcount") / 1000,
    )


def _look_up(source: str, provider: Provider, model: str, at: datetime) -> _Found | None:
    name = _PROVIDER_IDS.get(provider.name, provider.name)
    try:
        found = calc_price(Usage(input_tokens=1, output_tokens=1), model, provider_id=name, genai_request_timestamp=at)
    except (LookupError, ValueError):
        return None
    prices = found.model_price
    tiers = {tier.start for price in vars(prices).values() if isinstance(price, TieredPrices) for tier in price.tiers}
    return _Found(source, f"{found.provider.id}/{found.model.id}", prices, tuple(sorted(tiers)))


def _decimal(amount: float) -> Decimal:
    return Decimal(str(amount))
