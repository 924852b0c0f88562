"""Melodies: from a style, over chords, or going on from someone's own bars.

Conventions:
    A request leaves out (None) what the style may choose. Whatever it names is met exactly; what no melody can meet
    raises ``UnmetError`` before anything is drawn. The song's melody is part 0; given chords are kept as they are.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cocreate.errors import InputError, UnmetError
from cocreate.model.decoder import Decoder
from cocreate.model.rules import Form, Scribe, Span
from cocreate.model.sample import Row, Sampling, decode
from cocreate.model.tokens import Controls, Sheet, SheetBar, bar_id, chord_ids, frame_shift, lay_out, sheet_of, song_of
from cocreate.model.vocabulary import (
    DENSITY_EDGES,
    MOODS,
    PITCHES,
    REGISTER_EDGES,
    STEP_TICKS,
    TEMPO_EDGES,
    bin_of,
    nearest_meter,
)
from cocreate.music.song import MODES, Chord, Key, Meter, Song, Tempo
from cocreate.music.theory import SCALES, chord_pitch_classes, estimate_key, key_name, key_of_chords

MAX_BARS = 64
MAX_CANDIDATES = 64
MIN_TEMPO_BPM, MAX_TEMPO_BPM = 20.0, 400.0
PROMPT_BARS = 16  # as much of the user's own music as the network is shown
PROMPT_SHARE = 0.6  # of the context, at most, for what is there already; the rest is for what comes
_MOST_EXTRA_IDS = 4  # beside a bar's notes and chords: the bar line, a metre, what comes ahead
ANY = "any"  # the row of the style table that stands for no style in particular
PARENTS = {"reel": "folk", "jig": "folk", "slip jig": "folk", "hornpipe": "folk", "strathspey": "folk", "polka": "folk",
           "air": "folk", "celtic": "folk", "swing": "jazz", "bebop": "jazz", "hard bop": "jazz", "cool": "jazz",
           "fusion": "jazz", "tin pan alley": "pop", "mandopop": "pop", "soul": "rock"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MelodyRequest:
    """What is asked for.

    Args:
        bars: new bars, 1..64.
        range: lowest and highest MIDI pitch, at least a fifth apart.
        density: 0..1, from the sparsest to the busiest the style knows.
        chords: chord symbols under the new bars, from tick 0.
        start: a song to go on from; its bars are kept note for note.
        n: candidates, 1..64.
        taste: a content vector (``taste.features.scaled``) to write near to; empty: none.
    """

    style: str | None = None
    key: Key | None = None
    meter: Meter | None = None
    tempo_bpm: float | None = None
    bars: int = 8
    range: tuple[int, int] | None = None
    density: float | None = None
    mood: str | None = None
    chords: tuple[Chord, ...] = ()
    start: Song | None = None
    n: int = 8
    seed: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    taste: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.bars <= MAX_BARS:
            raise InputError(f"bars must be in 1..{MAX_BARS}, got {self.bars}")
        if not 1 <= self.n <= MAX_CANDIDATES:
            raise InputError(f"n must be in 1..{MAX_CANDIDATES}, got {self.n}")
        if self.density is not None and not 0 <= self.density <= 1:
            raise InputError(f"density must be in 0..1, got {self.density:g}")
        if self.mood is not None and self.mood not in MOODS:
            raise InputError(f"mood must be one of {', '.join(MOODS)}, got {self.mood!r}{_near(self.mood, MOODS)}")
        if self.tempo_bpm is not None and not MIN_TEMPO_BPM <= self.tempo_bpm <= MAX_TEMPO_BPM:
            raise InputError(f"tempo must be in {MIN_TEMPO_BPM:g}..{MAX_TEMPO_BPM:g} bpm, got {self.tempo_bpm:g}")
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed}")


@dataclass(frozen=True, slots=True)
class Draft:
    """A melody as it was drawn. ``nats`` a free choice: how surprising the network itself finds it."""

    song: Song
    style: str
    nats: float
    new_from_ticks: int = 0


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the style chose for one candidate where the request left it open."""

    key: Key
    meter: Meter
    tempo_bpm: float
    controls: Controls
    form: Form


