"""Keys, scales, pitch names, chord symbols and metres, as musicians write them.

Conventions:
    Pitch classes are 0..11 with C = 0; pitches are MIDI numbers with C4 = 60. A scale is a tuple of semitones above
    its tonic. Spelling follows the key signature: flat keys give flats, all others sharps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from cocreate.errors import InputError
from cocreate.music.song import MODES, Chord, Key, Meter, Song

SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLAT_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    # natural minor with the raised sixth and seventh that melodic and harmonic minor use
    "minor": (0, 2, 3, 5, 7, 8, 9, 10, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
}
# fifths of the major key that has the same signature as a tonic of C in this mode
MODE_FIFTHS = {"major": 0, "minor": -3, "dorian": -2, "mixolydian": -1, "phrygian": -4, "lydian": 1, "locrian": -5}

# name -> semitones above the root; the name is also how the symbol is written after its root
QUALITIES: dict[str, tuple[int, ...]] = {
    "maj": (0, 4, 7),
    "m": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "5": (0, 7),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "69": (0, 2, 4, 7, 9),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "mMaj7": (0, 3, 7, 11),
    "m7b5": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9),
    "7sus4": (0, 5, 7, 10),
    "7#5": (0, 4, 8, 10),
    "7b5": (0, 4, 6, 10),
    "maj7#5": (0, 4, 8, 11),
    "add9": (0, 2, 4, 7),
    "madd9": (0, 2, 3, 7),
    "9": (0, 2, 4, 7, 10),
    "maj9": (0, 2, 4, 7, 11),
    "m9": (0, 2, 3, 7, 10),
    "9sus4": (0, 2, 5, 7, 10),
    "7b9": (0, 1, 4, 7, 10),
    "7#9": (0, 3, 4, 7, 10),
    "7#11": (0, 4, 6, 7, 10),
    "maj7#11": (0, 4, 6, 7, 11),
    "7alt": (0, 1, 3, 4, 8, 10),
    "11": (0, 2, 5, 7, 10),
    "m11": (0, 2, 3, 5, 7, 10),
    "13": (0, 2, 4, 7, 9, 10),
    "maj13": (0, 2, 4, 7, 9, 11),
    "m13": (0, 2, 3, 7, 9, 10),
    "7b13": (0, 4, 7, 8, 10),
    "13sus4": (0, 2, 5, 7, 9, 10),
}

_SPELLINGS = {  # what people write -> our name
    "": "maj", "M": "maj", "major": "maj", "Δ": "maj7", "min": "m", "-": "m", "mi": "m", "minor": "m",
    "o": "dim", "°": "dim", "+": "aug", "#5": "aug", "sus": "sus4", "2": "sus2", "4": "sus4",
    "min6": "m6", "-6": "m6", "mi6": "m6", "maj6": "6", "M6": "6", "6/9": "69", "69": "69", "6add9": "69",
    "dom7": "7", "M7": "maj7", "ma7": "maj7", "Δ7": "maj7", "j7": "maj7", "^7": "maj7", "^": "maj7", "Maj7": "maj7",
    "min7": "m7", "-7": "m7", "mi7": "m7", "minmaj7": "mMaj7", "mM7": "mMaj7", "-Δ": "mMaj7", "-Δ7": "mMaj7",
    "-maj7": "mMaj7", "mmaj7": "mMaj7", "m(maj7)": "mMaj7", "m^7": "mMaj7", "-^7": "mMaj7", "mj7": "mMaj7",
    "-j7": "mMaj7", "-M7": "mMaj7", "mΔ": "mMaj7", "mΔ7": "mMaj7",
    "ø": "m7b5", "ø7": "m7b5", "-7b5": "m7b5", "min7b5": "m7b5", "m7-5": "m7b5", "hdim7": "m7b5", "hdim": "m7b5",
    "h7": "m7b5", "h": "m7b5", "m7(b5)": "m7b5", "o7": "dim7", "°7": "dim7",
    "7sus": "7sus4", "sus7": "7sus4", "sus4(b7)": "7sus4",
    "+7": "7#5", "aug7": "7#5", "7+": "7#5", "7(#5)": "7#5", "7aug": "7#5", "7(b5)": "7b5", "7-5": "7b5",
    "+maj7": "maj7#5", "+M7": "maj7#5", "augmaj7": "maj7#5", "+j7": "maj7#5", "M7#5": "maj7#5",
    "(add9)": "add9", "2add": "add9", "add2": "add9", "maj(9)": "add9", "m(add9)": "madd9", "min(9)": "madd9",
    "M9": "maj9", "ma9": "maj9", "Δ9": "maj9", "j9": "maj9", "^9": "maj9", "min9": "m9", "-9": "m9", "mi9": "m9",
    "9sus": "9sus4", "sus9": "9sus4", "7(b9)": "7b9", "7-9": "7b9", "79b": "7b9", "7(#9)": "7#9",
    "7+9": "7#9", "79#": "7#9",
    "7(#11)": "7#11", "9#11": "7#11", "7#4": "7#11", "maj7(#11)": "maj7#11", "M7#11": "maj7#11", "maj9#11": "maj7#11",
    "Δ#11": "maj7#11", "Δ7#11": "maj7#11", "j7#11": "maj7#11", "j7911#": "maj7#11", "alt": "7alt",
    "7b9#9": "7alt", "7#5#9": "7alt",
    "7#9#5": "7alt", "7b9b13": "7alt", "7#9b13": "7alt", "7#5b9": "7alt", "7b9#5": "7alt", "min11": "m11", "-11": "m11",
    "7add13": "13", "7(13)": "13", "713": "13", "M13": "maj13", "min13": "m13", "-13": "m13", "7(b13)": "7b13",
    "13sus": "13sus4", "1": "5", "maj(6)": "6", "maj6(9)": "69", "7b9sus": "7sus4",
}  # fmt: skip

_ROOT = re.compile(r"^([A-Ga-g])([#b♯♭]{0,2})")
_PITCH = re.compile(r"^([A-Ga-g])([#b♯♭]{0,2})(-?\d)$")
_NO_CHORD = {"N.C.", "NC", "N", "N.C", "n.c.", "nc", "X"}
_MODE_WORDS = {
    "": "major", "major": "major", "maj": "major", "M": "major", "ionian": "major", "dur": "major", "大调": "major",
    "minor": "minor", "min": "minor", "m": "minor", "aeolian": "minor", "moll": "minor", "小调": "minor",
    "dorian": "dorian", "dor": "dorian", "mixolydian": "mixolydian", "mix": "mixolydian", "phrygian": "phrygian",
    "phr": "phrygian", "lydian": "lydian", "lyd": "lydian", "locrian": "locrian", "loc": "locrian",
}  # fmt: skip


def parse_pitch_class(text: str) -> int:
    """Pitch class of a note name ("C", "F#", "Bb", "B♭").

    Raises:
        InputError: for anything else (``H`` included: write B).
    """
    match = _ROOT.match(text.strip())
    if match is None or match.end() != len(text.strip()):
        raise InputError(f"a note name must be A..G with # or b, got {text!r}")
    return (LETTERS[match[1].upper()] + _accidental(match[2])) % 12


def parse_pitch(text: str) -> int:
    """MIDI number of a pitch name ("D4" is 62, C4 is 60).

    Raises:
        InputError: if it is no pitch name or lies outside 0..127.
    """
    match = _PITCH.match(text.strip())
    if match is None:
        raise InputError(f"a pitch must look like D4 or Bb3, got {text!r}")
    pitch = LETTERS[match[1].upper()] + _accidental(match[2]) + 12 * (int(match[3]) + 1)
    if not 0 <= pitch <= 127:
        raise InputError(f"a pitch must lie between C-1 and G9, got {text!r}")
    return pitch


def parse_range(text: str) -> tuple[int, int]:
    """Lowest and highest MIDI number of a range such as "D4-A5".

    Raises:
        InputError: if a pitch is unreadable or the range is narrower than a fifth (7 semitones).
    """
    match = re.match(r"^\s*(\S+?)\s*(?:-|–|\.\.|to)\s*([A-Ga-g]\S*)\s*$", text)
    if match is None:
        raise InputError(f"a range must look like D4-A5, got {text!r}")
    low, high = parse_pitch(match[1]), parse_pitch(match[2])
    if high - low < 7:  # a fifth, the narrowest range that still holds a tune in every key
        raise InputError(f"a range must span at least a fifth (7 semitones), got {text!r}")
    return low, high


def as_range(asked: str | tuple[int, int] | None) -> tuple[int, int] | None:
    """A range as a person or a program gives it; None for none.

    Raises:
        InputError: as ``parse_range``.
    """
    return parse_range(asked) if isinstance(asked, str) else asked


def pitch_name(pitch: int, *, key: Key | None = None) -> str:
    """Name with octave ("Bb3"), spelled for ``key``."""
    return f"{pitch_class_name(pitch % 12, key=key)}{pitch // 12 - 1}"


def pitch_class_name(pc: int, *, key: Key | None = None) -> str:
    """Name of a pitch class, spelled for ``key`` (sharps only in sharp keys; without a key, flats for Eb, Ab, Bb)."""
    if key is None:
        return (FLAT_NAMES if pc in (3, 8, 10) else SHARP_NAMES)[pc % 12]
    return (FLAT_NAMES if fifths(key) < 0 else SHARP_NAMES)[pc % 12]


def fifths(key: Key) -> int:
    """Sharps (positive) or flats (negative) of the key signature, -6..6 (F# major is 6)."""
    value = (key.tonic * 7) % 12 + MODE_FIFTHS[key.mode]
    return (value + 5) % 12 - 5


def parse_key(text: str) -> Key:
    """A key from "D minor", "Bb", "F#m", "A dorian", "D小调".

    Raises:
        InputError: if the tonic or the mode is unknown.
    """
    cleaned = text.strip()
    match = _ROOT.match(cleaned)
    if match is None:
        raise InputError(f"a key must begin with A..G (then # or b, then a mode such as minor), got {text!r}")
    word = cleaned[match.end() :].strip(" -_:")
    mode = _MODE_WORDS.get(word, _MODE_WORDS.get(word.lower()))
    if mode is None:
        raise InputError(f"a key's mode must be one of {', '.join(MODES)}, got {text!r}")
    return Key(0, (LETTERS[match[1].upper()] + _accidental(match[2])) % 12, mode)


def key_name(key: Key) -> str:
    """The key in words, spelled by its signature: "D minor"."""
    return f"{pitch_class_name(key.tonic, key=key)} {key.mode}"


def short_key_name(key: Key) -> str:
    """For file names: "Bb", "Dm", "Adorian"."""
    suffix = {"major": "", "minor": "m"}.get(key.mode, key.mode)
    return f"{pitch_class_name(key.tonic, key=key)}{suffix}"


def scale_pitch_classes(key: Key) -> frozenset[int]:
    """Pitch classes of the key; minor has both sixths and both sevenths."""
    return frozenset((key.tonic + step) % 12 for step in SCALES[key.mode])


def parse_meter(text: str) -> Meter:
    """A metre from "6/8", "C" (4/4) or "C|" (2/2).

    Raises:
        InputError: if it is no metre or has an impossible number (5/0).
    """
    cleaned = {"C": "4/4", "C|": "2/2"}.get(text.strip(), text.strip())
    match = re.match(r"^(\d{1,3})\s*/\s*(\d{1,3})$", cleaned)
    if match is None:
        raise InputError(f"a metre must look like 4/4 or 6/8, got {text!r}")
    return Meter(0, int(match[1]), int(match[2]))


def parse_chord(symbol: str, *, exact: bool = False) -> tuple[int | None, str, int | None]:
    """Root, quality and bass of a chord symbol ("Bbmaj7", "C-7", "F#ø", "C7alt", "D/F#", "N.C.").

    Extensions that we have no name for fall back to the longest quality the symbol begins with ("C7b9#11" is 7b9).

    Args:
        exact: refuse them instead.

    Raises:
        InputError: if the root, the bass or the quality cannot be read.
    """
    text = symbol.strip().replace("♯", "#").replace("♭", "b")
    if text in _NO_CHORD:
        return None, "", None
    match = _ROOT.match(text)
    if match is None or text[0] not in "ABCDEFG":
        raise InputError(f"a chord must begin with A..G, got {symbol!r}")
    root = (LETTERS[match[1]] + _accidental(match[2])) % 12
    rest, bass = text[match.end() :], None
    head, slash, tail = rest.rpartition("/")
    if slash and _ROOT.match(tail):
        rest, bass = head, parse_pitch_class(tail)
    quality = _quality(rest.strip().lstrip(":"), exact=exact)
    if quality is None:
        raise InputError(f"a chord's quality must be one we know (m7, maj7, 7b9, sus4 ...), got {symbol!r}")
    return root, quality, None if bass == root else bass


def chord_symbol(chord: Chord, *, key: Key | None = None) -> str:
    """How the chord is written: "Dm7", "D/F#", "N.C."; a major triad is its root alone."""
    if chord.root is None:
        return "N.C."
    name = pitch_class_name(chord.root, key=key) + ("" if chord.quality == "maj" else chord.quality)
    return name if chord.bass is None else f"{name}/{pitch_class_name(chord.bass, key=key)}"


def chord_pitch_classes(chord: Chord) -> frozenset[int]:
    """Pitch classes of the chord with its bass; empty for N.C."""
    if chord.root is None:
        return frozenset()
    tones = {(chord.root + step) % 12 for step in QUALITIES[chord.quality]}
    return frozenset(tones | ({chord.bass} if chord.bass is not None else set()))


def parse_progression(text: str, *, meter: Meter, bars: int | None = None) -> tuple[Chord, ...]:
    """Chords of "Dm7 | G7 Db7 | Cmaj7 | %": one cell a bar, a bar's chords share its beats evenly.

    ``%`` and an empty cell repeat the bar before. With ``bars`` the progression is repeated or cut to that length.

    Raises:
        InputError: if there is no chord, or a bar has more chords than the metre has beats.
    """
    cells = [cell.strip() for cell in text.strip().strip("|").split("|")]
    filled: list[list[str]] = []
    for cell in cells:
        names = cell.split()
        if not names or names == ["%"]:
            if not filled:
                raise InputError(f"a progression must begin with a chord, got {text!r}")
            filled.append(filled[-1])
            continue
        if len(names) > meter.numerator:
            raise InputError(f"a bar of {meter} holds at most {meter.numerator} chords, got {cell!r}")
        filled.append(names)
    total = len(filled) if bars is None else bars
    chords: list[Chord] = []
    for index in range(total):
        names = filled[index % len(filled)]
        start = index * meter.bar_ticks
        for place, name in enumerate(names):
            begin = start + _beat_split(meter, len(names), place)
            end = start + _beat_split(meter, len(names), place + 1)
            root, quality, bass = parse_chord(name)
            chords.append(Chord(begin, end - begin, root, quality, bass))
    return tuple(chords)


def name_chord(pitches: Iterable[int]) -> tuple[int, str] | None:
    """Root and quality of sounding ``pitches`` by best template; None below two pitch classes.

    The score is tones explained minus tones missing and tones left over; the lowest pitch is favoured as root.
    """
    sounding = sorted(pitches)
    classes = {p % 12 for p in sounding}
    if len(classes) < 2:  # one pitch class names no chord
        return None
    best: tuple[float, int, str] | None = None
    for quality in ("maj", "m", "7", "m7", "maj7", "dim", "m7b5", "dim7", "sus4", "aug"):
        for root in classes:
            tones = {(root + step) % 12 for step in QUALITIES[quality]}
            score = len(classes & tones) - 0.7 * len(tones - classes) - 1.0 * len(classes - tones)
            score += 0.4 * (root == sounding[0] % 12) - 0.05 * len(tones)
            if best is None or score > best[0]:
                best = (score, root, quality)
    return None if best is None else (best[1], best[2])


# Krumhansl, Cognitive Foundations of Musical Pitch, 1990, p. 30; correlation method p. 77
_PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}


