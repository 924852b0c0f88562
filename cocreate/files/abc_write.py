"""Songs to ABC text.

Conventions:
    One voice a part, four bars a line, lengths in eighths. Overlapping notes are tied chords; triplets are written
    note by note as ``(3:2:1``. ABC has no drums, so drum parts are left out; tempo, key and section changes stand at
    bar lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from cocreate.errors import InputError
from cocreate.files.engraving import Slice, Span, change_at, chord_marks, slices_of, spans_of
from cocreate.music import theory
from cocreate.music.song import Chord, Key, Meter, Part, Song

_EIGHTH = 240
_BARS_A_LINE = 4
_MODES = {"major": "", "minor": "m"}
_TUPLETS = {3: 2, 5: 4, 7: 4}  # notes -> in the time of


def abc_text(song: Song) -> str:
    """The song as one ABC tune.

    Raises:
        InputError: if there is no pitched part.
    """
    parts = [part for part in song.parts if part.role != "drums"]
    if not parts:
        raise InputError("ABC needs a pitched part, and the song has none; write MIDI instead")
    spans = spans_of(song)
    key = song.key
    lines = ["X:1", f"T:{_plain(song.title) or 'Untitled'}", f"M:{song.meter}", "L:1/8", f"Q:{_tempo(song.tempo_bpm)}"]
    if len(parts) > 1:
        lines += [f'V:{i} name="{_plain(part.name)}"' for i, part in enumerate(parts, start=1)]
    lines.append(f"K:{_key(key)}")
    for index, part in enumerate(parts):
        if len(parts) > 1:
            lines.append(f"V:{index + 1}")
        lines += _Writer(song, part, spans, leads=index == 0).lines()
    return "\n".join(lines) + "\n"


class _Writer:
    def __init__(self, song: Song, part: Part, spans: tuple[Span, ...], *, leads: bool) -> None:
        self.song, self.part, self.spans, self.leads = song, part, spans, leads
        self.chords: dict[int, Chord] = {c.start_ticks: c for c in chord_marks(song)} if leads else {}
        self.key = song.key

    def lines(self) -> Iterator[str]:
        bars = slices_of(self.part, self.spans, cuts=frozenset(self.chords))
        verses = sorted({s.verse for s in self.part.syllables})
        for begin in range(0, len(bars), _BARS_A_LINE):
            chunk = range(begin, min(begin + _BARS_A_LINE, len(bars)))
            music = " | ".join(self._bar(self.spans[i], bars[i]) for i in chunk)
            yield music + (" |]" if chunk[-1] + 1 == len(bars) else " |")
            for verse in range(1, verses[-1] + 1 if verses else 1):
                yield "w: " + " ".join(_word(piece, verse) for i in chunk for piece in bars[i] if piece.pitches)

    def _bar(self, span: Span, pieces: tuple[Slice, ...]) -> str:
        text = "".join(self._changes(span))
        state: dict[str, int] = {}
        for piece in pieces:
            chord = self.chords.get(piece.start_ticks)
            if chord is not None:
                text += f'"{theory.chord_symbol(chord, key=self.key)}"'
            text += self._slice(piece, state) + " "
        return text.rstrip()

    def _changes(self, span: Span) -> Iterator[str]:
        if (meter := change_at(self.song.meters, span)) and span.bar.index:
            yield f"[M:{meter}]"
        if (key := change_at(self.song.keys, span)) and key is not self.song.key:
            self.key = key
            yield f"[K:{_key(key)}]"
        if not self.leads:
            return
        if (tempo := change_at(self.song.tempos, span)) and (span.bar.index or tempo.start_ticks):
            yield f"[Q:{_tempo(tempo.bpm)}]"
        if section := change_at(self.song.sections, span):
            yield f"[P:{_plain(section.label).replace(']', ')')}]"

    def _slice(self, piece: Slice, state: dict[str, int]) -> str:
        tuplet, length = _length(piece.length_ticks)
        if not piece.pitches:
            return f"{tuplet}z{length}"
        names = [f"{self._pitch(p, state)}{{}}{'-' if p in piece.tied else ''}" for p in piece.pitches]
        if len(names) == 1:
            return tuplet + names[0].format(length)
        return tuplet + "[" + "".join(name.format(length) for name in names) + "]"

    def _pitch(self, pitch: int, state: dict[str, int]) -> str:
        name = theory.pitch_class_name(pitch % 12, key=self.key or Key(0, 0))
        letter, shift = name[0], name.count("#") - name.count("b")
        octave = pitch // 12 - 1
        places = (letter, f"{letter}{octave}")  # readers differ on whether an accidental holds in other octaves
        usual = _signature(self.key).get(letter, 0)
        sign = ""
        if any(state.get(place, usual) != shift for place in places):
            sign = {1: "^", 0: "=", -1: "_"}[shift]
            state.update(dict.fromkeys(places, shift))
        marks = "'" * (octave - 5) if octave > 5 else "," * (4 - octave)  # noqa: PLR2004 - c is C5
        return sign + (letter.lower() if octave >= 5 else letter) + marks  # noqa: PLR2004 - c is C5


def _signature(key: Key | None) -> dict[str, int]:
    count = theory.fifths(key) if key else 0
    letters = "FCGDAEB"[:count] if count > 0 else "BEADGCF"[:-count]
    return dict.fromkeys(letters, 1 if count > 0 else -1)


def _key(key: Key | None) -> str:
    if key is None:
        return "none"
    return theory.pitch_class_name(key.tonic, key=key) + _MODES.get(key.mode, key.mode[:3])


def _tempo(bpm: float) -> str:
    return f"1/4={bpm:.3f}".rstrip("0").rstrip(".")


def _length(ticks: int) -> tuple[str, str]:
    """Tuplet mark and length in eighths."""
    ratio = Fraction(ticks, _EIGHTH)
    tuplet = ""
    for count, times in _TUPLETS.items():
        if ratio.denominator % count == 0:
            ratio = ratio * count / times
            tuplet = f"({count}:{times}:1"
            break
    top = "" if ratio.numerator == 1 else str(ratio.numerator)
    return tuplet, top if ratio.denominator == 1 else f"{top}/{ratio.denominator}"


def _word(piece: Slice, verse: int) -> str:
    for syllable, _ in piece.syllables:
        if syllable.verse == verse:
            text = "~".join(syllable.text.translate(_UNSAYABLE).split()).replace("-", "\\-")
            return f"{text}-" if syllable.joins_next and text else text or "*"
    return "*"


_UNSAYABLE = str.maketrans(dict.fromkeys("_*|%\\~", " "))


def _plain(text: str) -> str:
    return " ".join(text.replace("%", " ").replace('"', "'").replace("\\", "/").split())


assert Meter(0, 2, 8).bar_ticks == 2 * _EIGHTH
