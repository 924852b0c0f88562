"""Whatever a DAW or a notation program exports as MIDI -> Song.

Conventions:
    Types 0 and 1, any resolution in beats, rounded to our ticks. Every fault of a file is a ``FileError`` with the
    path. A file has at most ``MAX_FILE_BYTES``, which bounds time (seconds) and memory (below 0.5 GB).
    ``cocreate.files.midi`` is the public door; it opens ``read_midi`` too.
"""

from __future__ import annotations

import re
import struct
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import mido
from mido.midifiles.meta import KeySignatureError

from cocreate.errors import FileError, InputError
from cocreate.files.letters import UTF_8, decoded, encoding_of
from cocreate.files.roles import assign_roles
from cocreate.files.xf import XfChord, read_xf
from cocreate.music.song import (
    DEFAULT_TEMPO_BPM,
    TICKS_PER_QUARTER,
    Chord,
    Key,
    Meter,
    Note,
    Part,
    Section,
    Song,
    Syllable,
    Tempo,
)
from cocreate.music.theory import parse_key

DRUM_CHANNEL = 9
MAX_FILE_BYTES = 500_000  # twice the longest symphony movement that we know; black MIDI is no song
CHORDS_TRACK = "Chords"
MICROSECONDS_A_MINUTE = 60_000_000
_SLOWEST_BPM, _FASTEST_BPM = 5.0, 1000.0
# a key signature outside 7 flats (F9) .. 7 sharps, or neither major nor minor; as an event of no meaning, same length
_IMPOSSIBLE_KEY = re.compile(rb"\xff\x59\x02(?:[\x08-\xf8].|.[^\x00\x01])", re.DOTALL)
_UNKNOWN_EVENT = b"\xff\x7f\x02\x00\x00"
# what mido raises on broken bytes, as met by cutting and spoiling files at every byte
_BROKEN = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    struct.error,
    KeySignatureError,
)


@dataclass(slots=True)
class _Heard:
    """What one track holds, in our ticks: notes and programs by channel, words as (tick, text)."""

    name: str = ""
    notes: dict[int, list[Note]] = field(default_factory=lambda: defaultdict(list))
    programs: dict[int, int] = field(default_factory=dict)
    lyrics: list[tuple[int, str]] = field(default_factory=list)
    end_ticks: int = 0


@dataclass(slots=True)
class _Score:
    """What all tracks say together, in our ticks.

    Of two events at one tick the first key counts, and the last of all others.
    """

    meters: dict[int, Meter] = field(default_factory=dict)
    tempos: dict[int, Tempo] = field(default_factory=dict)
    keys: dict[int, Key] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)
    chords: dict[int, XfChord] = field(default_factory=dict)
    encoding: str = UTF_8


