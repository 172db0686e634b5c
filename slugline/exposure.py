"""Whether a server may listen where others than this machine can reach it: only if it asks them for keys. Decides, and does nothing."""

import logging
from collections.abc import Iterable

from registry.keys import CallerKey
from slugline.settings import Settings, SettingsError

log = logging.getLogger("slugline")


def check_exposure(settings: Settings, keys: Iterable[CallerKey]) -> None:
    """Raises SettingsError for a server that others could reach and that asks nobody for a key, in words; warns where no admin could."""
    known = list(keys)
    where = "behind_proxy" if settings.behind_proxy else f"host {settings.host}"
    if not known:
        raise SettingsError(
            f"{where}: without caller keys Slugline listens on this machine only (127.0.0.1 or localhost). "
            "Make the first key with `slugline key create NAME --admin`, then start again"
        )
    if not any("admin" in key.terms.roles and key.revoked_at is None for key in known):
        log.warning(
            "%s: there is no admin key, so nobody can change rules and keys from outside; make one with "
            "`slugline key create NAME --admin`",
            where,
        )
