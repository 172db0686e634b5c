"""What an exporter did since it started; the keeper tells it in its status. Values only."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class ExportCounts:
    """`sent` by signal; `refused` by the collector for what was in it; `waiting` says why a signal can't be sent now."""

    sent: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    unreadable: int = 0
    failures: int = 0
    segments_given_up: int = 0
    waiting: dict[str, str] = field(default_factory=dict)
