"""What an exporter did since it started; the keeper tells it in its status. Values only."""

from dataclasses import dataclass, field

from tracing.telemetry.settings import Signal


@dataclass(slots=True)
class ExportCounts:
    """`sent` by signal; `refused` by the collector for what was in it; `waiting` says why a signal can't be sent now. Those that are `held`
    wait until somebody puts something right: a key or an address."""

    sent: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    unreadable: int = 0
    failures: int = 0
    segments_given_up: int = 0
    waiting: dict[str, str] = field(default_factory=dict)
    held: list[Signal] = field(default_factory=list)

    def waits(self, signal: Signal, why: str, *, held: bool) -> bool:
        """Notes that a signal waits; gives whether that is news."""
        news = self.waiting.get(signal) != why
        self.waiting[signal] = why
        self.held = [each for each in self.held if each != signal] + [signal] * held
        return news

    def goes_on(self, signal: Signal) -> bool:
        """Notes that a signal is taken; gives whether that is news."""
        self.held = [each for each in self.held if each != signal]
        return self.waiting.pop(signal, None) is not None
