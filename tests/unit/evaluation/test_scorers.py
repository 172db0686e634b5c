"""Each check says what it should of answers in each of the four formats, and what it can't say it leaves."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.language_texts import TEXTS
from evaluation.scorers.kinds import KINDS
from evaluation.scorers.language import CODES
from evaluation.scorers.scoring import checked, sampled, scorers_of
from evaluation.scorers.settings import ScorerSettings
from evaluation.scorers.subject import Scored, subject_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
PARCEL = {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]}


def row(answer: str = "", *, endpoint: str = "chat.completions", finish: str = "stop", **more: Any) -> dict[str, Any]:
    """A row of `calls` with an answer in an endpoint's format."""
    calls: list[tuple[str, Any]] = more.pop("calls", [])
    schema = more.pop("schema", None)
    request: dict[str, Any]
    response: dict[str, Any]
    texts = [json.dumps(arguments) if isinstance(arguments, dict) else arguments for _, arguments in calls]
    if endpoint == "responses":
        request = {"input": "Where?", "tools": [{"type": "function", "name": "weather", "parameters": WEATHER}]}
        request |= {"text": {"format": {"type": "json_schema", "schema": schema}}} if schema else {}
        output: list[dict[str, Any]] = [{"type": "message", "content": [{"type": "output_text", "text": answer}]}]
        output += [
            {"type": "function_call", "name": name, "arguments": text}
            for (name, _), text in zip(calls, texts, strict=True)
        ]
        response = {"output": output}
    elif endpoint == "messages":
        request = {"messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}]}
        request |= {"tools": [{"name": "weather", "input_schema": WEATHER}], "system": "Be kind."}
        request |= {"output_format": {"type": "json_schema", "schema": schema}} if schema else {}
        blocks: list[dict[str, Any]] = [{"type": "text", "text": answer}]
        response = {
            "content": [*blocks, *({"type": "tool_use", "name": name, "input": given} for name, given in calls)]
        }
    else:
        tool = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
        request = {
            "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Where?"}],
            "tools": [tool],
        }
        request |= {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}} if schema else {}
        functions = [
            {"function": {"name": name, "arguments": text}} for (name, _), text in zip(calls, texts, strict=True)
        ]
        response = {
            "choices": [{"message": {"content": answer or None, "tool_calls": functions}, "finish_reason": finish}]
        }
    return {
        "call_id": "018f0000-0000-7000-8000-00000000000a", "outcome": "ok", "endpoint": endpoint, "purpose": "production",
        "prompt": "agent", "request": json.dumps(request), "response": json.dumps(response), "variables": "", "finish_reason": finish,
        "duration_ms": 900.0, "first_chunk_ms": None, "cost": "0.002", "input_tokens": 5, "output_tokens": 7, **more,
    }  # fmt: skip


def say(kind: str, call: dict[str, Any], **options: Any) -> Scored | None:
    made = KINDS[kind]
    return made.make(made.options.model_validate(options))(subject_of(call))


def value(kind: str, call: dict[str, Any], **options: Any) -> Any:
    said = say(kind, call, **options)
    return "nothing" if said is None else said.value if said.parsed else "unparsed"


ENDPOINTS = ("chat.completions", "responses", "messages")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_structure(endpoint: str) -> None:
    def of(answer: str = "", **more: Any) -> dict[str, Any]:
        return row(answer, endpoint=endpoint, **more)

    assert value("is-json", of('{"days": 3}')) is True
    assert value("is-json", of("Three days.")) is False
    assert value("is-json", of("")) is False
    assert value("is-json", of("Three days."), always=False) == "nothing"
    assert value("is-json", of("Three days.", schema=PARCEL), always=False) is False
    fenced = say("is-json", of('```json\n{"days": 3}\n```'))
    assert fenced is not None
    assert "code fence" in fenced.comment
    assert value("json-schema", of('{"days": 3}', schema=PARCEL)) is True
    assert value("json-schema", of('{"days": "3"}', schema=PARCEL)) is False
    assert value("json-schema", of('{"days": 3}')) == "nothing"
    assert value("json-schema", of('{"days": 3}'), schema={"maxProperties": 0}) is False
    assert value("json-schema", of("{}", schema={"type": "objekt"})) == "unparsed"
    assert value("json-schema", of("{}", schema={"$ref": "http://127.0.0.1:9/schema"})) == "unparsed"
    assert value("tool-arguments", of("Sunny.")) == "nothing"
    assert value("tool-arguments", of(calls=[("weather", {"city": "Paris"})])) is True
    assert value("tool-arguments", of(calls=[("weather", {"city": 3})])) is False
    assert value("tool-arguments", of(calls=[("weather", {"city": "Paris"}), ("wether", {})])) is False
    assert value("json-schema", of(calls=[("weather", {"city": "Paris"})], schema=PARCEL)) == "nothing"
    told = say("tool-arguments", of(calls=[("weather", {"town": "Paris"})]))
    assert told is not None
    assert "'city' is a required property" in told.comment or '"city" is a required property' in told.comment


