"""Who works on the command line.

Knows the environment's key and the operating system's user. Refuses to know what they may do, and is light: commands start with it.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from datetime import UTC, datetime

from registry.errors import AuthKeyEndedError, AuthKeyNotFoundError
from registry.keys import KEY_TEXT, PREFIX, SECRET_LENGTH, principal_of
from registry.roles import Principal, owner
from registry.writing.key_store import KeyStore


def acting(keys: KeyStore, environment: Mapping[str, str]) -> Principal:
    """Who works on the command line: the holder of the key in SLUGLINE_KEY, else the operating system's user.

    Raises AuthKeyNotFoundError or AuthKeyEndedError for a key that is none, or none any more.
    """
    text = environment.get("SLUGLINE_KEY", "").strip()
    if not text:
        return owner(local_user())
    if not KEY_TEXT.fullmatch(text):  # a key's id is known to many, and speaks for nobody
        raise AuthKeyNotFoundError(
            f"SLUGLINE_KEY holds no whole Slugline key: one is '{PREFIX}' and {SECRET_LENGTH} letters and digits",
            param="SLUGLINE_KEY",
        )
    key = keys.key(text)
    if key.revoked_at is not None or key.expired(datetime.now(UTC)):
        raise AuthKeyEndedError(f"the key in SLUGLINE_KEY ({key.key_id}) has ended: use another", param="SLUGLINE_KEY")
    return principal_of(key)


def local_user() -> str:
    """The operating system's name for whoever runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