def estimate_key(song: Song) -> Key:
    """The major or minor key whose profile fits the notes best, weighed by length; C major when there are none.

    The last melody note adds a little weight to its pitch class, since tunes end on their tonic.

    Source:
        Krumhansl, Cognitive Foundations of Musical Pitch, 1990, pp. 77-81. We differ: the final note counts extra.
    """
    weights = np.zeros(12)
    for part in song.parts:
        if part.role == "drums" or not part.notes:
            continue
        for note in part.notes:
            weights[note.pitch % 12] += note.length_ticks
        weights[part.notes[-1].pitch % 12] += 0.1 * sum(n.length_ticks for n in part.notes) / 2
    if weights.sum() == 0:
        return Key(0, 0, "major")
    fits = {
        (tonic, mode): float(np.corrcoef(weights, np.roll(profile, tonic))[0, 1])
        for mode, profile in _PROFILES.items()
        for tonic in range(12)
    }
    tonic, mode = max(fits, key=lambda name: (np.nan_to_num(fits[name]), -name[0]))
    return Key(0, tonic, mode)


_NATURAL_MINOR = (0, 2, 3, 5, 7, 8, 10)
_CADENCE, _FRAME, _HOME = 0.12, 0.08, 0.6  # weights beside a fit in 0..1: see `key_of_chords`


