"""Numbers as people read them."""

from dashboards import numbers
from evaluation.intervals import Interval


def test_what_is_not_known_is_not_zero() -> None:
    told = (numbers.rate, numbers.points, numbers.money, numbers.duration, numbers.number, numbers.times)
    assert {each(None) for each in told} == {"–"}
    assert numbers.ends(None) == ""
    assert numbers.ends({"low": None, "high": 1.0}) == ""


def test_signs_and_units() -> None:
    assert numbers.rate(0.8534) == "85.3 %"
    assert (numbers.points(0.05), numbers.points(-0.079), numbers.points(0.0)) == (
        "+5.0 points",
        "−7.9 points",
        "0.0 points",
    )
    assert numbers.signed(-0.04, 1) == "0.0"
    assert numbers.ends(Interval(low=-0.05, high=0.01)) == "−5.0 to 1.0"
    assert (numbers.duration(999.4), numbers.duration(1250)) == ("999 ms", "1.2 s")
    assert (numbers.times(1.12), numbers.times(0.9), numbers.times(1.0)) == ("+12 %", "−10 %", "0 %")
    assert numbers.money(0.004) == "$0.0040"
