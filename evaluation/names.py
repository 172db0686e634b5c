"""What there is in place of a name that there isn't, in words for error messages."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, scores: Iterable[str], built_in: Iterable[str]) -> str:
    """Such as "did you mean 'helpful'?", or all names that there are."""
    own, others = list(scores), list(built_in)
    near = get_close_matches(name, [*own, *others], 1)
    if near:
        return f"did you mean '{near[0]}'?"
    there = ", ".join(own) or "none"
    return f"its scores: {there}; of every call: {', '.join(others)}"
