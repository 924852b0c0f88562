"""Roman numerals as the Rock Corpus writes them, read into root, quality and bass over a tonic of 0.

Conventions:
    Degrees are of the major scale ("bVII", "#IV"); capitals are major triads. After the numeral: ``h`` half-diminished,
    ``o`` and ``x`` diminished, ``a`` augmented, ``d`` a minor seventh on a major triad, ``s4`` suspended; a plain 7, 9
    or 65 takes the scale's own seventh. Figures give the bass; ``V7/vi`` is V7 of vi.
"""

from __future__ import annotations

import re

from cocreate.errors import InputError
from cocreate.model.corpus.symbols import Reading
from cocreate.music.theory import QUALITIES

_ROMAN = re.compile(r"^([#b]?)(VII|VI|V|IV|III|II|I|vii|vi|v|iv|iii|ii|i)(.*)$")
_STEPS = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}
_DOMINANT_ROOTS = (2, 4, 7, 9, 11)  # major triads whose seventh in the scale is minor: II, III, V, VI, VII
_BASS_TONES = {"65": 1, "64": 2, "43": 2, "42": 3, "6": 1}  # figure -> which chord tone is the bass
_SEVENTHS = ("65", "43", "42", "7", "9", "11")

# first that matches wins: (pattern after the numeral, quality as a triad, quality with a seventh)
_COLOURS = (
    (r"^h", "dim", "m7b5"),
    (r"^[ox]", "dim", "dim7"),
    (r"^a", "aug", "7#5"),
    (r"s2", "sus2", "9sus4"),
    (r"s4", "sus4", "7sus4"),
)
_MAJOR_COLOURS = (
    (r"#9", "7#9", "7#9"),
    (r"b9", "7b9", "7b9"),
    (r"b5", "7b5", "7b5"),
    (r"11", "11", "11"),
    (r"\+9", "add9", "add9"),
)
_MINOR_COLOURS = ((r"11", "m11", "m11"), (r"9", "m9", "m9"), (r"", "m", "m7"))


def read_roman(symbol: str) -> Reading:
    """A Roman numeral ("bVII6", "V7/vi", "iih65", "Id7", "Vs4") over a tonic of 0.

    Raises:
        InputError: if it is no Roman numeral.
    """
    head, _, target = symbol.partition("/")
    match = _ROMAN.match(head)
    if match is None:
        raise InputError(f"a Roman numeral must look like I, bVII6 or V7/ii, got {symbol!r}")
    degree = (_STEPS[match[2].upper()] + (match[1] == "#") - (match[1] == "b")) % 12
    above = read_roman(target)[0] if target else 0
    root = (degree + (above or 0)) % 12
    figure = next((name for name in _BASS_TONES if match[3].endswith(name)), "")
    quality = _quality(match[3], degree=degree, minor=match[2].islower())
    if not figure:
        return root, quality, None
    tones = QUALITIES[quality]
    return root, quality, (root + tones[min(_BASS_TONES[figure], len(tones) - 1)]) % 12


def _quality(rest: str, *, degree: int, minor: bool) -> str:
    has_seventh = any(figure in rest for figure in _SEVENTHS)
    colours = _COLOURS + (_MINOR_COLOURS if minor else _MAJOR_COLOURS)
    for pattern, triad, seventh in colours:
        if re.search(pattern, rest):
            return seventh if has_seventh else triad
    if not has_seventh:
        return "maj"
    dominant = rest.startswith("d") or degree in _DOMINANT_ROOTS
    return ("9" if "9" in rest else "7") if dominant else ("maj9" if "9" in rest else "maj7")
