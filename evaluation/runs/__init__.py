"""Evaluations: versions of a prompt over a dataset's cases, and what came of it."""
