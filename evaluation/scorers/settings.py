"""`[scorers.NAME]` of slugline.toml: which calls are scored, how, and with what options. Checked when the settings are read."""

import re
from difflib import get_close_matches
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What a scorer can be called: the name of its scores, and of a folder."""

Purpose = Literal["production", "evaluation", "probe", "playground"]


class ScorerSettings(BaseModel):
    """One automatic scorer; its name is the name of the scores that it gives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field(description="how it scores: is-json, regex, judge …")
    prompts: tuple[str, ...] = Field(
        ("*",), min_length=1, description="prompts whose calls it scores, with * as a wildcard"
    )
    purposes: tuple[Purpose, ...] = Field(
        ("production",), min_length=1, description="purposes of the calls that it scores"
    )
    sample: float = Field(1.0, gt=0, le=1, description="share of these calls, chosen by their ids")
    options: dict[str, Any] = Field(default_factory=dict, description="the kind's own options")

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        from evaluation.scorers.judge import JudgeOptions
        from evaluation.scorers.kinds import KINDS

        known: dict[str, type[BaseModel]] = {
            **{name: kind.options for name, kind in KINDS.items()},
            "judge": JudgeOptions,
        }
        if self.kind not in known:
            near = get_close_matches(self.kind, known, n=1)
            meant = f"; did you mean '{near[0]}'?" if near else f" (there are {', '.join(sorted(known))})"
            raise ValueError(f"kind: no scorer is called {self.kind!r}{meant}")
        try:
            known[self.kind].model_validate(self.options)
        except ValidationError as error:
            raise ValueError("; ".join(_in_words(problem) for problem in error.errors())) from error
        return self


def check_names(scorers: dict[str, ScorerSettings]) -> dict[str, ScorerSettings]:
    """The scorers, if each has a name that a score can have. Raises ValueError."""
    for name in scorers:
        if not NAME.fullmatch(name):
            raise ValueError(f"a scorer's name has letters, digits, '.', '_' and '-', 100 at most: not {name[:120]!r}")
    return scorers


def _in_words(problem: Any) -> str:
    where = ".".join(["options", *(str(part) for part in problem["loc"])])
    if problem["type"] == "extra_forbidden":
        return f"{where} is not an option of this kind"
    if problem["type"] == "missing":
        return f"{where} is missing"
    return f"{where}: {problem['msg'].removeprefix('Value error, ')}"
