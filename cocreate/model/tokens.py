"""Song <-> ids.

Conventions:
    A *sheet* is the lead sheet the model reads and writes: bars of melody and chord ids on the grid of
    ``vocabulary`` (24 steps to a quarter), in the frame where the tonic is C. A sequence is control ids, then bars:

    melody   BOS Task_melody controls | Bar_r [TimeSig] melody | ... EOS
    lead     BOS Task_lead   controls | Bar_r [TimeSig] Track_chords chords Track_melody melody | ... EOS
    over     chords are given one bar ahead:  Ahead c1, Ahead c2, Bar m1, Ahead c3, Bar m2 ...
    under    the melody is given one bar ahead, chords are written

    ``Bar_r`` counts the bars left after this one, so that the model knows where it is in the form.
    melody = (Position Pitch Duration)*, chords = (Position ChordRoot ChordQuality [ChordBass])*; every bar restates
    the chord it begins with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cocreate.errors import InputError
from cocreate.model.vocabulary import (
    DENSITY_EDGES,
    MAX_BAR_STEPS,
    MAX_BARS_LEFT,
    PITCHES,
    REGISTER_EDGES,
    STEP_TICKS,
    STEPS_PER_QUARTER,
    TEMPO_EDGES,
    Vocabulary,
    bin_of,
    known_duration,
    nearest_meter,
)
from cocreate.music.song import Chord, Key, Meter, Note, Part, Song, Tempo
from cocreate.music.theory import estimate_key, key_of_chords


@dataclass(frozen=True, slots=True)
class SheetBar:
    """One bar: its metre word, and the ids of its melody, its chords and its other tracks (any may be empty)."""

    meter: str
    melody: tuple[int, ...]
    chords: tuple[int, ...] = ()
    others: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A piece as the model sees it. ``shift`` semitones lead from the song's pitches to the frame's.

    ``others`` names the tracks beside melody and chords, in the order of each bar's ``others``.
    """

    bars: tuple[SheetBar, ...]
    shift: int
    mode: str
    tempo_bpm: float
    has_pickup: bool = False
    others: tuple[str, ...] = ()

    @property
    def has_melody(self) -> bool:
        """True when any bar has a melody note."""
        return any(bar.melody for bar in self.bars)

    @property
    def has_chords(self) -> bool:
        """True when most bars have a chord."""
        return sum(bool(bar.chords) for bar in self.bars) * 2 > len(self.bars)


@dataclass(frozen=True, slots=True)
class Controls:
    """What is asked of a piece; None leaves it to the model. Bins are those of ``vocabulary``; ``bars`` 1..64."""

    styles: tuple[str, ...] = ()
    mood: str | None = None
    mode: str | None = None
    meter: str | None = None
    tempo: int | None = None
    bars: int | None = None
    density: int | None = None
    register: int | None = None

    def ids(self, task: str, words: Vocabulary, *, has_taste: bool = False) -> list[int]:
        """``BOS [Taste...] Task ...`` in fixed order, what is None left out."""
        row = [words.id("BOS"), *(words.type_ids["Taste"].tolist() if has_taste else ()), words.id("Task", task)]
        row += [words.id("Style", style) for style in self.styles]
        named = (
            ("Mood", self.mood),
            ("Key", self.mode),
            ("TimeSig", self.meter),
            ("Tempo", self.tempo),
            ("Bars", None if self.bars is None else min(self.bars, MAX_BARS_LEFT + 1)),
            ("Density", self.density),
            ("Register", self.register),
        )
        return row + [words.id(kind, value) for kind, value in named if value is not None]


def frame_shift(tonic: int) -> int:
    """Semitones, -5..+6, that take ``tonic`` to C."""
    return 6 - (tonic + 6) % 12 if tonic % 12 else 0


def sheet_of(song: Song, words: Vocabulary) -> Sheet:
    """The lead sheet of a song: its melody part, made monophonic (the higher note wins), and its chords.

    A song of chords or of drums alone has bars without melody; drums alone stay in their own frame.

    Raises:
        InputError: if a bar is longer than 8 quarters or does not fit the grid, or the melody leaves the piano's range.
    """
    is_pitched = any(part.role != "drums" and part.notes for part in song.parts)
    key = song.key or (estimate_key(song) if is_pitched else key_of_chords(song.chords) if song.chords else Key(0, 0))
    shift = frame_shift(key.tonic)
    grid = song.bars()
    for bar in grid:
        if bar.length_ticks % STEP_TICKS or bar.length_ticks > MAX_BAR_STEPS * STEP_TICKS:
            raise InputError(f"a bar must be at most 8 quarters on a grid of 1/24 quarter, got {bar.meter}")
    notes = monophonic_steps(song.melody.notes) if is_pitched else []
    bars: list[SheetBar] = []
    place = 0
    for bar in grid:
        start, end = bar.start_ticks // STEP_TICKS, bar.end_ticks // STEP_TICKS
        melody: list[int] = []
        while place < len(notes) and notes[place][0] < end:
            onset, pitch, length = notes[place]
            melody += _note_ids(onset - start, pitch + shift, length, words)
            place += 1
        bars.append(SheetBar(nearest_meter(bar.meter), tuple(melody), chord_ids(song, start, end, shift, words)))
    return Sheet(tuple(bars), shift, key.mode, song.tempo_bpm, has_pickup=song.pickup_ticks > 0)


