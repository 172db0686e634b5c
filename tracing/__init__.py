"""What happened: the event of a call, the spool that keeps it, ClickHouse that answers questions about it.

This room imports no sibling: it knows nothing of prompts beyond their names and numbers on an event.
"""
