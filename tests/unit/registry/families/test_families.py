"""Texts of one template: which belong together, what differs between them, and the exact way back."""

import itertools
import random
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.families.alignment import common, embed
from registry.families.grouping import MOST_TEXTS, group
from registry.families.kinds import kind_of
from registry.families.naming import proposed_name
from registry.families.proposal import Proposal, propose
from registry.families.skeleton import skeleton_of
from registry.families.tokens import tokens_of
from registry.templates.template import compile_content, render
from registry.values import Content

_BITS = st.sampled_from(
    [
        "{{ x }}",
        "{",
        "}",
        "{%",
        "{#",
        "Name: ",
        '"key": "',
        " ",
        "\n",
        "\r\n",
        "You are",
        "the",
        "2026-01-02",
        "7",
        "3.5",
        "007",
        "true",
        "é",
        "-",
    ]
)
_TEXTS = st.lists(st.lists(_BITS | st.text(max_size=5), max_size=12).map("".join), min_size=1, max_size=6)


def _rendered(proposal: Proposal, values: Any) -> str | None:
    content = Content(kind="text", text=proposal.template, variables=proposal.schema)
    return render(compile_content(content), values).text


@settings(max_examples=300)
@given(_TEXTS)
def test_the_template_with_a_texts_values_is_the_text(texts: list[str]) -> None:
    proposal = propose(texts, [1] * len(texts))
    assert [_rendered(proposal, values) for values in proposal.values] == texts


@given(
    st.lists(st.sampled_from(["Today is ", "You help ", "\n", "Always be kind. ", '{"a": "', '"}', "{{", "}"]), min_size=2, max_size=6),
    st.lists(st.lists(st.integers().map(str) | st.text(string.ascii_letters, min_size=1, max_size=8), min_size=5, max_size=5), min_size=1, max_size=8),
)  # fmt: skip
def test_texts_made_from_a_template_come_back_from_it(pieces: list[str], rows: list[list[str]]) -> None:
    texts = ["".join(piece + value for piece, value in zip(pieces, row, strict=False)) for row in rows]
    proposal = propose(texts, [20] * len(texts), examples=True)
    assert [_rendered(proposal, values) for values in proposal.values] == texts


@given(st.text())
def test_tokens_are_the_text(text: str) -> None:
    assert "".join(tokens_of(text)) == text


@given(st.lists(st.sampled_from("abcdef")), st.lists(st.sampled_from("abcdef")))
def test_what_is_common_rises_in_both(one: list[str], other: list[str]) -> None:
    pairs = common(one, other)
    assert all(one[at] == other[there] for at, there in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in itertools.pairwise(pairs))


@given(st.lists(st.sampled_from("abc")), st.data())
def test_a_part_is_found_in_its_whole(whole: list[str], data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(whole), max_size=len(whole)))
    part = [token for token, keep in zip(whole, kept, strict=True) if keep]
    places = embed(part, whole)
    assert places is not None
    assert places == sorted(set(places))
    assert [whole[place] for place in places] == part


def _support(name: str, day: int, orders: int) -> str:
    return f"You are the support agent of ACME.\nToday is 2026-01-{day:02d}.\nCustomer: {name}\nThey have {orders} open orders. Be brief."


_NAMES = ["Anna Smith", "Bob Jones", "Li Wei", "Maria de la Cruz", "J. R. Tolkien"]


def test_a_name_and_a_date_make_one_family_and_other_prompts_stay_apart() -> None:
    chance = random.Random(3)
    support = [_support(chance.choice(_NAMES), chance.randint(1, 28), chance.randint(0, 40)) for _ in range(60)]
    others = [
        "You are a helpful assistant.",
        "You are a helpful assistant that translates.",
        "You are a pirate. Answer in rhymes, and never be polite to anyone who asks about gold.",
        "You review contracts. List every clause that a tenant should know about, and nothing else.",
    ]
    families = group([*support, *others])
    assert sorted(len(family) for family in families) == [1, 1, 1, 1, 60]


def test_long_values_in_the_first_text_keep_no_member_out() -> None:
    chance = random.Random(1)
    texts = [
        f"You are a helpful assistant for {chance.choice(_NAMES)}. Today is 2026-03-{number + 1:02d}. "
        f"They have {chance.randint(1, 99)} orders.\nAnswer politely, {chance.choice(_NAMES)}."
        for number in range(20)
    ]
    longest_first = sorted(texts, key=len, reverse=True)
    assert group(longest_first) == [list(range(20))]


def test_many_families_among_many_texts_are_told_apart() -> None:
    chance = random.Random(11)
    words = ["".join(chance.choices(string.ascii_lowercase, k=chance.randint(2, 9))) for _ in range(800)]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    bases = [chance.choices(words, weights, k=80) for _ in range(25)]
    texts, truth = [], []
    for number in range(500):
        base = number % len(bases)
        texts.append(
            " ".join([*bases[base][:30], chance.choice(_NAMES), *bases[base][30:70], str(number), *bases[base][70:]])
        )
        truth.append(base)
    families = group(texts)
    assert all(len({truth[index] for index in family}) == 1 for family in families)
    assert len(families) == len(bases)


