"""What can be wrong with a search, in words."""


class SearchError(Exception):
    """A search that has no answer. The message says why, and what would have one."""


class SearchInvalidError(SearchError):
    """A filter or cursor that means nothing."""


class SearchTooBroadError(SearchError):
    """The search took longer, or more memory, than it may."""


class CallNotFoundError(SearchError):
    """No call, or trace, has this id, as far as whoever asks may see."""
