"""Cost: known prices computed, unknown ones None, and the price that was used beside it."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price

from proxy.price import Priced, PriceList
from proxy.providers import ModelPrice, Provider
from proxy.tally import Tally

AT = datetime(2026, 11, 1, tzinfo=UTC)
OPENAI = Provider(name="openai", base_url="https://a/v1")
ANTHROPIC = Provider(name="anthropic", kind="anthropic", base_url="https://a")
GEMINI = Provider(name="gemini", kind="gemini", base_url="https://a")
OWN = Provider(
    name="own",
    base_url="https://a/v1",
    prices={
        "m": ModelPrice(input=2, output=10, cached_input=1),
        "voice-*": ModelPrice(input=1, output=2, audio_input=10, audio_output=20, cache_write=1.5, request=0.01),
        "image": ModelPrice(input=0, output=0, request=0.04),
        "*": ModelPrice(input=100, output=100),
    },
)


def priced(provider: Provider, model: str, tally: Tally) -> Priced | None:
    return PriceList().priced(provider, model, tally, AT)


def cost(provider: Provider, model: str, tally: Tally) -> str | None:
    found = priced(provider, model, tally)
    return found.cost if found else None


def test_a_published_price_and_what_it_was_made_of() -> None:
    tally = Tally(model="gpt-4o-2024-08-06", input_tokens=1000, cached_input_tokens=200, output_tokens=100)
    found = priced(OPENAI, "gpt-4o", tally)
    # $2.50 a million tokens in, $1.25 cached, $10 out.
    assert found is not None
    assert found.cost == "0.00325"
    price = json.loads(found.price)
    assert price.pop("source").startswith("genai-prices 0.")
    assert price == {"model": "openai/gpt-4o", "input": 2.5, "cached_input": 1.25, "output": 10}


def test_own_prices_win_by_name_then_by_pattern() -> None:
    tally = Tally(model="m", input_tokens=1_000_000, cached_input_tokens=500_000, output_tokens=100_000)
    assert Decimal(cost(OWN, "m", tally) or "") == Decimal("2.5")
    found = priced(OWN, "other", Tally(input_tokens=10, output_tokens=10))
    assert found is not None
    assert (found.cost, json.loads(found.price)["model"]) == ("0.002", "*")
    assert json.loads(found.price)["source"] == "settings"


def test_own_prices_of_audio_and_requests() -> None:
    tally = Tally(
        input_tokens=3000, audio_input_tokens=1000, cache_write_tokens=1000, output_tokens=2000, audio_output_tokens=500
    )
    found = priced(OWN, "voice-1", tally)
    # 1000 × $1 + 1000 audio × $10 + 1000 written × $1.50, 1500 × $2 + 500 × $20, a million each; and a cent.
    assert found is not None
    assert Decimal(found.cost) == Decimal("0.0255") + Decimal("0.01")
    figures = {"input": 1, "cache_write": 1.5, "audio_input": 10, "output": 2, "audio_output": 20, "request": 0.01}
    assert json.loads(found.price) == {"source": "settings", "model": "voice-*", **figures}


def test_a_flat_price_needs_no_tokens_but_an_answer() -> None:
    assert cost(OWN, "image", Tally()) == "0.04"
    assert cost(OWN, "image", Tally(error="overloaded")) is None


@pytest.mark.parametrize(
    ("provider", "model", "tally"),
    [
        (OPENAI, "no-such-model", Tally(model="no-such-model", input_tokens=5, output_tokens=1)),
        (OPENAI, "gpt-4o", Tally(model="gpt-4o")),
        (OPENAI, "gpt-4o", Tally(model="gpt-4o", output_tokens=5)),
        (ANTHROPIC, "claude-sonnet-4-5", Tally(input_tokens=5, usage_source="partial")),
        (OPENAI, "whisper-1", Tally(model="whisper-1", input_tokens=5, output_tokens=5)),
        (OPENAI, "text-embedding-3-small", Tally(input_tokens=5, output_tokens=5)),
        (Provider(name="s", base_url="", simulator=True), "gpt-4o", Tally(model="gpt-4o", input_tokens=5)),
        (OWN, "m", Tally()),
    ],
)
def test_unknown_is_none_never_zero(provider: Provider, model: str, tally: Tally) -> None:
    assert priced(provider, model, tally) is None


def test_embeddings_have_no_output() -> None:
    found = cost(OPENAI, "text-embedding-3-small", Tally(input_tokens=1_000_000))
    assert found == "0.02"


@pytest.mark.parametrize(
    ("provider", "name", "model"),
    [
        (OPENAI, "openai", "gpt-4.1"),
        (OPENAI, "openai", "gpt-realtime"),
        (ANTHROPIC, "anthropic", "claude-sonnet-4-5"),
        (GEMINI, "google", "gemini-2.5-pro"),
        (GEMINI, "google", "gemini-2.5-flash"),
        (Provider(name="perplexity", base_url="https://a"), "perplexity", "sonar"),
    ],
)
def test_remembered_rates_give_the_library_s_own_result_in_every_tier(
    provider: Provider, name: str, model: str
) -> None:
    prices = PriceList()
    for inputs, cached, written, audio, outputs in [
        (10, 0, 0, 0, 3),
        (50_000, 20_000, 1_000, 0, 4_000),
        (200_000, 100, 0, 500, 10),
        (200_001, 100, 0, 500, 10),
        (900_000, 100_000, 50_000, 0, 9_000),
        (20, 5, 5, 10, 1),
    ]:
        tally = Tally(
            model=model,
            input_tokens=inputs,
            cached_input_tokens=cached,
            cache_write_tokens=written,
            audio_input_tokens=audio,
            output_tokens=outputs,
        )
        usage = {"cache_read_tokens": cached, "cache_write_tokens": written}
        if audio:
            usage |= {"input_audio_tokens": audio, "cache_audio_read_tokens": 0, "cache_audio_write_tokens": 0}
        expected = calc_price(
            Usage(input_tokens=inputs, output_tokens=outputs, **usage),
            model,
            provider_id=name,
            genai_request_timestamp=AT,
        ).total_price
        found = prices.priced(provider, model, tally, AT)
        assert found is not None
        assert abs(Decimal(found.cost) - expected) < Decimal("1e-9")


def test_the_tier_s_figures_are_the_ones_on_record() -> None:
    prices = PriceList()
    for inputs, figure in ((200_000, 3), (200_001, 6)):
        found = prices.priced(ANTHROPIC, "claude-sonnet-4-5", Tally(input_tokens=inputs, output_tokens=1), AT)
        assert found is not None
        assert json.loads(found.price)["input"] == figure


def test_writing_to_a_cache_has_its_own_rates() -> None:
    tally = Tally(
        model="claude-sonnet-4-5", input_tokens=3000, cached_input_tokens=1000, cache_write_tokens=1000, output_tokens=0
    )
    # $3 a million tokens in, $0.30 read from the cache, $3.75 written to it; $6 where it is to stay for an hour.
    assert cost(ANTHROPIC, "claude-sonnet-4-5", tally) == "0.00705"
    long = Tally(input_tokens=2000, cache_write_tokens=1000, cache_write_1h_tokens=400, output_tokens=0)
    assert cost(ANTHROPIC, "claude-sonnet-4-5", long) == "0.00765"


def test_what_a_provider_says_of_more_than_there_was_costs_no_less_than_nothing() -> None:
    odd = Tally(
        input_tokens=10,
        cached_input_tokens=99,
        cache_write_tokens=99,
        audio_input_tokens=99,
        cached_audio_tokens=99,
        output_tokens=1,
    )
    assert Decimal(cost(OPENAI, "gpt-realtime", odd) or "-1") >= 0
