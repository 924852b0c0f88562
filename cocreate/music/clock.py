"""Musical time in seconds: where each tick sounds under the tempos of a song.

Conventions:
    Seconds count from tick 0. Tempos are quarter notes a minute and hold until the next one.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from cocreate.music.song import TICKS_PER_QUARTER, Song

_SECONDS_A_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Clock:
    """When each tempo begins, in ticks and in seconds, and how long a tick lasts then."""

    ticks: tuple[int, ...]
    seconds: tuple[float, ...]
    rates: tuple[float, ...]  # seconds a tick

    def at(self, ticks: int) -> float:
        """Seconds from tick 0 to ``ticks``."""
        place = max(0, bisect_right(self.ticks, ticks) - 1)
        return self.seconds[place] + (ticks - self.ticks[place]) * self.rates[place]


def clock_of(song: Song) -> Clock:
    """The clock of a song's tempos."""
    ticks, seconds, rates = [0], [0.0], [_SECONDS_A_MINUTE / song.tempo_bpm / TICKS_PER_QUARTER]
    for tempo in song.tempos:
        seconds.append(seconds[-1] + (tempo.start_ticks - ticks[-1]) * rates[-1])
        ticks.append(tempo.start_ticks)
        rates.append(_SECONDS_A_MINUTE / tempo.bpm / TICKS_PER_QUARTER)
    return Clock(tuple(ticks), tuple(seconds), tuple(rates))
