"""What one render may still do: steps, characters and time, counted down until a limit is reached.

Knows how to weigh a value before something makes it larger, and how to print one. Refuses to know templates: the
sandbox decides what is charged, this module says when it is too much. Neither threads nor signals are involved:
whoever does work says so here first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from jinja2.exceptions import TemplateRuntimeError
from jinja2.runtime import Undefined
from jinja2.utils import Namespace

from registry.errors import PromptRenderLimitError
from registry.templates.limits import Limits

Clock = Callable[[], float]
"""Seconds that only grow, such as time.monotonic."""

_BETWEEN_LOOKS_AT_THE_CLOCK = 64
_INTERMEDIATES = 16  # all intermediate values of a render together, in multiples of `Limits.output`
_PER_ITEM = 8  # what a list's slot weighs, in characters
_CONTAINERS = (list, tuple, dict, set, frozenset)
_LARGEST_INTEGER_BITS = 4096


class Budget:
    """Counts one render's work against its Limits; every method raises PromptRenderLimitError when one is reached."""

    __slots__ = ("_built", "_clock", "_data", "_deadline", "_emitted", "_limits", "_look_at", "_room", "_steps")

    def __init__(self, limits: Limits, *, clock: Clock = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._deadline = clock() + limits.seconds
        self._steps = 0
        self._look_at = min(_BETWEEN_LOOKS_AT_THE_CLOCK, limits.steps + 1)
        self._emitted = 0
        self._room = limits.output
        self._data = 0
        self._built = 0

    def step(self, count: int = 1) -> None:
        """Charge `count` units of work, and look at the clock every 64 of them."""
        self._steps += count
        if self._steps >= self._look_at:
            if self._steps > self._limits.steps:
                raise PromptRenderLimitError(
                    f"the template took more than {self._limits.steps:,} steps (loop iterations, calls and filters)"
                )
            self._look_at = min(self._steps + _BETWEEN_LOOKS_AT_THE_CLOCK, self._limits.steps + 1)
            if self._clock() > self._deadline:
                raise PromptRenderLimitError(f"rendering took longer than {self._limits.seconds:g} s")

    def emit(self, characters: int) -> None:
        """Charge text that becomes part of the prompt (or of a block that is kept for later)."""
        self._emitted += characters
        if self._emitted > self._room:
            raise PromptRenderLimitError(f"the rendered prompt is longer than {self._room:,} characters")

    @contextmanager
    def data(self) -> Iterator[None]:
        """Inside, what is printed isn't text but data, and counts as that: an image is larger than any prompt should be."""
        text, self._emitted, self._room = self._emitted, self._data, self._limits.data
        try:
            yield
        finally:
            self._data, self._emitted, self._room = self._emitted, text, self._limits.output

    def build(self, characters: int) -> None:
        """Charge an intermediate value of this size; call it before the value is made wherever that is possible."""
        self.fits(characters)
        self._built += characters
        if self._built > self._limits.output * _INTERMEDIATES:
            raise PromptRenderLimitError(
                f"the template builds values of more than {self._limits.output * _INTERMEDIATES:,} characters "
                "together: print in the loop, or join a list once, instead of adding to a text again and again"
            )
        self.step(1 + (characters >> 10))

    def fits(self, characters: int) -> None:
        """Refuse a value that is too large on its own, without charging for it yet."""
        if characters > self._limits.output:
            raise PromptRenderLimitError(
                f"the template builds a value of more than {self._limits.output:,} characters on the way"
            )

    def iterate(self, iterable: Iterable[Any]) -> Iterator[Any]:
        """The same items, one step each."""
        for item in iterable:
            self.step()
            yield item

    def weigh(self, value: Any) -> int:
        """The size of a value in characters, shared parts counted as often as they would print.

        So a small list that holds the same list twice, twenty times over, weighs what it would weigh on paper.
        """
        total = 0
        stack = [value]
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                total += len(item)
            elif isinstance(item, dict):
                total += 2 * _PER_ITEM * len(item)
                if total <= self._limits.output:
                    stack.extend(item.keys())
                    stack.extend(item.values())
            elif isinstance(item, _CONTAINERS):
                total += _PER_ITEM * len(item)
                if total <= self._limits.output:
                    stack.extend(item)
            elif isinstance(item, int):
                total += item.bit_length() // 3
            elif isinstance(item, Namespace):
                stack.append(attributes_of(item))
            else:
                total += _PER_ITEM
            if total > self._limits.output:
                self.fits(total)
        return total

    def hold(self, value: Any) -> Any:
        """Charge a value that an operation returned; iterators come back charging a step an item."""
        if isinstance(value, str):
            self.build(len(value))
            return value if type(value) is str else str(value)
        if isinstance(value, (*_CONTAINERS, Namespace)):
            self.build(self.weigh(value))
        elif isinstance(value, int):
            self.hold_bits(value.bit_length())
        elif isinstance(value, Iterator):
            return self.iterate(value)
        return value

    def hold_bits(self, bits: int) -> None:
        """Refuse integers that no prompt needs: they would take unbounded time to multiply and print."""
        if bits > _LARGEST_INTEGER_BITS:
            raise PromptRenderLimitError("the template computes a number of more than 1,200 digits")

    def text(self, value: Any) -> str:
        """Print a value as Jinja does: strings as they are, lists and mappings as Python shows them.

        Raises jinja2's UndefinedError for undefined values, and TemplateRuntimeError for what has no sensible text,
        such as a macro or a generator.
        """
        if isinstance(value, str):
            return value if type(value) is str else str(value)
        if value is None or isinstance(value, (bool, int, float, Undefined)):
            return str(value)
        if isinstance(value, (list, tuple, dict)):
            self.build(self.weigh(value))
            _refuse_unprintable(value)
            return str(value)
        raise TemplateRuntimeError(_unprintable(value))


def attributes_of(namespace: Namespace) -> dict[str, Any]:
    """What a template stored in a `namespace()`; reading attributes the usual way would find only its names."""
    held: dict[str, Any] = object.__getattribute__(namespace, "_Namespace__attrs")
    return held


def _refuse_unprintable(value: Any) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)
        elif item is not None and not isinstance(item, (str, bool, int, float)):
            raise TemplateRuntimeError(_unprintable(item))


def _unprintable(value: Any) -> str:
    return (
        f"a value of type {type(value).__name__} can't be printed into a prompt: print one of its attributes, or turn "
        "it into a list first with the filter 'list'"
    )
