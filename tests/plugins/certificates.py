"""One certificate authority for the whole run, in the place of the machine's hundred and more.

Every client that is made, in tests and in what they start, loads the authorities that it trusts, though hardly any test speaks TLS: 20 ms
each time, thousands of times. A test that does speak TLS names an authority of its own.
"""

import os
from pathlib import Path

import pytest
import trustme


def pytest_configure(config: pytest.Config) -> None:
    """Makes the file once, and names it to this process and those that it starts."""
    folder = Path(config.rootpath) / ".pytest_cache"
    folder.mkdir(exist_ok=True)
    file = folder / "authority.pem"
    if not file.exists():
        draft = folder / f"authority.{os.getpid()}"
        trustme.CA().cert_pem.write_to_path(str(draft))
        draft.replace(file)
    os.environ["SSL_CERT_FILE"] = str(file)
