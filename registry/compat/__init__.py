"""The registry as other products' clients read it: their paths and formats, in front of the same prompts."""
