"""After a promotion: whether the new version does worse than the one before, looked at again and again without crying wolf."""