def check_style(style: str | None, table: Mapping[str, Any]) -> str:
    """The row of the style table for a request.

    Raises:
        InputError: for a style the checkpoint was not trained on; names the nearest.
    """
    if style is None:
        return ANY
    wanted = style.strip().lower().replace("-", " ").replace("_", " ")
    known = sorted(name for name in table if name != ANY)
    if wanted in table and wanted != ANY:
        return wanted
    raise InputError(f"style must be one of {', '.join(known)}, got {style!r}{_near(wanted, known)}")


def write_melodies(net: Decoder, table: Mapping[str, Any], request: MelodyRequest) -> tuple[Draft, ...]:
    """``request.n`` melodies, in the order they were drawn.

    Args:
        table: the checkpoint's ``styles.json``: for each style its keys, metres, tempos, ranges and densities.

    Raises:
        InputError: if the style is unknown.
        UnmetError: if no melody can meet the request.
    """
    style = check_style(request.style, table)
    before = None if request.start is None else _opening(request.start, request.key, net)
    plans = [
        _plan(request, style, table, np.random.default_rng([request.seed, place, 1])) for place in range(request.n)
    ]
    rows = [_row(plan, request, before, net) for plan in plans]
    decode(net, rows, seed=request.seed, sampling=request.sampling)
    return tuple(_draft(row, plan, request, style, net) for row, plan in zip(rows, plans, strict=True))


def _near(word: str, known: Sequence[str]) -> str:
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""


def _plan(request: MelodyRequest, style: str, table: Mapping[str, Any], rng: np.random.Generator) -> _Plan:
    row = table[style]
    start = request.start
    key = request.key or (None if start is None else _key_at_end(start))
    if key is None:
        key = key_of_chords(request.chords) if request.chords else _pick_key(row["keys"], request.mood, rng)
    if start is not None:
        bar = start.bars()[-1]
        meter, tempo = Meter(0, bar.meter.numerator, bar.meter.denominator), start.tempo_bpm
        if request.meter is not None and str(request.meter) != str(meter):
            raise UnmetError(f"--meter must be that of the bars to go on from ({meter}), got {request.meter}")
    else:
        meter = request.meter or _pick_meter(row["meters"], rng)
        low, high = row["tempo"][1], row["tempo"][3]
        tempo = float(round(rng.uniform(low, high)))
    tempo = request.tempo_bpm or tempo
    shift = frame_shift(key.tonic)
    low, high = request.range or _pick_range(row, start)
    density = None
    if request.density is not None:
        density = bin_of(float(np.interp(request.density, np.linspace(0, 1, 11), row["density"])), DENSITY_EDGES)
    parent = PARENTS.get(style)
    return _Plan(
        key=key,
        meter=meter,
        tempo_bpm=tempo,
        controls=Controls(
            styles=() if style == ANY else (parent, style) if parent else (style,),
            mood=request.mood,
            mode=key.mode,
            meter=nearest_meter(meter),
            tempo=bin_of(tempo, TEMPO_EDGES),
            bars=None,
            density=density,
            register=bin_of((low + high) / 2 + shift, REGISTER_EDGES) if request.range else None,
        ),
        form=Form(
            bars=request.bars,
            meter=meter,
            meter_word=nearest_meter(meter),
            low=_fit(low + shift),
            high=_fit(high + shift),
            scale=frozenset(SCALES[key.mode]),
            chromatic_share=float(row["chromatic_share"]),
            chords=_spans(request.chords, meter, request.bars, shift),
            ending=_tonic_triad(key.mode),
        ),
    )


def _row(plan: _Plan, request: MelodyRequest, before: Sheet | None, net: Decoder) -> Row:
    words, form = net.words, plan.form
    old = before.bars if before else ()
    given: list[tuple[int, ...]] = []
    if request.chords:
        song = Song(parts=(), meters=(plan.meter,), chords=request.chords)
        steps, shift = form.bar_steps, frame_shift(plan.key.tonic)
        given = [chord_ids(song, n * steps, (n + 1) * steps, shift, words) for n in range(form.bars)]
    ahead = words.id("Ahead")
    chords = [bar.chords for bar in old] + given if given else None
    pitches = [int(words.values[i]) for bar in old for i in bar.melody if words.types[i] == "Pitch"]
    scribe = Scribe(form, words, previous=pitches[-1] if pitches else None)

    told = np.array(request.taste, dtype=np.float32) if request.taste and net.features else None

    def prompt() -> list[int]:
        bars = (*old, *scribe.bars)
        return _prompt(bars, len(old) + form.bars, plan.controls, chords, net, has_taste=told is not None)

    def interlude(bar: int) -> list[int]:
        found = [ahead, *given[0]] if bar == 0 and given and not old else []
        return [*found, ahead, *given[bar + 1]] if bar + 1 < len(given) else found

    return Row(prompt(), scribe, interlude, prompt, taste=told)


