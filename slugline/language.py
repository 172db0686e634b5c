"""Is a text French? A scorer for the demo and the tests: counts words that only one of the two languages uses as filler."""

import re

_WORD = re.compile(r"[a-zàâçéèêëîïôûùüÿœ]+")
_FRENCH = frozenset(
    _WORD.findall(
        "le la les un une des du de et est sont vous votre vos nous notre je tu il elle ne pas pour avec dans sur que "
        "qui au aux ce cette ces être avez pouvez bonjour merci désolé désolés"
    )
)
_ENGLISH = frozenset(
    _WORD.findall(
        "the a an of and is are you your we our i it he she not for with in on that which to this these be have can "
        "hello thank sorry will please"
    )
)


def is_french(text: str) -> bool:
    """True when French filler words outnumber English ones; a text without any is not French."""
    words = _WORD.findall(text.lower())
    return sum(word in _FRENCH for word in words) > sum(word in _ENGLISH for word in words)
