"""Prompts of other products, as values of this registry. Text and JSON in, values out: nothing here reads a file or a network."""
