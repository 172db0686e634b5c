"""Links that show one page to whoever has them, as values. Pure: the clock and randomness are arguments.

Refuses to know which pages there are, storage and HTTP. The rules:

1. A link's text is shown once, when it is made; its SHA-256 is kept, as with keys.
2. It opens one page, of the prompts that it names, to be looked at: whoever comes by it has the role viewer and nothing else.
3. It ends by itself, in 90 days at the latest, or when somebody ends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from registry.errors import PromptInvalidError
from registry.roles import Principal

LONGEST = timedelta(days=90)
_LONGEST_PATH = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A page that was shared. `path` is its address here, with its query; `bodies`: what calls and cases say may be seen."""

    share_id: str
    path: str
    slugs: tuple[str, ...]
    bodies: bool
    note: str
    created_at: datetime
    created_by: str
    identity: str
    expires_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str | None = None

    def over(self, now: datetime) -> bool:
        """Whether it opens nothing any more."""
        return self.revoked_at is not None or self.expires_at <= now

    @property
    def principal(self) -> Principal:
        """Whoever comes by this link."""
        return Principal(
            name="somebody with a link",
            identity=f"share:{self.share_id}",
            roles=frozenset({"viewer"}),
            prompts=self.slugs,
            verified=False,
        )


def check_share(path: str, slugs: tuple[str, ...], expires_at: datetime, now: datetime) -> None:
    """Raises PromptInvalidError for a link that makes no sense."""
    if not path.startswith("/") or path.startswith("//") or len(path) > _LONGEST_PATH:
        raise PromptInvalidError(
            "'path' is the address of a page of this server, such as /prompts/a/quality", param="path"
        )
    if not slugs:  # an empty scope would be no limit
        raise PromptInvalidError("a shared page is of some prompt", param="path")
    if not now < expires_at <= now + LONGEST:
        raise PromptInvalidError(f"a link ends within {LONGEST.days} days from now", param="expires_at")