def key_of_chords(chords: Sequence[Chord]) -> Key:
    """The major or minor key a progression is in; C major when no chord sounds.

    A key's fit is the share of the chord tones' time inside its natural scale, plus a little for the time spent on its
    tonic chord (a seventh on it is the blues), for each dominant seventh that falls to its tonic (from the last chord
    to the first as well, since progressions go round) and for beginning or ending on the tonic chord.
    """
    sounding = [chord for chord in chords if chord.root is not None]
    if not sounding:
        return Key(0, 0, "major")

    def is_tonic(chord: Chord, tonic: int, mode: str) -> bool:
        third = (tonic + (4 if mode == "major" else 3)) % 12
        return chord.root == tonic and third in chord_pitch_classes(chord)

    def is_dominant(chord: Chord, tonic: int) -> bool:
        tones = chord_pitch_classes(chord)
        return chord.root == (tonic + 7) % 12 and {(tonic + 11) % 12, (tonic + 5) % 12} <= tones

    def fit(tonic: int, mode: str) -> float:
        scale = {(tonic + step) % 12 for step in (SCALES["major"] if mode == "major" else _NATURAL_MINOR)}
        inside = at_home = total = 0.0
        for chord in sounding:
            tones = chord_pitch_classes(chord)
            inside += chord.length_ticks * len(tones & scale) / len(tones)
            at_home += chord.length_ticks * is_tonic(chord, tonic, mode)
            total += chord.length_ticks
        falls = sum(
            is_dominant(a, tonic) and is_tonic(b, tonic, mode) and not is_dominant(b, tonic + 5)
            for a, b in zip(sounding, [*sounding[1:], sounding[0]], strict=True)
        )
        frame = is_tonic(sounding[0], tonic, mode) + is_tonic(sounding[-1], tonic, mode)
        return inside / total + _HOME * at_home / total + _CADENCE * min(2, falls) + _FRAME * frame

    _, tonic, mode = max((fit(t, m), -t, m) for t in range(12) for m in ("major", "minor"))
    return Key(0, -tonic, mode)


