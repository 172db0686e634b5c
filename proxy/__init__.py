"""The request path: from an HTTP request to a provider's answer and its record."""
