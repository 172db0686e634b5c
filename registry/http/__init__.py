"""The registry over HTTP: routes, and what they take and give."""
