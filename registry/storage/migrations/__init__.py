"""How the registry's tables come to be, one numbered step after the other."""
