"""Where words may go on a tune: phrases, and in each the places for syllables and how strong they are.

Conventions:
    A *slot* is one syllable's place: a note, with the notes that are sung on the same syllable after it. Strength is
    4 on the downbeat, 3 in the middle of an even bar, 2 on another beat, 1 on its half or third, 0 elsewhere. An
    off-beat note that is held over a stronger place is heard as that place come early. A *phrase* is what one line is
    sung to. Without a tune a phrase is a pattern of weak (1) and strong (3) slots without times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from cocreate.errors import InputError
from cocreate.music.measures import metric_level, skyline
from cocreate.music.song import TICKS_PER_QUARTER, Note, Part, Song, Syllable

DOWNBEAT, WEAK, STRONG = 4, 1, 3
METRES = ("iambic", "trochaic", "anapestic", "dactylic", "free")
MOST_SLOTS = 14  # a longer phrase is two lines
LEAST_SLOTS = 3
_BEST_SLOTS = 8.0
_SHORTEST_S = 0.13  # a syllable that is over sooner cannot be sung; such notes share one
_BREATH_BEATS = 1.0  # a rest that surely ends a phrase


@dataclass(frozen=True, slots=True)
class Slot:
    """One syllable's place. ``notes``: how many notes it is sung on; ``length_ticks`` until the last of them ends."""

    strength: int
    start_ticks: int = 0
    length_ticks: int = 0
    notes: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= DOWNBEAT:
            raise InputError(f"a slot's strength must be in 0..{DOWNBEAT}, got {self.strength}")


@dataclass(frozen=True, slots=True)
class Phrase:
    """The slots of one line."""

    slots: tuple[Slot, ...]

    @property
    def strengths(self) -> tuple[int, ...]:
        """How strong each slot is."""
        return tuple(slot.strength for slot in self.slots)

    @property
    def mask(self) -> str:
        """Weak and strong places as the lyric model reads them: ``wsws``."""
        if not self.is_timed:
            return "".join("s" if strength >= STRONG else "w" for strength in self.strengths)
        padded = (0, *self.strengths, 0)
        return "".join(
            "s" if own == DOWNBEAT or own > (before + after) / 2 else "w"
            for before, own, after in zip(padded, padded[1:], padded[2:], strict=False)
        )

    @property
    def is_timed(self) -> bool:
        """True when the phrase comes from a tune."""
        return any(slot.length_ticks for slot in self.slots)

    def __len__(self) -> int:
        return len(self.slots)


def pattern(syllables: int, *, metre: str = "iambic") -> Phrase:
    """A phrase without a tune: so many syllables in a metre; ``free`` says nothing of stress.

    Raises:
        InputError: if the count is out of range or the metre unknown.
    """
    if metre not in METRES:
        raise InputError(f"metre must be one of {', '.join(METRES)}, got {metre!r}")
    if not 1 <= syllables <= MOST_SLOTS + 2:
        raise InputError(f"a line must have 1..{MOST_SLOTS + 2} syllables, got {syllables}")
    feet = {"iambic": "ws", "trochaic": "sw", "anapestic": "wws", "dactylic": "sww", "free": "s"}[metre]
    marks = (feet * syllables)[:syllables]
    if metre == "anapestic":  # eight syllables are "w s w w s w w s", not a foot cut at its end
        marks = (feet * syllables)[-syllables:] if syllables % 3 == 0 else ("ws" + feet * syllables)[:syllables]
    return Phrase(tuple(Slot(STRONG if mark == "s" else WEAK) for mark in marks))


def phrases(song: Song) -> tuple[Phrase, ...]:
    """The phrases of a song's tune.

    A part that has words already keeps their places: a note without a syllable goes on with the one before. Lines end
    at rests, at long notes and where bars come in twos; a phrase has 3 to 14 slots where the tune lets it.

    Raises:
        InputError: if the song has no tune.
    """
    part = song.melody
    notes = list(skyline(part.notes))
    if not notes:
        raise InputError("a song must have a melody to sing, got no notes for one")
    slots = _slots(notes, part, song)
    return tuple(Phrase(tuple(slots[a:b])) for a, b in _cuts(slots, song))


def joined(phrase: Phrase) -> Phrase | None:
    """The phrase with its weakest note sung on the syllable before it; None without a tune, or where none may be."""
    slots = phrase.slots
    own = range(1, len(slots)) if phrase.is_timed and len(slots) > LEAST_SLOTS else ()
    may = [at for at in own if slots[at - 1].start_ticks + slots[at - 1].length_ticks == slots[at].start_ticks]
    if not may:
        return None
    at = min(may, key=lambda place: (slots[place].strength, slots[place].length_ticks))
    before, after = slots[at - 1], slots[at]
    both = replace(before, length_ticks=before.length_ticks + after.length_ticks, notes=before.notes + after.notes)
    return Phrase((*slots[: at - 1], both, *slots[at + 1 :]))


def fits(stresses: Sequence[int], strengths: Sequence[int]) -> bool:
    """Whether a word with this pattern may be sung on these slots; on slots of strength 0 throughout nothing is asked.

    >>> fits((0, 1), (1, 4)), fits((1, 0), (1, 4))
    (True, False)
    """
    if len(stresses) != len(strengths):
        return False
    if len(stresses) == 1:
        return True
    primary = strengths[place_of_stress(stresses)]
    if primary < max(strengths):
        return False
    return all(stress or strength < DOWNBEAT for stress, strength in zip(stresses, strengths, strict=True))


def place_of_stress(stresses: Sequence[int]) -> int:
    """Place of the primary stress; of the secondary where none is primary."""
    return next((stresses.index(wanted) for wanted in (1, 2) if wanted in stresses), 0)


