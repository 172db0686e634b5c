"""Prompts as files, and back."""
