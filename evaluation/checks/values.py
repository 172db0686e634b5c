"""What each kind of check takes: a value, a threshold, options. Shapes and their errors; nothing of what is done with them.

Messages are the rest of a sentence whose beginning the border writes: "contains: value" … "is a text or a number, not an array".
"""

from __future__ import annotations

import csv
import math
import warnings
from typing import Annotated, Any

import orjson
import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from evaluation.scorers.json_checks import validator

_KINDS = {
    dict: "an object",
    list: "an array",
    tuple: "an array",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a text",
}


class Takes(BaseModel):
    """What a kind takes. Anything else beside a check is refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def named(value: Any) -> str:
    """What a JSON value is, in words."""
    return "null" if value is None else _KINDS.get(type(value), type(value).__name__)


def as_text(value: Any) -> str:
    """A text, number or boolean as JSON's own language writes it: 1.0 as `1`, true as `true`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _text(value: Any) -> str:
    if isinstance(value, str) and value.startswith("file://"):
        raise ValueError("names a file, and no file is read here: write its text instead")
    if not isinstance(value, str | int | float | bool):
        raise ValueError(f"is a text or a number, not {named(value)}")
    return as_text(value)


def _some_text(value: Any) -> str:
    text = _text(value)
    if not text:
        raise ValueError("is empty, and every output contains that")
    return text


def _texts(value: Any) -> tuple[str, ...]:
    """A list, or texts with commas between; one that holds a comma itself stands in double quotes."""
    if isinstance(value, str):
        value = [
            part.strip()
            for row in csv.reader(value.splitlines(), skipinitialspace=True)
            for part in row
            if part.strip()
        ]
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"is a list of texts, or texts with commas between, not {named(value) if value else 'empty'}")
    return tuple(_some_text(each) for each in value)


def _references(value: Any) -> tuple[str, ...]:
    """One text or several, none of which is split: references hold commas."""
    several = value if isinstance(value, list | tuple) else [value]
    if not several:
        raise ValueError("is a text or a list of texts, not empty")
    return tuple(_text(each) for each in several)


def _number(value: Any) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(
            f"is a number, not {value!r}" if isinstance(value, str) else f"is a number, not {named(value)}"
        )
    return number


def _share(value: Any) -> float:
    number = _number(value)
    if not 0 <= number <= 1:
        raise ValueError(f"goes from 0 to 1, not {number:g}")
    return number


def _positive(value: Any) -> float:
    number = _number(value)
    if number <= 0:
        raise ValueError(f"is a number above 0, not {number:g}")
    return number


def _not_negative(value: Any) -> float:
    number = _number(value)
    if number < 0:
        raise ValueError(f"is a number from 0 on, not {number:g}")
    return number


def _pattern(value: Any) -> str:
    """A regular expression that runs in linear time; Python's own parser only helps to say what is wrong with others."""
    pattern = _some_text(value)
    from evaluation.scorers.text_checks import RegexOptions

    try:
        RegexOptions(pattern=pattern)
    except ValueError as error:
        raise ValueError(_why(pattern)) from error
    return pattern


def _why(pattern: str) -> str:
    import re

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"is no regular expression: {error}"
    return "is a regular expression with what can't be used here: no look-around, no back-references"


def _schema(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        if value.startswith("file://"):
            raise ValueError("names a file, and no file is read here: write the schema itself")
        try:
            value = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError(f"is a JSON Schema, and this text is neither JSON nor YAML: {str(error)[:200]}") from error
    if isinstance(problem := validator(value), str):
        raise ValueError(f"is {problem}")
    return dict(value)


def _rubric(value: Any) -> str:
    """What a judge goes by: text, or an object or list in its JSON form."""
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else _some_text(value)


Text = Annotated[str, BeforeValidator(_text)]
SomeText = Annotated[str, BeforeValidator(_some_text)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
References = Annotated[tuple[str, ...], BeforeValidator(_references)]
Number = Annotated[float, BeforeValidator(_number)]
Share = Annotated[float, BeforeValidator(_share)]
Positive = Annotated[float, BeforeValidator(_positive)]
NotNegative = Annotated[float, BeforeValidator(_not_negative)]
Pattern = Annotated[str, BeforeValidator(_pattern)]
Schema = Annotated[dict[str, Any], BeforeValidator(_schema)]
Rubric = Annotated[str, BeforeValidator(_rubric)]
Whole = Annotated[int, Field(ge=1)]


class Nothing(Takes):
    """A check that takes nothing."""


class OneText(Takes):
    """A check that takes a text."""

    value: SomeText


class AnyValue(Takes):
    """A check that takes any JSON value."""

    value: Any


class SeveralTexts(Takes):
    """A check that takes a list of texts."""

    value: Texts


class OnePattern(Takes):
    """A check that takes a regular expression."""

    value: Pattern


class MaybeSchema(Takes):
    """A check that may take a JSON Schema."""

    value: Schema | None = None


class Tools(Takes):
    """A check that takes names of tools."""

    value: Texts
    threshold: Share = 1.0