def _prompt(
    done: Sequence[SheetBar],
    total: int,
    controls: Controls,
    chords: Sequence[tuple[int, ...]] | None,
    net: Decoder,
    *,
    has_taste: bool,
) -> list[int]:
    """The controls and as many of the last bars so far as leave the network room to go on.

    Like a lesson that begins in the middle of its piece: ``Bars`` counts from the first bar that is shown.

    Args:
        done: bars so far; the last may be unfinished.
        total: bars there will be.
        chords: ids of the chords of each of them, when they are given.
    """
    words = net.words
    room = round(net.context * PROMPT_SHARE)
    first = len(done)
    while first > 0:
        room -= _MOST_EXTRA_IDS + len(done[first - 1].melody) + (len(chords[first - 1]) if chords else 0)
        if room < 0 and first < len(done):
            break
        first -= 1
    controls = replace(controls, bars=total - first)
    if chords is None:
        left = total - len(done)
        return (
            controls.ids("melody", words, has_taste=has_taste)
            + lay_out(done[first:], "melody", words, meter=controls.meter, bars_left=left)[0]
        )
    row = controls.ids("over", words, has_taste=has_taste)
    ahead, meter = words.id("Ahead"), controls.meter
    for place in range(first, len(done)):
        row += [ahead, *chords[place]] if place == first else []
        row += [ahead, *chords[place + 1]] if place + 1 < total else []
        row.append(bar_id(total - 1 - place, 0, words))
        if done[place].meter != meter:
            meter = done[place].meter
            row.append(words.id("TimeSig", meter))
        row += done[place].melody
    return row


def _draft(row: Row, plan: _Plan, request: MelodyRequest, style: str, net: Decoder) -> Draft:
    fresh = song_of(row.scribe.bars, net.words, key=plan.key, tempo_bpm=plan.tempo_bpm, meter=plan.meter)
    name = "" if style == ANY else style
    title = f"{name.capitalize()} melody in {key_name(plan.key)}".strip()
    song = replace(fresh, chords=_cut_chords(request.chords, plan.form), style=name, title=title)
    offset = 0
    if request.start is not None:
        song, offset = _append(request.start, song)
    return Draft(song, style, row.nats / max(1, row.drawn), offset)


def _append(start: Song, fresh: Song) -> tuple[Song, int]:
    """The user's song, note for note, and the new bars after its last one."""
    offset = start.bars()[-1].end_ticks
    old = start.melody
    notes = tuple(replace(note, length_ticks=min(note.length_ticks, offset - note.start_ticks)) for note in old.notes)
    moved = tuple(replace(note, start_ticks=note.start_ticks + offset) for note in fresh.melody.notes)
    chords = tuple(replace(chord, start_ticks=chord.start_ticks + offset) for chord in fresh.chords)
    part = replace(old, notes=notes + moved)
    keys = tuple(key for key in start.keys if key.start_ticks < offset)
    fresh_key = fresh.keys[0]
    if not keys:
        keys = (replace(fresh_key, start_ticks=0),)
    elif (keys[-1].tonic, keys[-1].mode) != (fresh_key.tonic, fresh_key.mode):
        keys += (replace(fresh_key, start_ticks=offset),)
    return (
        replace(
            start,
            parts=(part, *(other for other in start.parts if other is not old)),
            # what a file announces after its last bar would fall into the new ones
            meters=tuple(meter for meter in start.meters if meter.start_ticks < offset),
            keys=keys,
            chords=start.chords + chords,
            style=start.style or fresh.style,
            tempos=tuple(tempo for tempo in start.tempos if tempo.start_ticks < offset)
            if start.tempo_bpm == fresh.tempo_bpm
            else (Tempo(0, fresh.tempo_bpm),),
        ),
        offset,
    )


