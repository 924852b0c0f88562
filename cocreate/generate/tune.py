"""The tune in a person's file: what is asked of it, which notes it is, and the file with others in their place.

Conventions:
    Parts count from 1, as people count them. Bars count as in notation: from 1, or from 0 where the file says that it
    begins with a pickup. The tune is the top line of its part; the part's other notes stay.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cocreate.errors import InputError, UnmetError
from cocreate.generate.request import MAX_CANDIDATES, Leaning
from cocreate.model.sample import Sampling
from cocreate.model.tracks import LOW_VOICE
from cocreate.music.measures import skyline
from cocreate.music.song import Note, Part, Song

KEEPS = ("rhythm", "contour", "harmony")


@dataclass(frozen=True, slots=True)
class TuneRequest:
    """What is asked of a tune.

    Args:
        part: the part it is in, from 1; None finds it.
        bars: first and last bar to write anew, as a person counts; None is all of them.
        more: bars to go on with, 1..64, for ``continue_bars``.
        amount: share of the notes that are written anew, 0..1; None is all where one side is kept, else half.
        keep: the side of the bars that stays, one of ``KEEPS``.
        runs: (first, stop) in ticks: notes that begin there are written anew, beside the amount (then 0 by default).
        range: lowest and highest pitch of what is written, MIDI numbers; None is about the tune's own.
        style: None is the song's own.
        n: candidates, 1..64.
        leanings: tastes to write near to; candidates take them in turn.
    """

    song: Song
    part: int | None = None
    bars: tuple[int, int] | None = None
    more: int = 8
    amount: float | None = None
    keep: str | None = None
    runs: tuple[tuple[int, int], ...] = ()
    range: tuple[int, int] | None = None
    style: str | None = None
    n: int = 8
    seed: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    leanings: tuple[Leaning, ...] = ()

    def __post_init__(self) -> None:
        if self.amount is not None and not 0 <= self.amount <= 1:
            raise InputError(f"amount must be in 0..1, got {self.amount:g}")
        if self.keep is not None and self.keep not in KEEPS:
            raise InputError(f"keep must be one of {', '.join(KEEPS)}, got {self.keep!r}")
        if not 1 <= self.n <= MAX_CANDIDATES:
            raise InputError(f"n must be in 1..{MAX_CANDIDATES}, got {self.n}")
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed}")


@dataclass(frozen=True, slots=True)
class Tune:
    """A line of a song: ``notes`` of part ``place`` (from 0) as they stand, and ``rest``, that part's other notes."""

    song: Song
    place: int
    notes: tuple[Note, ...]
    rest: tuple[Note, ...]

    @property
    def part(self) -> Part:
        """The part that the tune is in."""
        return self.song.parts[self.place]

    def lead(self) -> Song:
        """The song with the tune, made one-voiced, as its first part and melody; the part's other notes accompany."""
        others = [part for place, part in enumerate(self.song.parts) if place != self.place]
        if self.rest:
            others.append(Part(self.rest, name="Rest", role="comping"))
        part = replace(self.part, notes=skyline(self.notes), role="melody")
        return replace(self.song, parts=(part, *others))

    def with_notes(self, notes: Sequence[Note]) -> Tune:
        """The song with another line; words stand where notes still begin."""
        onsets = {note.start_ticks for note in (*notes, *self.rest)}
        gone = {note.start_ticks for note in self.notes} - onsets
        part = replace(
            self.part,
            notes=(*notes, *self.rest),
            syllables=tuple(word for word in self.part.syllables if word.start_ticks not in gone),
        )
        parts = (*self.song.parts[: self.place], part, *self.song.parts[self.place + 1 :])
        return Tune(replace(self.song, parts=parts), self.place, tuple(sorted(notes)), self.rest)


def find_tune(song: Song, *, part: int | None = None) -> Tune:
    """The tune of a song: of the part named (from 1), else of its melody, or where that is a bass of the highest part.

    Raises:
        InputError: if there is no such part, or no note for a tune in it.
    """
    pitched = [place for place, one in enumerate(song.parts) if one.role != "drums" and one.notes]
    if part is not None:
        if part - 1 not in pitched:
            names = ", ".join(f"{place + 1} ({song.parts[place].name})" for place in pitched)
            raise InputError(
                f"part must be one with pitched notes, {names or 'of which the file has none'}, got {part}"
            )
        chosen = part - 1
    elif not pitched:
        raise InputError("a song must have a melody, got no notes for one; give a file that has one")
    else:
        heights = {place: _height(song.parts[place]) for place in pitched}
        melody = next((place for place in pitched if song.parts[place] is song.melody), None)
        chosen = max(pitched, key=heights.__getitem__) if melody is None or heights[melody] < LOW_VOICE else melody
    notes = song.parts[chosen].notes
    top = {(note.start_ticks, note.pitch) for note in skyline(notes)}
    line = tuple(note for note in notes if (note.start_ticks, note.pitch) in top)
    return Tune(song, chosen, line, tuple(note for note in notes if (note.start_ticks, note.pitch) not in top))


def parse_bars(text: str) -> tuple[int, int]:
    """First and last bar of "5-8", or of "5".

    Raises:
        InputError: if the text is neither, or the last comes before the first.
    """
    match = re.fullmatch(r"\s*(\d{1,5})\s*(?:[-–]\s*(\d{1,5})\s*)?", text)
    if not match:
        raise InputError(f'bars must be such as "5-8" or "5", got {text!r}')
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise InputError(f"bars must go from the first to the last, got {text!r}")
    return first, last


def bars_of(song: Song, bars: tuple[int, int]) -> range:
    """The places in ``song.bars()`` of the first and last bar that a person names.

    Raises:
        UnmetError: if the song has no such bars.
    """
    lowest = 0 if song.pickup_ticks else 1
    highest = len(song.bars()) - 1 + lowest
    first, last = bars
    if not lowest <= first <= last <= highest:
        named = str(first) if first == last else f"{first}-{last}"
        raise UnmetError(
            f"bars must be within the song's {lowest}-{highest}, got {named}; `cocreate continue` goes on after the end"
        )
    return range(first - lowest, last - lowest + 1)


def _height(part: Part) -> float:
    line = skyline(part.notes)
    return sum(note.pitch for note in line) / len(line)
