"""Humdrum kern to songs: a lean reader that needs nothing but the standard library.

Conventions:
    Reads ``**kern`` spines and the ``**text`` or ``**silbe`` to the right of each, spines that split, join or change
    places, notes, chords of notes, ties, rests, bar lines with repeats, metres, signatures, keys, tempos and names. The
    rightmost spine is the first part. Grace notes, ornaments, slurs, beams and articulation are left out.

Source:
    Huron, "The Humdrum Toolkit: Reference Manual", 1994, kern; humdrum.org, representations. We differ: ``*+`` (a new
    spine in the middle) is not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from cocreate.errors import FileError, InputError
from cocreate.files.bars import WHOLE, Event, Measure
from cocreate.files.layout import Voice, song_of
from cocreate.files.musicxml import guessed_modes
from cocreate.music import theory
from cocreate.music.song import Key, Meter, Song

MAX_TOKENS = 300_000  # a symphony movement has a hundred thousand
MAX_MEASURES = 50_000  # of all parts
_LENGTH = re.compile(r"(\d{1,6})(?:%(\d{1,6}))?(\.{0,4})")
_PITCH = re.compile(r"([a-g])\1*|([A-G])\2*")
_ACCIDENTAL = re.compile(r"#+|-+")
_KEY = re.compile(r"^\*([A-Ga-g])([#-]?):(\w*)")
_MODES = {
    "ion": "major",
    "aeo": "minor",
    "dor": "dorian",
    "mix": "mixolydian",
    "phr": "phrygian",
    "lyd": "lydian",
    "loc": "locrian",
}
_PROGRAMS = {  # the commonest of Humdrum's instrument codes -> General MIDI
    "piano": 0, "cemba": 6, "organ": 19, "guitr": 24, "liuto": 24, "violn": 40, "viola": 41, "cello": 42, "cbass": 43,
    "harp": 46, "vox": 52, "soprn": 52, "alto": 52, "tenor": 52, "barit": 52, "bass": 52, "tromp": 56, "tromb": 57,
    "tuba": 58, "cor": 60, "oboe": 68, "fagot": 70, "clars": 71, "flt": 73, "flauto": 73,
}  # fmt: skip


@dataclass(slots=True, eq=False)
class _Part:
    """What one player's spine gathers."""

    name: str = ""
    program: int = 0
    meter: tuple[int, int] = (4, 4)
    key: Key | None = None
    signature: int | None = None
    tempo_bpm: float | None = None
    opens: bool = False
    events: list[Event] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Spine:
    """A column: kern has a part and the time its token sounds to; words have the part on their left and a verse."""

    kind: str
    part: _Part | None = None
    end: int = 0
    verse: int = 0


def kern_song(text: str) -> Song:
    """The song of a kern file.

    Raises:
        FileError: if it has no kern spine, no notes, too many tokens, or a line that does not fit its spines.
    """
    reader = _Reader()
    tokens = sum(map(text.count, "\t\n "))
    if tokens > MAX_TOKENS:
        raise FileError(f"a kern file must have at most {MAX_TOKENS} tokens, got {tokens}; split it")
    try:
        for line in text.splitlines():
            reader.line(line)
        reader.close_measure("")
    except (InputError, ArithmeticError, ValueError) as error:
        raise FileError(f"kern has a value that cannot stand: {error}; export it again") from error
    if not reader.parts:
        raise FileError("it has no **kern spine; export it again")
    parts = reader.parts[::-1]
    voices = [Voice(p.name or f"Part {i}", p.measures, p.program) for i, p in enumerate(parts, start=1)]
    song, _, _ = song_of(voices, title=reader.title)
    if any(part.key is not None for part in parts):
        return song
    return replace(song, keys=tuple(guessed_modes(song)))