def test_every_text_is_in_one_family_whatever_it_is() -> None:
    texts = ["", "a", "a", "one two three four five six", "x " * 60_000, *["same text of more than five words"] * 3]
    families = group(texts)
    assert sorted(index for family in families for index in family) == list(range(len(texts)))
    assert [5, 6, 7] in families


def test_texts_beyond_the_cap_stand_alone() -> None:
    same = "one two three four five six"
    assert [len(family) for family in group([same] * (MOST_TEXTS + 2))] == [MOST_TEXTS, 1, 1]


def test_what_is_shared_by_chance_belongs_to_the_value() -> None:
    texts = ["Customer: Anna Smith, Bonn", "Customer: Bob Jones, Paris"]
    skeleton = skeleton_of(texts)
    assert skeleton.pieces == ("Customer: ", ", ", "")
    assert skeleton.values == (("Anna Smith", "Bonn"), ("Bob Jones", "Paris"))


def test_variables_are_named_and_typed_by_what_stands_around_and_in_them() -> None:
    rows = [
        ("Anna Smith", 3, "gold", "true", "1.5", "fr"),
        ("Bob", 12, "silver", "false", "2.25", "de"),
        ("Li Wei", 0, "gold", "true", "3.5", "it"),
    ]
    texts = [
        f'Today is 2026-01-0{number + 1}. Customer name: {name}\nOpen orders: {orders}\n{{"tier": "{tier}", "vip": {vip}}}\n'
        f"<discount>{discount}</discount> Speak to {name} in language={language} please."
        for number, (name, orders, tier, vip, discount, language) in enumerate(rows)
    ]
    proposal = propose(texts, [20, 20, 20])
    assert proposal.template == (
        'Today is {{ date }}. Customer name: {{ customer_name }}\nOpen orders: {{ open_orders }}\n{"tier": "{{ tier }}", '
        '"vip": {{ vip | tojson }}}\n<discount>{{ discount }}</discount> Speak to {{ customer_name }} in language={{ language }} please.'
    )
    assert proposal.schema["properties"] == {
        "date": {"type": "string", "format": "date"},
        "customer_name": {"type": "string"},
        "open_orders": {"type": "integer"},
        "tier": {"type": "string", "enum": ["gold", "silver"]},
        "vip": {"type": "boolean"},
        "discount": {"type": "number"},
        "language": {"type": "string", "enum": ["de", "fr", "it"]},
    }
    assert proposal.schema["required"] == list(proposal.schema["properties"])
    assert proposal.values[0]["open_orders"] == 3


def test_values_of_people_stay_out_unless_asked_for() -> None:
    texts = [
        f"Customer name: {name}. Plan: {plan}. Note {note}."
        for name, plan, note in (("Anna", "pro", "n1"), ("Bob", "free", "n2"))
    ]
    assert "Anna" not in str((propose(texts, [50, 50]).template, propose(texts, [50, 50]).schema))
    assert propose(texts, [50, 50]).schema["properties"]["plan"] == {"type": "string", "enum": ["free", "pro"]}
    assert propose(texts, [5, 50]).schema["properties"]["plan"] == {"type": "string"}
    assert propose(texts, [50, 50], examples=True).schema["properties"]["customer_name"]["examples"] == ["Anna", "Bob"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "20", "0", "-3"], "integer"),
        (["1", "007"], "string"),
        (["1.5", "2"], "number"),
        (["1.50", "2"], "string"),
        (["1e5"], "string"),
        (["True", "False"], "boolean"),
        (["true"], "boolean"),
        (["true", "True"], "string"),
        (["2026-01-31"], "date"),
        (["2026-02-31"], "string"),
        (["2026-01-31T10:00:00Z"], "date-time"),
        ([""], "string"),
        ([], "string"),
    ],
)
def test_types_are_those_whose_values_print_as_they_were(values: list[str], kind: str) -> None:
    assert kind_of(values, [1] * len(values)).name == kind


@pytest.mark.parametrize(
    ("before", "name"),
    [
        ('{"first_name": "', "first_name"),
        ("Hello.\nUser ID: ", "user_id"),
        ("- **Plan**: ", "plan"),
        ("<city>", "city"),
        ("lang=", "lang"),
        ("The current date is ", "date"),
        ("The customer's favourite colour is ", "favourite_colour"),
        ("Always answer in ", "language"),
        ("You are an assistant for ", "company"),
        ("You talk about the weather and ", None),
        ("", None),
    ],
)
def test_names_come_from_the_words_before(before: str, name: str | None) -> None:
    assert proposed_name(before, "string") == name
