"""Songs to Humdrum kern.

Conventions:
    One ``**kern`` spine a part, the last part leftmost, as kern stands. A length that no single note value says is
    tied values. kern as readers understand it has no velocities, drums, chord symbols or sections, so these are left
    out; words are too.
"""

from __future__ import annotations

from cocreate.errors import InputError
from cocreate.files.engraving import Slice, Span, change_at, slices_of, spans_of
from cocreate.music import theory
from cocreate.music.song import TICKS_PER_QUARTER, Key, Song

_WHOLE = 4 * TICKS_PER_QUARTER
_MODES = {"dorian": "dor", "mixolydian": "mix", "phrygian": "phr", "lydian": "lyd", "locrian": "loc"}


def _values() -> dict[int, str]:
    """Ticks -> kern's reciprocal: whole to 128th, their triplets, and with one dot where that makes whole ticks."""
    found: dict[int, str] = {2 * _WHOLE: "0"}
    for number in (1, 2, 4, 8, 16, 32, 64, 128, 3, 6, 12, 24, 48, 96):
        if _WHOLE % number == 0:
            found[_WHOLE // number] = str(number)
            if _WHOLE % (2 * number) == 0:
                found.setdefault(_WHOLE * 3 // (2 * number), f"{number}.")
    return found


_VALUES = _values()


def kern_text(song: Song) -> str:
    """The song as kern.

    Raises:
        InputError: if there is no pitched part, or a length is no sum of note values (a performed MIDI file).
    """
    parts = [part for part in song.parts if part.role != "drums"][::-1]
    if not parts:
        raise InputError("kern needs a pitched part, and the song has none; write MIDI instead")
    spans = spans_of(song)
    columns = [slices_of(part, spans) for part in parts]
    lines = [f"!!!OTL: {' '.join(song.title.split())}"] if song.title else []
    width = len(parts)

    def row(text: str) -> None:
        lines.append("\t".join([text] * width))

    row("**kern")
    lines.append("\t".join(f'*I"{" ".join(part.name.split())}' for part in parts))
    for place, span in enumerate(spans):
        if place:
            row(f"={span.bar.index + (not spans[0].is_pickup)}")
        for change in _changes(song, span):
            row(change)
        lines += _bar([column[place] for column in columns], song.key)
    row("==")
    row("*-")
    return "\n".join(lines) + "\n"


def _changes(song: Song, span: Span) -> list[str]:
    found: list[str] = []
    if key := change_at(song.keys, span):
        count = theory.fifths(key)
        letters = "fcgdaeb"[:count] if count > 0 else "beadgcf"[:-count]
        found.append("*k[" + "".join(letter + ("#" if count > 0 else "-") for letter in letters) + "]")
        name = theory.pitch_class_name(key.tonic, key=key).replace("b", "-")
        minor = key.mode in ("minor", "dorian", "phrygian", "locrian")
        found.append(f"*{name.lower() if minor else name}:{_MODES.get(key.mode, '')}")
    if meter := change_at(song.meters, span):
        found.append(f"*M{meter}")
    if tempo := change_at(song.tempos, span):
        found.append(f"*MM{tempo.bpm:.3f}".rstrip("0").rstrip("."))
    return found


def _bar(columns: list[tuple[Slice, ...]], key: Key | None) -> list[str]:
    """The data lines of a bar: one for each time at which some part begins a note value."""
    cells: list[dict[int, str]] = []
    for pieces in columns:
        cell: dict[int, str] = {}
        for piece in pieces:
            cell.update(_tokens(piece, key))
        cells.append(cell)
    times = sorted({time for cell in cells for time in cell})
    return ["\t".join(cell.get(time, ".") for cell in cells) for time in times]


def _tokens(piece: Slice, key: Key | None) -> dict[int, str]:
    """Start of each note value of a slice -> its token."""
    found: dict[int, str] = {}
    start, values = piece.start_ticks, _split(piece.length_ticks)
    for place, ticks in enumerate(values):
        if not piece.pitches:
            found[start] = f"{_VALUES[ticks]}r"
        else:
            notes: list[str] = []
            for pitch in piece.pitches:
                from_before = place > 0 or pitch in piece.held
                goes_on = place + 1 < len(values) or pitch in piece.tied
                note = _VALUES[ticks] + _pitch(pitch, key)
                if from_before:
                    notes.append(note + ("_" if goes_on else "]"))
                else:
                    notes.append(f"[{note}" if goes_on else note)
            found[start] = " ".join(notes)
        start += ticks
    return found


def _split(ticks: int) -> list[int]:
    """The fewest note values, longest first, that add up to ``ticks``."""
    if ticks in _VALUES:
        return [ticks]
    for first in sorted(_VALUES, reverse=True):
        if first < ticks and ticks - first in _VALUES:
            return [first, ticks - first]
    longest = max((value for value in _VALUES if value < ticks), default=0)
    if not longest:
        raise InputError(f"a kern length must be a sum of note values, got {ticks} ticks; quantise the song first")
    return [longest, *_split(ticks - longest)]


def _pitch(pitch: int, key: Key | None) -> str:
    name = theory.pitch_class_name(pitch % 12, key=key or Key(0, 0))
    octave = pitch // 12 - 1
    letter = name[0].lower() * (octave - 3) if octave >= 4 else name[0] * (4 - octave)  # noqa: PLR2004 - c is C4
    return letter + name[1:].replace("b", "-")
