"""Which pages can be shared, and what of an address lasts."""

import pytest

from dashboards.share_pages import can_be_shared, lasting


@pytest.mark.parametrize(
    ("path", "can"),
    [
        ("/prompts/a/quality", True),
        ("/prompts/a/drift", True),
        ("/evaluations/0191-ab", True),
        ("/evaluations/new", False),
        ("/evaluations/x/cases/y", False),
        ("/prompts/a", False),
        ("/prompts/a/quality.csv", False),
        ("/prompts/a/b/quality", False),
        ("/audit", False),
    ],
)
def test_only_some_pages_can_be_shared(path: str, can: bool) -> None:
    assert can_be_shared(path) is can


def test_what_is_about_one_visit_is_left_out() -> None:
    assert lasting("/evaluations/x?follow=true&show=worse&tag=a%26b#cases") == "/evaluations/x?show=worse&tag=a%26b"
    assert lasting("/prompts/a/quality") == "/prompts/a/quality"
