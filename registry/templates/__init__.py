"""Templates: what text with variables becomes, in bounds, and which variables it takes."""
