"""Cost: known prices computed, unknown ones None."""

from datetime import UTC, datetime
from decimal import Decimal

from proxy.price import PriceList
from proxy.providers import ModelPrice, Provider
from proxy.tally import Tally

AT = datetime(2026, 11, 1, tzinfo=UTC)
OPENAI = Provider(name="openai", base_url="https://a/v1")
OWN = Provider(name="own", base_url="https://a/v1", prices={"m": ModelPrice(input=2, output=10, cached_input=1)})


def test_a_published_price() -> None:
    tally = Tally(model="gpt-4o-2024-08-06", input_tokens=1000, cached_input_tokens=200, output_tokens=100)
    # $2.50 a million tokens in, $1.25 cached, $10 out.
    assert PriceList().cost(OPENAI, "gpt-4o", tally, AT) == "0.00325"


def test_own_prices_win() -> None:
    tally = Tally(model="m", input_tokens=1_000_000, cached_input_tokens=500_000, output_tokens=100_000)
    assert Decimal(PriceList().cost(OWN, "m", tally, AT) or "") == Decimal("2.5")


def test_unknown_is_none_never_zero() -> None:
    prices = PriceList()
    assert prices.cost(OPENAI, "no-such-model", Tally(model="no-such-model", input_tokens=5), AT) is None
    assert prices.cost(OPENAI, "gpt-4o", Tally(model="gpt-4o"), AT) is None
    assert (
        prices.cost(
            Provider(name="simulator", base_url="", simulator=True), "gpt-4o", Tally(model="gpt-4o", input_tokens=5), AT
        )
        is None
    )


def test_no_tokens_cost_nothing() -> None:
    assert PriceList().cost(OPENAI, "gpt-4o", Tally(model="gpt-4o", input_tokens=0, output_tokens=0), AT) == "0"


def test_the_remembered_rate_gives_the_library_s_own_result() -> None:
    from genai_prices import Usage, calc_price

    prices = PriceList()
    for inputs, cached, outputs in [(10, 0, 3), (50_000, 20_000, 4_000), (900_000, 100_000, 9_000)]:
        tally = Tally(model="gpt-4.1", input_tokens=inputs, cached_input_tokens=cached, output_tokens=outputs)
        expected = calc_price(
            Usage(input_tokens=inputs, cache_read_tokens=cached, output_tokens=outputs), "gpt-4.1", provider_id="openai"
        ).total_price
        assert abs(Decimal(prices.cost(OPENAI, "gpt-4.1", tally, AT) or "nan") - expected) < Decimal("1e-9")


def test_writing_to_a_cache_has_its_own_rate() -> None:
    anthropic = Provider(name="anthropic", kind="anthropic", base_url="https://a")
    tally = Tally(
        model="claude-sonnet-4-5", input_tokens=3000, cached_input_tokens=1000, cache_write_tokens=1000, output_tokens=0
    )
    # $3 a million tokens in, $0.30 read from the cache, $3.75 written to it.
    assert PriceList().cost(anthropic, "claude-sonnet-4-5", tally, AT) == "0.00705"
