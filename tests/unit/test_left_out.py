"""The last lines of a run, and what happens where nothing may be left out: each case is a run of pytest inside a test."""

import re

import pytest

from tests.plugins.left_out import TOOLS

_CONFTEST = """
    pytest_plugins = ["tests.plugins.left_out"]

    def pytest_configure(config):
        from tests.plugins import left_out
        left_out.TOOLS["absent"] = left_out.Tool(present=lambda: False, install="the absent thing from the shop")
        left_out.TOOLS["present"] = left_out.Tool(present=lambda: True, install="nothing")
"""
_TESTS = """
    import pytest

    @pytest.mark.needs("absent")
    def test_without(): raise AssertionError("was run without its tool")

    @pytest.mark.needs("present")
    def test_with(): pass

    def test_plain(): pass
"""


def _run(pytester: pytest.Pytester, *arguments: str, tests: str = _TESTS) -> pytest.RunResult:
    pytester.makeconftest(_CONFTEST)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n")
    pytester.makepyfile(tests)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments, timeout=120)


@pytest.fixture(autouse=True)
def _repository_on_path(
    pytester: pytest.Pytester, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(pytestconfig.rootpath))
    monkeypatch.delenv("SLUGLINE_REQUIRE_ALL", raising=False)


@pytest.mark.parametrize("arguments", [(), ("-n", "2", "--dist", "worksteal")], ids=["alone", "xdist"])
def test_the_last_lines_name_the_test_and_what_to_install(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    result = _run(pytester, *arguments)
    assert result.ret == 0
    assert [line.strip() for line in result.outlines if line.strip()][-3:] == [
        "Left out: 1 test",
        "without absent; to run them install the absent thing from the shop",
        "test_the_last_lines_name_the_test_and_what_to_install.py::test_without",
    ]
    result.assert_outcomes(passed=2, skipped=1)


@pytest.mark.parametrize("arguments", [(), ("-n", "2", "--dist", "worksteal")], ids=["alone", "xdist"])
def test_where_all_is_required_a_test_left_out_fails_the_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SLUGLINE_REQUIRE_ALL", "1")
    result = _run(pytester, *arguments)
    assert result.ret == 1
    assert result.outlines[-1] == "SLUGLINE_REQUIRE_ALL=1: a run that leaves tests out fails"


def test_where_all_is_required_any_other_skip_fails_the_run_too(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUGLINE_REQUIRE_ALL", "1")
    result = _run(pytester, tests="import pytest\ndef test_it(): pytest.skip('not today')\n")
    assert result.ret == 1
    assert re.search(r"::test_it \(not today\)$", result.outlines[-2])


def test_a_run_that_leaves_nothing_out_says_nothing_and_passes(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUGLINE_REQUIRE_ALL", "1")
    result = _run(pytester, "-k", "not without")
    assert result.ret == 0
    assert "Left out" not in result.stdout.str()


def test_a_failure_stays_a_failure(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUGLINE_REQUIRE_ALL", "1")
    result = _run(pytester, tests=_TESTS + "\n    def test_wrong(): assert False\n")
    assert result.ret == 1
    result.assert_outcomes(passed=2, skipped=1, failed=1)


def test_an_unknown_tool_is_an_error_that_lists_the_known_ones(pytester: pytest.Pytester) -> None:
    result = _run(pytester, tests="import pytest\n@pytest.mark.needs('hammer')\ndef test_it(): pass\n")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        "needs('hammer') is not known; known are: absent, chromium, clients, llmdrift, node, present, smollm2"
        in result.stderr.str()
    )


def test_every_tool_says_how_to_get_it() -> None:
    assert set(TOOLS) == {"node", "chromium", "clients", "llmdrift", "smollm2"}
    assert all(tool.install for tool in TOOLS.values())
