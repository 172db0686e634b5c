"""Wire formats: what one API says, said in another's words. Pure functions over parsed JSON, with no I/O; Chat Completions is the hub."""
