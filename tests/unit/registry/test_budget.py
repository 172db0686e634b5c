import pytest
from jinja2.exceptions import TemplateRuntimeError
from jinja2.utils import Namespace

from registry.errors import PromptRenderLimitError
from registry.templates.budget import Budget
from registry.templates.limits import Limits


class Clock:
    """A clock that moves when told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def _budget(**limits: object) -> Budget:
    return Budget(Limits(**limits))  # type: ignore[arg-type]


def test_steps_end():
    budget = _budget(steps=100)
    budget.step(100)
    with pytest.raises(PromptRenderLimitError, match="more than 100 steps"):
        budget.step()


def test_time_ends_within_64_steps_of_the_deadline():
    clock = Clock()
    budget = Budget(Limits(seconds=2.0), clock=clock)
    budget.step(64)
    clock.now += 2.5
    with pytest.raises(PromptRenderLimitError, match="longer than 2 s"):
        for _ in range(64):
            budget.step()


def test_output_ends():
    budget = _budget(output=10)
    budget.emit(10)
    with pytest.raises(PromptRenderLimitError, match="longer than 10 characters"):
        budget.emit(1)


def test_one_value_and_all_values_on_the_way_are_bounded():
    budget = _budget(output=10)
    with pytest.raises(PromptRenderLimitError, match="a value of more than 10"):
        budget.build(11)
    for _ in range(16):
        budget.build(10)
    with pytest.raises(PromptRenderLimitError, match="values of more than 160"):
        budget.build(1)


def test_a_list_that_doubles_weighs_what_it_would_print():
    value: list = ["x" * 10]
    weights = []
    for _ in range(5):
        weights.append(_budget().weigh(value))
        value = [value, value]
    assert weights == sorted(weights)
    assert weights[-1] > 10 * 2**4
    for _ in range(60):
        value = [value, value]
    with pytest.raises(PromptRenderLimitError):
        _budget().weigh(value)


def test_a_namespace_weighs_what_it_holds():
    assert _budget().weigh(Namespace(a="x" * 500)) > 500


def test_iterators_come_back_charging_a_step_an_item():
    budget = _budget(steps=10)
    with pytest.raises(PromptRenderLimitError):
        list(budget.hold(iter(range(11))))


def test_numbers_that_no_prompt_needs_are_refused():
    with pytest.raises(PromptRenderLimitError, match="digits"):
        _budget().hold(2**5000)


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (1, "1"), (None, "None"), (True, "True"), ([1, "a"], "[1, 'a']"), ({"a": (1.5,)}, "{'a': (1.5,)}")],
)
def test_prints_as_jinja_does(value, text):
    assert _budget().text(value) == text


@pytest.mark.parametrize("value", [object(), range(3), Namespace(), [Namespace()], {"a": [iter(())]}])
def test_what_has_no_text_is_not_printed(value):
    with pytest.raises(TemplateRuntimeError, match="can't be printed"):
        _budget().text(value)
