"""What changed in a metric, when, and what caused it: prompt, model, parameters, scorer, inputs, or something that nobody announced."""
