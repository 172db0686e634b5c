"""What an import would write, for what the registry holds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.importing.imported import Imported
from registry.importing.plan import Existing, Plan, grouped, plan
from registry.values import Content, Prompt


def text(words: str) -> Content:
    return Content(kind="text", text=words)


def version(words: str, *channels: str, slug: str = "a", includes: Sequence[str] = ()) -> Imported:
    return Imported(slug=slug, content=text(words), channels=channels, includes=tuple(includes))


def existing(*words: str, **channels: int) -> Existing:
    latest = len(words)
    prompt = Prompt(
        slug="a",
        owner="",
        purpose="",
        tags=(),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        created_by="ann",
        channels={"latest": latest, **channels},
        latest=latest,
        revision=latest,
    )
    return Existing(prompt=prompt, contents=[text(each) for each in words])


def saved(found: Plan) -> list[str | None]:
    return [each.content.text for each in found.fresh]


@pytest.mark.parametrize(
    ("here", "imported", "fresh"),
    [
        ("", "xyz", "xyz"),
        ("xyz", "xyz", ""),
        ("xyz", "xy", ""),  # edited here since, nothing new there
        ("xy", "xyz", "z"),  # grown there, untouched here
        ("xyx", "xyx", ""),
        ("x", "xx", ""),  # the same twice in a row is one version here
        ("x", "xxy", "y"),
        ("axb", "xb", ""),
    ],
)
def test_what_is_new_is_saved(here: str, imported: str, fresh: str) -> None:
    found = plan([version(each) for each in imported], existing(*here) if here else None)
    assert (found.refused, "".join(map(str, saved(found)))) == ("", fresh)


@pytest.mark.parametrize(("here", "imported", "fresh"), [("a", "x", "x"), ("xa", "xy", "y"), ("xy", "xzy", "zy")])
def test_work_that_was_done_here_is_not_covered_up(here: str, imported: str, fresh: str) -> None:
    versions = [version(each) for each in imported]
    refused = plan(versions, existing(*here))
    assert f"prompt 'a' exists here with other content (its newest version is {len(here)})" in refused.refused
    told = plan(versions, existing(*here), onto_existing=True)
    assert (told.refused, "".join(map(str, saved(told)))) == ("", fresh)


@given(st.text("xyz", min_size=1, max_size=8))
def test_importing_twice_writes_nothing(words: str) -> None:
    once = [word for index, word in enumerate(words) if index == 0 or words[index - 1] != word]
    found = plan([version(each) for each in words], existing(*once))
    assert (found.refused, found.fresh) == ("", ())
    assert [once[number - 1] for _, number in found.known] == list(words)


def test_channels_are_set_only_when_asked() -> None:
    versions = [version("x", "eu"), version("y", "stable")]
    assert plan(versions, None).moves == ()
    moves = plan(versions, None, channels=True).moves
    assert [(channel, each.content.text) for channel, each in moves] == [("eu", "x"), ("stable", "y")]


def test_a_channel_that_stands_elsewhere_stays() -> None:
    versions = [version("x", "stable"), version("y")]
    found = plan(versions, existing("x", "y", stable=2), channels=True)
    assert (found.moves, found.notes) == ((), ("channel 'stable' stays on version 2; --onto-existing moves it",))
    [(channel, _)] = plan(versions, existing("x", "y", stable=2), channels=True, onto_existing=True).moves
    assert channel == "stable"
    assert plan(versions, existing("x", "y", stable=1), channels=True) == replace(
        found,
        moves=(),
        notes=(),
        existing=found.existing and replace(found.existing, channels={"latest": 2, "stable": 1}),
    )


def test_what_is_included_comes_first() -> None:
    main = version("m", slug="main", includes=["tone@stable", "gone"])
    tone = version("t", slug="tone", includes=["words@2"])
    words = [version("w", slug="words"), version("w2", slug="words")]
    assert [group[0].slug for group in grouped([main, tone, *words])] == ["words", "tone", "main"]
    assert [each.content.text for each in grouped([tone, *words])[0]] == ["w", "w2"]


def test_a_circle_of_includes_ends() -> None:
    circle = [version("x", slug="x", includes=["y"]), version("y", slug="y", includes=["x"])]
    assert sorted(group[0].slug for group in grouped(circle)) == ["x", "y"]