def monophonic_steps(notes: Sequence[Note]) -> list[tuple[int, int, int]]:
    """Notes as (onset, pitch, length) in grid steps: of equal onsets the highest, each cut by the next."""
    by_onset: dict[int, tuple[int, int]] = {}
    for note in notes:
        onset = round(note.start_ticks / STEP_TICKS)
        length = max(1, round(note.end_ticks / STEP_TICKS) - onset)
        if onset not in by_onset or note.pitch > by_onset[onset][0]:
            by_onset[onset] = (note.pitch, length)
    onsets = sorted(by_onset)
    return [
        (onset, by_onset[onset][0], min(by_onset[onset][1], following - onset))
        for onset, following in zip(onsets, [*onsets[1:], 10**9], strict=True)
    ]


def chord_ids(song: Song, start: int, end: int, shift: int, words: Vocabulary) -> tuple[int, ...]:
    """Chord ids of the bar from step ``start`` to ``end``; the chord that rings into the bar is restated."""
    row: list[int] = []
    for chord in song.chords:
        onset = max(start, round(chord.start_ticks / STEP_TICKS))
        if onset >= end or round(chord.end_ticks / STEP_TICKS) <= start:
            continue
        row.append(words.id("Position", onset - start))
        if chord.root is None:
            row.append(words.id("ChordRoot", "N"))
            continue
        row += [words.id("ChordRoot", (chord.root + shift) % 12), words.id("ChordQuality", chord.quality)]
        if chord.bass is not None:
            row.append(words.id("ChordBass", (chord.bass + shift) % 12))
    return tuple(row)


def controls_of(
    bars: Sequence[SheetBar], sheet: Sheet, words: Vocabulary, *, styles: tuple[str, ...], mood: str | None
) -> Controls:
    """Every control of these bars of a sheet, as training and the evaluation measure them."""
    pitches = [int(words.values[i]) for bar in bars for i in bar.melody if words.types[i] == "Pitch"]
    quarters = sum(meter_steps(bar.meter) for bar in bars) / STEPS_PER_QUARTER
    return Controls(
        styles=tuple(style for style in styles if f"Style_{style}" in words.ids),
        mood=mood,
        mode=sheet.mode,
        meter=bars[0].meter,
        tempo=bin_of(sheet.tempo_bpm, TEMPO_EDGES),
        bars=len(bars),
        density=bin_of(len(pitches) / quarters, DENSITY_EDGES) if pitches else None,
        register=bin_of(sum(pitches) / len(pitches), REGISTER_EDGES) if pitches else None,
    )


def lay_out(
    bars: Sequence[SheetBar],
    task: str,
    words: Vocabulary,
    *,
    meter: str | None,
    bars_left: int | None = 0,
    has_pickup: bool = False,
) -> tuple[list[int], list[bool]]:
    """The ids after the controls, and which of them are targets (given material is not).

    Args:
        meter: the metre that the controls named; a TimeSig id follows a bar where the metre is another.
        bars_left: bars of the piece that follow the last of ``bars``; None writes ``Bar_None``, "length unknown".
        has_pickup: the first bar is a pickup.
    """
    row: list[int] = []
    targets: list[bool] = []

    def put(ids: Sequence[int], *, target: bool) -> None:
        row.extend(ids)
        targets.extend([target] * len(ids))

    given = {"over": "chords", "under": "melody"}.get(task)
    ahead = [words.id("Ahead")]
    if given and bars:
        put([*ahead, *getattr(bars[0], given)], target=False)
    for place, bar in enumerate(bars):
        if given and place + 1 < len(bars):
            put([*ahead, *getattr(bars[place + 1], given)], target=False)
        put([bar_id(len(bars) - 1 - place, bars_left, words, is_pickup=has_pickup and place == 0)], target=True)
        if bar.meter != meter:
            put([words.id("TimeSig", bar.meter)], target=True)
            meter = bar.meter
        if task == "lead":
            put([words.id("Track", "chords"), *bar.chords, words.id("Track", "melody")], target=True)
        put(bar.chords if task == "under" else bar.melody, target=True)
    return row, targets


