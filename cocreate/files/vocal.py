"""Sung lines for other programs: LRC with times, OpenUtau (.ustx) and Synthesizer V Studio (.svp) projects.

Conventions:
    One voice: the part that has words, else the melody; of notes struck together the highest, each cut where the next
    begins. In projects a whole word stands on its first note, ``+`` on the note of each further syllable; a note that
    holds a syllable on has ``+~`` in OpenUtau and ``-`` in Synthesizer V; a note before any word sings "la".

Source:
    OpenUtau wiki, "Getting started", on ``+`` and ``+~``; Dreamtonics' manual of Synthesizer V Studio, on ``+`` and
    ``-``; the enhanced LRC format of A2, ``<mm:ss.xx>`` before each word.
"""

from __future__ import annotations

import json
import re
import unicodedata
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cocreate.errors import InputError
from cocreate.files.layout import top_line
from cocreate.files.lrc import stamp
from cocreate.files.output import write_text
from cocreate.music.clock import Clock, clock_of
from cocreate.music.song import TICKS_PER_QUARTER, Note, Part, Song, Syllable

_BLICKS_A_TICK = 1_470_000  # Synthesizer V counts 705,600,000 blicks to a quarter
_LINE_ENDS = re.compile(r"[.!?;:。！？；：…]+[\"'”’」』]?$")
_LINE_REST_TICKS = TICKS_PER_QUARTER  # a rest this long ends a line
_LONGEST_LINE_WORDS = 16
_OTHER_PUNCTUATION = re.compile(r"[^\w'’\-]+", re.UNICODE)
_FIRST_WORD = "la"
_NEVER = 10**12


@dataclass(frozen=True, slots=True)
class SungNote:
    """A note of a voice with what is sung on it: a whole ``word`` where one begins, else a later ``syllable``.

    With neither it holds what was sung before.
    """

    note: Note
    word: str = ""
    syllable: str = ""


def sung_part(song: Song) -> Part:
    """The part whose words are sung, as one line.

    Raises:
        InputError: if the song has no pitched part or no note in it.
    """
    worded = [part for part in song.parts if part.syllables]
    part = max(worded, key=lambda one: len(one.syllables)) if worded else song.melody
    if not part.notes:
        raise InputError("a sung line needs at least one note, got none; give a song with a melody")
    return top_line(part)


def sung_notes(song: Song, *, verse: int = 1) -> tuple[SungNote, ...]:
    """The notes of the sung part, each with the word or syllable on it.

    Raises:
        InputError: as ``sung_part``.
    """
    part = sung_part(song)
    words = {first.start_ticks: _whole(group) for group in _words(part, verse) for first in group[:1]}
    later = {s.start_ticks: s.text for group in _words(part, verse) for s in group[1:]}
    return tuple(SungNote(n, words.get(n.start_ticks, ""), later.get(n.start_ticks, "")) for n in part.notes)


def lrc_text(song: Song, *, verse: int = 1) -> str:
    """The words of ``song`` as LRC: a time before each line and, inside it, before each word.

    A line ends at a rest of a quarter note or more, after closing punctuation, at a section, or after 16 words.

    Raises:
        InputError: if the song has no words of this verse.
    """
    clock = clock_of(song)
    lines = list(_lines(song, verse))
    if not lines:
        raise InputError(f"LRC needs words, and the song has none of verse {verse}; give a song with lyrics")
    head = [f"[ti:{' '.join(song.title.split())}]"] if song.title else []
    length = clock.at(song.end_ticks)
    head += [f"[length:{int(length // 60):02d}:{int(length % 60):02d}]", "[re:cocreate]"]
    return "\n".join([*head, *(_lrc_line(line, clock) for line in lines)]) + "\n"


def write_lrc(song: Song, path: Path, *, verse: int = 1, force: bool = False) -> None:
    """Write the words of ``song`` as an LRC file.

    Raises:
        InputError: if the song has no words of this verse.
        FileError: if the file exists and ``force`` is false, or cannot be written.
    """
    write_text(path, lrc_text(song, verse=verse), force=force)


