"""Which checks of cases can't work, and how that is said."""

import pytest

from evaluation.checks.cases import check_cases
from registry.cases import Case, Check
from registry.errors import PromptInvalidError

GOOD = Check(type="icontains", value="refund")
BROKEN = Check(type="regex", value="([")
UNKNOWN = Check(type="icontain", value="refund")
PYTHON = Check(type="python", value="file://checks.py:signed")


def case(*checks: Check) -> Case:
    return Case(variables={"q": "Where is it?"}, checks=checks)


def refused(*cases: Case, checks: tuple[Check, ...] = (), **terms: bool) -> PromptInvalidError:
    with pytest.raises(PromptInvalidError) as told:
        check_cases(cases, checks, **terms)
    return told.value


def test_cases_that_can_be_checked_pass() -> None:
    check_cases([case(GOOD, PYTHON)], [GOOD])
    check_cases([case(GOOD)], None, own_python=False)


def test_the_case_and_the_check_are_named() -> None:
    error = refused(case(GOOD), case(GOOD, BROKEN))
    assert error.param == "cases[1].checks[1]"
    assert f"case {case(GOOD, BROKEN).case_id} (Where is it?), check 2: regex: " in error.message
    assert "did you mean 'icontains'?" in refused(case(UNKNOWN)).message
    for_all = refused(case(GOOD), checks=(BROKEN,))
    assert (for_all.param, "all cases, check 1: regex" in for_all.message) == ("checks[0]", True)


def test_own_python_is_refused_where_it_never_runs_however_deep_it_lies() -> None:
    nested = Check(
        type="assert-set", value=[{"type": "assert-set", "value": [{"type": "not-python", "value": PYTHON.value}]}]
    )
    for check in (PYTHON, nested):
        assert "never on a server" in refused(case(GOOD, check), own_python=False).message


def test_many_problems_are_cut_off() -> None:
    error = refused(*(case(BROKEN, Check(type="equals", value=n)) for n in range(12)))
    assert error.message.count("regex:") == 10
    assert error.message.endswith("… and 2 more")
