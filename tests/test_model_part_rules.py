"""The rules of voices and accompaniments: whatever is chosen among what they allow, the parts keep their form."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocreate.errors import UnmetError
from cocreate.judge.voices import PARALLELS, voice_leading
from cocreate.model.bar_rules import BarLine, BarScribe
from cocreate.model.part_rules import Harmony, Line, NotePen, Setting, Voice
from cocreate.model.vocabulary import DURATIONS, Vocabulary
from cocreate.model.voice_rules import pens_of
from cocreate.music.song import Key, Note, Part, Song
from cocreate.music.theory import QUALITIES

WORDS = Vocabulary()
MAJOR = frozenset({0, 2, 4, 5, 7, 9, 11})
CHOIR = (
    Voice("bass", 40, 60, sings=True),
    Voice("alto", 55, 74, sings=True),
    Voice("tenor", 48, 67, sings=True),
)
ORDER = ("melody", "alto", "tenor", "bass")
BAR = 96
TUNE = [(24 * n, pitch, 24) for n, pitch in enumerate((67, 71, 74, 71, 72, 69, 69, 67, 66, 69, 72, 69, 71, 67, 67, 67))]


def bars(count: int, *, beats: int = 4) -> tuple[BarLine, ...]:
    strong = (0, 48) if beats == 4 else (0,)
    return tuple(BarLine(n * beats * 24, beats * 24, 24, strong, f"{beats}/4") for n in range(count))


def harmony(start: int, end: int, root: int, quality: str = "maj", bass: int | None = None) -> Harmony:
    tones = frozenset((root + step) % 12 for step in QUALITIES[quality])
    return Harmony(start, end, tones, bass, (root + 4) % 12 if 4 in QUALITIES[quality] else None)


def setting_of(
    tune: list[tuple[int, int, int]], chords: list[Harmony], *, count: int = 4, order: tuple[str, ...] = ORDER
) -> Setting:
    return Setting(bars(count), chords, MAJOR, {"melody": Line.of(tune)}, order=order)


def written(setting: Setting, voices: tuple[Voice, ...], seed: int) -> dict[str, NotePen]:
    """The pens after every id was drawn among the allowed ones."""
    rng = np.random.default_rng(seed)
    pens = pens_of(voices, setting, WORDS)
    scribe = BarScribe(setting.lines, pens, WORDS, meter="4/4")
    for _ in range(20_000):
        allowed = np.flatnonzero(scribe.allowed())
        assert len(allowed), "a dead end"
        scribe.push(int(rng.choice(allowed)))
        if scribe.done:
            assert len(scribe.written) == len(setting.lines)
            return {pen.name: pen for pen in pens}
    raise AssertionError("it never ends")


def sung(setting: Setting, pens: dict[str, NotePen]) -> tuple[Song, list[Part]]:
    """Melody and voices as a song in C, from the top."""
    tune = setting.voices["melody"]
    notes = {"melody": list(zip(tune.starts, tune.pitches, np.subtract(tune.ends, tune.starts).tolist(), strict=True))}
    notes |= {name: pen.notes for name, pen in pens.items()}
    parts = [Part(tuple(Note(20 * a, p, 20 * n) for a, p, n in notes[name]), name=name, role="voice") for name in ORDER]
    return Song(tuple(parts), keys=(Key(0, 0),)), parts


tunes = st.lists(
    st.tuples(st.sampled_from((12, 24, 24, 36, 48, 96)), st.integers(60, 81)), min_size=4, max_size=30
).map(lambda rows: [(sum(length for length, _ in rows[:n]), pitch, length) for n, (length, pitch) in enumerate(rows)])
charts = st.lists(
    st.tuples(st.integers(0, 11), st.sampled_from(("maj", "m", "7", "m7b5", "13"))), min_size=8, max_size=8
).map(lambda rows: [harmony(48 * n, 48 * n + 48, root, quality) for n, (root, quality) in enumerate(rows)])


@settings(max_examples=40, deadline=None)
@given(tune=tunes, chords=charts, seed=st.integers(0, 99))
def test_a_choir_keeps_its_ranges_never_crosses_and_never_stops(
    tune: list[tuple[int, int, int]], chords: list[Harmony], seed: int
) -> None:
    tune = [note for note in tune if note[0] + note[2] <= 4 * BAR]
    setting = setting_of(tune, chords)
    pens = written(setting, CHOIR, seed)
    for voice in CHOIR:
        notes = pens[voice.name].notes
        assert all(voice.low <= pitch <= voice.high for _, pitch, _ in notes)
        assert all(a + n <= b for (a, _, n), (b, _, _) in pairwise(notes))
        assert all(onset + length <= 4 * BAR for onset, _, length in notes)
    song, parts = sung(setting, pens)
    assert voice_leading(song, parts).count("crossing") == 0
    for onset, _, _ in tune:
        assert all(setting.voices[name].pitch_at(onset) is not None for name in ORDER)


def test_parallels_are_written_only_where_nothing_else_is_left() -> None:
    chords = [harmony(48 * n, 48 * n + 48, root) for n, root in enumerate((7, 7, 2, 7, 2, 7, 0, 7))]
    faults = []
    for seed in range(20):
        setting = setting_of(TUNE, chords)
        song, parts = sung(setting, written(setting, CHOIR, seed))
        faults.append(voice_leading(song, parts).per_hundred(*PARALLELS))
    assert np.mean(faults) < 1


def test_singers_sing_chord_tones_on_beats() -> None:
    chords = [harmony(96 * n, 96 * n + 96, root) for n, root in enumerate((0, 5, 7, 0))]
    setting = setting_of([(96 * n, 72, 96) for n in range(4)], chords)
    for seed in range(10):
        pens = written(setting_of([(96 * n, 72, 96) for n in range(4)], chords), CHOIR, seed)
        for pen in pens.values():
            for onset, pitch, _ in pen.notes:
                chord = setting.chord_at(onset)
                assert chord is not None
                assert onset % 24 or pitch % 12 in chord.tones


def test_a_bass_begins_a_slash_chord_with_the_tone_that_is_named() -> None:
    chords = [harmony(0, 192, 0, bass=4), harmony(192, 384, 7, bass=11)]
    for seed in range(20):
        setting = setting_of(TUNE, chords, order=())
        line = setting.voices
        written(setting, (Voice("bass", 28, 55),), seed)
        for onset in (0, 192):
            pitch = line["bass"].pitch_at(onset)
            assert pitch is None or pitch % 12 == (4 if onset == 0 else 11)


@settings(max_examples=25, deadline=None)
@given(chords=charts, seed=st.integers(0, 99))
def test_an_accompaniment_agrees_with_the_chord_on_strong_beats_and_never_strikes_a_sounding_note(
    chords: list[Harmony], seed: int
) -> None:
    voices = (Voice("comp", 48, 72, together=4), Voice("bass", 28, 55))
    setting = setting_of(TUNE, chords, order=())
    pens = written(setting, voices, seed)
    for voice in voices:
        notes = pens[voice.name].notes
        assert all(voice.low <= pitch <= voice.high for _, pitch, _ in notes)
        for onset, pitch, length in notes:
            assert onset + length <= 4 * BAR
            assert length in DURATIONS
            for strong in range(-(-onset // 48) * 48, onset + length, 48):
                chord = setting.chord_at(strong)
                assert chord is None or pitch % 12 in chord.tones
        for place, (onset, pitch, length) in enumerate(notes):
            assert all(other != pitch or start >= onset + length for start, other, _ in notes[place + 1 :])
        onsets = [onset for onset, _, _ in notes]
        assert max(onsets.count(onset) for onset in onsets) <= voice.together
        silent = [not any(a < (n + 1) * BAR and a + k > n * BAR for a, _, k in notes) for n in range(4)]
        assert not any(a and b for a, b in pairwise(silent))
        assert not silent[-1]


def test_voices_rest_where_the_tune_rests_at_the_start() -> None:
    setting = setting_of([(BAR, 72, BAR), (2 * BAR, 74, BAR), (3 * BAR, 72, BAR)], [])
    pens = written(setting, CHOIR, 0)
    assert all(pen.notes[0][0] == BAR for pen in pens.values())


def test_a_given_bass_is_not_crossed() -> None:
    given_bass = Line.of([(0, 59, 192), (192, 41, 192)])
    setting = setting_of(TUNE, [])
    setting.voices["bass"] = given_bass
    pens = written(setting, CHOIR[1:], 3)
    assert all(pitch >= 59 for onset, pitch, _ in pens["tenor"].notes if onset < 192)


def test_a_range_must_hold_an_octave() -> None:
    with pytest.raises(UnmetError, match="the range of bass must hold an octave"):
        Voice("bass", 40, 45)
