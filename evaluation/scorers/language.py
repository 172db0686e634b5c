"""Which language an answer is in: py3langid's model, loaded when a scorer is made. Pure afterwards.

An answer that is too short or too mixed to tell is not guessed at: it is unparsed. bench/language.py has the measured accuracy.
"""

from collections.abc import Callable
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from evaluation.scorers.subject import Scored, Subject, unparsed

SURE = 0.6
_CODES = """
    af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he hi hr ht hu hy id ig
    is it ja jv ka kk km kn ko ku ky la lg ln lo lt lv mg mk ml mn mr ms my ne nl no om or pa pl ps pt qu ro ru sa si
    sk sl so sq sr sv sw ta te th tl tr ug uk ur uz vi xh yo zh zu ace bcl dz gcf gom grc hbo kik nso pcm rw se sn st
    an ary crh fo fuv gcr guw kab lb lij ltg wa sdh arz ba mt nn oc tg tk tt vec vo wuu yue
"""
CODES = frozenset(_CODES.split())
"""ISO 639 codes of the languages that the model knows: checked without loading it."""

_READ = 4000
_SHORTEST = 2


class LanguageOptions(BaseModel):
    """Options of `language`: without `expect` the score is the language's ISO 639 code, with it whether that is as expected."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    expect: str | None = Field(
        None, description="a code such as 'en', or 'same' for the language of the user's message"
    )
    among: tuple[str, ...] = Field((), description="languages that can occur: fewer make short answers surer")

    @model_validator(mode="after")
    def _known(self) -> Self:
        for code in (*self.among, *([self.expect] if self.expect not in {None, "same"} else [])):
            if code not in CODES:
                raise ValueError(f"no language is called {code!r}: codes are such as 'en', 'de', 'zh'")
        if self.among and len(set(self.among)) < 2:
            raise ValueError("among takes two languages or more")
        if self.among and self.expect not in {None, "same", *self.among}:
            raise ValueError(f"expect ({self.expect}) is not among {', '.join(self.among)}")
        return self


def language(options: LanguageOptions) -> Callable[[Subject], Scored | None]:
    """Which language an answer is in, or whether it is the one that is expected."""
    model = _model(options.among)

    def tell(text: str) -> tuple[str, float]:
        code, probability = model.classify(text[:_READ])
        return str(code), float(probability)

    def check(subject: Subject) -> Scored | None:
        if not subject.text.strip():
            return None
        if sum(character.isalpha() for character in subject.text[:_READ]) < _SHORTEST:
            return unparsed("there is too little text to tell its language")
        code, probability = tell(subject.text)
        if probability < SURE:
            return unparsed(f"the language can't be told: most likely '{code}' ({probability:.0%})")
        if options.expect is None:
            return Scored(value=code)
        wanted = options.expect
        if wanted == "same":
            wanted, sure = tell(subject.question) if subject.question.strip() else ("", 0.0)
            if sure < SURE:
                return unparsed("the language of the user's message can't be told")
        return Scored(value=code == wanted, comment="" if code == wanted else f"it is '{code}', not '{wanted}'")

    return check


def _model(among: tuple[str, ...]) -> Any:  # the library has no types
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    if among:
        model.set_languages(list(among))
    return model
