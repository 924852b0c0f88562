"""What is settled before a gap in a tune is written: what surrounds it, what stays in it, and where notes may be.

Conventions:
    Steps count from the gap's first bar line; pitches of anchors and ranges are in the frame. A ``Figure`` is a note of
    the tune with what begins together with it (grace notes): they stay or go together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil

from cocreate.errors import InputError, UnmetError
from cocreate.generate.plan import spans_of, style_words, tonic_triad
from cocreate.generate.tune import Tune, TuneRequest, bars_of, find_tune
from cocreate.model.chord_writer import open_writer
from cocreate.model.decoder import Decoder
from cocreate.model.gap_rules import Anchor, Kept, reachable
from cocreate.model.harmoniser import Slot, harmonise_slots
from cocreate.model.rules import SHORTEST_STEPS, Span, strong_steps
from cocreate.model.tokens import Sheet, SheetBar, frame_shift
from cocreate.model.tracks import full_sheet_of
from cocreate.model.vocabulary import MAX_BAR_STEPS, PITCHES, STEP_TICKS, nearest_meter
from cocreate.music.song import Bar, Chord, Key, Note, Song
from cocreate.music.theory import SCALES, chord_pitch_classes, estimate_key, metric_weight, name_chord, pitch_name

DEFAULT_AMOUNT = 0.5
VIEW_BARS = 64  # on each side of a gap; as many of them are shown as the context has room for
CHORD_BARS = 4  # on each side, heard beside those whose chords are looked for
WIDER = 2  # semitones beyond the tune's own range, on both sides
NARROWEST = 12  # semitones of a range, at least
FEWEST_TONES = 3  # pitch classes that name a chord


@dataclass(frozen=True, slots=True)
class Figure:
    """A note of the tune in a gap and what begins with it: bar of the gap, first step, length in steps."""

    bar: int
    onset: int
    length: int
    notes: tuple[Note, ...]

    @property
    def top(self) -> Note:
        """The note that is heard as the line."""
        return max(self.notes, key=lambda note: note.pitch)


@dataclass(frozen=True, slots=True)
class GapPlan:
    """A gap as it is written, the same for all candidates.

    Args:
        gap: places of its bars in ``grid``, the song's bars.
        first: place in ``grid`` of the first bar of ``sheet``.
        shift: semitones from the song's pitches to the frame's.
        spans: chords of each bar of the gap.
        fresh: places in ``figures`` of those that are written anew.
        has_all: there will be as many notes as figures, each in its bar.
        anchors: what is settled of the figures named in ``held``.
        free: runs of steps in which new notes may begin.
        kept: what sounds on beside the line.
        low, high: range.
        enter: first step where a note may begin.
        previous, following: pitches before and after the gap.
        leave: steps that a last note may ring on.
        ends_tune: no note of the tune follows.
    """

    tune: Tune
    gap: range
    grid: tuple[Bar, ...]
    first: int
    sheet: Sheet
    shift: int
    key: Key
    spans: tuple[tuple[Span, ...], ...]
    figures: tuple[Figure, ...]
    fresh: frozenset[int]
    has_all: bool
    held: tuple[int, ...]
    anchors: tuple[Anchor, ...]
    free: tuple[tuple[int, int], ...]
    kept: tuple[Kept, ...]
    low: int
    high: int
    chromatic_share: float
    enter: int
    previous: int | None
    following: int | None
    leave: int
    ends_tune: bool

    def step_of(self, bar: int) -> int:
        """First step of a bar of ``grid``."""
        return (self.grid[bar].start_ticks - self.grid[self.gap.start].start_ticks) // STEP_TICKS


def plan_gap(net: Decoder, request: TuneRequest, style: str, *, is_fill: bool) -> GapPlan:
    """The plan of a gap; with ``is_fill`` nothing that stands there counts.

    Raises:
        InputError: if the part or the bars are not there.
        UnmetError: if there is nothing to write from or no room to write in, or the bars do not fit the grid.
    """
    tune = find_tune(request.song, part=request.part)
    grid = request.song.bars()
    gap = range(len(grid)) if request.bars is None else bars_of(request.song, request.bars)
    bars = grid[gap.start : gap.stop]
    start, end = bars[0].start_ticks, bars[-1].end_ticks
    before = [note for note in tune.notes if note.start_ticks < start]
    after = [note for note in tune.notes if note.start_ticks >= end]
    figures = _figures(tune, bars)
    if is_fill and not (before or after):
        raise UnmetError("a gap to fill must have bars of the tune around it, got none; name fewer bars, or use vary")
    if not is_fill and not figures:
        raise UnmetError(
            "bars to vary must have notes of the tune, got none; name others, use fill, or name its --part"
        )
    enter = _enter(tune, bars[0], figures)
    if is_fill and (enter + SHORTEST_STEPS) * STEP_TICKS > end - start:
        raise UnmetError("a gap must have room for notes, but one from before is held all through it; name other bars")
    if is_fill:
        figures = ()
    first, stop = _view(grid, gap)
    lead = tune.lead()
    key = next((key for key in reversed(request.song.keys) if key.start_ticks <= start), None) or estimate_key(lead)
    key = replace(key, start_ticks=0)
    octaves = _octaves([note.pitch + frame_shift(key.tonic) for note in tune.notes])
    shift = frame_shift(key.tonic) + 12 * octaves
    view = _shown(replace(lead, keys=(key,)).slice_bars(first, stop), octaves)
    if request.keep == "harmony" and not any(chord.root is not None for chord in view.chords):
        view = replace(view, chords=_heard_chords(view, range(gap.start - first, gap.stop - first), style))
    try:
        sheet = full_sheet_of(view, net.words)
    except InputError as error:
        raise UnmetError(f"the bars around the gap must fit the grid the model writes on: {error}") from None
    silent = tuple(SheetBar(nearest_meter(bar.meter), ()) for bar in grid[first + len(sheet.bars) : stop])
    line = [*before, *after] if is_fill else list(tune.notes)
    low, high = _range([note.pitch + shift for note in line])
    if request.range is not None:
        low, high = _asked_range(request.range, shift)
    fresh = _fresh(request, tune, figures, bars, key)
    has_all = not is_fill and request.keep in ("rhythm", "contour")
    held = tuple(n for n in range(len(figures)) if has_all or n not in fresh)
    previous = max(before, key=lambda note: (note.start_ticks, note.pitch)).pitch + shift if before else None
    following = min(after, key=lambda note: (note.start_ticks, -note.pitch)).pitch + shift if after else None
    anchors = _anchors(figures, held, fresh, shift)
    scale = frozenset(SCALES[key.mode])
    if request.keep == "contour":
        anchors = _with_contour(anchors, figures, scale, low, high, shift=shift, previous=previous, following=following)
    edges = [(bar.start_ticks - grid[first].start_ticks, bar.end_ticks - grid[first].start_ticks) for bar in bars]
    return GapPlan(
        tune=tune,
        gap=gap,
        grid=grid,
        first=first,
        sheet=replace(sheet, bars=sheet.bars + silent),
        shift=shift,
        key=key,
        spans=spans_of(view.chords, edges, sheet.shift),
        figures=figures,
        fresh=fresh,
        has_all=has_all,
        held=held,
        anchors=anchors,
        free=((0, (end - start) // STEP_TICKS),) if is_fill else () if has_all else _free(figures, fresh, bars),
        kept=_kept(tune, start, end, shift),
        low=low,
        high=high,
        chromatic_share=sum((note.pitch + shift) % 12 not in scale for note in line) / len(line),
        enter=enter,
        previous=previous,
        following=following,
        leave=(after[0].start_ticks - end) // STEP_TICKS if after else 0,
        ends_tune=not after,
    )


def _asked_range(asked: tuple[int, int], shift: int) -> tuple[int, int]:
    """The range a person names, in the frame."""
    low, high = asked[0] + shift, asked[1] + shift
    if low not in PITCHES or high not in PITCHES:
        named = "-".join(map(pitch_name, asked))
        raise UnmetError(f"the range must stay on the piano's keys when the tune is moved to C, got {named}")
    return low, high


def _shown(view: Song, octaves: int) -> Song:
    """The song with its melody some octaves away."""
    notes = tuple(replace(note, pitch=note.pitch + 12 * octaves) for note in view.melody.notes)
    return replace(view, parts=(replace(view.melody, notes=notes), *view.parts[1:]))


def _view(grid: Sequence[Bar], gap: range) -> tuple[int, int]:
    """The first bar around a gap that is looked at, and the one after the last: all on the grid."""
    fits = [bar.length_ticks % STEP_TICKS == 0 and bar.length_ticks <= MAX_BAR_STEPS * STEP_TICKS for bar in grid]
    if not all(fits[gap.start : gap.stop]):
        raise UnmetError("bars must last at most 8 quarters on a grid of 1/24 quarter to be written anew; name others")
    first, stop = gap.start, gap.stop
    while first > 0 and fits[first - 1] and gap.start - first < VIEW_BARS:
        first -= 1
    while stop < len(grid) and fits[stop] and stop - gap.stop < VIEW_BARS:
        stop += 1
    return first, stop


def _octaves(pitches: Sequence[int]) -> int:
    """Octaves that bring pitches of the frame onto the piano."""
    for octaves in (0, 1, -1, 2, -2):
        if min(pitches) + 12 * octaves in PITCHES and max(pitches) + 12 * octaves in PITCHES:
            return octaves
    raise UnmetError("a tune must span no more than the piano's keys to be written anew; name another --part")


def _range(pitches: Sequence[int]) -> tuple[int, int]:
    """The tune's range, a little wider, and an octave at least."""
    low, high = min(pitches) - WIDER, max(pitches) + WIDER
    more = max(0, NARROWEST - (high - low) + 1) // 2
    low, high = max(PITCHES[0], low - more), min(PITCHES[-1], high + more)
    return min(low, PITCHES[-1] - NARROWEST), max(high, PITCHES[0] + NARROWEST)


