"""What of a song survives a file format: real files read, written and read again.

Conventions:
    A file that our readers take is a song; each format writes it and reads it back, and aspect by aspect the two songs
    are compared. Notes are counted one by one (part, onset and pitch; in a row of their own, with the length too), in
    parts that the format can hold; all else counts by file, of the files that have it. Files are spread evenly over the
    data folder; the same folder and count give the same files.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cocreate.errors import CocreateError, FileError, InputError
from cocreate.files import SUFFIXES, read_song
from cocreate.files.export import export
from cocreate.music.song import Song

FORMATS = (".mid", ".musicxml", ".abc", ".krn")
_NOTES, _LENGTHS = "notes", "note lengths"
_WORST = 20  # kept as examples
Watch = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Survival:
    """Of one aspect in one format: how many of ``had`` came back as they were."""

    kept: int
    had: int

    @property
    def share(self) -> float:
        """0..1; 1 when nothing had it."""
        return self.kept / self.had if self.had else 1.0


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Per format and aspect what survived, what was refused and why, and files that lost notes."""

    files: Mapping[str, int]
    unread: Mapping[str, int]
    table: Mapping[str, Mapping[str, Survival]]
    refused: Mapping[str, Mapping[str, int]]
    losses: Sequence[str]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def round_trip(
    data: Path, *, count: int = 2000, formats: Sequence[str] = FORMATS, watch: Watch = lambda _line: None
) -> RoundTrip:
    """Read ``count`` files of ``data`` and send each through all ``formats``.

    Raises:
        FileError: if there are no song files below ``data``.
        InputError: if a format is unknown or ``count`` is below 1.
    """
    if count < 1 or not set(formats) <= set(FORMATS):
        raise InputError(f"count must be 1 or more and formats of {', '.join(FORMATS)}, got {count}, {list(formats)}")
    began = time.monotonic()
    paths = list(chosen_files(data, count))
    if not paths:
        raise FileError(f"no song file ({', '.join(SUFFIXES)}) lies below {data}; check --data")
    counts = _Counts({n: Counter() for n in formats}, {n: Counter() for n in formats}, {n: Counter() for n in formats})
    read: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for place, path in enumerate(paths):
            if place % 100 == 0:
                watch(f"{place} of {len(paths)} files, {time.monotonic() - began:.0f} s")
            try:
                song = read_song(path)
            except CocreateError as error:
                unread[_reason(error, path)] += 1
                continue
            read[path.suffix.lower()] += 1
            for name in formats:
                counts.add(song, name, Path(folder) / f"song{name}", path.relative_to(data))
    table = {n: {a: Survival(counts.kept[n][a], counts.had[n][a]) for a in counts.had[n]} for n in formats}
    refused = {name: dict(reasons) for name, reasons in counts.refused.items()}  # asdict spoils a Counter
    return RoundTrip(dict(read), dict(unread), table, refused, counts.losses, time.monotonic() - began)


@dataclass(slots=True)
class _Counts:
    """Format -> aspect (or reason) -> how often; and examples of lost notes."""

    kept: dict[str, Counter[str]]
    had: dict[str, Counter[str]]
    refused: dict[str, Counter[str]]
    losses: list[str] = field(default_factory=list)

    def add(self, song: Song, name: str, place: Path, origin: Path) -> None:
        """Send ``song`` through the format ``name`` by way of the file ``place``."""
        try:
            again = _again(song, place)
        except CocreateError as error:
            self.refused[name][_reason(error, place)] += 1
            return
        for aspect, (came_back, were) in _compared(song, again, name).items():
            self.kept[name][aspect] += came_back
            self.had[name][aspect] += were
            if aspect == _NOTES and came_back < were and len(self.losses) < _WORST:
                self.losses.append(f"{name}: {origin}: {came_back} of {were} notes")


