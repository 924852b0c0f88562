"""A finished lyric with times: LRC, one line a line of the lyric.

Conventions:
    Times are minutes, seconds and hundredths from the beginning of the tune, by its tempos.
"""

from __future__ import annotations

from cocreate.errors import InputError
from cocreate.music.clock import clock_of
from cocreate.music.lyric import Lyric
from cocreate.music.song import Song


def lrc_of(lyric: Lyric, song: Song) -> str:
    """The lyric as LRC.

    Raises:
        InputError: if the lyric was not written to a tune.
    """
    if not all(line.phrase.is_timed for line in lyric.lines):
        raise InputError("LRC needs a tune; give one to `cocreate lyrics`")
    head = [f"[ti:{' '.join(lyric.title.split())}]"] if lyric.title else []
    clock = clock_of(song)
    rows = [f"[{stamp(clock.at(line.phrase.slots[0].start_ticks))}]{line.text}" for line in lyric.lines]
    return "\n".join([*head, "[re:cocreate]", *rows]) + "\n"


def stamp(seconds: float) -> str:
    """A time as LRC writes it: minutes, seconds and hundredths."""
    hundredths = round(seconds * 100)
    return f"{hundredths // 6000:02d}:{hundredths // 100 % 60:02d}.{hundredths % 100:02d}"
