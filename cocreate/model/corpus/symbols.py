"""Chord symbols as data sets spell them, read into root, quality and bass.

Conventions:
    A reading is (root, quality, bass) as ``theory.parse_chord`` gives it: pitch classes 0..11, root None for no chord,
    bass None when it is the root. Musicians' spellings live in ``music/theory.py``; here are the data sets' own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from logging import Logger

from cocreate.errors import InputError
from cocreate.music.song import Chord, Note
from cocreate.music.theory import QUALITIES, parse_chord, parse_pitch_class

Reading = tuple[int | None, str, int | None]
NO_CHORD: Reading = (None, "", None)

_ROOT = re.compile(r"^[A-G](?:##|bb|[#b])?")
_MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
_MINOR_THIRD, _MAJOR_THIRD = 3, 4

# Harte et al., Symbolic representation of musical chords, ISMIR 2005, table 1
_HARTE = {
    "": "maj", "maj": "maj", "min": "m", "dim": "dim", "aug": "aug", "maj7": "maj7", "min7": "m7", "7": "7",
    "dim7": "dim7", "hdim7": "m7b5", "minmaj7": "mMaj7", "maj6": "6", "min6": "m6", "9": "9", "maj9": "maj9",
    "min9": "m9", "sus2": "sus2", "sus4": "sus4", "11": "11", "maj11": "maj9", "min11": "m11", "13": "13",
    "maj13": "maj13", "min13": "m13", "5": "5", "1": "5",
}  # fmt: skip

# Weimar Jazz Database: j is a major seventh, alterations follow their number ("79b" is 7b9)
_WEIMAR = {
    "j7": "maj7", "j79": "maj9", "j7911#": "maj7#11", "j79#11#": "maj7#11", "j7913": "maj13", "79": "9", "79b": "7b9",
    "79#": "7#9", "7911": "11", "7911#": "7#11", "7913": "13", "7913b": "7b13", "79b13": "7b9", "79b13b": "7alt",
    "79#13": "7#9", "79#13b": "7alt", "+79": "7#5", "+79#": "7alt", "+79b": "7alt", "+7911#": "7alt", "+j7": "maj7#5",
    "sus": "sus4", "sus7": "7sus4", "sus79": "9sus4", "sus7913": "13sus4", "6911#": "69", "-69": "m6", "-79": "m9",
    "-79b": "m7", "-7911": "m11", "-7913": "m13", "-j7": "mMaj7", "-j7913": "mMaj7", "-j7911#": "mMaj7",
}  # fmt: skip


# Impro-Visor's vocabulary, as far as it is not in theory.py
_LEADSHEET = {
    "m+": "m", "m#5": "m", "mb6": "m", "mb5": "dim", "M7b5": "maj7#11", "13b9": "7b9", "13b9#11": "7b9",
    "13#11": "7#11", "13#9": "7#9", "13b5": "7b5", "9#5": "7#5", "9+": "7#5", "9b5": "7b5", "7b5b9": "7alt",
    "7b5#9": "7alt",
    "7b9#11": "7b9", "7#9#11": "7#9", "7#5b9#11": "7alt", "7b9sus4": "7sus4", "7sus4b9": "7sus4", "7susb9": "7sus4",
    "m69": "m6", "m7b9": "m7", "m9b5": "m7b5", "m7#5": "m7", "m7add11": "m11", "m7add4": "m11", "mM9": "mMaj7",
    "M9#5": "maj7#5", "M69": "69", "M13#11": "maj7#11", "M7add13": "maj13", "M#5add9": "aug", "oM7": "dim7", "67": "13",
    "sus24": "sus4", "Bass": "5", "phryg": "7sus4", "+add9": "aug", "addb9": "maj", "add9no3": "sus2", "6#11": "6",
    "Blues": "7",
}  # fmt: skip


def read_harte(symbol: str) -> Reading:
    """A chord in Harte's notation ("F#:min7/b3", "C:sus4(b7)", "N"); the bass is a degree above the root.

    Degrees in brackets are added (or, with ``*``, left out), and the nearest quality we have a name for is taken.

    Raises:
        InputError: if root, shorthand or degree cannot be read.
    """
    text = symbol.strip()
    if text in ("N", "X", "*", "&pause", "noise", "silence"):
        return NO_CHORD
    match = _ROOT.match(text)
    if match is None:
        raise InputError(f"a Harte chord must begin with A..G or N, got {symbol!r}")
    root = parse_pitch_class(match[0])
    body, _, degree = text[match.end() :].lstrip(":").partition("/")
    shorthand, _, extra = body.partition("(")
    if shorthand not in _HARTE:
        raise InputError(f"a Harte chord must have a shorthand we know, got {symbol!r}")
    quality = _HARTE[shorthand]
    if extra:
        tones = set(QUALITIES[quality]) if shorthand else {0}  # without a shorthand the brackets list every tone
        for item in extra.rstrip(")").split(","):
            step = _degree(item.strip().lstrip("*"))
            tones = tones - {step} if item.strip().startswith("*") else tones | {step}
        quality = nearest_quality(tones)
    bass = (root + _degree(degree)) % 12 if degree else None
    return root, quality, None if bass == root else bass


def read_weimar(symbol: str) -> Reading:
    """A chord of the Weimar Jazz Database ("Bbj7", "C-7", "D79b", "F-7/Bb", "NC").

    Raises:
        InputError: if it cannot be read.
    """
    match = _ROOT.match(symbol)
    if match is None:
        return parse_chord(symbol)
    body, _, bass = symbol[match.end() :].partition("/")
    return parse_chord(match[0] + _WEIMAR.get(body, body) + (f"/{bass}" if bass else ""))


def read_leadsheet(symbol: str) -> Reading:
    """A chord of an Impro-Visor lead sheet ("Cm69", "F13b9/A", "Bbm7/Eb", "NC").

    Raises:
        InputError: if it cannot be read.
    """
    match = _ROOT.match(symbol)
    if match is None:
        return parse_chord(symbol)
    body, _, bass = symbol[match.end() :].partition("/")
    bass_root = _ROOT.match(bass)  # "Cm7/Bb7" is a chord over a chord: we keep the lower one's root
    return parse_chord(match[0] + _LEADSHEET.get(body, body) + (f"/{bass_root[0]}" if bass_root else ""))


def nearest_quality(tones: Iterable[int]) -> str:
    """The quality whose tones (semitones above the root) differ least from ``tones``; the simpler one if tied."""
    wanted = {tone % 12 for tone in tones}
    return min(QUALITIES, key=lambda name: len(wanted ^ set(QUALITIES[name])))


class SymbolReader:
    """Reads many symbols, falls back to the nearest triad, and counts how often it had to."""

    def __init__(self, read: Callable[[str], Reading]) -> None:
        self._read = read
        self._known: dict[str, Reading] = {}
        self.total = 0
        self.fallen: Counter[str] = Counter()

    def __call__(self, symbol: str) -> Reading:
        """The reading of ``symbol``; a triad on its root when its quality is unknown, no chord without a root."""
        self.total += 1
        if symbol in self._known:
            return self._known[symbol]
        if symbol in self.fallen:
            self.fallen[symbol] += 1
            return _triad(symbol)
        try:
            self._known[symbol] = self._read(symbol)
        except InputError:
            self.fallen[symbol] += 1
            return _triad(symbol)
        return self._known[symbol]

    def report(self, logger: Logger, dataset: str) -> None:
        """Log how many symbols fell back to a triad; silent when none did."""
        count = self.fallen.total()
        if count:
            names = " ".join(f"{name}({times})" for name, times in self.fallen.most_common(8))
            logger.info("%s: %d of %d chord symbols read as plain triads: %s", dataset, count, self.total, names)


def hold_chords(changes: Iterable[tuple[int, Reading]], *, end_ticks: int) -> tuple[Chord, ...]:
    """Chords that each hold until the next change (the last to ``end_ticks``); equal neighbours become one."""
    merged: list[tuple[int, Reading]] = []
    for start, reading in changes:
        if merged and merged[-1][0] == start:
            merged.pop()
        if not merged or merged[-1][1] != reading:
            merged.append((start, reading))
    if not merged:
        return ()
    ends = [start for start, _ in merged[1:]] + [end_ticks]
    return tuple(
        Chord(start, end - start, *reading)
        for (start, reading), end in zip(merged, ends, strict=True)
        if end > start >= 0
    )


def _degree(text: str) -> int:
    """Semitones of a scale degree with flats or sharps before it ("b7" is 10, "9" is 2)."""
    match = re.match(r"^([#b]*)(\d{1,2})$", text)
    if match is None or int(match[2]) < 1:
        raise InputError(f"a chord degree must look like 3, b7 or #11, got {text!r}")
    return (_MAJOR_SCALE[(int(match[2]) - 1) % 7] + match[1].count("#") - match[1].count("b")) % 12


def _triad(symbol: str) -> Reading:
    match = _ROOT.match(symbol)
    if match is None:
        return NO_CHORD
    rest = symbol[match.end() :].lstrip(":")
    minor = rest.startswith(("-", "min", "mi", "m")) and not rest.startswith("maj")
    return parse_pitch_class(match[0]), "m" if minor else "maj", None


def tonic_mode(tonic: int, *, chords: Iterable[Chord] = (), notes: Iterable[Note] = ()) -> str:
    """Mode of the tonic's chords by how long they last (without any: of the notes a third above it), major if tied."""
    minor = major = 0
    for chord in chords:
        if chord.root == tonic:
            tones = QUALITIES[chord.quality]
            minor += chord.length_ticks * (_MINOR_THIRD in tones and _MAJOR_THIRD not in tones)
            major += chord.length_ticks * (_MAJOR_THIRD in tones)
    if minor == major == 0:
        for note in notes:
            minor += note.length_ticks * ((note.pitch - tonic) % 12 == _MINOR_THIRD)
            major += note.length_ticks * ((note.pitch - tonic) % 12 == _MAJOR_THIRD)
    return "minor" if minor > major else "major"
