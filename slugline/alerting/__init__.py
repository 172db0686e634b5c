"""Alerts: the hourly look in the keeper, and how people are told of what it finds."""
