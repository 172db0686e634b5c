"""The steps; each is named by its number and never edited once released."""
