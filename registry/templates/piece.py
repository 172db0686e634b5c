"""One template text, compiled: what it takes, how to render it, and errors that say where.

Knows one text at a time. Refuses to know which message it belongs to beyond a name for it in errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from jinja2 import Template, nodes
from jinja2.exceptions import TemplateSyntaxError, UndefinedError

from registry.errors import PromptInvalidError, PromptRenderFailedError, PromptVariableMissingError, RegistryError
from registry.templates.bounding import Bounding
from registry.templates.budget import Budget
from registry.templates.discovery import Discovery
from registry.templates.filters import BUDGET
from registry.templates.inlining import Inlining, Lines, reference_of
from registry.templates.sandbox import REFUSED, Sandbox, unknown_filter


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A compiled template, or plain text where the source has nothing to render."""

    where: str
    fixed: str
    """Characters that stand in the source outside any tag; the whole text if `template` is None."""
    template: Template | None
    lines: Lines = field(default_factory=Lines)
    """Which lines are the template's and which a fragment's."""

    def render(self, variables: Mapping[str, Any], budget: Budget) -> str:
        """The text for these variables.

        Raises PromptRenderLimitError, PromptVariableMissingError for a name that isn't there, and
        PromptRenderFailedError for whatever else the template runs into.
        """
        budget.emit(len(self.fixed))
        if self.template is None:
            return self.fixed
        try:
            # The dictionary is the context's own, so it need not be copied once more.
            context = self.template.new_context({**self.template.globals, **variables, BUDGET: budget}, shared=True)
            return "".join(self.template.root_render_func(context))
        except RegistryError:
            raise
        except UndefinedError as error:
            raise self._undefined(error) from error
        except Exception as error:  # whatever a template does is the template's failure, never the server's
            raise PromptRenderFailedError(self._failed(error), param=self.where) from error

    def _undefined(self, error: UndefinedError) -> RegistryError:
        said = str(error)
        name = said.removesuffix(" is undefined")
        if name != said and name.startswith("'"):
            return PromptVariableMissingError(
                f"variable {name} is not given, and {self.where} needs it for these values{self._at(error)}",
                param=name.strip("'"),
            )
        return PromptRenderFailedError(self._failed(error), param=self.where)

    def _failed(self, error: Exception) -> str:
        reason = "it calls itself too deeply" if isinstance(error, RecursionError) else str(error)[:500]
        return f"rendering {self.where} failed{self._at(error)}: {reason or type(error).__name__}"

    def _at(self, error: Exception) -> str:
        line = self._line(error.__traceback__)
        return f" at {self.lines.say(line)}" if line else ""

    def _line(self, traceback: TracebackType | None) -> int | None:
        line = None
        while traceback is not None:
            template = traceback.tb_frame.f_globals.get("__jinja_template__")
            if isinstance(template, Template) and template is self.template:
                line = template.get_corresponding_lineno(traceback.tb_lineno)
            traceback = traceback.tb_next
        return line


def compile_piece(sandbox: Sandbox, source: str, where: str, discovery: Discovery, inlining: Inlining) -> Piece:
    """Parse, check and compile one template with its fragments in place; its variables go into `discovery`.

    Raises PromptInvalidError that names `where`, the line, and the fragment if the line is one's.
    """
    lines = Lines()
    with _explained(where, lines):
        tree = inlining.into(sandbox.parse(source), lines)
        if not sandbox.admit(tree):
            raise _invalid(where, "", "the templates have too many tags and operators; move repeated parts into loops")
        _check(tree, sandbox)
        discovery.read(tree)
        fixed = "".join(data.data for data in tree.find_all(nodes.TemplateData))
        if all(isinstance(node, nodes.TemplateData) for node in _printed(tree.body)):
            return Piece(where=where, fixed=fixed, template=None)
        code = sandbox.compile(Bounding().visit(tree), filename=f"<{where}>")
        template = Template.from_code(sandbox, code, dict(sandbox.globals))
        return Piece(where=where, fixed=fixed, template=template, lines=lines)


def fragments_in(sandbox: Sandbox, source: str, where: str) -> list[tuple[str, int]]:
    """The fragments that a template includes itself, as written, each with its line. Raises PromptInvalidError."""
    with _explained(where, Lines()):
        return [(reference_of(node), node.lineno) for node in sandbox.parse(source).find_all(nodes.Include)]


@contextmanager
def _explained(where: str, lines: Lines) -> Iterator[None]:
    try:
        yield
    except TemplateSyntaxError as error:
        raise _invalid(where, lines.say(error.lineno), error.message or "syntax error") from error
    except RegistryError:
        raise
    except RecursionError as error:
        raise _invalid(where, "", "it is nested too deeply") from error
    except Exception as error:  # Python's own compiler has limits, too, and several ways to say so
        raise _invalid(where, "", f"it can't be compiled: {error}") from error


def _printed(body: list[nodes.Node]) -> Iterator[nodes.Node]:
    """What a template's statements print, statements that do more than print as they are."""
    for statement in body:
        if isinstance(statement, nodes.Output):
            yield from statement.nodes
        elif isinstance(statement, nodes.Scope):
            yield from _printed(statement.body)
        else:
            yield statement


def _check(tree: nodes.Template, sandbox: Sandbox) -> None:
    for refused, sentence in REFUSED.items():
        for node in tree.find_all(refused):
            raise TemplateSyntaxError(sentence, node.lineno)
    for used in tree.find_all(nodes.Filter):
        if used.name not in sandbox.public_filters:
            raise TemplateSyntaxError(unknown_filter(used.name, sandbox.public_filters), used.lineno)
    for test in tree.find_all(nodes.Test):
        if test.name not in sandbox.tests:
            raise TemplateSyntaxError(f"no test named '{test.name}'", test.lineno)


def _invalid(where: str, line: str, reason: str) -> PromptInvalidError:
    at = f", {line}" if line else ""
    return PromptInvalidError(f"{where}{at}: {reason}", param=where)
