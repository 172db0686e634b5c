"""Probes: the same cases asked of the same version and model, night after night, so that a change is the provider's."""
