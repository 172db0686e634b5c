"""Values go over the wire and come back as they were."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from registry.diffs.compare import diff
from registry.http.move_schemas import MoveOut
from registry.http.schemas import DiffOut, PromptOut, VersionOut
from registry.split import Arm, Split
from registry.values import Content, Missing, Move, Prompt, Served, Version
from slugline.answers import value_of, version_of

NOW = datetime(2026, 11, 22, 12, 30, 15, 123456, tzinfo=UTC)
SPLIT = Split(arms=(Arm(version=1, share=2.5), Arm(version=2, share=5, kind="holdback", until=NOW)), sticky="user")


def _version(number: int, **fields: object) -> Version:
    content = Content(messages=({"role": "system", "content": "Hi"},), **fields)  # type: ignore[arg-type]
    return Version(
        slug="a",
        number=number,
        version_id=f"id-{number}",
        content=content,
        content_hash="h",
        message="m",
        author="ann",
        created_at=NOW,
        revision=number,
        source={"path": "a.prompty"},
    )


def test_a_move_with_workers_that_were_not_reached() -> None:
    served = Served(acknowledged=("worker 1",), missing=(Missing(worker="worker 2", silent_seconds=1.5),))
    places = {"slug": "a", "channel": "stable", "from_version": None, "to_version": 3, "revision": 7}
    move = Move(**places, at=NOW, changed=True, split=SPLIT, served=served)  # type: ignore[arg-type]
    assert value_of(Move, MoveOut.of(move).model_dump(mode="json")) == move


def test_a_prompt() -> None:
    about = {"slug": "a", "owner": "o", "purpose": "p", "tags": ("t",), "created_at": NOW, "created_by": "ann"}
    prompt = Prompt(
        **about,  # type: ignore[arg-type]
        channels={"stable": 1, "latest": 2},
        latest=2,
        revision=9,
        splits={"stable": SPLIT},
        archived_at=NOW,
        archived_by="paul",
    )
    assert value_of(Prompt, PromptOut.of(prompt).model_dump(mode="json")) == prompt


@given(
    st.dictionaries(
        st.sampled_from(["temperature", "seed"]),
        st.integers() | st.floats(allow_nan=False, allow_infinity=False, width=32),
    )
)
def test_a_version_and_what_changed(parameters: dict[str, float]) -> None:
    old, new = _version(1), _version(2, parameters=parameters, locked=("model",), fallbacks=("b", "c"))
    assert version_of(VersionOut.of(new).model_dump(mode="json")) == new
    found = diff(old, new)
    assert value_of(type(found), DiffOut.of(found).model_dump(mode="json")) == found
