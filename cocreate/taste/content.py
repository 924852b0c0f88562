"""What else is heard in an item, beside its melody: the other parts, the recording, the mood; and the wide space.

Conventions:
    A *trait* is a named number that an item may lack: a bare melody has no bass, a MIDI file no timbre. `TRAITS` holds
    what notation tells, `AUDIO` what a recording tells (`cocreate.files.recordings`), `TEXT` what words are about
    (`about`); centre and spread make them comparable as features are. The *wide* vector of an item is its scaled
    features (`features.scaled`: the space that conditions the network, never changed here), then its scaled traits; 0
    where nothing is known.
    Valence and energy lie in [-1, 1]. They are estimates by rule (mode, register, speed); liking is another matter: a
    sad song may be loved.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log2, tanh

import numpy as np

from cocreate.errors import InputError
from cocreate.music.measures import Floats
from cocreate.music.song import TICKS_PER_QUARTER, Note, Part, Song
from cocreate.taste.feature_table import FEATURES, Feature
from cocreate.taste.features import DEFAULT_SCALE, FeatureScale, FeatureVector

JUDGED = ("quality", "novelty")  # how well made and how new, 0..1: remembered beside the traits
MOODS = ("happy", "calm", "sad", "tense")
SCENES: Mapping[str, tuple[float | None, float]] = {
    "work": (None, -0.2),
    "study": (None, -0.5),
    "sleep": (None, -0.9),
    "sport": (None, 0.8),
    "party": (0.6, 0.6),
}  # scene -> the valence (None: any) and energy that suit it
_CLIP = 3.0
_BASS_CEILING = 55  # a part whose notes lie lower on average plays the bass
_CHORD_NOTES = 3
_FAMILIES = ("piano", "percussion", "organ", "guitar", "bass", "strings", "ensemble", "brass", "reed", "pipe", "synth")
_FAMILY_SIZE = 8  # General MIDI programs
_MIDDLE_SPEED = 2.6  # notes a second, as in the mood labels that the network learned from
_MIDDLE_PITCH = 69.0

# name | family | much of it | little of it | centre | spread
_TRAITS = """
voices | texture | many voices | few voices | 2.0 | 1.0
sounding | texture | full chords | thin texture | 2.6 | 1.2
onsets_per_beat | texture | busy | uncluttered | 2.6 | 1.6
chordal | texture | block chords | broken texture | 0.35 | 0.25
span | texture | a wide span | a narrow span | 36.0 | 11.0
bass_notes | bass | a busy bass | a quiet bass | 0.9 | 0.5
bass_walks | bass | a walking bass | a bass that stands still | 0.25 | 0.22
bass_leaps | bass | a leaping bass | a bass that steps | 0.4 | 0.25
bass_low | bass | a deep bass | a light bass | 43.0 | 5.0
drums | drums | busy drums | few drums | 2.0 | 1.5
drum_backbeat | drums | a backbeat | no backbeat | 0.4 | 0.3
swing_drums | drums | swung drums | straight drums | 0.15 | 0.25
words_per_beat | words | many words | few words | 0.8 | 0.4
form_returns | form | sections that return | ever new sections | 0.35 | 0.25
"""
_AUDIO = """
audio_tempo | tempo | a fast beat | a slow beat | 6.9 | 0.4
audio_minor | mood | minor colour | major colour | 0.4 | 0.5
audio_loudness | sound | loud | soft | -20.0 | 7.0
audio_dynamics | sound | wide dynamics | even loudness | 4.0 | 2.5
audio_brightness | sound | bright | dark | 10.9 | 0.8
audio_rolloff | sound | airy | muffled | 11.9 | 0.8
audio_flatness | sound | noisy | pure | -4.0 | 1.5
audio_onsets | density | many attacks | few attacks | 3.0 | 1.6
audio_percussive | sound | percussive | sustained | 0.35 | 0.2
audio_chroma_focus | harmony | clear harmony | dense harmony | 2.9 | 0.35
audio_contrast | sound | clear voices | blended voices | 21.0 | 4.0
"""
_MFCC_SPREADS = (60.0, 35.0, 25.0, 20.0, 15.0, 12.0, 11.0, 10.0, 9.0, 9.0, 8.0, 8.0, 8.0)
_AUDIO += "".join(
    f"audio_mfcc_{i} | timbre | timbre +{i} | timbre -{i} | 0.0 | {spread}\n"
    for i, spread in enumerate(_MFCC_SPREADS, start=1)
)
_TEXT = "".join(
    f"text_{i} | text | what its words are about | what its words are about | 0.0 | 1.0\n" for i in range(1, 25)
)


def _read(table: str) -> tuple[Feature, ...]:
    rows = [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]
    return tuple(Feature(row[0], row[1], row[2], row[3], float(row[4]), float(row[5])) for row in rows)


TRAITS, AUDIO, TEXT = _read(_TRAITS), _read(_AUDIO), _read(_TEXT)
_EXTRA = (*TRAITS, *AUDIO, *TEXT)
_EXTRA_NAMES = tuple(feature.name for feature in _EXTRA)
WIDE: tuple[Feature, ...] = (*FEATURES, *_EXTRA)
WIDE_NAMES = tuple(feature.name for feature in WIDE)
WIDE_INDEX = {name: place for place, name in enumerate(WIDE_NAMES)}
_CENTRES = np.array([f.centre for f in _EXTRA])
_SPREADS = np.array([f.spread for f in _EXTRA])


def wide(vector: FeatureVector, traits: Mapping[str, float], scale: FeatureScale = DEFAULT_SCALE) -> Floats:
    """The wide vector of an item, each value in [-3, 3]. Shape (len(WIDE),)."""
    values: Floats = wide_rows(np.array([raw_row(vector, traits)], dtype=np.float64), scale)[0]
    return values


def raw_row(vector: FeatureVector, traits: Mapping[str, float]) -> tuple[float | None, ...]:
    """Features and traits as they are, in the order of `WIDE`; None (in an array ``nan``) where not known."""
    return (*vector.values, *map(traits.get, _EXTRA_NAMES))


def wide_rows(raw: Floats, scale: FeatureScale = DEFAULT_SCALE) -> Floats:
    """The wide vectors of many items from their raw features and traits, ``nan`` where not known. Shape (n, D)."""
    centres, spreads = np.concatenate([scale.centre, _CENTRES]), np.concatenate([scale.spread, _SPREADS])
    values: Floats = (raw - centres) / spreads
    values[np.isnan(values)] = 0.0
    return np.clip(values, -_CLIP, _CLIP, out=values)


def traits_of(song: Song) -> dict[str, float]:
    """The traits of a song that has more than its melody; none where there is nothing else to hear."""
    pitched = [part for part in song.parts if part.role != "drums" and part.notes]
    drums = [note for part in song.parts if part.role == "drums" for note in part.notes]
    beats = max(1.0, song.end_ticks / song.meter.beat_ticks)
    found: dict[str, float] = {}
    if len(pitched) > 1 or any(not part.is_monophonic for part in pitched):
        found |= _texture([note for part in pitched for note in part.notes], pitched, beats)
        found |= _bass(pitched, beats)
    if drums:
        found |= _drums(drums, beats)
    syllables = sum(1 for part in song.parts for one in part.syllables if one.verse == 1)
    if syllables:
        found["words_per_beat"] = syllables / beats
    found |= _form(song)
    return {name: round(float(value), 5) for name, value in found.items()}


def words_of(song: Song) -> str:
    """The words that are sung in the first verse, in order."""
    first = [one for part in song.parts for one in part.syllables if one.verse == 1]
    return "".join(one.text if one.joins_next else f"{one.text} " for one in first).strip()


def instruments_of(song: Song) -> tuple[str, ...]:
    """Families of instruments that play, as General MIDI sorts them, and drums."""
    found = [
        _FAMILIES[min(len(_FAMILIES) - 1, part.program // _FAMILY_SIZE)]
        for part in song.parts
        if part.role != "drums" and part.notes
    ]
    found += ["drums"] * any(part.role == "drums" and part.notes for part in song.parts)
    return tuple(dict.fromkeys(found))


def mood_place(
    vector: FeatureVector | Mapping[str, float | None], traits: Mapping[str, float]
) -> tuple[float, float] | None:
    """Valence and energy, each in [-1, 1], by rule; None where neither notes nor sound are known.

    Source:
        The cues of Gabrielsson and Lindstroem, 2010 (mode for valence, event rate and tempo for arousal), with soft
        steps. We differ: no learned weights, since no set that we may use has ratings of mood.
    """
    minor, speed, pitch = vector["minor_key"], vector["notes_per_second"], vector["mean_pitch"]
    if minor is not None and speed is not None and pitch is not None:
        valence = 1.0 - 2.0 * minor + 0.05 * (pitch - _MIDDLE_PITCH)
        return tanh(valence), tanh(log2(max(0.05, speed) / _MIDDLE_SPEED) * 1.5)
    if "audio_onsets" in traits:
        energy = (traits["audio_onsets"] - 3.0) / 1.6 + (traits.get("audio_loudness", -20.0) + 20.0) / 7.0
        return tanh(1.0 - 2.0 * traits.get("audio_minor", 0.5)), tanh(energy / 2)
    return None


def mood_fit(place: tuple[float, float] | None, *, scene: str | None = None, mood: str | None = None) -> float:
    """How well a mood suits a scene and a named mood, in [0, 1]; 0.5 where the mood is not known.

    Raises:
        InputError: if the scene or the mood is none of ours.
    """
    if scene is not None and scene not in SCENES:
        raise InputError(f"a scene must be one of {', '.join(SCENES)}, got {scene!r}")
    if mood is not None and mood not in MOODS:
        raise InputError(f"a mood must be one of {', '.join(MOODS)}, got {mood!r}")
    return float(mood_fits(np.array([place or (np.nan, np.nan)]), scene=scene, mood=mood)[0])


def mood_fits(places: Floats, *, scene: str | None, mood: str | None) -> Floats:
    """The same for many moods, (n, 2), ``nan`` where not known. Shape (n,)."""
    valences, energies = places.T
    fits = []
    if scene is not None:
        valence, energy = SCENES[scene]
        gap = np.abs(energies - energy)
        fits.append(1.0 - (gap if valence is None else (np.abs(valences - valence) + gap) / 2) / 2)
    if mood is not None:
        wanted = {"happy": (1, 1), "calm": (1, -1), "sad": (-1, -1), "tense": (-1, 1)}[mood]
        fits.append((2.0 + valences * wanted[0] + energies * wanted[1]) / 4)
    found: Floats = np.nan_to_num(np.mean(fits, axis=0), nan=0.5) if fits else np.full(len(places), 0.5)
    return found


def mood_name(place: tuple[float, float]) -> str:
    """The quadrant: happy, calm, sad or tense."""
    bright, lively = place[0] >= 0, place[1] >= 0
    return {(True, True): "happy", (True, False): "calm", (False, False): "sad", (False, True): "tense"}[bright, lively]


def _texture(notes: list[Note], pitched: list[Part], beats: float) -> dict[str, float]:
    starts = np.array([note.start_ticks for note in notes])
    lengths = np.array([note.length_ticks for note in notes])
    moments, counts = np.unique(starts, return_counts=True)
    pitches = np.array([note.pitch for note in notes])
    covered = max(1, int((starts + lengths).max() - starts.min()))
    return {
        "voices": float(len(pitched)),
        "sounding": float(lengths.sum()) / covered,
        "onsets_per_beat": len(moments) / beats,
        "chordal": float((counts >= _CHORD_NOTES).mean()),
        "span": float(np.quantile(pitches, 0.95) - np.quantile(pitches, 0.05)),
    }


def _bass(pitched: list[Part], beats: float) -> dict[str, float]:
    """Of the lowest note at each moment of the lowest part; nothing where no part lies low."""
    low = min(pitched, key=lambda part: float(np.mean([note.pitch for note in part.notes])))
    lowest: dict[int, int] = {}
    for note in low.notes:
        lowest[note.start_ticks] = min(lowest.get(note.start_ticks, 128), note.pitch)
    pitches, starts = np.array(list(lowest.values())), np.array(list(lowest))
    if pitches.mean() > _BASS_CEILING or len(pitches) < 2:  # noqa: PLR2004 - one note has no interval
        return {}
    steps, gaps = np.abs(np.diff(pitches)), np.diff(starts)
    quarters = np.abs(gaps - TICKS_PER_QUARTER) <= TICKS_PER_QUARTER // 8
    return {
        "bass_notes": len(pitches) / beats,
        "bass_walks": float((quarters & (steps >= 1) & (steps <= 4)).mean()),  # noqa: PLR2004 - up to a third
        "bass_leaps": float((steps >= 5).mean()),  # noqa: PLR2004 - a fourth or more
        "bass_low": float(pitches.mean()),
    }


def _drums(notes: list[Note], beats: float) -> dict[str, float]:
    starts = np.array([note.start_ticks for note in notes])
    moments = np.unique(starts)
    phase = moments % TICKS_PER_QUARTER
    snares = np.array([note.start_ticks for note in notes if note.pitch in (37, 38, 40)])
    beat = np.round(snares / TICKS_PER_QUARTER).astype(int) % 4
    third = np.abs(phase - 2 * TICKS_PER_QUARTER // 3) <= TICKS_PER_QUARTER // 20
    return {
        "drums": len(moments) / beats,
        "drum_backbeat": float(np.isin(beat, (1, 3)).mean()) if snares.size else 0.0,
        "swing_drums": float(third.mean()),
    }


def _form(song: Song) -> dict[str, float]:
    """Share of bars, from the ninth on, whose melody's rhythm and steps stood before; nothing in a short piece."""
    bars = song.bars()
    if len(bars) <= 8:  # noqa: PLR2004 - an idea of eight bars has no sections
        return {}
    shapes: dict[int, list[tuple[int, int]]] = {}
    for note in song.melody.notes:
        bar = song.bar_at(note.start_ticks)
        shapes.setdefault(bar.index, []).append((note.start_ticks - bar.start_ticks, note.pitch))
    seen: set[tuple[tuple[int, int], ...]] = set()
    again = total = 0
    for index in sorted(shapes):
        shape = tuple(shapes[index])
        if index >= 8:  # noqa: PLR2004
            total += 1
            again += shape in seen
        seen.add(shape)
    return {"form_returns": again / total} if total else {}