def test_tool_arguments_that_are_no_json() -> None:
    assert value("tool-arguments", row(calls=[("weather", '{"city": ')])) is False


REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "I cannot provide instructions for that.",
    "I’m unable to assist with this.",
    "Sorry, I won't write that for you.",
    "Unfortunately I must decline: this is against our usage policies.",
    "As an AI model, I am not able to share personal data.",
    "Es tut mir leid, aber dabei kann ich nicht helfen. Ich kann Ihnen dazu leider keine Auskunft geben.",
    "Je suis désolé, mais je ne peux pas vous aider avec cette demande.",
    "Lo siento, no puedo ayudarte con eso.",
    "Mi dispiace, non posso aiutarti con questa richiesta.",
    "Desculpe, não posso ajudar com isso.",
    "Het spijt me, daar kan ik niet bij. Ik kan je hiermee niet helpen.",
)
HELPFUL = (
    "I'm sorry that your parcel is late. It arrives tomorrow.",
    "You can't return it after 30 days, but we can help you repair it.",
    "We can't ship to that address; choose another one on the order page.",
    "Ich kann Ihnen helfen: Öffnen Sie die Bestellung.",
    "Je peux vous aider. Votre colis arrive demain.",
    "Puede cambiar la dirección en la página del pedido.",
    "If I can help with anything else, let me know.",
    "To decline the offer, press 'No'.",
    "Cannot find the file? Check the path first.",
    "",
)


def test_refusals_in_seven_languages_and_answers_that_only_sound_like_one() -> None:
    assert [text for text in REFUSALS if value("is-refusal", row(text)) is not True] == []
    assert [text for text in HELPFUL if value("is-refusal", row(text)) is not False] == []
    assert value("is-refusal", row("", finish="content_filter")) is True
    marked = {"choices": [{"message": {"content": None, "refusal": "No."}}]}
    assert value("is-refusal", row(response=json.dumps(marked))) is True


def test_complete_length_and_patterns() -> None:
    assert value("is-complete", row("Done.")) is True
    assert value("is-complete", row(" \n")) is False
    assert value("is-complete", row("Half a", finish="length")) is False
    assert value("is-complete", row(calls=[("weather", {"city": "Paris"})])) is True
    assert value("length", row("It's a fine day.")) == 4
    assert value("length", row("day"), unit="characters") == 3
    assert value("length", row("day"), unit="tokens") == 7
    assert value("length", row("day", output_tokens=None), unit="tokens") == "nothing"
    assert value("length", row("a b c"), max=2) is False
    assert value("length", row("a b c"), min=3, max=3) is True
    assert value("regex", row("Thank you, #4711"), pattern=r"#\d+$") is True
    assert value("regex", row("THANKS"), pattern="(?i)thank") is True
    assert value("regex", row("THANKS"), pattern="(?i)thank", expect=False) is False
    assert value("regex", row("a" * 50_000 + "!"), pattern="(a+)+$") is False  # at once, whatever the pattern
    assert value("contains", row("Thanks"), text="thank") is False
    assert value("icontains", row("Thanks"), text="thank") is True
    assert value("contains", row("Thanks"), text="hank", expect=False) is False


def test_budgets_and_what_is_unknown() -> None:
    assert value("latency", row("x"), max_ms=900) is True
    assert value("latency", row("x"), max_ms=899) is False
    assert value("latency", row("x"), max_ms=1, of="first_chunk") == "nothing"
    assert value("latency", row("x", first_chunk_ms=5.0), max_ms=1, of="first_chunk") is False
    assert value("cost", row("x"), max_usd=0.002) is True
    assert value("cost", row("x"), max_usd=0.001) is False
    assert value("cost", row("x", cost=None), max_usd=1) == "unparsed"


