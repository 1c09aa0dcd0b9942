"""A clock that a test turns by hand: sleeping takes no time, and moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


class PaperClock:
    def __init__(self, now: datetime = EPOCH) -> None:
        self.start, self.passed = now, 0.0

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds
