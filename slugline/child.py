"""`python -m slugline.child slugline.worker …`: runs one of the server's processes, with the garbage collector at rest while it starts.

What a process imports and builds at its start stays until its end. Looking through all of it for garbage, again and again while it grows
and once more at the end, took a third of a start and most of an end. `process.started` wakes the collector.
"""

import gc
import sys
from importlib import import_module


def main() -> None:
    """Runs `main()` of the module that the first argument names; the others are that module's."""
    gc.disable()
    del sys.argv[0]
    import_module(sys.argv[0]).main()


if __name__ == "__main__":
    main()
