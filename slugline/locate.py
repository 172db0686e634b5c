"""Where ClickHouse is, by the settings."""

from collections.abc import Mapping

from slugline.folder import DataFolder
from slugline.settings import Settings, read_secret
from tracing.clickhouse import Locate, Target


def locate_clickhouse(settings: Settings, environment: Mapping[str, str]) -> Locate:
    """Where ClickHouse is: the server of the settings, or the embedded engine of the data folder wherever it is up by then."""
    if settings.clickhouse.url:
        reference = settings.clickhouse.password
        password = read_secret(reference, environment) if reference else None
        target = Target.from_url(settings.clickhouse.url, password=password)
        return lambda: target
    folder = DataFolder(settings.data)

    def embedded() -> Target | None:
        endpoint = folder.engine()
        if endpoint is None:
            return None
        return Target(
            url=endpoint.url,
            user=endpoint.user,
            password=endpoint.password,
            database=endpoint.database,
            direct=True,  # a process of ours on loopback: no proxy is to stand in between, or to see the password
        )

    return embedded
