"""Prompts that are still written into source files: where they are, what they say, how often they changed."""
