"""Standard MIDI files that drop cleanly into a DAW; the reader of what a DAW exports is ``midi_read``.

Conventions:
    Written: type 1, 480 ticks to a quarter; track 0 holds name, metres, keys, tempos, section markers and chord events
    and no note; each part has a track and a channel (0-8 and 10-15; drums 9), one program change at tick 0, the keys
    once more, its words as UTF-8 lyrics. A note ends at least 1 tick before the next of its pitch. All tracks end on
    one bar line.
    Not written, since no MIDI file holds it: pickup, style, verses after the first, modes (the signature stands as
    the major or minor key that shares it), roles (a name tells them), non-ASCII names.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mido

from cocreate.errors import InputError
from cocreate.files.midi_read import CHORDS_TRACK, DRUM_CHANNEL, MICROSECONDS_A_MINUTE, apart, read_midi
from cocreate.files.output import to_ascii, write_bytes
from cocreate.files.xf import xf_data
from cocreate.music.song import TICKS_PER_QUARTER, Chord, Note, Part, Song
from cocreate.music.theory import QUALITIES, fifths

if TYPE_CHECKING:
    import pretty_midi
    import symusic

__all__ = ["midi_bytes", "read_midi", "stem_bytes", "to_pretty_midi", "to_symusic", "with_room", "write_midi"]

_PITCHED_CHANNELS = tuple(c for c in range(16) if c != DRUM_CHANNEL)
_CHOIR = 3  # voices beside the melody that need no chords under them
_CHORD_VELOCITY = 64  # under a melody at 80
_LOWEST_BASS, _LOWEST_TONE = 41, 53  # block chords: bass F2..E3, the tones above it F3..E4, around C3-C4
_MINOR_MODES = ("minor", "dorian", "phrygian", "locrian")
_SIGNATURES = {  # sharps -> the major and the minor key as MIDI names them
    -6: ("Gb", "Ebm"), -5: ("Db", "Bbm"), -4: ("Ab", "Fm"), -3: ("Eb", "Cm"), -2: ("Bb", "Gm"), -1: ("F", "Dm"),
    0: ("C", "Am"), 1: ("G", "Em"), 2: ("D", "Bm"), 3: ("A", "F#m"), 4: ("E", "C#m"), 5: ("B", "G#m"), 6: ("F#", "D#m"),
}  # fmt: skip

# order of events at one tick
_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH, _SIXTH = range(6)
_Event = tuple[int, int, Any]  # tick, order, mido message (mido has no types)


def write_midi(song: Song, path: Path, *, force: bool = False) -> None:
    """Write ``song`` as a MIDI file; see the module's conventions for what it holds.

    Raises:
        InputError: as ``midi_bytes``.
        FileError: if the file exists and ``force`` is false, or cannot be written.
    """
    write_bytes(path, midi_bytes(song), force=force)


def midi_bytes(song: Song) -> bytes:
    """The MIDI file of ``song``.

    A ``Chords`` track with the chords in block voicing comes last, unless a part already plays chords or comping,
    three voices or more sing them, or no channel is left.

    Raises:
        InputError: if the song has neither notes nor chords, or more than 15 pitched parts.
    """
    frame, *tracks = _tracks(song)
    return _file([frame, *tracks], _end(song, [frame, *tracks]))


def stem_bytes(song: Song) -> tuple[tuple[str, bytes], ...]:
    """A name and a MIDI file for each track with notes of ``midi_bytes``: the frame of all and that track alone.

    All end on the bar line on which the full file ends.

    Raises:
        InputError: as ``midi_bytes``.
    """
    frame, *tracks = _tracks(song)
    end = _end(song, [frame, *tracks])
    sounding = [track for track in tracks if any(message.type == "note_on" for _, _, message in track)]
    return tuple((track[0][2].name, _file([frame, track], end)) for track in sounding)


def _tracks(song: Song) -> list[list[_Event]]:
    if not song.chords and not any(part.notes for part in song.parts):
        raise InputError("a MIDI file needs at least one note or chord, got an empty song")
    pitched = sum(part.role != "drums" for part in song.parts)
    if pitched > len(_PITCHED_CHANNELS):
        raise InputError(f"a MIDI file holds at most 15 pitched parts, got {pitched}; leave some out")
    channels = iter(_PITCHED_CHANNELS)
    tracks = [_conductor(song)]
    tracks += [_track(part, DRUM_CHANNEL if part.role == "drums" else next(channels), song) for part in song.parts]
    players = [part.role for part in song.parts if part.notes]
    is_played = "chords" in players or "comping" in players or players.count("voice") >= _CHOIR
    if song.chords and not is_played and pitched < len(_PITCHED_CHANNELS):
        tracks.append(_track(_block_chords(song.chords), next(channels), song))
    return tracks


def _end(song: Song, tracks: list[list[_Event]]) -> int:
    return _last_bar_line(song, max((tick for track in tracks for tick, _, _ in track), default=0))


def _file(tracks: list[list[_Event]], end_ticks: int) -> bytes:
    midi = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER, charset="utf-8")
    midi.tracks.extend(_deltas(track, end_ticks) for track in tracks)
    buffer = BytesIO()
    midi.save(file=buffer)
    return buffer.getvalue()


def with_room(data: bytes, *, seconds: float, volume: int = 100) -> bytes:
    """A MIDI file of ours whose end comes so many ``seconds`` later, each channel at MIDI ``volume`` (0..127)."""
    midi = mido.MidiFile(file=BytesIO(data))
    tempo = next((m.tempo for m in reversed(midi.tracks[0]) if m.type == "set_tempo"), 500_000)
    more = round(seconds * 1_000_000 / tempo * midi.ticks_per_beat)
    for track in midi.tracks:
        track[-1] = track[-1].copy(time=track[-1].time + more)
        program = next((m for m in track if m.type == "program_change"), None)
        if program is not None:
            track.insert(
                track.index(program),
                mido.Message("control_change", channel=program.channel, control=7, value=volume, time=program.time),
            )
            track[track.index(program)] = program.copy(time=0)
    buffer = BytesIO()
    midi.save(file=buffer)
    return buffer.getvalue()


def to_pretty_midi(song: Song) -> pretty_midi.PrettyMIDI:
    """The song as a ``pretty_midi.PrettyMIDI`` object.

    Raises:
        InputError: as ``midi_bytes``.
    """
    import pretty_midi

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of keys on the parts' tracks, which it does not need
        return pretty_midi.PrettyMIDI(BytesIO(midi_bytes(song)), charset="utf-8")


def to_symusic(song: Song) -> symusic.Score:
    """The song as a ``symusic.Score`` in ticks.

    Raises:
        InputError: as ``midi_bytes``.
    """
    import symusic

    return symusic.Score.from_midi(midi_bytes(song))


def _conductor(song: Song) -> list[_Event]:
    events: list[_Event] = []
    title = to_ascii(song.title)
    if title:
        events.append((0, _FIRST, mido.MetaMessage("track_name", name=title)))
    for meter in song.meters:
        clocks = min(255, max(1, meter.beat_ticks * 24 // TICKS_PER_QUARTER))  # MIDI clocks to a metronome click
        message = mido.MetaMessage(
            "time_signature",
            numerator=meter.numerator,
            denominator=meter.denominator,
            clocks_per_click=clocks,
        )
        events.append((meter.start_ticks, _SECOND, message))
    events += _signatures(song)
    for tempo in song.tempos:
        microseconds = round(MICROSECONDS_A_MINUTE / tempo.bpm)
        events.append((tempo.start_ticks, _FOURTH, mido.MetaMessage("set_tempo", tempo=microseconds)))
    for number, section in enumerate(song.sections, start=1):
        text = to_ascii(section.label) or f"Section {number}"
        events.append((section.start_ticks, _FIFTH, mido.MetaMessage("marker", text=text)))
    for chord in song.chords:
        key_there = next((k for k in reversed(song.keys) if k.start_ticks <= chord.start_ticks), song.key)
        data = xf_data(chord, key=key_there)
        events.append((chord.start_ticks, _SIXTH, mido.MetaMessage("sequencer_specific", data=data)))
    return events


def _signatures(song: Song) -> list[_Event]:
    found: list[_Event] = []
    for key in song.keys:
        name = _SIGNATURES[fifths(key)][key.mode in _MINOR_MODES]
        found.append((key.start_ticks, _THIRD, mido.MetaMessage("key_signature", key=name)))
    return found


def _track(part: Part, channel: int, song: Song) -> list[_Event]:
    name = to_ascii(part.name) or part.role.capitalize()
    events: list[_Event] = [
        (0, _FIRST, mido.MetaMessage("track_name", name=name)),
        (0, _SECOND, mido.Message("program_change", channel=channel, program=part.program)),
    ]
    if part.role != "drums":
        events += _signatures(song)  # MuseScore takes a staff's key from its own track, and guesses where none is
    verse = min((syllable.verse for syllable in part.syllables), default=1)
    for syllable in part.syllables:
        if syllable.verse == verse and syllable.text.strip():
            text = syllable.text.strip() + ("" if syllable.joins_next else " ")  # RP-017: a word ends with a space
            events.append((syllable.start_ticks, _FOURTH, mido.MetaMessage("lyrics", text=text)))
    for note in apart(part.notes, gap_ticks=1):
        on = mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)
        off = mido.Message("note_off", channel=channel, note=note.pitch, velocity=64)
        events += [(note.start_ticks, _FIFTH, on), (note.end_ticks, _THIRD, off)]
    return events


def _block_chords(chords: tuple[Chord, ...]) -> Part:
    notes: list[Note] = []
    for place, chord in enumerate(chords):
        following = chords[place + 1].start_ticks if place + 1 < len(chords) else chord.end_ticks
        length = min(chord.end_ticks, following) - chord.start_ticks
        if chord.root is None or length < 1:
            continue
        lowest = chord.root if chord.bass is None else chord.bass
        tones = {(chord.root + step) % 12 for step in QUALITIES[chord.quality]}
        if chord.bass is None:
            tones.discard(chord.root)
        pitches = [_LOWEST_BASS + (lowest - _LOWEST_BASS) % 12]
        pitches += [_LOWEST_TONE + (tone - _LOWEST_TONE) % 12 for tone in sorted(tones)]
        notes += [Note(chord.start_ticks, pitch, length, _CHORD_VELOCITY) for pitch in pitches]
    return Part(tuple(notes), name=CHORDS_TRACK, role="chords")


def _last_bar_line(song: Song, last_event_ticks: int) -> int:
    grid = song.bars(at_least=1)
    end = grid[-1].end_ticks
    return end if last_event_ticks <= end else song.bar_at(last_event_ticks).end_ticks


def _deltas(events: list[_Event], end_ticks: int) -> Any:
    track = mido.MidiTrack()
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))  # the same event may stand in several files
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=end_ticks - now))
    return track