def _enter(tune: Tune, bar: Bar, figures: Sequence[Figure]) -> int:
    """The first step of the gap where a note may begin: after a pickup's rest, and what rings in from before."""
    pickup = tune.song.pickup_ticks if bar.index == 0 else 0
    begin = bar.end_ticks - pickup if pickup else bar.start_ticks
    ringing = [note.end_ticks for note in tune.notes if note.start_ticks < bar.start_ticks]
    step = ceil((max([begin, *ringing]) - bar.start_ticks) / STEP_TICKS)
    return min([step, *(figure.onset for figure in figures[:1])])  # as early as the tune itself, played legato


def _figures(tune: Tune, bars: Sequence[Bar]) -> tuple[Figure, ...]:
    """The tune's notes in these bars, in time order."""
    start = bars[0].start_ticks
    found: dict[int, list[Note]] = {}
    places: dict[int, int] = {}
    for place, bar in enumerate(bars):
        last = (bar.end_ticks - start) // STEP_TICKS - 1  # what is played early belongs to the bar it is written in
        for note in tune.notes:
            if bar.start_ticks <= note.start_ticks < bar.end_ticks:
                step = min(round((note.start_ticks - start) / STEP_TICKS), last)
                found.setdefault(step, []).append(note)
                places[step] = place
    ends = {step: round((max(n.end_ticks for n in notes) - start) / STEP_TICKS) for step, notes in found.items()}
    return tuple(Figure(places[s], s, max(1, ends[s] - s), tuple(notes)) for s, notes in sorted(found.items()))


