"""Which changes are told as one: by prompt, by model, with the move that is suspected, and with the alert that is open."""

from datetime import UTC, datetime, timedelta

from evaluation.monitors.grouping import Moved, group
from evaluation.monitors.looking import Found
from registry.alerts import Alert, AlertLine

T0 = datetime(2026, 11, 5, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def found(slug: str, metric: str = "helpful", *, at: datetime = T0, model: str = "m-1", note: str = "") -> Found:
    line = AlertLine(
        slug=slug,
        metric=metric,
        side="down",
        scale="points",
        since=at,
        earliest=at - HOUR,
        latest=at + HOUR,
        before=0.9,
        after=0.8,
        difference=-0.1,
        low=-0.12,
        high=-0.08,
        n_before=1000,
        n_after=100,
        note=note,
    )
    return Found(line=line, model=model)


def promoted(slug: str, at: datetime, action: str = "promote") -> Moved:
    return Moved(slug=slug, channel="stable", action=action, version=8, at=at, by="ann")


def names(groups) -> list[tuple[str, str, int]]:
    return sorted((each.about, each.name, len(each.lines)) for each in groups)


def test_metrics_of_a_prompt_that_move_together_are_one_and_days_apart_are_two() -> None:
    together = group([found("a"), found("a", "latency", at=T0 + 3 * HOUR)], [], [])
    assert names(together) == [("prompt", "a", 2)]
    apart = group([found("a"), found("a", "latency", at=T0 + 48 * HOUR)], [], [])
    assert names(apart) == [("prompt", "a", 1), ("prompt", "a", 1)]


def test_prompts_of_one_model_are_one_unless_somebody_moved_a_channel_of_theirs() -> None:
    some = [found("a"), found("b"), found("c", model="m-2"), found("d", at=T0 + 60 * HOUR)]
    assert names(group(some, [], [])) == [("model", "m-1", 2), ("prompt", "c", 1), ("prompt", "d", 1)]
    assert names(group(some, [promoted("b", T0)], [])) == [(("prompt"), slug, 1) for slug in "abcd"]
    nobody_knows = [found("a", model=""), found("b", model="")]
    assert names(group(nobody_knows, [], [])) == [("prompt", "a", 1), ("prompt", "b", 1)]


def test_the_nearest_move_of_the_prompt_itself_is_suspected() -> None:
    moves = [
        promoted("a", T0 - 2 * HOUR),
        promoted("a", T0, "rollback"),
        promoted("b", T0),
        promoted("a", T0 - 90 * HOUR),
    ]
    [one] = group([found("a")], moves, [])
    assert one.cause["text"] == "version 8 was rolled back to stable on 2026-11-05 09:00 UTC by ann"
    [none] = group([found("a")], moves[2:], [])
    assert none.cause == {}
    [served] = group([found("a", "served_models", note="m-1 → m-2"), found("a")], [], [])
    assert served.cause["text"] == "the model that answers changed: m-1 → m-2"


def test_another_model_that_came_with_a_promotion_is_meant() -> None:
    assert group([found("a", "served_models")], [promoted("a", T0)], []) == []
    assert len(group([found("a", "served_models")], [], [])) == 1


def test_what_moves_with_an_open_alert_belongs_to_it() -> None:
    def alert(about: str, name: str, *slugs: str, state: str = "open") -> Alert:
        lines = tuple(found(slug).line for slug in slugs)
        return Alert(alert_id=name, about=about, name=name, state=state, since=T0, opened_at=T0, lines=lines)  # type: ignore[arg-type]

    later = found("a", "latency", at=T0 + 4 * HOUR)
    assert [each.extends for each in group([later], [], [alert("prompt", "a", "a")])] == ["a"]
    assert [each.extends for each in group([later], [], [alert("prompt", "a", "a", state="acknowledged")])] == [None]
    assert [each.extends for each in group([later], [], [alert("prompt", "b", "b")])] == [None]
    another = found("z", at=T0 + 4 * HOUR)
    assert [each.extends for each in group([another], [], [alert("model", "m-1", "a", "b")])] == ["m-1"]
    assert [
        each.extends for each in group([another], [promoted("z", T0 + 4 * HOUR)], [alert("model", "m-1", "a", "b")])
    ] == [None]
    much_later = found("a", "latency", at=T0 + 40 * HOUR)
    assert [each.extends for each in group([much_later], [], [alert("prompt", "a", "a")])] == [None]