def with_key(song: Song) -> Song:
    """The song with a key at tick 0: its own, else the estimated one."""
    return song if song.keys else replace(song, keys=(estimate_key(song),))


def metric_weight(offset_ticks: int, meter: Meter) -> int:
    """How strong a place in the bar is: 3 the downbeat, 2 the mid-bar beat, 1 any other beat, 0 off the beat."""
    if offset_ticks == 0:
        return 3
    beat = meter.beat_ticks
    if offset_ticks % beat:
        return 0
    beats = meter.bar_ticks // beat
    return 2 if beats % 2 == 0 and offset_ticks == meter.bar_ticks // 2 else 1


def _beat_split(meter: Meter, count: int, place: int) -> int:
    """Tick of chord ``place`` of ``count`` in a bar, on a beat of the metre."""
    unit = meter.bar_ticks // meter.numerator
    return (place * meter.numerator // count) * unit


def _accidental(signs: str) -> int:
    return sum(1 if sign in "#♯" else -1 for sign in signs)


def _quality(text: str, *, exact: bool) -> str | None:
    bare = text.replace(" ", "")
    for name in (bare, bare.replace("(", "").replace(")", "").replace(",", "")):
        if name in QUALITIES:
            return name
        if name in _SPELLINGS:
            return _SPELLINGS[name]
    if exact:
        return None
    known: Sequence[str] = sorted((*QUALITIES, *_SPELLINGS), key=len, reverse=True)
    for name in known:  # an unknown extension: keep what we can read, if only alterations are left over
        left = bare[len(name) :]
        if name and bare.startswith(name) and re.fullmatch(r"(?:[()#b+,\-]|add|sus|no|omit|alt|\d)+", left):
            return name if name in QUALITIES else _SPELLINGS[name]
    return None