def _fresh(
    request: TuneRequest, tune: Tune, figures: Sequence[Figure], bars: Sequence[Bar], key: Key
) -> frozenset[int]:
    """The weakest figures, as many as are asked for: off the beat, short, foreign to the chord, late."""
    usual = 0.0 if request.runs else 1.0 if request.keep else DEFAULT_AMOUNT
    amount = usual if request.amount is None else request.amount
    starts = [figure.notes[0].start_ticks for figure in figures]
    named = frozenset(n for n, start in enumerate(starts) if any(a <= start < b for a, b in request.runs))
    home = frozenset((key.tonic + step) % 12 for step in tonic_triad(key.mode))

    def strength(place: int) -> tuple[float, int]:
        figure, bar = figures[place], bars[figures[place].bar]
        offset = figure.onset * STEP_TICKS - (bar.start_ticks - bars[0].start_ticks)
        chord = tune.song.chord_at(figure.top.start_ticks)
        tones = home if chord is None else chord_pitch_classes(chord)
        beats = min(2.0, figure.length * STEP_TICKS / bar.meter.beat_ticks)
        return metric_weight(offset, bar.meter) + beats + (figure.top.pitch % 12 in tones), -place

    count = ceil(amount * len(figures) - 1e-9)  # 0.3 of 10 are 3, whatever binary fractions say
    return named | frozenset(sorted(range(len(figures)), key=strength)[:count])


