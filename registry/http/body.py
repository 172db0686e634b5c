"""What all bodies of requests have in common: a field that nobody knows is refused, so that a slip of the pen is noticed."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

JsonObject = dict[str, Any]


class Body(BaseModel):
    """A body that takes no unknown fields."""

    model_config = ConfigDict(extra="forbid")
