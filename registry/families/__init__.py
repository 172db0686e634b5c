"""Texts that are one template filled with different values: found, put side by side, and written as a prompt."""
