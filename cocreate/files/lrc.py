"""A finished lyric with times: LRC, one line a line of the lyric, and the words as plain text.

Conventions:
    Times are minutes, seconds and hundredths from the beginning of the tune, by its tempos.
"""

from __future__ import annotations

from pathlib import Path

from cocreate.errors import InputError
from cocreate.files.output import write_text
from cocreate.music.lyric import Lyric
from cocreate.music.song import TICKS_PER_QUARTER, Song


def lrc_of(lyric: Lyric, song: Song) -> str:
    """The lyric as LRC.

    Raises:
        InputError: if the lyric was not written to a tune.
    """
    if not all(line.phrase.is_timed for line in lyric.lines):
        raise InputError("LRC needs a tune; give one to `cocreate lyrics`")
    head = [f"[ti:{' '.join(lyric.title.split())}]"] if lyric.title else []
    rows = [f"[{_clock(seconds_at(song, line.phrase.slots[0].start_ticks))}]{line.text}" for line in lyric.lines]
    return "\n".join([*head, "[re:cocreate]", *rows]) + "\n"


def write_lyric_lrc(lyric: Lyric, song: Song, path: Path, *, force: bool = False) -> None:
    """Write ``lrc_of``.

    Raises:
        InputError: if the lyric was not written to a tune.
        FileError: if the file exists and ``force`` is false, or cannot be written.
    """
    write_text(path, lrc_of(lyric, song), force=force)


def seconds_at(song: Song, ticks: int) -> float:
    """When a tick sounds, in seconds from the beginning."""
    seconds = 0.0
    for tempo, after in zip(song.tempos, [*song.tempos[1:], None], strict=True):
        stop = ticks if after is None else min(ticks, after.start_ticks)
        seconds += max(0, stop - tempo.start_ticks) / TICKS_PER_QUARTER * 60 / tempo.bpm
    return seconds


def _clock(seconds: float) -> str:
    hundredths = round(seconds * 100)
    return f"{hundredths // 6000:02d}:{hundredths // 100 % 60:02d}.{hundredths % 100:02d}"