def strength_at(song: Song, start_ticks: int, end_ticks: int, *, next_ticks: int | None = None) -> int:
    """How strong a note is that sounds from ``start_ticks`` to ``end_ticks``; see the module's conventions."""
    own = _metric(song, start_ticks)
    bar = song.bar_at(start_ticks)
    beat = bar.meter.beat_ticks
    after = -(-(start_ticks - bar.start_ticks + 1) // beat) * beat + bar.start_ticks  # the next beat
    early = (
        after - start_ticks <= beat // 2
        and end_ticks > after + beat // 4
        and (next_ticks is None or next_ticks > after)
    )
    return max(own, _metric(song, after)) if early and own <= 1 else own


def _metric(song: Song, ticks: int) -> int:
    bar = song.bar_at(ticks)
    return max(0, DOWNBEAT + metric_level(ticks - bar.start_ticks, bar.length_ticks, bar.meter.beat_ticks))


def _slots(notes: list[Note], part: Part, song: Song) -> list[Slot]:
    sung = {syllable.start_ticks for syllable in part.syllables}
    own = bool(sung & {note.start_ticks for note in notes})
    tick_s = 60.0 / song.tempo_bpm / TICKS_PER_QUARTER
    groups: list[list[Note]] = []
    for place, note in enumerate(notes):
        if own:
            joins = bool(groups) and note.start_ticks not in sung and note.start_ticks - groups[-1][-1].end_ticks <= 0
        else:
            follows = notes[place + 1].start_ticks if place + 1 < len(notes) else note.end_ticks
            short = (follows - note.start_ticks) * tick_s < _SHORTEST_S
            weak = groups and _metric(song, note.start_ticks) < _metric(song, groups[-1][0].start_ticks)
            joins = bool(groups) and short and bool(weak) and note.start_ticks <= groups[-1][-1].end_ticks
        if joins:
            groups[-1].append(note)
        else:
            groups.append([note])
    starts = [group[0].start_ticks for group in groups[1:]]
    return [
        Slot(
            strength_at(song, group[0].start_ticks, group[-1].end_ticks, next_ticks=after),
            group[0].start_ticks,
            group[-1].end_ticks - group[0].start_ticks,
            len(group),
        )
        for group, after in zip(groups, [*starts, None], strict=True)
    ]


def _cuts(slots: list[Slot], song: Song) -> list[tuple[int, int]]:
    """Places of the phrases, by the cheapest way to cut: breaths are free, lengths near eight are cheap."""
    beat = song.meter.beat_ticks
    open_cost = [_break_cost(a, b, beat, song) for a, b in pairwise(slots)]
    best: list[tuple[float, int]] = [(0.0, 0)]
    for stop in range(1, len(slots) + 1):
        cost = 0.0 if stop == len(slots) else open_cost[stop - 1]
        found = (math.inf, 0)
        for start in range(max(0, stop - 3 * MOST_SLOTS), stop):
            inside = sum(_BREATH for at in range(start, stop - 1) if _rest(slots, at) >= _BREATH_BEATS * beat)
            total = best[start][0] + cost + inside + _length_cost(stop - start)
            found = min(found, (total, start))
        best.append(found)
    cuts: list[tuple[int, int]] = []
    stop = len(slots)
    while stop:
        start = best[stop][1]
        cuts.append((start, stop))
        stop = start
    return cuts[::-1]


_BREATH = 6.0  # cost of singing on over a rest of a beat


def _rest(slots: Sequence[Slot], at: int) -> int:
    return slots[at + 1].start_ticks - slots[at].start_ticks - slots[at].length_ticks


def _length_cost(count: int) -> float:
    over = max(0, count - MOST_SLOTS)
    under = max(0, LEAST_SLOTS - count)
    return 0.7 + (math.log(count / _BEST_SLOTS)) ** 2 * 1.6 + 4.0 * over + 2.0 * under


def _break_cost(before: Slot, after: Slot, beat: int, song: Song) -> float:
    """What it costs to end a line between two slots: little after a rest or a long note, much between quick notes."""
    span = (after.start_ticks - before.start_ticks) / beat
    rest = (after.start_ticks - before.start_ticks - before.length_ticks) / beat
    bar = song.bar_at(after.start_ticks)
    at_bar = after.start_ticks - bar.start_ticks < beat // 2 or bar.end_ticks - after.start_ticks <= beat
    pair = 0.0 if at_bar and _second_of_pair(song, after.start_ticks) else 0.6
    return max(0.0, 3.0 - 1.1 * min(span, 2.5) - 1.5 * min(rest, 1.0)) + pair + (0.0 if at_bar else 1.0)


def _second_of_pair(song: Song, ticks: int) -> bool:
    bar = song.bar_at(ticks)
    near = bar.index + (1 if bar.end_ticks - ticks <= bar.meter.beat_ticks else 0)
    return near % 2 == 0


def sing(song: Song, lines: Sequence[tuple[Phrase, Sequence[tuple[str, bool]]]]) -> Song:
    """The song with words under its tune: each line's syllables as text and whether the word goes on.

    Raises:
        InputError: if a line has another number of syllables than its phrase has slots.
    """
    found: list[Syllable] = []
    for phrase, syllables in lines:
        if len(phrase) != len(syllables):
            raise InputError(f"a line must have a syllable for each of its {len(phrase)} slots, got {len(syllables)}")
        for slot, (text, joins) in zip(phrase.slots, syllables, strict=True):
            found.append(Syllable(slot.start_ticks, text, joins))
    tune = song.melody
    parts = tuple(replace(part, syllables=tuple(found)) if part is tune else part for part in song.parts)
    return replace(song, parts=parts)
