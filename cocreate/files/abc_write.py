r"""Songs to ABC text.

Conventions:
    One voice a part, four bars a line, lengths in eighths. Overlapping notes are tied chords. Tempo, key and section
    changes stand at bar lines. ``%%MIDI program`` says who plays. Drums stand in a voice with a percussion clef, whose
    ``%%MIDI drummap`` lines say which MIDI note each written note is; a stroke lasts to the next, or to the end of its
    beat. Marks of ABC inside words are written as their code (``\u005f``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from cocreate.errors import InputError
from cocreate.files.drumset import abc_places, mark_of
from cocreate.files.engraving import Span, change_at, chord_marks, slices_of, spans_of, strokes_of
from cocreate.files.note_values import Atom, atoms_of
from cocreate.music import theory
from cocreate.music.song import Chord, Key, Meter, Part, Song

_EIGHTH = 240
_BARS_A_LINE = 4
_MODES = {"major": "", "minor": "m"}
_TUPLETS = {3: 2, 5: 4, 7: 4}  # notes -> in the time of
_ACCIDENTALS = {2: "^^", 1: "^", 0: "=", -1: "_", -2: "__"}
_MARKS = re.compile(r"[\-_*|%\\~\u00a0]|^\d(?=\s*\.)")  # what means something in a line of words, or ends one


def abc_text(song: Song) -> str:
    """The song as one ABC tune.

    Raises:
        InputError: if there is no part.
    """
    parts = song.parts
    if not parts:
        raise InputError("ABC needs a part, and the song has none")
    spans = spans_of(song)
    leads = next((part for part in parts if part.role != "drums"), parts[0])
    lines = ["X:1", f"T:{_plain(song.title) or 'Untitled'}", f"M:{song.meter}", "L:1/8", f"Q:{_tempo(song.tempo_bpm)}"]
    is_plain = len(parts) == 1 and leads.role != "drums" and not leads.program
    if not is_plain:
        clefs = [" clef=perc" if part.role == "drums" else "" for part in parts]
        lines += [f'V:{i} name="{_plain(part.name)}"{clefs[i - 1]}' for i, part in enumerate(parts, start=1)]
    lines.append(f"K:{_key(song.key)}")
    for index, part in enumerate(parts, start=1):
        writer = _Writer(song, part, spans, leads=part is leads)
        if not is_plain:
            lines += [f"V:{index}", *writer.instruments()]
        lines += writer.lines()
    return "\n".join(lines) + "\n"


class _Writer:
    def __init__(self, song: Song, part: Part, spans: tuple[Span, ...], *, leads: bool) -> None:
        self.song, self.part, self.spans, self.leads = song, part, spans, leads
        self.chords: dict[int, Chord] = {c.start_ticks: c for c in chord_marks(song)} if leads else {}
        self.is_drums = part.role == "drums"
        self.key = None if self.is_drums else song.key
        self.places = abc_places(note.pitch for note in part.notes) if self.is_drums else {}

    def instruments(self) -> Iterator[str]:
        """Who plays, and for drums which sound each written note is."""
        if not self.is_drums:
            if self.part.program:
                yield f"%%MIDI program {self.part.program}"
            return
        yield "%%MIDI channel 10"
        for pitch, (letter, octave, shift) in sorted(self.places.items()):
            sign = _ACCIDENTALS[shift] if shift else ""
            yield f"%%MIDI drummap {sign}{_letter(letter, octave)} {pitch} % {mark_of(pitch).name}"
        yield "[K:none clef=perc]"

    def lines(self) -> Iterator[str]:
        """The music, and under each line its words."""
        if self.is_drums:
            bars = strokes_of(self.part, self.spans)
        else:
            cuts = frozenset(self.chords) | {syllable.start_ticks for syllable in self.part.syllables}
            bars = slices_of(self.part, self.spans, cuts=cuts)
        atoms = [atoms_of(pieces, span) for pieces, span in zip(bars, self.spans, strict=True)]
        verses = sorted({s.verse for s in self.part.syllables})
        for begin in range(0, len(atoms), _BARS_A_LINE):
            chunk = range(begin, min(begin + _BARS_A_LINE, len(atoms)))
            music = " | ".join(self._bar(self.spans[i], atoms[i]) for i in chunk)
            yield music + (" |]" if chunk[-1] + 1 == len(atoms) else " |")
            for verse in range(1, verses[-1] + 1 if verses else 1):
                yield "w: " + " ".join(_word(atom, verse) for i in chunk for atom in atoms[i] if atom.piece.pitches)

    def _bar(self, span: Span, atoms: list[Atom]) -> str:
        text = "".join(self._changes(span))
        state: dict[str, int] = {}
        for atom in atoms:
            chord = self.chords.get(atom.start_ticks)
            if chord is not None:
                text += f'"{theory.chord_symbol(chord, key=self.key)}"'
            is_beamed_on = bool(atom.beams) and atom.beams[0] in ("begin", "continue")
            text += self._atom(atom, state) + ("" if is_beamed_on else " ")
        return text.rstrip()

    def _changes(self, span: Span) -> Iterator[str]:
        if (meter := change_at(self.song.meters, span)) and span.bar.index:
            yield f"[M:{meter}]"
        if (key := change_at(self.song.keys, span)) and key is not self.song.key and not self.is_drums:
            self.key = key
            yield f"[K:{_key(key)}]"
        if not self.leads:
            return
        if (tempo := change_at(self.song.tempos, span)) and (span.bar.index or tempo.start_ticks):
            yield f"[Q:{_tempo(tempo.bpm)}]"
        if section := change_at(self.song.sections, span):
            yield f"[P:{_plain(section.label).replace(']', ')')}]"

    def _atom(self, atom: Atom, state: dict[str, int]) -> str:
        piece = atom.piece
        tuplet, length = _length(atom)
        if not piece.pitches or (self.is_drums and not atom.is_first):
            return f"{tuplet}z{length}"
        tied = frozenset(() if self.is_drums else piece.tied if atom.is_last else piece.pitches)
        names = [f"{self._pitch(p, state)}{{}}{'-' if p in tied else ''}" for p in piece.pitches]
        if len(names) == 1:
            return tuplet + names[0].format(length)
        return tuplet + "[" + "".join(name.format(length) for name in names) + "]"

    def _pitch(self, pitch: int, state: dict[str, int]) -> str:
        if self.is_drums:
            letter, octave, shift = self.places[pitch]
        else:
            name = theory.pitch_class_name(pitch % 12, key=self.key or Key(0, 0))
            letter, octave, shift = name[0], pitch // 12 - 1, name.count("#") - name.count("b")
        places = (letter, f"{letter}{octave}")  # readers differ on whether an accidental holds in other octaves
        usual = _signature(self.key).get(letter, 0)
        sign = ""
        if any(state.get(place, usual) != shift for place in places):
            sign = _ACCIDENTALS[shift]
            state.update(dict.fromkeys(places, shift))
        return sign + _letter(letter, octave)


def _letter(letter: str, octave: int) -> str:
    marks = "'" * (octave - 5) if octave > 5 else "," * (4 - octave)  # noqa: PLR2004 - c is C5
    return (letter.lower() if octave >= 5 else letter) + marks  # noqa: PLR2004 - c is C5


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


def _length(atom: Atom) -> tuple[str, str]:
    """Tuplet mark, where one begins, and length in eighths."""
    ratio = Fraction(atom.length_ticks, _EIGHTH)
    tuplet = ""
    if atom.in_tuplet:
        ratio = ratio * 3 / 2
        tuplet = f"(3:2:{atom.tuplet}" if atom.tuplet else ""
    else:
        for count, times in _TUPLETS.items():
            if ratio.denominator % count == 0:
                ratio = ratio * count / times
                tuplet = f"({count}:{times}:1"
                break
    top = "" if ratio.numerator == 1 else str(ratio.numerator)
    return tuplet, top if ratio.denominator == 1 else f"{top}/{ratio.denominator}"


def _word(atom: Atom, verse: int) -> str:
    for syllable, _ in atom.piece.syllables if atom.is_first else ():
        if syllable.verse == verse:
            text = _MARKS.sub(_coded, syllable.text).replace(" ", "~")
            return f"{text}-" if syllable.joins_next and text else text or "*"
    return "*"


def _coded(match: re.Match[str]) -> str:
    return r"\-" if match[0] == "-" else f"\\u{ord(match[0]):04x}"


def _plain(text: str) -> str:
    return " ".join(text.replace("%", " ").replace('"', "'").replace("\\", "/").split())


assert Meter(0, 2, 8).bar_ticks == 2 * _EIGHTH
