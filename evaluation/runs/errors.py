"""What can keep an evaluation from going on, in words for people."""


class EvaluationError(Exception):
    """An evaluation that can't be run as it was asked for: it says what is wrong, where, and what would be right."""


class EvaluationRunningError(EvaluationError):
    """Another process runs this evaluation now."""


class EvaluationNotFoundError(EvaluationError):
    """There is no such evaluation."""