def read_midi(path: Path) -> Song:
    """The song in a MIDI file, type 0 or 1.

    Notes left on end with their track; of notes of one pitch that overlap the earlier ends where the later begins;
    a gap of 1 tick between notes of one pitch is closed (it is how files keep repeated notes apart). A metre change
    moves to the nearest bar line. Tempos are clamped to 5..1000 bpm. Chords come from XF events (an N.C. holds up to
    the next chord), and a ``Chords`` track that only doubles them is left out. Roles: channel 10 is drums; names
    tell the rest; when none says melody, the first one-voiced part is.

    Raises:
        FileError: if the file cannot be read, is no whole MIDI file, is of type 2, counts in seconds or is empty.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise FileError(f"a MIDI file must have at most {MAX_FILE_BYTES} bytes, {path} has {size}; split it")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise FileError(f"cannot read {path} ({reason}); check the path") from error
    if not data:
        raise FileError(f"a MIDI file must have content, but {path} is empty; export it again")
    try:
        return _song_of(_parse(data))
    except InputError as error:
        raise FileError(f"cannot use {path}: {error}") from error
    except _BROKEN as error:
        reason = str(error) or "it ends too early"
        raise FileError(f"{path} is not a whole MIDI file ({reason}); export it again") from error


def _parse(data: bytes) -> Any:
    try:
        return mido.MidiFile(file=BytesIO(data), clip=True)
    except KeySignatureError:  # such as 8 sharps, which LilyPond writes; the notes are good all the same
        return mido.MidiFile(file=BytesIO(_IMPOSSIBLE_KEY.sub(_UNKNOWN_EVENT, data)), clip=True)


def _song_of(midi: Any) -> Song:
    if midi.type not in (0, 1):
        raise InputError(f"a MIDI file must be of type 0 or 1, got type {midi.type}; export it as type 1")
    if midi.ticks_per_beat <= 0:
        raise InputError("a MIDI file must count in beats, this one counts in seconds (SMPTE); export it in beats")
    score = _Score(encoding=_encoding(midi))
    heard = [_hear(track, midi.ticks_per_beat, score) for track in midi.tracks]
    end = max((track.end_ticks for track in heard), default=0)
    if score.chords:
        heard, chords = _take_chords(heard, score.chords, end)
    else:
        chords = ()
    title = heard[0].name if heard and (midi.type == 0 or not heard[0].notes) else ""
    parts = _parts_of(heard)
    if not parts and not chords:
        raise InputError("a MIDI file must have at least one note or chord, this one has none")
    return Song(
        parts,
        meters=_on_bar_lines(score.meters),
        tempos=_changes(score.tempos, Tempo(0, DEFAULT_TEMPO_BPM)),
        keys=_changes(score.keys, None),
        chords=chords,
        sections=tuple(score.sections),
        title=title,
    )


def _hear(track: Any, ticks_per_beat: int, score: _Score) -> _Heard:
    heard = _Heard()
    ringing: dict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)  # first in, first out: start, velocity
    now = ticks = 0
    for message in track:
        if message.time:
            now += message.time
            ticks = (2 * now * TICKS_PER_QUARTER + ticks_per_beat) // (2 * ticks_per_beat)
        kind = message.type
        if kind == "note_on" and message.velocity > 0:
            ringing[message.channel, message.note].append((ticks, message.velocity))
        elif kind in ("note_on", "note_off"):
            waiting = ringing.get((message.channel, message.note))
            if waiting:
                start, velocity = waiting.popleft()
                heard.notes[message.channel].append(Note(start, message.note, max(1, ticks - start), velocity))
        elif kind == "program_change":
            heard.programs.setdefault(message.channel, message.program)
        elif message.is_meta:
            _hear_meta(message, ticks, heard, score)
    heard.end_ticks = ticks
    for (channel, pitch), waiting in ringing.items():
        heard.notes[channel] += [Note(start, pitch, max(1, ticks - start), velocity) for start, velocity in waiting]
    heard.notes = {channel: _legato(notes) for channel, notes in sorted(heard.notes.items()) if notes}
    return heard


def _hear_meta(message: Any, ticks: int, heard: _Heard, score: _Score) -> None:
    if message.type == "track_name":
        heard.name = heard.name or _text(message.name, score.encoding)
    elif message.type == "lyrics":
        heard.lyrics.append((ticks, _text(message.text, score.encoding, strip=False)))
    elif message.type == "time_signature":
        score.meters[ticks] = Meter(ticks, message.numerator, message.denominator)
    elif message.type == "set_tempo":
        bpm = MICROSECONDS_A_MINUTE / max(1, message.tempo)
        # three decimals undo the rounding to whole microseconds: 132.00013 is 132
        score.tempos[ticks] = Tempo(ticks, min(_FASTEST_BPM, max(_SLOWEST_BPM, round(bpm, 3))))
    elif message.type == "key_signature":
        score.keys.setdefault(ticks, replace(parse_key(message.key), start_ticks=ticks))
    elif message.type == "marker":
        label = _text(message.text, score.encoding)
        if label:
            score.sections.append(Section(ticks, label))
    elif message.type == "sequencer_specific":
        chord = read_xf(ticks, message.data)
        if chord is not None:
            score.chords[ticks] = chord


def _encoding(midi: Any) -> str:
    """The encoding of all words of the file."""
    said = (getattr(m, "text", "") or getattr(m, "name", "") for track in midi.tracks for m in track if m.is_meta)
    return encoding_of(b"\n".join(text.encode("latin-1") for text in said if isinstance(text, str)))


def _text(raw: str, encoding: str, *, strip: bool = True) -> str:
    """Text that mido read as Latin-1, as what it is."""
    text = decoded(raw.encode("latin-1"), encoding).replace("\0", "")
    return text.strip() if strip else text


def apart(notes: Iterable[Note], *, gap_ticks: int) -> list[Note]:
    """Notes of one pitch cut so that they end ``gap_ticks`` before the next begins (never shorter than 1 tick).

    Of two that begin together the longer stays. The result is in time order.
    """
    by_pitch: dict[int, list[Note]] = defaultdict(list)
    for note in sorted(notes):
        row = by_pitch[note.pitch]
        if row and row[-1].start_ticks == note.start_ticks:
            row[-1] = max(row[-1], note)
        else:
            row.append(note)
    found: list[Note] = []
    for row in by_pitch.values():
        for note, after in pairwise(row):
            room = after.start_ticks - note.start_ticks
            length = min(note.length_ticks, max(1, room - gap_ticks))
            found.append(note if length == note.length_ticks else replace(note, length_ticks=length))
        found.append(row[-1])
    return sorted(found)


def _legato(notes: list[Note]) -> list[Note]:
    """Overlaps of one pitch cut, and gaps of 1 tick between notes of one pitch closed."""
    cut = sorted(apart(notes, gap_ticks=0), key=lambda note: (note.pitch, note.start_ticks))
    joined = [
        replace(note, length_ticks=note.length_ticks + 1)
        if after.pitch == note.pitch and after.start_ticks - note.end_ticks == 1
        else note
        for note, after in pairwise(cut)
    ]
    return sorted(joined + cut[-1:])


def _take_chords(
    heard: list[_Heard], events: dict[int, XfChord], end_ticks: int
) -> tuple[list[_Heard], tuple[Chord, ...]]:
    """The chords of XF events, and the tracks without the one that doubles them.

    The doubling track knows more than the events: where a chord ends, and which quality of those that share a type.
    """
    blocks: dict[int, list[Note]] = defaultdict(list)
    double = next((h for h in reversed(heard) if h.name == CHORDS_TRACK and h.notes), None)
    if double is not None:
        notes = [note for row in double.notes.values() for note in row]
        if {note.start_ticks for note in notes} <= events.keys():
            heard = [h for h in heard if h is not double]
            for note in sorted(notes):
                blocks[note.start_ticks].append(note)
    ordered = [events[tick] for tick in sorted(events)]
    chords = []
    for event, after in zip(ordered, [*ordered[1:], None], strict=True):
        stop = max(end_ticks, event.start_ticks + 1) if after is None else after.start_ticks
        block = blocks.get(event.start_ticks, [])
        tones: frozenset[int] | None = None
        if block:
            stop = min(stop, max(note.end_ticks for note in block))
            upper = block if event.bass is None else block[1:]  # a slash chord's lowest note is only its bass
            tones = frozenset(note.pitch % 12 for note in upper)
        quality = event.quality_of(tones)
        chords.append(Chord(event.start_ticks, stop - event.start_ticks, event.root, quality or "maj", event.bass))
    return heard, tuple(chords)


def _parts_of(heard: list[_Heard]) -> tuple[Part, ...]:
    programs: dict[int, int] = {}
    for track in heard:
        for channel, program in track.programs.items():
            programs.setdefault(channel, program)
    parts: list[Part] = []
    drums: list[bool] = []
    loose: list[tuple[int, str]] = []  # words on a track without notes belong to whichever part they fit best
    for track in heard:
        words = _syllables(track.lyrics)
        for channel, notes in track.notes.items():
            name = track.name if len(track.notes) == 1 else f"{track.name} {channel + 1}".strip()
            program = track.programs.get(channel, programs.get(channel, 0))
            is_first = channel == next(iter(track.notes))
            parts.append(Part(tuple(notes), name=name, program=program, syllables=words if is_first else ()))
            drums.append(channel == DRUM_CHANNEL)
        if track.lyrics and not track.notes and not loose:
            loose = track.lyrics
    parts = assign_roles(parts, drums)
    if loose and parts and not any(part.syllables for part in parts):
        ticks = {tick for tick, _ in loose}
        fits = [len(ticks & {note.start_ticks for note in part.notes}) for part in parts]
        best = fits.index(max(fits))
        parts[best] = replace(parts[best], syllables=_syllables(loose))
    return tuple(parts)


def _syllables(lyrics: list[tuple[int, str]]) -> tuple[Syllable, ...]:
    """Syllables of lyric events: a trailing space ends a word, a hyphen joins; with neither in sight each is a word."""
    clean = [(tick, text.replace("\r", " ").replace("\n", " ").lstrip()) for tick, text in lyrics]
    knows_words = any(text[:1].strip() and text.endswith((" ", "-")) for _, text in clean)
    found = []
    for tick, text in clean:
        word = text.strip()
        joins = knows_words and not text.endswith(" ")
        if word.endswith("-") and len(word) > 1:
            word, joins = word.rstrip("-"), True
        if word:
            found.append(Syllable(tick, word, joins_next=joins))
    return tuple(found)


def _on_bar_lines(events: dict[int, Meter]) -> tuple[Meter, ...]:
    found = [Meter(0, 4, 4)]
    for tick in sorted(events):
        before = found[-1]
        bars = (2 * (tick - before.start_ticks) + before.bar_ticks) // (2 * before.bar_ticks)
        snapped = replace(events[tick], start_ticks=before.start_ticks + bars * before.bar_ticks)
        if bars == 0:
            found[-1] = snapped
        elif str(snapped) != str(before):
            found.append(snapped)
    return tuple(found)


_Timed = TypeVar("_Timed", Tempo, Key)


def _changes(events: dict[int, _Timed], default: _Timed | None) -> tuple[_Timed, ...]:
    """Events in time order without those that change nothing; begins with ``default`` when tick 0 has none."""
    found: list[_Timed] = [default] if default is not None and 0 not in events else []
    for tick in sorted(events):
        event = events[tick]
        if not found or replace(event, start_ticks=found[-1].start_ticks) != found[-1]:
            found.append(event)
    return tuple(found)
