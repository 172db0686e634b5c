"""What can be wrong with a question about quality or drift, in words for people."""


class AnalysisError(Exception):
    """A question that can't be answered as it was asked: it says what is wrong, where, and what would be right."""


class MetricNotFoundError(AnalysisError):
    """The prompt has no score of that name, and no metric of every call has it either."""
