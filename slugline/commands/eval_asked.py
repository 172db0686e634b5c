"""What `slugline eval` is asked to try, as its options say it: one value for an evaluation here and for a server's. Pure.

Refuses to know what there is in any registry.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slugline.settings import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Versions, cases and terms. A reference after the first may leave the slug out: `@8`."""

    references: tuple[str, ...] = ()
    dataset: str | None = None
    file: Path | None = None
    against: str | None = None
    models: tuple[str, ...] = ()
    repeats: int = 1
    embedding_model: str | None = None

    @property
    def empty(self) -> bool:
        """Whether no versions, cases or models are named."""
        return self == Asked(embedding_model=self.embedding_model)

    def whole(self) -> Asked:
        """Itself if it says what to try and where the cases come from. Raises SettingsError."""
        if not self.references:
            raise SettingsError("name the versions to try, such as support-agent@latest, or --resume ID")
        if (self.dataset is None) == (self.file is None):
            raise SettingsError("say where the cases come from: --dataset NAME, or --file FILE")
        return self

    def body(self) -> dict[str, Any]:
        """As `POST /api/evaluations` takes it. Raises SettingsError for versions of several prompts."""
        slug = self.references[0].partition("@")[0]

        def version(reference: str) -> str:
            named, _, selector = reference.partition("@")
            if named not in ("", slug):
                raise SettingsError(f"an evaluation tries versions of one prompt, not of several ({slug}, {named})")
            return selector or "stable"

        return {
            "prompt": slug,
            "versions": [version(each) for each in self.references],
            "against": version(self.against) if self.against else None,
            "dataset": self.dataset,
            "models": list(self.models),
            "repeats": self.repeats,
            "embedding_model": self.embedding_model,
        }