def ustx_text(song: Song) -> str:
    """An OpenUtau project (YAML) that sings ``song``'s voice; the singer is chosen there.

    Raises:
        InputError: as ``sung_part``.
    """
    import yaml

    part = sung_part(song)
    bars = {bar.start_ticks: bar.index for bar in song.bars(at_least=1)}
    meters = [meter for meter in song.meters if meter.start_ticks in bars]
    project: dict[str, Any] = {
        "name": song.title or "cocreate", "comment": "", "output_dir": "Vocal", "cache_dir": "UCache",
        "ustx_version": "0.6", "resolution": TICKS_PER_QUARTER, "bpm": song.tempo_bpm,
        "beat_per_bar": song.meter.numerator, "beat_unit": song.meter.denominator, "expressions": {},
        "time_signatures": [
            {"bar_position": bars[m.start_ticks], "beat_per_bar": m.numerator, "beat_unit": m.denominator}
            for m in meters
        ],
        "tempos": [{"position": tempo.start_ticks, "bpm": tempo.bpm} for tempo in song.tempos],
        "tracks": [{
            "phonemizer": "OpenUtau.Core.DefaultPhonemizer", "track_name": part.name, "mute": False, "solo": False,
            "volume": 0.0, "pan": 0.0,
        }],
        "voice_parts": [{
            "name": part.name, "comment": "", "track_no": 0, "position": 0,
            "duration": song.bars(at_least=1)[-1].end_ticks,
            "notes": [_ustx_note(one, lyric) for one, lyric in _lyrics(song, hold="+~")],
            "curves": [],
        }],
        "wave_parts": [],
    }  # fmt: skip
    text: str = yaml.safe_dump(project, allow_unicode=True, sort_keys=False, width=_NEVER)
    return text


def write_ustx(song: Song, path: Path, *, force: bool = False) -> None:
    """Write an OpenUtau project; see ``ustx_text``.

    Raises:
        InputError: as ``sung_part``.
        FileError: if the file exists and ``force`` is false, or cannot be written.
    """
    write_text(path, ustx_text(song), force=force)


def svp_text(song: Song) -> str:
    """A Synthesizer V Studio project (JSON) that sings ``song``'s voice; the voice is chosen there.

    Raises:
        InputError: as ``sung_part``.
    """
    part = sung_part(song)
    bars = {bar.start_ticks: bar.index for bar in song.bars(at_least=1)}
    notes = [
        {
            "musicalType": "singing", "onset": one.note.start_ticks * _BLICKS_A_TICK,
            "duration": one.note.length_ticks * _BLICKS_A_TICK, "lyrics": lyric, "phonemes": "",
            "pitch": one.note.pitch, "detune": 0, "attributes": {},
        }
        for one, lyric in _lyrics(song, hold="-")
    ]  # fmt: skip
    group = str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([song.title, notes])))  # the same song, the same file
    project = {
        "version": 113,
        "time": {
            "meter": [
                {"index": bars[m.start_ticks], "numerator": m.numerator, "denominator": m.denominator}
                for m in song.meters
                if m.start_ticks in bars
            ],
            "tempo": [{"position": t.start_ticks * _BLICKS_A_TICK, "bpm": t.bpm} for t in song.tempos],
        },
        "library": [],
        "tracks": [{
            "name": part.name, "dispColor": "ff7db235", "dispOrder": 0, "renderEnabled": False,
            "mixer": {"gainDecibel": 0.0, "pan": 0.0, "mute": False, "solo": False, "display": True},
            "mainGroup": {
                "name": "main", "uuid": group,
                "parameters": {name: {"mode": "cubic", "points": []} for name in _SVP_CURVES},
                "notes": notes,
            },
            "mainRef": {
                "groupID": group, "blickOffset": 0, "pitchOffset": 0, "isInstrumental": False,
                "database": {"name": "", "language": "", "phoneset": ""}, "dictionary": "", "voice": {},
            },
            "groups": [],
        }],
        "renderConfig": {
            "destination": "./", "filename": "untitled", "numChannels": 1, "aspirationFormat": "noAspiration",
            "bitDepth": 16, "sampleRate": 44100, "exportMixDown": True,
        },
    }  # fmt: skip
    return json.dumps(project, ensure_ascii=False, separators=(",", ":")) + "\n"


