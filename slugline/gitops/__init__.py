"""Prompts as files in a folder, usually in Git: what differs from the registry, and how each side gets the other's.

`planning` decides, on values alone. `folder`, `git` and `registry` are the edges: disk, Git, and the registry wherever it is.
"""
