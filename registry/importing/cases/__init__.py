"""Cases of datasets from files: Slugline's own, CSV, and promptfoo's tests; and to files again."""