@dataclass(slots=True)
class _Reader:
    title: str = ""
    parts: list[_Part] = field(default_factory=list)
    spines: list[_Spine] = field(default_factory=list)
    now: int = 0
    began: int = 0  # the measure
    measure_count: int = 0

    def line(self, line: str) -> None:
        if line.startswith("!"):
            if line.startswith("!!!OTL") and not self.title:
                self.title = " ".join(line.partition(":")[2].split())
            return
        tokens = line.split("\t") if line else []
        if not tokens:
            return
        if tokens[0].startswith("**"):
            self._begin(tokens)
            return
        if len(tokens) != len(self.spines):
            raise ValueError(f"a line has {len(tokens)} tokens and there are {len(self.spines)} spines")
        if tokens[0].startswith("*"):
            self._interpretations(tokens)
        elif tokens[0].startswith("="):
            self.close_measure(next((t for t, s in zip(tokens, self.spines, strict=True) if s.kind == "kern"), ""))
        else:
            self._data(tokens)

    def _begin(self, tokens: list[str]) -> None:
        if self.spines:
            raise ValueError("its spines begin twice")
        part: _Part | None = None
        verse = 0
        for sign in tokens:
            if sign == "**kern":
                part, verse = _Part(), 0
                self.parts.append(part)
                self.spines.append(_Spine("kern", part))
            elif sign in ("**text", "**silbe", "**lyrics") and part is not None:
                verse += 1
                self.spines.append(_Spine("words", part, verse=verse))
            else:
                self.spines.append(_Spine("other"))

    # --- interpretations -----------------------------------------------------------------------------------------

    def _interpretations(self, tokens: list[str]) -> None:
        if any(sign in ("*^", "*v", "*x", "*-", "*+") for sign in tokens):
            self._paths(tokens)
            return
        for sign, spine in zip(tokens, self.spines, strict=True):
            if spine.kind == "kern" and spine.part is not None:
                self._setting(sign, spine.part)

    def _paths(self, tokens: list[str]) -> None:
        found: list[_Spine] = []
        place = 0
        while place < len(tokens):
            sign, spine = tokens[place], self.spines[place]
            if sign == "*^":
                found += [spine, _Spine(spine.kind, spine.part, spine.end, spine.verse)]
            elif sign == "*v":
                while (
                    place + 1 < len(tokens) and tokens[place + 1] == "*v" and self.spines[place + 1].part is spine.part
                ):
                    place += 1
                    spine.end = max(spine.end, self.spines[place].end)
                found.append(spine)
            elif sign == "*x" and place + 1 < len(tokens) and tokens[place + 1] == "*x":
                found += [self.spines[place + 1], spine]
                place += 1
            elif sign != "*-":
                found.append(spine)
            place += 1
        self.spines = found

    def _setting(self, token: str, part: _Part) -> None:
        if token.startswith('*I"'):
            part.name = " ".join(token[3:].split())
        elif token.startswith("*I") and token[2:] in _PROGRAMS:
            part.program = _PROGRAMS[token[2:]]
        elif match := re.match(r"^\*M(\d{1,3})/(\d{1,3})$", token):
            part.meter = int(match[1]), int(match[2])
            Meter(0, *part.meter)  # refuses what no metre can be
        elif match := re.match(r"^\*MM(\d{1,4}(?:\.\d{1,6})?)", token):
            bpm = float(match[1])
            part.tempo_bpm = bpm if 5 <= bpm <= 1000 else None  # noqa: PLR2004 - the range of Tempo
        elif token.startswith("*k["):
            part.signature = token.count("#") - token.count("-")
            if part.key is None or theory.fifths(part.key) != part.signature:
                part.key = None
        elif match := _KEY.match(token):
            tonic = theory.LETTERS[match[1].upper()] + {"": 0, "#": 1, "-": -1}[match[2]]
            usual = "minor" if match[1].islower() else "major"
            part.key = Key(0, tonic % 12, _MODES.get(match[3][:3], usual))

    # --- data ----------------------------------------------------------------------------------------------------

    def _data(self, tokens: list[str]) -> None:
        struck: dict[int, Event] = {}
        for token, spine in zip(tokens, self.spines, strict=True):
            if token in (".", "") or spine.part is None:
                continue
            if spine.kind == "words":
                event = struck.get(id(spine.part))
                if event is not None and (text := token.strip("-|_ ")):
                    event.syllables.append((spine.verse, text.replace("|", ""), token.rstrip().endswith("-")))
            elif event := _event(token, self.now - self.began):
                spine.end = self.now + event.length
                spine.part.events.append(event)
                if event.pitches:
                    struck.setdefault(id(spine.part), event)
        self.now = min((s.end for s in self.spines if s.kind == "kern" and s.end > self.now), default=self.now)

    def close_measure(self, bar: str) -> None:
        """The measure ends here for everybody; ``bar`` is the bar line's token."""
        closes, opens = ":|" in bar or ":!" in bar, "|:" in bar or "!:" in bar
        length = self.now - self.began
        for part in self.parts:
            if length:
                key = part.key
                if key is None and part.signature is not None:
                    key = Key(0, (part.signature * 7) % 12, "major")
                measure = Measure(part.meter, part.events, length, key=key, tempo_bpm=part.tempo_bpm, opens=part.opens)
                measure.closes, measure.double = closes, "==" in bar or "||" in bar
                part.measures.append(measure)
                part.events, part.opens, part.tempo_bpm = [], False, None
                self.measure_count += 1
            elif part.measures:
                part.measures[-1].closes |= closes
            part.opens |= opens
        if self.measure_count > MAX_MEASURES:
            raise FileError(f"a kern file must have at most {MAX_MEASURES} measures of all parts; split it")
        self.began = self.now


def _event(token: str, at: int) -> Event | None:
    """A note, a chord of notes or a rest; None for a grace note or a token without a length."""
    if "q" in token or "Q" in token:
        return None
    length = _length(token)
    if length is None:
        return None
    pitches, ties = [], []
    for note in token.split(" "):
        if "r" not in note and (match := _PITCH.search(note)):
            pitches.append(_pitch(match, note))
            ties.append("[" in note or "_" in note)
    pairs = sorted(zip(pitches, ties, strict=True))
    return Event(at, length, tuple(p for p, _ in pairs), tuple(t for _, t in pairs))


def _length(token: str) -> int | None:
    """In fine ticks; 4 is a quarter, 0 a breve, 3%2 two thirds of a whole note."""
    match = _LENGTH.search(token)
    if match is None:
        return None
    digits, dots = match[1], len(match[3])
    length = WHOLE * int(match[2] or 1) // int(digits) if digits.strip("0") else WHOLE << min(3, len(digits))
    return length * ((2 << dots) - 1) >> dots


def _pitch(match: re.Match[str], note: str) -> int:
    letters = match[0]
    octave = 3 + len(letters) if letters.islower() else 4 - len(letters)
    sign = _ACCIDENTAL.match(note, match.end())
    shift = 0 if sign is None else len(sign[0]) * (1 if sign[0][0] == "#" else -1)
    return max(0, min(127, theory.LETTERS[letters[0].upper()] + shift + 12 * (octave + 1)))
