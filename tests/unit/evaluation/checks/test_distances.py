"""Distances agree with their definitions, on published examples and on texts of any kind."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.checks.distances import apart_from_ends, bleu, gleu, levenshtein, rouge_n, shared_words

LETTERS = st.text("ab🙂é", max_size=12)
SENTENCES = st.lists(st.sampled_from(["the", "cat", "sat", "on", "mat"]), max_size=9).map(" ".join)


def slow(one: str, other: str) -> int:
    """The table of Wagner and Fischer."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        last, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


@given(one=LETTERS, other=LETTERS)
def test_levenshtein_is_the_table_of_its_definition(one: str, other: str) -> None:
    assert levenshtein(one, other) == slow(one, other) == levenshtein(other, one)
    assert levenshtein(*apart_from_ends(one, other)) == slow(one, other)


@pytest.mark.parametrize(
    ("one", "other", "distance"), [("kitten", "sitting", 3), ("", "abc", 3), ("a" * 300, "a" * 299 + "b", 1)]
)
def test_levenshtein_on_known_texts(one: str, other: str, distance: int) -> None:
    assert levenshtein(one, other) == distance


def test_rouge_is_recall_with_clipped_counts() -> None:
    assert rouge_n("police killed the gunman", "police kill the gunman") == 0.75
    assert rouge_n("the the the", "the cat the") == pytest.approx(2 / 3)
    assert rouge_n("police killed the gunman", "police kill the gunman", 2) == pytest.approx(1 / 3)
    assert rouge_n("anything", "one") == 0 and rouge_n("a", "a", 2) == 0


def test_bleu_is_the_geometric_mean_of_precisions_with_a_penalty_for_brevity() -> None:
    reference = "the cat is on the mat today"
    precisions = [
        5 / 6,
        3 / 5,
        2 / 4,
        1 / 3,
    ]  # "the cat is on a mat": words 5/6, pairs 3/5, triples 2/4, quadruples 1/3
    expected = math.exp(1 - 7 / 6) * math.prod(precisions) ** 0.25
    assert bleu("the cat is on a mat", [reference]) == pytest.approx(expected)
    assert bleu("the the the the the the the", ["the cat is on the mat"]) == 0
    assert bleu("", [reference]) == bleu("the", ["", "  "]) == 0


@given(text=SENTENCES, references=st.lists(SENTENCES, min_size=1, max_size=3))
def test_measures_go_from_none_to_all(text: str, references: list[str]) -> None:
    for score in (bleu(text, references), gleu(text, references), *(rouge_n(text, one) for one in references)):
        assert 0 <= score <= 1
    assert 0 <= shared_words(text, references[0]) <= 1
    if text:
        assert [bleu(text, [text]), gleu(text, [text]), rouge_n(text, text), shared_words(text, text)] == [
            pytest.approx(1)
        ] * 4


def test_gleu_is_the_lesser_of_precision_and_recall_of_the_nearest_reference() -> None:
    # "the cat": 3 n-grams of 6 of the reference
    assert gleu("the cat", ["the cat sat"]) == gleu("the cat sat", ["the cat"]) == 0.5
    assert gleu("the cat", ["nothing here", "the cat"]) == 1


def test_shared_words_know_no_meaning() -> None:
    assert shared_words("it is good", "it is not good") > 0.85
    assert shared_words("automobile", "car") == 0