def _opening(start: Song, key: Key | None, net: Decoder) -> Sheet:
    """The last bars of the user's song as the network reads them, in the frame of the key to go on in."""
    if not start.melody.notes:
        raise InputError("the song to go on from must have notes, got none in its melody")
    key = replace(key or _key_at_end(start), start_ticks=0)
    bars, shift = len(start.bars()), frame_shift(key.tonic)
    shown = start.slice_bars(max(0, bars - PROMPT_BARS), bars)
    # a piccolo's notes are shown to the network an octave or two down
    notes = tuple(replace(note, pitch=_folded(note.pitch + shift) - shift) for note in shown.melody.notes)
    try:
        return sheet_of(replace(shown, parts=(replace(shown.melody, notes=notes),), keys=(key,)), net.words)
    except InputError as error:
        raise UnmetError(f"the bars to go on from must fit the grid the model writes on: {error}") from None


def _key_at_end(start: Song) -> Key:
    end = start.bars()[-1].end_ticks
    return next((key for key in reversed(start.keys) if key.start_ticks < end), None) or estimate_key(start)


def _tonic_triad(mode: str) -> frozenset[int]:
    """Root, third and fifth of the mode on C."""
    third, fifth = (next(step for step in SCALES[mode] if step >= least) for least in (3, 6))
    return frozenset({0, third, 7 if 7 in SCALES[mode] else fifth})  # noqa: PLR2004 - a perfect fifth where there is one


def _folded(pitch: int) -> int:
    """The pitch, by octaves, on the piano."""
    while pitch > PITCHES[-1]:
        pitch -= 12
    while pitch < PITCHES[0]:
        pitch += 12
    return pitch


def _fit(pitch: int) -> int:
    return min(max(pitch, PITCHES[0]), PITCHES[-1])


def _spans(chords: Sequence[Chord], meter: Meter, bars: int, shift: int) -> tuple[tuple[Span, ...], ...]:
    if not chords:
        return ()
    found: list[tuple[Span, ...]] = []
    for bar in range(bars):
        start, end = bar * meter.bar_ticks, (bar + 1) * meter.bar_ticks
        found.append(
            tuple(
                Span(
                    max(0, chord.start_ticks - start) // STEP_TICKS,
                    min(chord.end_ticks - start, meter.bar_ticks) // STEP_TICKS,
                    frozenset((pc + shift) % 12 for pc in chord_pitch_classes(chord)),
                )
                for chord in chords
                if chord.start_ticks < end and chord.end_ticks > start
            )
        )
    return tuple(found)


def _cut_chords(chords: Sequence[Chord], form: Form) -> tuple[Chord, ...]:
    end = form.bars * form.meter.bar_ticks
    return tuple(
        replace(chord, length_ticks=min(chord.end_ticks, end) - chord.start_ticks)
        for chord in chords
        if chord.start_ticks < end
    )


def _pick_key(rows: Sequence[Sequence[Any]], mood: str | None, rng: np.random.Generator) -> Key:
    """A key the style uses; with a mood, one whose mode fits it, where the style has such."""
    dark = mood in ("sad", "tense")
    fitting = [row for row in rows if mood is None or (row[1] in ("minor", "dorian", "phrygian")) == dark]
    rows = fitting or ([[row[0], "minor" if dark else "major", row[2]] for row in rows])
    weights = np.array([float(row[2]) for row in rows])
    tonic, mode, _ = rows[int(rng.choice(len(rows), p=weights / weights.sum()))]
    assert mode in MODES
    return Key(0, int(tonic), mode)


def _pick_meter(rows: Sequence[Sequence[Any]], rng: np.random.Generator) -> Meter:
    weights = np.array([float(row[1]) for row in rows])
    word = str(rows[int(rng.choice(len(rows), p=weights / weights.sum()))][0])
    numerator, denominator = (int(n) for n in word.split("/"))
    return Meter(0, numerator, denominator)


def _pick_range(row: Mapping[str, Any], start: Song | None) -> tuple[int, int]:
    low, high = (int(pitch) for pitch in row["range"])
    if start is None:
        return low, high
    pitches = [note.pitch for note in start.melody.notes]
    middle = (min(pitches) + max(pitches)) // 2
    half = max((max(pitches) - min(pitches) + 1) // 2 + 3, (high - low) // 2)  # 3: room to go a third beyond
    lowest, highest = PITCHES[0] + 6, PITCHES[-1] - 6  # in every key's frame on the piano
    middle = min(max(middle, lowest + 6), highest - 6)  # at least an octave, however high or low the song is
    return max(lowest, middle - half), min(highest, middle + half)
