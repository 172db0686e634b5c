"""Signing in to the pages: whoever visits, the identity provider, and what it says of people."""