def write_svp(song: Song, path: Path, *, force: bool = False) -> None:
    """Write a Synthesizer V Studio project; see ``svp_text``.

    Raises:
        InputError: as ``sung_part``.
        FileError: if the file exists and ``force`` is false, or cannot be written.
    """
    write_text(path, svp_text(song), force=force)


_SVP_CURVES = ("pitchDelta", "vibratoEnv", "loudness", "tension", "breathiness", "voicing", "gender", "toneShift")


def _lyrics(song: Song, *, hold: str) -> Iterator[tuple[SungNote, str]]:
    """Each note with the lyric that a vocal synthesiser expects on it."""
    has_sung = False
    for one in sung_notes(song):
        if one.word:
            lyric = _OTHER_PUNCTUATION.sub("", one.word) or _FIRST_WORD
            has_sung = True
        elif one.syllable:
            lyric = "+"
        else:
            lyric = hold if has_sung else _FIRST_WORD
        yield one, lyric


def _ustx_note(one: SungNote, lyric: str) -> dict[str, Any]:
    note = one.note
    # a pitch glide of 80 ms into the note and no vibrato, as OpenUtau draws a new note
    glide = [{"x": -40.0, "y": 0.0, "shape": "io"}, {"x": 40.0, "y": 0.0, "shape": "io"}]
    still = {"length": 0, "period": 175, "depth": 25, "in": 10, "out": 10, "shift": 0, "drift": 0, "vol_link": 0}
    return {
        "position": note.start_ticks, "duration": note.length_ticks, "tone": note.pitch, "lyric": lyric,
        "pitch": {"data": glide, "snap_first": True}, "vibrato": still, "phoneme_expressions": [],
        "phoneme_overrides": [],
    }  # fmt: skip


def _words(part: Part, verse: int) -> Iterator[list[Syllable]]:
    """The syllables of each word."""
    word: list[Syllable] = []
    for syllable in part.syllables:
        if syllable.verse != verse or not syllable.text.strip():
            continue
        word.append(syllable)
        if not syllable.joins_next:
            yield word
            word = []
    if word:
        yield word


def _whole(word: Sequence[Syllable]) -> str:
    return "".join("".join(syllable.text.split()) for syllable in word)


def _lines(song: Song, verse: int) -> Iterator[list[list[Syllable]]]:
    """Words gathered to lines, in the order they are sung."""
    part = sung_part(song)
    ends = {note.start_ticks: note.end_ticks for note in part.notes}
    starts = sorted(ends)
    breaks = {section.start_ticks for section in song.sections}
    line: list[list[Syllable]] = []
    words = list(_words(part, verse))
    for place, word in enumerate(words):
        line.append(word)
        begin, last = word[0].start_ticks, word[-1].start_ticks
        after = words[place + 1][0].start_ticks if place + 1 < len(words) else _NEVER
        sounding = max((ends[tick] for tick in starts if begin <= tick < after), default=last)
        is_end = (
            after - sounding >= _LINE_REST_TICKS
            or _LINE_ENDS.search(word[-1].text.strip())
            or any(begin < tick <= after for tick in breaks)
            or len(line) >= _LONGEST_LINE_WORDS
        )
        if is_end:
            yield line
            line = []
    if line:
        yield line


def _lrc_line(line: Sequence[Sequence[Syllable]], clock: Clock) -> str:
    text = f"[{stamp(clock.at(line[0][0].start_ticks))}]"
    for place, word in enumerate(line):
        written = _whole(word)
        gap = " " if place and not (_is_han(written[0]) and _is_han(_whole(line[place - 1])[-1])) else ""
        text += f"{gap}<{stamp(clock.at(word[0].start_ticks))}>{written}"
    return text


def _is_han(letter: str) -> bool:
    """Chinese and Japanese letters and marks, between which no space stands."""
    return unicodedata.east_asian_width(letter) in "WF"