def bar_id(following: int, bars_left: int | None, words: Vocabulary, *, is_pickup: bool = False) -> int:
    """Id of the bar line before a bar that ``following + bars_left`` bars follow."""
    if is_pickup:
        return words.id("Bar", "pickup")
    return words.id("Bar", "None" if bars_left is None else min(following + bars_left, MAX_BARS_LEFT))


def song_of(
    bars: Sequence[SheetBar],
    words: Vocabulary,
    *,
    key: Key,
    tempo_bpm: float,
    meter: Meter | None = None,
    shift: int | None = None,
    program: int = 0,
) -> Song:
    """The song that the bars write: melody part, chords, metre changes.

    Args:
        meter: the metre of every bar when it is not one the vocabulary has.
        shift: semitones from the song to the frame; by default the one of ``key``.
    """
    shift = frame_shift(key.tonic) if shift is None else shift
    start = 0
    notes: list[Note] = []
    chords: list[Chord] = []
    meters: list[Meter] = []
    for bar in bars:
        numerator, denominator = (int(n) for n in bar.meter.split("/"))
        here = Meter(start * STEP_TICKS, numerator, denominator)
        if meter is not None:
            here = Meter(here.start_ticks, meter.numerator, meter.denominator)
        if not meters or str(meters[-1]) != str(here):
            meters.append(here)
        steps = here.bar_ticks // STEP_TICKS
        notes += [
            Note((start + onset) * STEP_TICKS, pitch - shift, length * STEP_TICKS)
            for onset, pitch, length in read_melody(bar.melody, words)
        ]
        chords += _read_chords(bar.chords, start, steps, shift, words)
        start += steps
    return Song(
        parts=(Part(tuple(notes), name="Melody", role="melody", program=program),),
        meters=tuple(meters) or (meter or Meter(0, 4, 4),),
        tempos=(Tempo(0, tempo_bpm),),
        keys=(key,),
        chords=merge_chords(chords),
    )


def read_melody(ids: Sequence[int], words: Vocabulary) -> list[tuple[int, int, int]]:
    """(step in the bar, pitch in the frame, length in steps) of each note of a bar's melody ids."""
    values = [int(words.values[i]) for i in ids]
    return list(zip(values[0::3], values[1::3], values[2::3], strict=True))


def meter_steps(meter: str) -> int:
    """Grid steps in a bar of a metre word."""
    numerator, denominator = (int(n) for n in meter.split("/"))
    return numerator * 4 * STEPS_PER_QUARTER // denominator


def _note_ids(position: int, pitch: int, length: int, words: Vocabulary) -> list[int]:
    if pitch not in PITCHES:
        raise InputError(f"a melody must stay on the piano's keys once its tonic is moved to C, got pitch {pitch}")
    return [
        words.id("Position", position),
        words.id("Pitch", pitch),
        words.id("Duration", known_duration(length)),
    ]


def _read_chords(ids: Sequence[int], start: int, steps: int, shift: int, words: Vocabulary) -> list[Chord]:
    found: list[tuple[int, int | None, str, int | None]] = []
    for i in ids:
        kind, value = words.types[i], words.values[i]
        if kind == "Position":
            found.append((int(value), None, "", None))
            continue
        onset, root, quality, bass = found.pop()
        if kind == "ChordRoot" and value != "N":
            root = (int(value) - shift) % 12
        elif kind == "ChordQuality":
            quality = value
        elif kind == "ChordBass":
            bass = (int(value) - shift) % 12
        found.append((onset, root, quality, bass))
    ends = [*(onset for onset, *_ in found[1:]), steps][: len(found)]
    return [
        Chord((start + onset) * STEP_TICKS, (end - onset) * STEP_TICKS, root, quality or "maj", bass)
        for (onset, root, quality, bass), end in zip(found, ends, strict=True)
        if end > onset
    ]


def merge_chords(chords: Sequence[Chord]) -> tuple[Chord, ...]:
    """Equal neighbours that touch become one chord."""
    merged: list[Chord] = []
    for chord in chords:
        last = merged[-1] if merged else None
        if last and (last.root, last.quality, last.bass, last.end_ticks) == (
            chord.root,
            chord.quality,
            chord.bass,
            chord.start_ticks,
        ):
            merged[-1] = replace(last, length_ticks=last.length_ticks + chord.length_ticks)
        else:
            merged.append(chord)
    return tuple(merged)
