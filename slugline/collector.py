"""Whether and where telemetry goes out, from the settings and the environment; and the data folder made ready for it.

Light, because the supervisor stands on it: what sends is `slugline.exporting`, in the keeper.
"""

import socket
from collections.abc import Mapping
from pathlib import Path

from slugline import VERSION
from slugline.settings import Settings, SettingsError, read_secret
from tracing.spool import SpoolFolders
from tracing.telemetry.backlog import switch
from tracing.telemetry.config import Export, TelemetryMisconfigured, read_export
from tracing.telemetry.counters import begin


def read_collector(settings: Settings, environment: Mapping[str, str]) -> Export | None:
    """What goes out and where to, None where nothing does. Raises SettingsError."""
    try:
        found = read_export(
            settings.telemetry,
            environment,
            version=VERSION,
            instance=socket.gethostname(),
            secret=lambda reference: read_secret(reference, environment),
        )
    except TelemetryMisconfigured as error:
        raise SettingsError(str(error)) from error
    for target in found.targets.values() if found else ():
        for path in (target.certificate, target.client_certificate, target.client_key):
            if path is not None and not path.is_file():
                raise SettingsError(f"telemetry: the file {path} does not exist")
    return found


def prepare_telemetry(export: Export | None, *, spool: Path, counters: Path) -> None:
    """Makes the data folder ready, before a server has workers: counters at zero, and what is sealed is kept for the exporter or not."""
    begin(counters)
    switch(SpoolFolders.at(spool), on=export is not None)
