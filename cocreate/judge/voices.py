"""How voices lead: parallels, hidden fifths, crossings, ranges and leading notes, each with its bar.

Conventions:
    Voices are one-voiced parts, from the top. Two voices *move together* where both go to another pitch at one tick,
    without a rest before it. A *sonority* is a tick at which any voice begins a note. Bars count as in notation: from
    1, or from 0 where the song begins with a pickup. Intervals count in octaves and semitones, so that a diminished
    fifth is no fifth and a twelfth is one. What the books allow in passing (parallels that a suspension hides, faults
    between phrases) counts all the same, for people and machines alike.

Metrics:
    `voice_leading`: every fault of `KINDS`; `VoiceLeading.per_hundred`: faults for each hundred sonorities, >= 0.

Source:
    The kinds are those that harmony books list, e.g. Aldwell and Schachter, Harmony and Voice Leading, chapter 5.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from cocreate.errors import InputError
from cocreate.music.song import Key, Note, Part, Song
from cocreate.music.theory import estimate_key

KINDS = ("parallel fifths", "parallel octaves", "hidden", "crossing", "range", "leading note")
PARALLELS = KINDS[:2]
# soprano, alto, tenor, bass
CHOIR_RANGES = ((60, 81), (55, 74), (48, 67), (40, 60))
_FIFTH, _STEP, _THIRD_DOWN = 7, 2, -4  # semitones


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its kind, of `KINDS`, its bar and the voices, counted from 1 at the top."""

    kind: str
    bar: int
    voices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VoiceLeading:
    """The faults of a song in time order, and how many sonorities it has."""

    faults: tuple[Fault, ...]
    sonorities: int

    def count(self, *kinds: str) -> int:
        """Faults of these kinds, of all without any."""
        return sum(not kinds or fault.kind in kinds for fault in self.faults)

    def per_hundred(self, *kinds: str) -> float:
        """Faults of these kinds (of all without any) for each hundred sonorities; 0.0 without a note."""
        return 100 * self.count(*kinds) / self.sonorities if self.sonorities else 0.0


def voices_of(song: Song) -> tuple[Part, ...]:
    """The song's voices from the top: its pitched parts of one voice, by their mean pitch."""
    found = [part for part in song.parts if part.role != "drums" and part.notes and part.is_monophonic]
    return tuple(sorted(found, key=lambda part: -sum(note.pitch for note in part.notes) / len(part.notes)))


def voice_leading(
    song: Song, voices: Sequence[Part] | None = None, *, ranges: Sequence[tuple[int, int]] = CHOIR_RANGES
) -> VoiceLeading:
    """Every fault of the voices.

    Args:
        voices: from the top; None takes `voices_of`.
        ranges: lowest and highest pitch of each voice; looked at when there are as many voices.

    Raises:
        InputError: if there are fewer than two voices.
    """
    parts = voices_of(song) if voices is None else tuple(voices)
    if len(parts) < 2:  # noqa: PLR2004 - one voice leads nowhere
        raise InputError(f"voice-leading needs at least two parts of one voice, got {len(parts)}")
    lines = [_Voice(part.notes) for part in parts]
    ticks = sorted({note.start_ticks for part in parts for note in part.notes})
    bars = [bar.start_ticks for bar in song.bars()]
    first = 0 if song.pickup_ticks else 1
    keys = song.keys or (estimate_key(song),)
    faults = [
        Fault(kind, bisect_right(bars, tick) - 1 + first, voices_there)
        for tick in ticks
        for kind, voices_there in _faults(
            lines, tick, next((k for k in reversed(keys) if k.start_ticks <= tick), keys[0])
        )
    ]
    if len(ranges) == len(parts):
        for place, (part, (low, high)) in enumerate(zip(parts, ranges, strict=True), start=1):
            faults += [
                Fault("range", bisect_right(bars, note.start_ticks) - 1 + first, (place,))
                for note in part.notes
                if not low <= note.pitch <= high
            ]
    return VoiceLeading(tuple(sorted(faults, key=lambda fault: fault.bar)), len(ticks))


class _Voice:
    """A voice to look up by tick."""

    def __init__(self, notes: Sequence[Note]) -> None:
        self._notes = notes
        self._starts = [note.start_ticks for note in notes]

    def at(self, tick: int) -> Note | None:
        """The note that sounds at a tick."""
        place = bisect_right(self._starts, tick) - 1
        return self._notes[place] if place >= 0 and tick < self._notes[place].end_ticks else None

    def move_at(self, tick: int) -> tuple[int, int] | None:
        """(From, to) where the voice goes to another pitch at a tick."""
        before, here = self.at(tick - 1), self.at(tick)
        if before is None or here is None or here.start_ticks != tick or before.pitch == here.pitch:
            return None
        return before.pitch, here.pitch


def _faults(lines: Sequence[_Voice], tick: int, key: Key) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The kind and voices of each fault at a tick."""
    moves = [line.move_at(tick) for line in lines]
    here = [line.at(tick) for line in lines]
    for upper, lower in combinations(range(len(lines)), 2):
        above, below = moves[upper], moves[lower]
        if above is not None and below is not None:
            earlier, later = (abs(a - b) % 12 for a, b in zip(above, below, strict=True))
            if later in (0, _FIFTH) and later == earlier:
                yield PARALLELS[later == 0], (upper + 1, lower + 1)
            elif (
                later in (0, _FIFTH)
                and (upper, lower) == (0, len(lines) - 1)
                and (above[1] - above[0]) * (below[1] - below[0]) > 0
                and abs(above[1] - above[0]) > _STEP
            ):
                yield "hidden", (upper + 1, lower + 1)
        high, low = here[upper], here[lower]
        if lower == upper + 1 and high is not None and low is not None and high.pitch < low.pitch:
            yield "crossing", (upper + 1, lower + 1)
    yield from _unresolved(lines, moves, tick, key)


def _unresolved(
    lines: Sequence[_Voice], moves: Sequence[tuple[int, int] | None], tick: int, key: Key
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Leading notes of a dominant that do not rise to the tonic when it comes; an inner voice may fall a third."""
    before = {(note.pitch - key.tonic) % 12 for line in lines if (note := line.at(tick - 1)) is not None}
    here = {(note.pitch - key.tonic) % 12 for line in lines if (note := line.at(tick)) is not None}
    if 11 not in before or not before & {2, 7} or 11 in here or 0 not in here:  # noqa: PLR2004 - degrees in semitones
        return
    for place, move in enumerate(moves):
        if move is None or (move[0] - key.tonic) % 12 != 11:  # noqa: PLR2004
            continue
        is_inner = 0 < place < len(lines) - 1
        if move[1] - move[0] != 1 and not (is_inner and move[1] - move[0] == _THIRD_DOWN):
            yield "leading note", (place + 1,)
