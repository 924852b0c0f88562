"""ABC tunes to songs: a lean reader that needs nothing but the standard library.

Conventions:
    Understands headers and inline fields X T M L K Q R P V, voices, key modes, accidentals (which hold for the bar, in
    every octave, as the standard says), lengths, broken rhythm, ties, tuplets, chords of notes, chord symbols in
    quotes, bars, repeats, endings, ``w:`` words, and abcMIDI's program, channel 10 and drummap; in a percussion clef
    without a map a line means a drum. Grace notes, ornaments, slurs, fingerings and other annotations are left out. A
    quoted text that does not read as a chord symbol is an annotation.

Source:
    The ABC music standard 2.1, abcnotation.com. We differ: voice overlays (``&``) and macros are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from cocreate.errors import FileError, InputError
from cocreate.files.bars import WHOLE, Event, Measure
from cocreate.files.drumset import sound_of, written_pitch
from cocreate.files.layout import Voice, song_of
from cocreate.music import theory
from cocreate.music.song import Key, Meter, Song

_LENGTH = r"\d{0,9}/*\d{0,9}"
_TOKEN = re.compile(
    r"(?P<inline>\[[A-Za-z]:[^\]]*\])"
    r'|(?P<quote>"[^"]*"?)'
    r"|(?P<deco>![^!|\s]{1,24}!|\+[a-z]{2,}\+)"
    r"|(?P<grace>\{[^}]*\})"
    r"|(?P<bar>(?::+\|+[\]|]*:*|::+|\|[|\]]*:*|\[\|\]?:*)(?:\d[\d,\-]*)?)"
    r"|(?P<ending>\[\d[\d,\-]*)"
    r"|(?P<tuplet>\(\d(?::\d?){0,2})"
    rf"|(?P<chord>\[[^\]|\[]*\]{_LENGTH}-?)"
    rf"|(?P<note>(?:\^\^?|__?|=)?[A-Ga-g][,']*{_LENGTH}-?)"
    r"|(?P<fermata>Hx)"  # some transcribers hang a fermata on an invisible rest
    rf"|(?P<rest>[zxZX]{_LENGTH})"
    rf"|(?P<space>y{_LENGTH})"
    r"|(?P<broken><+|>+)"
    r"|(?P<overlay>&[^|]*)"
)
_NOTE = re.compile(rf"(\^\^?|__?|=)?([A-Ga-g])([,']*)({_LENGTH})(-?)")
_FIELD = re.compile(r"^([A-Za-z]):(?![|:])(.*)$")
_KEY = re.compile(r"^\s*([A-G])([#b]?)\s*([A-Za-z]*)")
_KEY_ACCIDENTAL = re.compile(r"(?<!\S)(\^\^?|__?|=)([a-gA-G])(?!\S)")
_MIDI = re.compile(r"(?:%%|I:)MIDI[ =]+(program|channel|drummap)\s+(\S+)(?:\s+(\d+))?")
_CODE = re.compile(r"\\u([0-9a-fA-F]{4})")
_TEMPO = re.compile(r"((?:\d+/\d+\s*)+)=\s*(\d+(?:\.\d+)?)")
_ACCIDENTALS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
_LETTER_FIFTHS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}
_SHARP_ORDER = "FCGDAEB"
_MODES = {
    "": "major", "maj": "major", "ion": "major", "m": "minor", "min": "minor", "aeo": "minor", "mix": "mixolydian",
    "dor": "dorian", "phr": "phrygian", "lyd": "lydian", "loc": "locrian",
}  # fmt: skip
_TUPLET_TIMES = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
_HIGHEST_ABC_PITCH = 127
_HEADS = {None: "normal", "=": "normal", "^": "x", "^^": "circle-x", "_": "triangle", "__": "diamond"}
MAX_MEASURES = 50_000  # of all voices
MAX_TUNE_LETTERS = 200_000  # a symphony movement in ABC has half of that


@dataclass(frozen=True, slots=True)
class AbcTune:
    """One tune of an ABC file: its number, its first text fields, its song, and how well its bars fit its metre."""

    number: str
    fields: dict[str, str]
    song: Song
    bar_count: int
    irregular_bars: int


def split_tunes(text: str) -> list[str]:
    """The tunes of an ABC file, each with the fields that stand before the first one; one tune when there is no X:."""
    blocks = re.split(r"(?m)^(?=X:)", text)
    if len(blocks) == 1:
        return [text] if "K:" in text else []
    head = "".join(f"{line}\n" for line in blocks[0].splitlines() if re.match(r"(?:[LMQR]:|%%prop)", line))
    return [re.sub(r"^(X:.*\n)", lambda m: m[1] + head, block, count=1) for block in blocks[1:]]


def read_tune(text: str, *, expand: bool = False, top_only: bool = False) -> AbcTune:
    """One tune.

    Args:
        text: one tune of ``split_tunes``.
        expand: play repeats twice with their endings; else each section comes once, with its last ending.
        top_only: keep only the highest note of a chord of notes.

    Raises:
        FileError: if there is no note, or a value cannot stand (a metre of 5/0).
    """
    reader = _Reader(top_only=top_only)
    if len(text) > MAX_TUNE_LETTERS:
        raise FileError(f"an ABC tune must have at most {MAX_TUNE_LETTERS} letters, got {len(text)}; split it")
    try:
        reader.read(text)
        return reader.tune(expand=expand)
    except (InputError, FileError, ArithmeticError, ValueError) as error:
        raise FileError(f"ABC tune X:{reader.fields.get('X', '?')} cannot be read: {error}") from error


def read_abc(text: str, *, expand: bool = False, top_only: bool = False) -> Iterator[AbcTune]:
    """Every tune of an ABC file in order; raises as ``read_tune``."""
    for block in split_tunes(text):
        yield read_tune(block, expand=expand, top_only=top_only)


@dataclass(slots=True)
class _State:
    """What fields set and what holds until the next one."""

    meter: tuple[int, int] = (4, 4)
    unit: int = 0
    key: Key | None = None
    signature: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Voice:
    name: str
    title: str = ""
    program: int = 0
    is_drums: bool = False
    is_percussion: bool = False  # has the clef, so that a line means a drum
    state: _State | None = None
    measures: list[Measure] = field(default_factory=list)
    now: Measure | None = None
    accidentals: dict[str, int] = field(default_factory=dict)
    tuplet_left: int = 0
    tuplet: tuple[int, int] = (1, 1)
    broken: int = 0  # > 0: the next note is shortened after ``>``; < 0 lengthened after ``<``
    line: list[Event] = field(default_factory=list)  # the notes of the music line that words may follow
    line_bars: list[int] = field(default_factory=list)
    verse: int = 0
    continues: bool = False


@dataclass(slots=True)
class _Reader:
    top_only: bool
    fields: dict[str, str] = field(default_factory=dict)
    voices: dict[str, _Voice] = field(default_factory=dict)
    voice: _Voice = field(default_factory=lambda: _Voice("1"))
    in_body: bool = False
    defaults: _State = field(default_factory=_State)
    octave_only: bool = False
    sounds: dict[int, int] = field(default_factory=dict)  # written pitch of a drum -> MIDI note
    tempo_bpm: float | None = None
    label: str = ""
    tempo_text: str = ""

    @property
    def state(self) -> _State:
        """Of the voice in the body, where each voice changes key and metre by itself; before, of the tune."""
        if not self.in_body:
            return self.defaults
        if self.voice.state is None:
            self.voice.state = replace(self.defaults)
        return self.voice.state

    # --- lines -------------------------------------------------------------------------------------------------

    def read(self, text: str) -> None:
        for raw in text.splitlines():
            if raw.startswith("%%propagate-accidentals"):
                self.octave_only = "octave" in raw
            if midi := _MIDI.match(raw):
                self._midi(midi[1], midi[2], midi[3])
                continue
            line = re.split(r"(?<!\\)%", raw, maxsplit=1)[0].rstrip()
            if match := _FIELD.match(line):
                self._field(match[1], match[2].strip())
            elif line and self.in_body:
                self._music(line)
        for voice in self.voices.values():
            self._close_measure(voice, "|")

    def _midi(self, what: str, value: str, number: str | None) -> None:
        if what == "drummap":
            if (note := _NOTE.fullmatch(value)) and number and int(number) <= _HIGHEST_ABC_PITCH:
                pitch = written_pitch(note[2].upper(), _octave(note), _ACCIDENTALS.get(note[1], 0))
                self.sounds[pitch] = int(number)
        elif what == "channel":
            self.voice.is_drums = value == "10"
        elif (last := number or value).isdigit() and int(last) <= _HIGHEST_ABC_PITCH:  # a channel may stand before it
            self.voice.program = int(last)

    def _field(self, name: str, value: str) -> None:
        if name == "w":
            self._words(value)
        elif name == "V":
            self._switch_voice(value)
        else:
            if not (name in self.fields and (self.in_body or name == "T")):
                self.fields[name] = value
            self._setting(name, value)
            if name == "K" and not self.in_body:
                self._begin_body()
        if name in ("K", "V") and "clef=perc" in value:
            self.voice.is_drums = self.voice.is_percussion = True

    def _begin_body(self) -> None:
        state = self.defaults
        if not state.unit:  # the standard's default: a sixteenth in metres below 3/4, else an eighth
            state.unit = WHOLE // 16 if state.meter[0] / state.meter[1] < 0.75 else WHOLE // 8  # noqa: PLR2004 - 3/4
        self.in_body = True
        if self.tempo_text:
            self.tempo_bpm = self._tempo(self.tempo_text)

    def _setting(self, name: str, value: str) -> None:
        if name == "M":
            self._set_meter(value)
        elif name == "L" and (match := re.match(r"(\d{1,4})/(\d{1,4})", value)) and int(match[1]) and int(match[2]):
            self.state.unit = int(match[1]) * WHOLE // int(match[2])
        elif name == "K":
            self._set_key(value)
        elif name == "Q":
            self.tempo_text = value
            if self.in_body:
                self.tempo_bpm = self._tempo(value)
        elif name == "P" and self.in_body:
            self.label = value

    def _set_meter(self, value: str) -> None:
        text = {"C": "4/4", "C|": "2/2"}.get(value, value)
        if match := re.match(r"^\(?([\d+ ]+?)\)?\s*/\s*(\d+)", text):
            self.state.meter = (sum(int(n) for n in re.findall(r"\d+", match[1])), int(match[2]))
            Meter(0, *self.state.meter)  # refuses what no metre can be

    def _set_key(self, value: str) -> None:
        state = self.state
        if value[:2] in ("HP", "Hp"):
            state.key, state.signature = Key(0, 9, "mixolydian"), {"F": 1, "C": 1}
        elif value[:4].lower() == "none":
            state.key, state.signature = None, {}
        elif match := _KEY.match(value):
            mode = _MODES.get(match[3][:3].lower(), "major")
            shift = {"": 0, "#": 1, "b": -1}[match[2]]
            count = _LETTER_FIFTHS[match[1]] + 7 * shift + theory.MODE_FIFTHS[mode]
            letters = _SHARP_ORDER[:count] if count > 0 else _SHARP_ORDER[::-1][:-count]
            state.signature = dict.fromkeys(letters, 1 if count > 0 else -1)
            state.key = Key(0, (theory.LETTERS[match[1]] + shift) % 12, mode)
        for sign, letter in _KEY_ACCIDENTAL.findall(value):
            state.signature[letter.upper()] = _ACCIDENTALS[sign]

    def _tempo(self, value: str) -> float | None:
        match = _TEMPO.search(value)
        if match:
            beat = sum(int(a) / int(b) for a, b in re.findall(r"(\d+)/(\d+)", match[1]) if int(b))
            bpm = beat * 4 * float(match[2])
        elif match := re.search(r"(?:C(\d*)\s*=)?\s*(\d+)\s*$", value):  # the old way: length units a minute
            bpm = int(match[1] or 1) * self.state.unit / WHOLE * 4 * float(match[2])
        else:
            return None
        return bpm if 5 <= bpm <= 1000 else None  # noqa: PLR2004 - the range of Tempo

    def _switch_voice(self, value: str) -> None:
        name = next(iter(value.split()), "1")
        if name not in self.voices:
            self.voices[name] = _Voice(name)
        self.voice = self.voices[name]
        if title := re.search(r'name="([^"]*)"', value):
            self.voice.title = title[1]
        if not self.voice.continues:
            self.voice.line, self.voice.line_bars = [], []
        self.voice.verse = 0

    # --- music -------------------------------------------------------------------------------------------------

    def _music(self, line: str) -> None:
        if not self.voice.continues:
            self.voice.line, self.voice.line_bars = [], []
        self.voice.verse = 0
        self.voice.continues = False
        for match in _TOKEN.finditer(line):
            kind = match.lastgroup
            assert kind is not None
            handler = _HANDLERS.get(kind)
            if handler is not None:
                handler(self, match[0])
        self.voice.continues = line.endswith("\\")  # a line may have switched voices

    def _measure(self) -> Measure:
        voice = self.voices.setdefault(self.voice.name, self.voice)
        if voice.now is None:
            voice.now = Measure(self.state.meter)
        return voice.now

    def on_inline(self, text: str) -> None:
        self._field(text[1], text[3:-1].strip())

    def on_quote(self, text: str) -> None:
        symbol = text.strip('"').strip()
        if symbol and symbol[0] in "ABCDEFGN":
            measure = self._measure()
            measure.chords.append((measure.length, symbol))

    def on_bar(self, text: str) -> None:
        bare = text.rstrip("0123456789,-")
        voice = self.voice
        self._close_measure(voice, bare)
        number = text[len(bare) :]
        if bare.endswith(":") or number:
            fresh = self._measure()
            fresh.opens = fresh.opens or bare.endswith(":")
            fresh.ending = int(number[0]) if number else fresh.ending

    def _close_measure(self, voice: _Voice, bar: str) -> None:
        voice.accidentals = {}
        closes = bar.startswith(":")
        double = "||" in bar or "]" in bar or "[" in bar
        measure = voice.now
        if measure is not None and measure.length:
            measure.closes, measure.double = closes, double
            measure.key = (self.defaults if voice.is_drums else voice.state or self.defaults).key
            measure.tempo_bpm, self.tempo_bpm = self.tempo_bpm, None
            measure.label, self.label = self.label, ""
            voice.measures.append(measure)
            voice.now = None
            if len(voice.measures) * len(self.voices) > MAX_MEASURES:
                raise FileError(f"an ABC tune must have at most {MAX_MEASURES} measures; split it")
        elif voice.measures:  # an empty measure: its bar line belongs to the one before
            voice.measures[-1].closes |= closes
            voice.measures[-1].double |= double

    def on_ending(self, text: str) -> None:
        if self.voice.now is not None and self.voice.now.length:
            self._close_measure(self.voice, "|")
        self._measure().ending = int(text[1])

    def on_tuplet(self, text: str) -> None:
        values = [int(v) if v else 0 for v in text[1:].split(":")]
        count = values[0] or 3
        beats = self.state.meter[0]
        compound = beats % 3 == 0 and beats > 3  # noqa: PLR2004 - 6/8, 9/8, 12/8
        times = (values[1] if len(values) > 1 else 0) or _TUPLET_TIMES.get(count, 3 if compound else 2)
        self.voice.tuplet_left = (values[2] if len(values) > 2 else 0) or count  # noqa: PLR2004 - (p:q:r
        self.voice.tuplet = (times, count)

    def on_note(self, text: str) -> None:
        match = _NOTE.match(text)
        assert match is not None
        self._add((self._pitch(match),), (bool(match[5]),), _ratio(match[4]))

    def on_chord(self, text: str) -> None:
        inner, _, outer = text[1:].rpartition("]")
        found = list(_NOTE.finditer(inner))
        if not found:
            return
        pitched = sorted((self._pitch(m), bool(m[5]) or outer.endswith("-")) for m in found)
        top, bottom = _ratio(found[0][4])
        times, parts = _ratio(outer.rstrip("-"))
        if self.top_only:
            pitched = pitched[-1:]
        self._add(tuple(p for p, _ in pitched), tuple(t for _, t in pitched), (top * times, bottom * parts))

    def on_rest(self, text: str) -> None:
        times, parts = _ratio(text[1:])
        if text[0] in "ZX":  # whole bars of rest
            for _ in range(min(times, 64)):
                measure = self._measure()
                measure.events.append(Event(0, measure.bar))
                measure.length = measure.bar
                self._close_measure(self.voice, "|")
            return
        self._add((), (), (times, parts))

    def on_broken(self, text: str) -> None:
        voice = self.voice
        if voice.now is None or not voice.now.events:
            return
        voice.broken = len(text) if text[0] == ">" else -len(text)
        last = voice.now.events[-1]
        changed = _break(last.length, -voice.broken)
        voice.now.length += changed - last.length
        last.length = changed

    def _pitch(self, match: re.Match[str]) -> int:
        sign, name, octave = match[1], match[2].upper(), _octave(match)
        place = f"{name}{octave}" if self.octave_only else name
        if sign:
            self.voice.accidentals[place] = _ACCIDENTALS[sign]
        shift = self.voice.accidentals.get(place, self.state.signature.get(name, 0))
        pitch = max(0, min(_HIGHEST_ABC_PITCH, written_pitch(name, octave, shift)))
        if not self.voice.is_drums:
            return pitch
        if not self.sounds and self.voice.is_percussion:
            return sound_of(name, octave, _HEADS[sign])
        return self.sounds.get(pitch, pitch)

    def _add(self, pitches: tuple[int, ...], ties: tuple[bool, ...], ratio: tuple[int, int]) -> None:
        voice, measure = self.voice, self._measure()
        length = self.state.unit * ratio[0] // ratio[1]
        if voice.tuplet_left:
            length = length * voice.tuplet[0] // voice.tuplet[1]
            voice.tuplet_left -= 1
        if voice.broken:
            length, voice.broken = _break(length, voice.broken), 0
        event = Event(measure.length, length, pitches, ties)
        measure.events.append(event)
        measure.length += length
        if pitches:
            voice.line.append(event)
            voice.line_bars.append(len(voice.measures))

    # --- words -------------------------------------------------------------------------------------------------

    def _words(self, text: str) -> None:
        voice = self.voice
        voice.verse += 1
        place = 0
        text = re.sub(r"^\s*\d+\s*\.[~\s]*", "", text)
        held: tuple[Event, str] | None = None
        for sign in re.findall(r"[-_*|]|(?:\\-|[^-_*|\s])+", text):
            if sign == "-":
                if held is not None:
                    held[0].syllables[-1] = (voice.verse, held[1], True)
                    held = None
                else:
                    place += 1  # a second hyphen holds one more note
            elif sign in ("_", "*"):
                place += 1
            elif sign == "|":
                place = self._next_bar(place)
            elif place < len(voice.line):
                word = sign.replace("~", " ").replace("\\-", "-").strip()
                word = _CODE.sub(lambda match: chr(int(match[1], 16)), word)
                voice.line[place].syllables.append((voice.verse, word, False))
                held = (voice.line[place], word)
                place += 1

    def _next_bar(self, place: int) -> int:
        bars = self.voice.line_bars
        if place == 0 or place >= len(bars):
            return place
        now = bars[place - 1]
        return next((i for i in range(place, len(bars)) if bars[i] > now), len(bars))

    # --- the song ----------------------------------------------------------------------------------------------

    def tune(self, *, expand: bool) -> AbcTune:
        voices = [
            Voice(v.title or (v.name if i else "Melody"), v.measures, v.program, v.is_drums)
            for i, v in enumerate(self.voices.values())
        ]
        song, bars, irregular = song_of(voices, title=self.fields.get("T", ""), expand=expand)
        return AbcTune(self.fields.get("X", "1"), dict(self.fields), song, bars, irregular)


_HANDLERS = {
    "inline": _Reader.on_inline, "quote": _Reader.on_quote, "bar": _Reader.on_bar, "ending": _Reader.on_ending,
    "tuplet": _Reader.on_tuplet, "note": _Reader.on_note, "chord": _Reader.on_chord, "rest": _Reader.on_rest,
    "broken": _Reader.on_broken,
}  # fmt: skip


def _octave(note: re.Match[str]) -> int:
    return (5 if note[2].islower() else 4) + note[3].count("'") - note[3].count(",")


def _ratio(text: str) -> tuple[int, int]:
    """Numerator and denominator of a length: "" is 1/1, "3/2", "/" is 1/2, "//" is 1/4."""
    if not text:
        return 1, 1
    number, _, rest = text.partition("/")
    if "/" not in text:
        return int(number), 1
    slashes = 1 + rest.count("/")
    digits = rest.strip("/")
    return int(number or 1), max(1, int(digits)) if digits else 2**slashes


def _break(length: int, marks: int) -> int:
    """The length of the second note after ``>`` (marks > 0, shorter) or ``<`` (longer)."""
    short = length >> abs(marks)
    return short if marks > 0 else 2 * length - short
