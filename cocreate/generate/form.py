"""Songs: a form of sections that return, each with melody and chords; the sections' ends are cadences.

Conventions:
    A *material* is what a label of the form stands for. Each material is written once; where it returns it is the
    same tune with a few of its weakest notes another, as many as the style varies, and the same chords. Sections that
    another one follows close on the dominant, the last one on the tonic, unless chords were given, which are kept.
    Times are in ticks; every section has as many bars.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cocreate.errors import InputError
from cocreate.generate.groove import check_groove
from cocreate.generate.harmony import HarmonyRequest, write_harmonies
from cocreate.generate.kept_chords import NONE
from cocreate.generate.melody import Draft, write_melodies, write_melodies_together
from cocreate.generate.request import ANY, MAX_CANDIDATES, MELODY_GUIDANCE, Leaning, MelodyRequest
from cocreate.generate.tune import TuneRequest
from cocreate.generate.variation import vary_bars_together
from cocreate.model.decoder import Decoder
from cocreate.model.sample import Sampling
from cocreate.music.measures import shared_notes
from cocreate.music.song import Chord, Key, Meter, Note, Part, Section, Song
from cocreate.music.theory import SCALES, chord_pitch_classes, chord_symbol, key_name

WORDS = ("intro", "verse", "prechorus", "chorus", "bridge", "outro")
MAX_SECTIONS = 12
MIN_SECTION_BARS, MAX_SECTION_BARS = 4, 16
CONTRASTS = 3  # tunes drawn for each further material
MOST_SHARED = 0.25  # notes that a new material may have in common with one that is there
NARROWEST = 12  # semitones of its range, at least
LIFT = 3  # semitones that the second material lies higher
MOST_VARIED = 0.15  # share of a section's notes that a style which never repeats writes anew
REPEATS_FULLY = 0.4  # ``phrase_repetition_4`` of a style whose sections return note for note
CADENCE_FIT = 0.5  # of the melody's time over a dominant, what must agree with it
LEADING, MAJOR_THIRD = 11, 4  # semitones above the tonic
STEP_FROM_SEED = 104_729
_SEVENTHS = ("jazz", "swing", "bebop", "hard bop", "cool", "fusion", "blues", "tin pan alley", "ragtime")


def parse_form(text: str) -> tuple[str, ...]:
    """The labels of "AABA", "A B A C" or "verse chorus verse chorus bridge chorus".

    Raises:
        InputError: if it is none of these, or has more sections than 12.
    """
    words = re.split(r"[\s,|+-]+", text.strip())
    if len(words) == 1 and re.fullmatch(r"[A-Ha-h]+", words[0]):
        labels = tuple(words[0].upper())
    else:
        labels = tuple(word.upper() if len(word) == 1 else word.lower() for word in words)
    unknown = [label for label in labels if not re.fullmatch(r"[A-H]", label) and label not in WORDS]
    if unknown:
        raise InputError(f"form must be letters A to H (AABA) or words of {', '.join(WORDS)}, got {text!r}")
    if len(labels) > MAX_SECTIONS:
        raise InputError(f"form must have 1..{MAX_SECTIONS} sections, got {len(labels)}")
    return labels


@dataclass(frozen=True, slots=True)
class SongRequest:
    """What is asked for.

    Args:
        form: a label for each section, see `parse_form`.
        section_bars: bars of each, 4..16.
        range: lowest and highest pitch of the first material; the second lies a little higher in it.
        chords: symbols for every section, from tick 0 of it, or empty.
        n: candidates, 1..64.
        leanings: tastes to write near to; candidates take them in turn.
    """

    style: str | None = None
    form: tuple[str, ...] = ("A", "A", "B", "A")
    section_bars: int = 8
    key: Key | None = None
    meter: Meter | None = None
    tempo_bpm: float | None = None
    range: tuple[int, int] | None = None
    density: float | None = None
    mood: str | None = None
    chords: tuple[Chord, ...] = ()
    n: int = 3
    seed: int = 0
    sampling: Sampling = field(default_factory=lambda: Sampling(guidance=MELODY_GUIDANCE))
    leanings: tuple[Leaning, ...] = ()

    def __post_init__(self) -> None:
        if not MIN_SECTION_BARS <= self.section_bars <= MAX_SECTION_BARS:
            raise InputError(
                f"bars per section must be in {MIN_SECTION_BARS}..{MAX_SECTION_BARS}, got {self.section_bars}"
            )
        if not 1 <= self.n <= MAX_CANDIDATES:
            raise InputError(f"n must be in 1..{MAX_CANDIDATES}, got {self.n}")
        if not 1 <= len(self.form) <= MAX_SECTIONS:
            raise InputError(f"form must have 1..{MAX_SECTIONS} sections, got {len(self.form)}")
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed}")


def write_songs(net: Decoder, table: Mapping[str, Any], request: SongRequest) -> tuple[Draft, ...]:
    """``request.n`` lead sheets of the form, in the order they were drawn: melody, chords, sections.

    Raises:
        InputError: if the style is unknown or a value breaks its rule.
        UnmetError: if no melody can meet the request.
    """
    name, groove = check_groove(request.style, table)
    asked = MelodyRequest(
        style=None if request.style is None or groove.row == ANY else groove.row, key=request.key,
        meter=request.meter, tempo_bpm=request.tempo_bpm, bars=request.section_bars, range=request.range,
        density=request.density, mood=request.mood, chords=request.chords, is_open=len(request.form) > 1,
        n=request.n, seed=request.seed, sampling=request.sampling, leanings=request.leanings,
    )  # fmt: skip
    firsts = write_melodies(net, table, asked)
    works = [_Composer(request, asked, draft, place, style=name) for place, draft in enumerate(firsts)]
    for label in dict.fromkeys(request.form[1:]):
        if label != request.form[0]:
            found = write_melodies_together(net, table, [work.ask_for_contrast() for work in works])
            for work, drafts in zip(works, found, strict=True):
                work.take_contrast(label, drafts)
    if not request.chords:
        for work in works:
            work.take_chords(write_harmonies(net, table, work.ask_for_chords())[0])
    varied = float(table[asked.style or ANY].get("metrics", {}).get("phrase_repetition_4", (REPEATS_FULLY / 2, 0))[0])
    amount = MOST_VARIED * max(0.0, 1 - varied / REPEATS_FULLY)
    wanted = [work.ask_for_return(place, amount) for work in works for place in range(len(request.form))]
    asking = [one for one in wanted if one is not None]
    found = vary_bars_together(net, table, asking) if asking else ()
    returns = iter(found)
    size = len(request.form)
    for place, one in enumerate(wanted):
        works[place // size].state(place % size, None if one is None else next(returns)[0])
    return tuple(work.draft() for work in works)


class _Composer:
    """One candidate: its materials by label, and how each section of the form states them."""

    def __init__(self, request: SongRequest, asked: MelodyRequest, first: Draft, place: int, *, style: str) -> None:
        self.request, self.asked, self.style = request, asked, style
        self.seed = request.seed + place * STEP_FROM_SEED
        self.nats = [first.nats]
        self.first = first.song
        self.key, self.meter = first.song.keys[0], first.song.meter
        self.ticks = request.section_bars * self.meter.bar_ticks
        self.leanings = request.leanings[place % len(request.leanings) :][:1] if request.leanings else ()
        self.materials = {request.form[0]: _cut(first.song, self.ticks)}
        self.statements: list[Song] = []

    def ask_for_contrast(self) -> MelodyRequest:
        """Another tune in the same key, metre and tempo; the second material lies a little higher."""
        pitches = [note.pitch for note in self.materials[self.request.form[0]].melody.notes]
        lift = LIFT if len(self.materials) == 1 else 0
        low, high = min(pitches) + lift - 1, max(pitches) + lift + 1
        return replace(
            self.asked, key=self.key, meter=self.meter, tempo_bpm=self.first.tempo_bpm, n=CONTRASTS,
            range=self.request.range or (min(low, high - NARROWEST), high),
            seed=self.seed + len(self.materials) * 31 + 7, leanings=self.leanings,
        )  # fmt: skip

    def take_contrast(self, label: str, drafts: Sequence[Draft]) -> None:
        """Of several tunes the likeliest that shares little with what is there and falls silent least."""
        tunes = [_cut(draft.song, self.ticks) for draft in drafts]

        def fault(n: int) -> tuple[bool, int, float]:
            shared = max(shared_notes(tunes[n].melody.notes, one.melody.notes) for one in self.materials.values())
            sounding = {note.start_ticks // self.meter.bar_ticks for note in tunes[n].melody.notes}
            return shared > MOST_SHARED, self.request.section_bars - len(sounding), drafts[n].nats

        best = min(range(len(tunes)), key=fault)
        self.materials[label] = tunes[best]
        self.nats.append(drafts[best].nats)

    def ask_for_chords(self) -> HarmonyRequest:
        """Chords under all materials, one after the other; open ones end on the dominant."""
        notes = [
            replace(note, start_ticks=note.start_ticks + place * self.ticks)
            for place, tune in enumerate(self.materials.values())
            for note in tune.melody.notes
        ]
        ends = [self._dominant_at_end(tune, place) for place, tune in enumerate(self.materials.values())]
        return HarmonyRequest(
            replace(self.first, parts=(replace(self.first.melody, notes=tuple(notes)),)), style=self.asked.style,
            voices=(), rhythm="half", keep=" ".join(ends) if self.asked.is_open else NONE, n=1, seed=self.seed,
            sampling=replace(self.request.sampling, guidance=1.0), leanings=self.leanings,
        )  # fmt: skip

    def take_chords(self, draft: Draft) -> None:
        """Each material with its own of the chords."""
        self.nats.append(draft.nats)
        bars = self.request.section_bars
        for place, (label, tune) in enumerate(self.materials.items()):
            cut = draft.song.slice_bars(place * bars, (place + 1) * bars)
            self.materials[label] = replace(tune, chords=cut.chords)

    def ask_for_return(self, place: int, amount: float) -> TuneRequest | None:
        """What section ``place`` of the form changes in its material; None for nothing."""
        label = self.request.form[place]
        song = self.materials[label]
        amount = amount if label in self.request.form[:place] else 0.0
        runs: tuple[tuple[int, int], ...] = ()
        if self._closes(place):  # another end is change enough
            song, begin = self._closed(song)
            runs, amount = ((begin, self.ticks),), 0.0
        if not runs and amount * len(song.melody.notes) < 1:
            return None
        return TuneRequest(
            song, bars=(1, self.request.section_bars), amount=amount, runs=runs, style=self.asked.style, n=1,
            seed=self.request.seed + 1, sampling=replace(self.request.sampling, guidance=1.0), leanings=self.leanings,
        )  # fmt: skip

    def state(self, place: int, draft: Draft | None) -> None:
        """Section ``place`` is the next to be stated, as its material stands or as ``draft`` has it."""
        song = self.materials[self.request.form[place]]
        if draft is not None:
            self.nats.append(draft.nats)
            chords = self._closed(song)[0].chords if self._closes(place) else song.chords
            song = replace(song, parts=(replace(song.melody, notes=draft.song.melody.notes),), chords=chords)
        self.statements.append(song)

    def _closes(self, place: int) -> bool:
        return place == len(self.request.form) - 1 and self.asked.is_open and not self.request.chords

    def draft(self) -> Draft:
        """The whole lead sheet."""
        song = self._joined()
        return Draft(
            song, self.asked.style or ANY, sum(self.nats) / len(self.nats), song.melody.notes,
            identity=str(hash((song.melody.notes, song.chords))),
        )  # fmt: skip

    def _dominant_at_end(self, tune: Song, place: int) -> str:
        """``keep`` of the harmony partner: the dominant from half the last bar on, or all of it for an early end."""
        last = (place + 1) * self.request.section_bars
        onset = tune.melody.notes[-1].start_ticks - (self.ticks - self.meter.bar_ticks)
        half = _middle_beat(self.meter)
        symbol = chord_symbol(self._dominant(), key=self.key)
        if half is not None and onset >= (half - 1) * self.meter.bar_ticks // self.meter.numerator:
            return f"{last}.{half}:{symbol}"
        return f"{last}:{symbol}"

    def _dominant(self) -> Chord:
        """The dominant of the key, with a seventh where the style has it."""
        is_bright = LEADING in SCALES[self.key.mode] or self.key.mode == "minor"
        quality = ("7" if is_bright else "m7") if self.style in _SEVENTHS else "maj" if is_bright else "m"
        return Chord(0, 1, (self.key.tonic + 7) % 12, quality)

    def _tonic(self) -> Chord:
        is_bright = MAJOR_THIRD in SCALES[self.key.mode]
        if self.style in _SEVENTHS:
            return Chord(0, 1, self.key.tonic, "6" if is_bright else "m6")
        return Chord(0, 1, self.key.tonic, "maj" if is_bright else "m")

    def _closed(self, song: Song) -> tuple[Song, int]:
        """The material with a close at its end, dominant and tonic, and the tick from which its tune goes there."""
        bar = self.meter.bar_ticks
        final = self.ticks - bar
        half = _middle_beat(self.meter)
        before = final - (bar if half is None else bar - (half - 1) * bar // self.meter.numerator)
        dominant = replace(self._dominant(), start_ticks=before, length_ticks=final - before)
        begin = final if self._agrees(song, dominant) else before
        chords = [
            replace(chord, length_ticks=min(chord.end_ticks, before) - chord.start_ticks)
            for chord in song.chords
            if chord.start_ticks < before
        ]
        tonic = replace(self._tonic(), start_ticks=final, length_ticks=bar)
        return replace(song, chords=(*chords, dominant, tonic)), begin

    def _agrees(self, song: Song, chord: Chord) -> bool:
        tones = chord_pitch_classes(chord)
        inside = total = 0
        for note in song.melody.notes:
            ticks = min(note.end_ticks, chord.end_ticks) - max(note.start_ticks, chord.start_ticks)
            if ticks > 0:
                total += ticks
                inside += ticks * (note.pitch % 12 in tones)
        return inside >= CADENCE_FIT * total

    def _joined(self) -> Song:
        notes: list[Note] = []
        chords: list[Chord] = []
        sections: list[Section] = []
        for place, (label, song) in enumerate(zip(self.request.form, self.statements, strict=True)):
            start = place * self.ticks
            sections.append(Section(start, label if len(label) == 1 else label.capitalize()))
            notes += [replace(note, start_ticks=note.start_ticks + start) for note in song.melody.notes]
            chords += [replace(chord, start_ticks=chord.start_ticks + start) for chord in song.chords]
        name = "" if self.request.style is None else self.style
        form = "".join(self.request.form) if all(len(label) == 1 for label in self.request.form) else "song"
        part = replace(self.first.melody, notes=tuple(notes))
        return replace(
            self.first, parts=(part,), chords=tuple(chords), sections=tuple(sections), style=name,
            title=f"{name.capitalize()} {form} in {key_name(self.key)}".strip(),
        )  # fmt: skip


def _cut(song: Song, ticks: int) -> Song:
    """A tune with nothing of it past ``ticks``."""
    part: Part = song.melody
    notes = tuple(
        replace(note, length_ticks=min(note.end_ticks, ticks) - note.start_ticks)
        for note in part.notes
        if note.start_ticks < ticks
    )
    return replace(song, parts=(replace(part, notes=notes),), sections=())


def _middle_beat(meter: Meter) -> int | None:
    """The beat (from 1, in the metre's lower number) at the middle of a bar; None where it has none."""
    return meter.numerator // 2 + 1 if meter.numerator % 2 == 0 else None