def chosen_files(data: Path, count: int) -> Iterator[Path]:
    """``count`` song files below ``data``, or all, spread evenly over each ending."""
    by_ending: dict[str, list[Path]] = {}
    for path in sorted(data.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            by_ending.setdefault(path.suffix.lower(), []).append(path)
    total = sum(map(len, by_ending.values()))
    for paths in by_ending.values():
        wanted = min(len(paths), max(1, round(count * len(paths) / total)))
        for place in range(wanted):
            yield paths[place * len(paths) // wanted]


def format_round_trip(found: RoundTrip) -> str:
    """The table as Markdown."""
    names = list(found.table)
    aspects = list(dict.fromkeys(a for row in found.table.values() for a in row))
    files = ", ".join(f"{n} {ending}" for ending, n in found.files.items())
    lines = [f"{sum(found.files.values())} real files ({files}) in {found.seconds:.0f} s"]
    lines += [f"not read: {sum(found.unread.values())}", ""]
    lines += ["| what survives | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for aspect in aspects:
        cells = [_cell(found.table[name].get(aspect)) for name in names]
        lines.append(f"| {aspect} | " + " | ".join(cells) + " |")
    lines.append("| files refused | " + " | ".join(str(sum(found.refused[n].values())) for n in names) + " |")
    for name in names:
        lines += [f"{name} refuses: {reason} ({times})" for reason, times in found.refused[name].items()]
    lines += [f"not read: {reason} ({times})" for reason, times in found.unread.items()]
    return "\n".join([*lines, *found.losses])


def _cell(found: Survival | None) -> str:
    if found is None or not found.had:
        return "-"
    share = f"{100 * found.share:.2f}".rstrip("0").rstrip(".")
    return f"{share} % of {found.had:,}"


def _again(song: Song, path: Path) -> Song:
    export(song, path, force=True)
    return read_song(path)


def _reason(error: CocreateError, path: Path) -> str:
    """The message without what is of one file only."""
    text = str(error).replace(str(path), "FILE").replace(path.name, "FILE")
    return "".join("#" if letter.isdigit() else letter for letter in text)[:100]


def _compared(song: Song, again: Song, name: str) -> dict[str, tuple[int, int]]:
    """Aspect -> what came back, and what there was."""
    before, after = (_sounding(one, no_drums=name == ".krn") for one in (song, again))
    onsets, back = _counts(before, lengths=False), _counts(after, lengths=False)
    # in ABC a stroke has no length of its own
    whole, whole_back = (
        _counts(_sounding(one, no_drums=name in (".abc", ".krn")), lengths=True) for one in (song, again)
    )
    found = {
        _NOTES: (sum((onsets & back).values()), sum(onsets.values())),
        _LENGTHS: (sum((whole & whole_back).values()), sum(whole.values())),
    }
    for aspect, view in _ASPECTS.items():
        mine, theirs = view(song), view(again)
        if mine:
            found[aspect] = (int(mine == theirs), 1)
    return found


def _sounding(song: Song, *, no_drums: bool) -> list[list[tuple[int, int, int]]]:
    return [
        [(n.start_ticks, n.pitch, n.length_ticks) for n in part.notes]
        for part in song.parts
        if part.notes and not (no_drums and part.role == "drums")
    ]


def _counts(parts: list[list[tuple[int, int, int]]], *, lengths: bool) -> Counter[tuple[int, ...]]:
    """Notes with the number of their part, so that a note that changes parts is lost.

    Two voices of a part in unison are one note, the longer one: no format but a score with voices can say more.
    """
    longest = {(place, *note[:2]): note[2] for place, notes in enumerate(parts) for note in sorted(notes)}
    return Counter((*note, length) if lengths else note for note, length in longest.items())


_ASPECTS: dict[str, Callable[[Song], Any]] = {
    "velocities": lambda song: [[n.velocity for n in part.notes] for part in song.parts],
    "words": lambda song: [
        [(s.start_ticks, s.text, s.joins_next) for s in part.syllables if s.verse == 1]
        for part in song.parts
        if part.syllables
    ],
    "chord symbols": lambda song: [
        (c.start_ticks, c.root, c.quality, c.bass) for c in song.chords if c.root is not None
    ],
    "keys": lambda song: [(k.start_ticks, k.tonic, k.mode) for k in song.keys],
    "metres": lambda song: [(m.start_ticks, m.numerator, m.denominator) for m in song.meters],
    "first tempo": lambda song: round(song.tempo_bpm, 1),
    "tempo changes": lambda song: [(t.start_ticks, round(t.bpm, 1)) for t in song.tempos][1:],
    "sections": lambda song: [(s.start_ticks, s.label) for s in song.sections],
    "pickup": lambda song: song.pickup_ticks,
    "instruments": lambda song: [part.program for part in song.parts if part.notes and part.role != "drums"],
    "part names": lambda song: [part.name for part in song.parts if part.notes],
}
