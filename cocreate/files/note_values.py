"""What one bar of slices looks like on paper: note values that show the beat, tuplets, beams and rests.

Conventions:
    A note is split and tied where it would hide the middle of the bar or a beat; a syncopation of which both halves are
    equal stays whole. A rest never hides a beat. Flags of one beat hang together. What no note value says (a performed
    length) is written as the longest that fit, and a rest of odd length.

Source:
    Gould, "Behind Bars", 2011, pages 151-170. We differ: eighths are beamed by the beat, not by the half bar.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cocreate.files.engraving import Slice, Span
from cocreate.music.song import Meter

_TYPES = {1920: "whole", 960: "half", 480: "quarter", 240: "eighth", 120: "16th", 60: "32nd", 30: "64th"}
# ticks -> type, dots, is it of a triplet
LENGTHS = dict(
    sorted(
        [(t * (2 * 2**dots - 1) // 2**dots, (name, dots, False)) for t, name in _TYPES.items() for dots in (0, 1)]
        + [(t * 2 // 3, (name, 0, True)) for t, name in _TYPES.items()],
        reverse=True,
    )
)
_FLAGS = {"eighth": 1, "16th": 2, "32nd": 3, "64th": 4}
_FINEST, _FINEST_TRIPLET = 15, 20


@dataclass(frozen=True, slots=True)
class Atom:
    """One written note, chord or rest: a slice, or a part of it that one note value can say.

    ``beams`` are level by level what MusicXML calls them; ``tuplet`` is the number of atoms of the triplet that begins
    here (all under one beam with ``is_beamed_tuplet``), ``in_tuplet`` says that it belongs to one, and ``ends_tuplet``
    that it is the last.
    """

    piece: Slice
    start_ticks: int
    length_ticks: int
    is_first: bool
    is_last: bool
    is_whole_bar: bool = False
    beams: tuple[str, ...] = ()
    tuplet: int = 0
    in_tuplet: bool = False
    ends_tuplet: bool = False
    is_beamed_tuplet: bool = False

    @property
    def flags(self) -> int:
        """How many flags or beams it has; 0 for rests and for quarters and longer."""
        if not self.piece.pitches or self.length_ticks not in LENGTHS:
            return 0
        return _FLAGS.get(LENGTHS[self.length_ticks][0], 0)

    @property
    def is_triplet(self) -> bool:
        """Whether its value is one of three in the time of two."""
        return self.length_ticks in LENGTHS and LENGTHS[self.length_ticks][2]


def atoms_of(pieces: Sequence[Slice], span: Span) -> list[Atom]:
    """The slices of one bar as they are written."""
    if len(pieces) == 1 and not pieces[0].pitches:
        piece = pieces[0]
        return [Atom(piece, piece.start_ticks, piece.length_ticks, is_first=True, is_last=True, is_whole_bar=True)]
    bar = span.bar
    found: list[Atom] = []
    for piece in pieces:
        start = piece.start_ticks - bar.start_ticks
        lengths = list(_values(start, start + piece.length_ticks, bar.meter, is_rest=not piece.pitches))
        at = piece.start_ticks
        for place, length in enumerate(lengths):
            found.append(Atom(piece, at, length, is_first=place == 0, is_last=place + 1 == len(lengths)))
            at += length
    return _with_tuplets(_with_beams(found, span))


def _values(start: int, end: int, meter: Meter, *, is_rest: bool) -> Iterator[int]:
    """The lengths of what is written from ``start`` to ``end`` (ticks of the bar)."""
    length = end - start
    levels = _levels(meter, start, end)
    if length in LENGTHS and LENGTHS[length][2] and start % length == 0:  # one of three
        yield length
        return
    points = ((place, start - start % level + level) for place, level in enumerate(levels))
    inside = next(((place, point) for place, point in points if point < end), None)
    if inside is None:
        yield from _longest(length)
    elif length in LENGTHS and _fits(start, end, inside, levels, longest_rest=meter.beat_ticks if is_rest else 0):
        yield length
    else:
        yield from _values(start, inside[1], meter, is_rest=is_rest)
        yield from _values(inside[1], end, meter, is_rest=is_rest)


def _levels(meter: Meter, start: int, end: int) -> list[int]:
    """Lengths into which the metre cuts a bar, the longest first; none where the stretch lies on no grid."""
    fine = next((one for one in (_FINEST, _FINEST_TRIPLET) if start % one == 0 and end % one == 0), 0)
    if not fine:
        return []
    levels, beat = [meter.bar_ticks], meter.beat_ticks
    while levels[-1] % (2 * beat) == 0 and levels[-1] > 2 * beat:
        levels.append(levels[-1] // 2)
    if beat < levels[-1]:
        levels.append(beat)
    if levels[-1] % 9 == 0 or fine == _FINEST_TRIPLET:  # a dotted beat has three parts
        levels.append(levels[-1] // 3)
    while levels[-1] % (2 * fine) == 0:
        levels.append(levels[-1] // 2)
    return levels


def _fits(start: int, end: int, inside: tuple[int, int], levels: list[int], *, longest_rest: int) -> bool:
    """Whether one value may stand over the strongest point inside it, ``inside`` (its level, and where it is).

    ``longest_rest`` is 0 for notes, and for rests what may be longer only where the metre has such a length.
    """
    level, point = inside
    if _strength(start, levels) <= level:
        return not longest_rest or end - start < longest_rest or end - start in levels
    below = levels[level + 1] if level + 1 < len(levels) else 0
    is_syncopation = levels[level] == 2 * below == 2 * (point - start) and end - point in (levels[level], below)
    return is_syncopation and not longest_rest


def _strength(ticks: int, levels: list[int]) -> int:
    return next((place for place, one in enumerate(levels) if ticks % one == 0), len(levels))


def _longest(ticks: int) -> Iterator[int]:
    """Values that add up, the longest first; what is left over comes last."""
    left = ticks
    while left and left not in LENGTHS:
        fits = next((length for length in LENGTHS if length < left and not LENGTHS[length][2]), None)
        if fits is None:
            break
        yield fits
        left -= fits
    if left:
        yield left


def _with_beams(atoms: list[Atom], span: Span) -> list[Atom]:
    """Neighbours with flags in one beat hang together."""
    groups: list[list[int]] = []
    last_beat = -1
    for place, atom in enumerate(atoms):
        beat = (atom.start_ticks - span.bar.start_ticks) // span.bar.meter.beat_ticks
        if not atom.flags:
            last_beat = -1
        elif beat == last_beat:
            groups[-1].append(place)
        else:
            groups.append([place])
            last_beat = beat
    found = list(atoms)
    for group in groups:
        if len(group) > 1:
            flags = [atoms[place].flags for place in group]
            for at, place in enumerate(group):
                beams = tuple(_beam(flags, at, level) for level in range(1, flags[at] + 1))
                found[place] = replace(atoms[place], beams=beams)
    return found


def _beam(flags: list[int], at: int, level: int) -> str:
    before, after = at > 0 and flags[at - 1] >= level, at + 1 < len(flags) and flags[at + 1] >= level
    if before and after:
        return "continue"
    if before or after:
        return "end" if before else "begin"
    return "backward hook" if at else "forward hook"


def _with_tuplets(atoms: list[Atom]) -> list[Atom]:
    """Triplet values that add up to three of the shortest of them are bracketed; what does not add up is left."""
    found = list(atoms)
    run: list[int] = []
    for place, atom in enumerate(atoms):
        run = [*run, place] if atom.is_triplet else []
        if run and sum(atoms[one].length_ticks for one in run) % (3 * min(atoms[one].length_ticks for one in run)) == 0:
            is_beamed = all(atoms[one].beams for one in run)
            for one in run:
                found[one] = replace(found[one], in_tuplet=True)
            found[run[0]] = replace(found[run[0]], tuplet=len(run), is_beamed_tuplet=is_beamed)
            found[place] = replace(found[place], ends_tuplet=True)
            run = []
    return found
