"""What the style, and the listener's taste, choose where a request leaves it open.

Conventions:
    Pitches of a form are in the frame where the tonic is C. Whatever the request names is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cocreate.errors import UnmetError
from cocreate.generate.request import ANY, Leaning, MelodyRequest
from cocreate.model.rules import Form, Span
from cocreate.model.tokens import Controls, frame_shift
from cocreate.model.vocabulary import (
    DENSITY_EDGES,
    PITCHES,
    REGISTER_EDGES,
    STEP_TICKS,
    TEMPO_EDGES,
    bin_of,
    nearest_meter,
)
from cocreate.music.song import MODES, Chord, Key, Meter, Song
from cocreate.music.theory import SCALES, chord_pitch_classes, estimate_key, key_of_chords

PARENTS = {"reel": "folk", "jig": "folk", "slip jig": "folk", "hornpipe": "folk", "strathspey": "folk", "polka": "folk",
           "air": "folk", "celtic": "folk", "swing": "jazz", "bebop": "jazz", "hard bop": "jazz", "cool": "jazz",
           "fusion": "jazz", "tin pan alley": "pop", "mandopop": "pop", "soul": "rock"}  # fmt: skip
DARK_MODES = ("minor", "dorian", "phrygian")
TEMPO_SPREAD = 0.08  # standard deviation of the log of a tempo around the one that is liked
DOUBT = 0.05  # least weight of a key or metre that a taste has never met


@dataclass(frozen=True, slots=True)
class Plan:
    """What the style chose for one candidate where the request left it open."""

    key: Key
    meter: Meter
    tempo_bpm: float
    controls: Controls
    form: Form
    leaning: Leaning | None = None


def plan_of(
    request: MelodyRequest, style: str, table: Mapping[str, Any], rng: np.random.Generator, *, place: int
) -> Plan:
    """The plan of candidate ``place``.

    Raises:
        UnmetError: if the metre asked for is not that of the song to go on from, or the form is impossible.
    """
    row = table[style]
    start = request.start
    leaning = request.leanings[place % len(request.leanings)] if request.leanings else None
    key = request.key or (None if start is None else key_at_end(start))
    if key is None:
        key = key_of_chords(request.chords) if request.chords else _pick_key(row["keys"], request.mood, leaning, rng)
    if start is not None:
        bar = start.bars()[-1]
        meter, tempo = Meter(0, bar.meter.numerator, bar.meter.denominator), start.tempo_bpm
        if request.meter is not None and str(request.meter) != str(meter):
            raise UnmetError(f"--meter must be that of the bars to go on from ({meter}), got {request.meter}")
    else:
        meter = request.meter or _pick_meter(row["meters"], leaning, rng)
        tempo = _pick_tempo(row["tempo"], leaning, rng)
    tempo = request.tempo_bpm or tempo
    shift, bar_ticks = frame_shift(key.tonic), meter.bar_ticks
    low, high = request.range or _pick_range(row, start)
    density = None
    if request.density is not None:
        density = bin_of(float(np.interp(request.density, np.linspace(0, 1, 11), row["density"])), DENSITY_EDGES)
    return Plan(
        key=key,
        meter=meter,
        tempo_bpm=tempo,
        controls=Controls(
            styles=style_words(style),
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
            chords=spans_of(request.chords, [(n * bar_ticks, (n + 1) * bar_ticks) for n in range(request.bars)], shift),
            ending=dominant_tones(key.mode) if request.is_open else tonic_triad(key.mode),
        ),
        leaning=leaning,
    )


def style_words(style: str) -> tuple[str, ...]:
    """What the network is told of a style of the table: its family and itself; nothing of ``ANY``."""
    parent = PARENTS.get(style)
    return () if style == ANY else (parent, style) if parent else (style,)


def key_at_end(start: Song) -> Key:
    """The key a song ends in: as written, else as heard."""
    end = start.bars()[-1].end_ticks
    return next((key for key in reversed(start.keys) if key.start_ticks < end), None) or estimate_key(start)


def tonic_triad(mode: str) -> frozenset[int]:
    """Root, third and fifth of the mode on C."""
    third, fifth = (next(step for step in SCALES[mode] if step >= least) for least in (3, 6))
    return frozenset({0, third, 7 if 7 in SCALES[mode] else fifth})  # noqa: PLR2004 - a perfect fifth where there is one


def dominant_tones(mode: str) -> frozenset[int]:
    """What an open end may rest on: root and fifth of the dominant of C, and its third where the mode has it."""
    return frozenset({7, 2, 11} & set(SCALES[mode])) or frozenset({7})


def _fit(pitch: int) -> int:
    return min(max(pitch, PITCHES[0]), PITCHES[-1])


def spans_of(chords: Sequence[Chord], bars: Sequence[tuple[int, int]], shift: int) -> tuple[tuple[Span, ...], ...]:
    """The chords of each bar, of which ``bars`` has the first tick and the one after its last; none without chords."""
    if not chords:
        return ()
    return tuple(
        tuple(
            Span(
                max(0, chord.start_ticks - start) // STEP_TICKS,
                (min(chord.end_ticks, end) - start) // STEP_TICKS,
                frozenset((pc + shift) % 12 for pc in chord_pitch_classes(chord)),
            )
            for chord in chords
            if chord.start_ticks < end and chord.end_ticks > start
        )
        for start, end in bars
    )


def _pick_key(
    rows: Sequence[Sequence[Any]], mood: str | None, leaning: Leaning | None, rng: np.random.Generator
) -> Key:
    """A key the style uses; with a mood, one whose mode fits it, where the style has such; else in the modes liked."""
    dark = mood in ("sad", "tense")
    fitting = [row for row in rows if mood is None or (row[1] in DARK_MODES) == dark]
    rows = fitting or ([[row[0], "minor" if dark else "major", row[2]] for row in rows])
    weights = np.array([float(row[2]) for row in rows])
    if leaning is not None and mood is None:
        weights *= [DOUBT + (leaning.minor if row[1] in DARK_MODES else 1 - leaning.minor) for row in rows]
    tonic, mode, _ = rows[int(rng.choice(len(rows), p=weights / weights.sum()))]
    assert mode in MODES
    return Key(0, int(tonic), mode)


def _pick_meter(rows: Sequence[Sequence[Any]], leaning: Leaning | None, rng: np.random.Generator) -> Meter:
    meters = [Meter(0, *(int(n) for n in str(row[0]).split("/"))) for row in rows]
    weights = np.array([float(row[1]) for row in rows])
    if leaning is not None:
        weights *= [DOUBT + _share_of(meter, leaning) for meter in meters]
    return meters[int(rng.choice(len(rows), p=weights / weights.sum()))]


def _share_of(meter: Meter, leaning: Leaning) -> float:
    """The share of its kind: a beat of a dotted note makes it compound."""
    if meter.beat_ticks % (3 * STEP_TICKS) == 0 and meter.numerator % 3 == 0 and meter.numerator > 3:  # noqa: PLR2004
        return leaning.compound
    return leaning.triple if meter.numerator % 3 == 0 else leaning.duple


def _pick_tempo(quantiles: Sequence[float], leaning: Leaning | None, rng: np.random.Generator) -> float:
    """A whole tempo between the quartiles of the style, or near the one that is liked, within the style's extremes."""
    if leaning is None:
        return float(round(rng.uniform(quantiles[1], quantiles[3])))
    drawn = leaning.tempo_bpm * float(np.exp(rng.normal(0, TEMPO_SPREAD)))
    return float(round(min(max(drawn, quantiles[0]), quantiles[-1])))


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