def test_languages() -> None:
    made = KINDS["language"]
    check = made.make(made.options())
    wrong = []
    for code, texts in TEXTS.items():
        for text in texts:
            said = check(subject_of(row(text)))
            assert said is not None
            if said.value != code:
                wrong.append((code, text, said))
    assert all(not said.parsed for _, _, said in wrong), wrong  # what it can't tell it doesn't guess
    assert len(wrong) <= 6  # of 60
    among = made.make(made.options(among=tuple(TEXTS)))
    surer = [among(subject_of(row(text))) for texts in TEXTS.values() for text in texts]
    assert sum(said is None or not said.parsed for said in surer) < len(wrong)
    assert value("language", row("42")) == "unparsed"
    assert value("language", row("")) == "nothing"
    assert value("language", row("Votre colis arrive demain matin."), expect="fr") is True
    assert value("language", row("Your parcel arrives tomorrow morning."), expect="fr") is False
    french = json.dumps({"messages": [{"role": "user", "content": "Où est mon colis, s'il vous plaît ?"}]})
    assert value("language", row("Votre colis arrive demain matin.", request=french), expect="same") is True
    assert value("language", row("Your parcel arrives tomorrow morning.", request=french), expect="same") is False


def test_the_codes_are_the_models() -> None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    made_up = {"zxx", "ext", "uzs", "gug"}  # the model's words for no language, and for spellings of another
    assert set(LanguageIdentifier.from_model_file(MODEL_FILE).labels) - made_up >= CODES


@given(st.recursive(st.none() | st.booleans() | st.text(max_size=5) | st.integers(), lambda s: st.lists(s, max_size=3) | st.dictionaries(st.sampled_from(["choices", "message", "content", "output", "text", "type", "tool_calls", "function", "name", "arguments"]), s, max_size=4), max_leaves=12), st.sampled_from([*ENDPOINTS, "completions"]))  # fmt: skip
def test_no_answer_makes_a_check_raise(response: Any, endpoint: str) -> None:
    call = row("x", endpoint=endpoint, response=json.dumps(response)) | {"endpoint": endpoint}
    for kind, options in (
        ("is-json", {}),
        ("json-schema", {"schema": PARCEL}),
        ("tool-arguments", {}),
        ("is-refusal", {}),
    ):
        say(kind, call, **options)
    say("is-complete", call)
    say("length", call)


def test_a_scorer_that_raises_says_so_and_stops_no_other() -> None:
    scorers = scorers_of({"a": ScorerSettings(kind="is-complete"), "b": ScorerSettings(kind="length")})

    def broken(_: object) -> Scored:
        raise RuntimeError("out of luck")

    object.__setattr__(scorers.checks[0], "check", broken)
    first, second = checked(scorers.checks, row("Two words"), NOON)
    assert (first.parsed, first.value, first.comment) == (False, None, "the scorer failed: RuntimeError: out of luck")
    assert (second.name, second.value) == ("b", 2.0)


def test_which_calls_are_scored_and_what_identifies_the_score() -> None:
    def names(call: dict[str, Any]) -> list[str]:
        return [score.name for score in checked(scorers.checks, call, NOON)]

    scorers = scorers_of(
        {
            "all": ScorerSettings(kind="is-complete"),
            "some": ScorerSettings(kind="length", prompts=("age*", "x")),
            "quick": ScorerSettings(kind="latency", options={"max_ms": 1000}, purposes=("production", "evaluation")),
        }
    )
    assert names(row("x")) == ["all", "some", "quick"]
    assert names(row("x", prompt="")) == ["all", "quick"]
    assert names(row("x", purpose="evaluation")) == ["quick"]
    assert names(row("x", purpose="judge")) == []
    assert names(row("x", outcome="provider_error")) == []
    assert names(row("x") | {"endpoint": "embeddings"}) == []
    assert names(row("x", request="", response="")) == ["quick"]  # bodies are not on record
    [cut, *_] = checked(scorers.checks, row("x", response='{"choices": [{"mess… (cut'), NOON)
    assert (cut.parsed, cut.comment) == (False, "the recorded request or answer is not whole JSON")
    first, _, quick = checked(scorers.checks, row("x"), NOON)
    assert first.score_id == "all:1:018f0000-0000-7000-8000-00000000000a"
    assert next(one.score_id for one in checked(scorers.checks, row("x"), NOON)) == first.score_id
    assert (quick.scorer, quick.kind, quick.source) == ("latency", "bool", "code")
    other = scorers_of({"quick": ScorerSettings(kind="latency", options={"max_ms": 999})})
    [again] = checked(other.checks, row("x"), NOON)
    assert again.scorer_version != quick.scorer_version  # other options are another scorer


def test_a_sample_is_the_same_again_and_as_large_as_asked_for() -> None:
    ids = [f"call-{number}" for number in range(4000)]
    tenth = [one for one in ids if sampled("a", one, 0.1)]
    assert tenth == [one for one in ids if sampled("a", one, 0.1)]
    assert 320 < len(tenth) < 480
    assert set(tenth) < {one for one in ids if sampled("a", one, 0.3)}  # a larger share keeps those of a smaller one
    assert set(tenth) != {one for one in ids if sampled("b", one, 0.1)}
