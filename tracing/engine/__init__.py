"""The embedded engine: a process of its own that owns a chDB data folder and speaks ClickHouse's HTTP interface.

`python -m tracing.engine --path DIR --endpoint FILE` starts it; any ClickHouse HTTP client uses it. Only that process
imports chdb. This package's public name is `Endpoint`, which says where a running engine answers.
"""

from tracing.engine.endpoint import Endpoint

__all__ = ["Endpoint"]
