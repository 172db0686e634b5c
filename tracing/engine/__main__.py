"""`python -m tracing.engine`: the command line of the engine's process, its exit codes and its last words."""

import argparse
import contextlib
import os
import sys
from pathlib import Path

from tracing.engine.lock import FolderIsOwnedError
from tracing.engine.serve import Settings, serve

OWNED = 3


def main(arguments: list[str] | None = None) -> int:
    """Serve as the arguments say. Returns 0 after a clean end, 3 if another owns the folder, 1 if it can't start."""
    parser = argparse.ArgumentParser(prog="python -m tracing.engine", description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="chDB's data folder; made if it is missing")
    parser.add_argument("--endpoint", type=Path, required=True, help="where to write the address and password (0600)")
    parser.add_argument("--memory-mb", type=int, default=2048, help="most memory for everything, in MiB")
    parser.add_argument("--threads", type=int, default=8, help="statements that run at the same time")
    parser.add_argument("--grace", type=float, default=10.0, help="seconds that running statements have at the end")
    parser.add_argument("--nice", type=int, default=0, help="how far it stands back behind other processes (nice)")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input does")
    given = parser.parse_args(arguments)
    with contextlib.suppress(OSError):
        os.nice(given.nice)
    settings = Settings(
        path=given.path.resolve(),
        endpoint=given.endpoint.resolve(),
        memory=given.memory_mb << 20,
        threads=given.threads,
        grace=given.grace,
        until_stdin_closes=given.until_stdin_closes,
    )
    try:
        serve(settings)
    except FolderIsOwnedError as error:
        sys.stderr.write(f"{error}\n")
        return OWNED
    except (RuntimeError, OSError) as error:
        sys.stderr.write(f"the engine can't start: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130  # before it was ready; later on an interrupt is a request to end, with code 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