def _heard_chords(song: Song, gap: range, style: str) -> tuple[Chord, ...]:
    """Chords for each strong beat of the gap and a few bars around: as accompanied, else as the network hears them."""
    first = max(0, gap.start - CHORD_BARS)
    stop = min(len(song.bars(at_least=gap.stop)), gap.stop + CHORD_BARS)
    cut = song.slice_bars(first, stop)
    others = [note for part in cut.parts[1:] if part.role != "drums" for note in part.notes]
    places: list[Chord | Slot] = []
    for bar in cut.bars(at_least=stop - first):
        marks = [bar.start_ticks + step * STEP_TICKS for step in strong_steps(bar.meter)]
        for start, end in pairwise([*marks, bar.end_ticks]):
            sounding = {note.pitch for note in others if note.start_ticks < end and note.end_ticks > start}
            named = name_chord(sounding) if len({pitch % 12 for pitch in sounding}) >= FEWEST_TONES else None
            places.append(Slot(start, end - start) if named is None else Chord(start, end - start, *named))
    chords = harmonise_slots(open_writer(), cut, places, styles=style_words(style))
    offset = song.bars(at_least=stop)[first].start_ticks
    return tuple(replace(chord, start_ticks=chord.start_ticks + offset) for chord in chords)


def _free(figures: Sequence[Figure], fresh: frozenset[int], bars: Sequence[Bar]) -> tuple[tuple[int, int], ...]:
    """Where fresh figures leave room: each up to the next one, in the bars it sounds in; of all, in all their bars."""
    edges = [0, *((bar.end_ticks - bars[0].start_ticks) // STEP_TICKS for bar in bars)]
    found = []
    for place in sorted(fresh):
        figure = figures[place]
        sounds_to = min(figure.onset + figure.length, edges[-1])
        stop = next(edge for edge in edges if edge >= sounds_to)
        if place + 1 < len(figures):
            stop = min(stop, figures[place + 1].onset)
        found.append((figure.onset, stop))
    if len(fresh) == len(figures):
        found += [(edges[figure.bar], edges[figure.bar + 1]) for figure in figures]
    return tuple(found)


def _kept(tune: Tune, start: int, end: int, shift: int) -> tuple[Kept, ...]:
    """What sounds from tick ``start`` on and is not of the line there, and what follows while the line still sounds."""
    sounds_to = max([end, *(n.end_ticks for n in tune.notes if start <= n.start_ticks < end)])

    def heard(note: Note, *, is_under: bool) -> Kept:
        first, stop = (note.start_ticks - start) // STEP_TICKS, ceil((note.end_ticks - start) / STEP_TICKS)
        return Kept(first, stop, note.pitch + shift, is_under)

    return (
        *(heard(n, is_under=True) for n in tune.rest if n.start_ticks < sounds_to and n.end_ticks > start),
        *(heard(n, is_under=False) for n in tune.notes if n.start_ticks < start < n.end_ticks),
        *(heard(n, is_under=False) for n in tune.notes if end <= n.start_ticks < sounds_to),
    )


def _anchors(figures: Sequence[Figure], held: Sequence[int], fresh: frozenset[int], shift: int) -> tuple[Anchor, ...]:
    """What is settled of the figures held: where and how long, and the pitch of those that stay."""
    found = []
    for place, after in zip(held, [*held[1:], None], strict=False):
        figure, length, is_legato = figures[place], figures[place].length, False
        sounds = length + 1  # its length is rounded
        if after is not None:
            length = min(length, figures[after].onset - figure.onset)
            is_legato = max(note.end_ticks for note in figure.notes) > figures[after].notes[0].start_ticks
        pitches = None if place in fresh else frozenset({figure.top.pitch + shift})
        found.append(Anchor(figure.bar, figure.onset, length, pitches, sounds=sounds, is_legato=is_legato))
    return tuple(found)


def _with_contour(
    anchors: Sequence[Anchor],
    figures: Sequence[Figure],
    scale: frozenset[int],
    low: int,
    high: int,
    *,
    shift: int,
    previous: int | None,
    following: int | None,
) -> tuple[Anchor, ...]:
    """The anchors with the moves of the tune; what is not kept is free but for its bar, and stays in reach of them."""
    line = [previous, *(figure.top.pitch + shift for figure in figures), following]
    moves = [None if a is None or b is None else (b > a) - (b < a) for a, b in pairwise(line)]
    for wanted in (scale, frozenset(range(12))):  # in the key where the moves can be made there
        inside = frozenset(pitch for pitch in range(low, high + 1) if pitch % 12 in wanted)
        choices = reachable(
            [anchor.pitches or inside for anchor in anchors], moves, previous=previous, following=following
        )
        if choices is not None:
            break
    if choices is None:  # the tune itself makes these moves, but perhaps in another range
        raise UnmetError(
            "the contour must fit the range, but the tune's moves leave it; widen --range, or keep another side"
        )
    return tuple(
        replace(anchor, pitches=pitches, move=move)
        if anchor.pitches
        else Anchor(anchor.bar, pitches=pitches, move=move)
        for anchor, pitches, move in zip(anchors, choices, moves, strict=False)
    )
