"""The judgement of an evaluation: what its results say of a candidate against a baseline, as facts with intervals."""
