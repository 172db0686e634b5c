"""The line that counts the contract's cases."""

import pytest

ALONE = ("-p", "tests.plugins.contract", "-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:xdist")


def test_the_line_counts_what_works(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.parametrize("works", [True, True, False])
        def test_case(works, record_property):
            record_property("contract", "some client")
            assert works
        def test_other():
            pass
        """
    )
    pytester.runpytest(*ALONE).stdout.fnmatch_lines(["through Slugline as directly: some client 2 of 3"])


def test_without_cases_there_is_no_line(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_other(): pass")
    pytester.runpytest(*ALONE).stdout.no_fnmatch_line("through Slugline*")
