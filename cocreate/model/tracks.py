"""Songs of several tracks: which part is which track, and the sequences in which tracks are written.

Conventions:
    Beside the lead sheet's melody and chords a sheet may hold ``counter``, ``alto``, ``tenor``, ``bass`` (one voice),
    ``comp`` (notes together: Position (Pitch Duration)+) and ``drums`` (Position Drum+, no lengths).

    parts    BOS Task_parts controls | [Ahead given tracks of the next bar] Bar_r [TimeSig] Track_x ... Track_y ...
    fill     BOS Task_fill  controls | Bar_r [TimeSig] Track_x ids or Gap ... | Fill Bar_r ids ... EOS

    In ``parts`` given tracks are heard one bar ahead, as in ``over``; in ``fill`` the bars that were cut out of one
    track come after everything that surrounds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cocreate.model.tokens import Sheet, SheetBar, bar_id, monophonic_steps, sheet_of
from cocreate.model.vocabulary import DRUMS, PITCHES, STEP_TICKS, Vocabulary, known_duration
from cocreate.music.song import Note, Part, Song

INNER = ("alto", "tenor", "bass")  # voices under a melody, from the top
MOST_TOGETHER = 8  # notes of one onset in a polyphonic track
LOW_VOICE = 52  # mean pitch under which a single lower voice is a bass
# General MIDI keys, and those of electronic kits, that the vocabulary writes as another
_DRUM_KINS = {
    35: 36,
    40: 38,
    22: 42,
    26: 46,
    58: 43,
    41: 43,
    47: 45,
    52: 49,
    55: 49,
    57: 49,
    59: 51,
    63: 62,
    69: 70,
    82: 70,
}


def full_sheet_of(song: Song, words: Vocabulary) -> Sheet:
    """The sheet of a song with all its tracks; notes of the other tracks that leave the piano are left out.

    Raises:
        InputError: as ``tokens.sheet_of``.
    """
    sheet = sheet_of(song, words)
    edges = [bar.start_ticks // STEP_TICKS for bar in song.bars()]
    edges.append(song.bars()[-1].end_ticks // STEP_TICKS)
    rows = {name: track_bars(name, notes, edges, sheet.shift, words) for name, notes in tracks_of(song).items()}
    rows = {name: bars for name, bars in rows.items() if any(bars)}
    bars = tuple(
        replace(bar, others=tuple(found[place] for found in rows.values())) for place, bar in enumerate(sheet.bars)
    )
    return replace(sheet, bars=bars, others=tuple(rows))


def tracks_of(song: Song) -> dict[str, tuple[Note, ...]]:
    """The notes of each track beside the melody, by the roles of the parts; empty tracks are left out."""
    is_pitched = any(part.role != "drums" for part in song.parts)
    melody = song.melody if is_pitched else None
    rest = [part for part in song.parts if part.notes and part is not melody]
    found: dict[str, tuple[Note, ...]] = {}
    basses = [part for part in rest if part.role == "bass"]
    if basses:
        found["bass"] = basses[0].notes
    voices = sorted((part for part in rest if part.role == "voice"), key=_mean_pitch, reverse=True)
    names: tuple[str, ...] = INNER[:2] if basses else INNER
    if len(voices) < len(names) and voices and not basses and _mean_pitch(voices[-1]) < LOW_VOICE:
        names = (*INNER[: len(voices) - 1], "bass")
    found.update((name, part.notes) for name, part in zip(names, voices, strict=False))
    comping = [part for part in rest if part.role in ("comping", "chords")]
    for part in (part for part in rest if part.role == "other"):
        if is_polyphonic(part):
            comping.append(part)
        else:
            found.setdefault("counter", part.notes)
    if comping:
        found["comp"] = tuple(sorted(note for part in comping for note in part.notes))
    drums = tuple(sorted(note for part in rest if part.role == "drums" for note in part.notes))
    if drums:
        found["drums"] = drums
    return found


def is_polyphonic(part: Part) -> bool:
    """True when more than a fifth of the onsets have several notes."""
    onsets = {note.start_ticks for note in part.notes}
    return len(part.notes) > 1.2 * len(onsets)


def track_bars(
    name: str, notes: Sequence[Note], edges: Sequence[int], shift: int, words: Vocabulary
) -> list[tuple[int, ...]]:
    """The ids of a track in each bar; ``edges`` are the bars' first steps and the end of the last one."""
    groups = _drum_groups(notes, words) if name == "drums" else _pitch_groups(name, notes, shift, words)
    bars: list[list[int]] = [[] for _ in edges[:-1]]
    place = 0
    for onset, ids in groups:
        while place + 1 < len(bars) and onset >= edges[place + 1]:
            place += 1
        if edges[place] <= onset < edges[place + 1]:
            bars[place] += [words.id("Position", onset - edges[place]), *ids]
    return [tuple(ids) for ids in bars]


def track(sheet: Sheet, bar: SheetBar, name: str) -> tuple[int, ...]:
    """The ids of one track of a bar of ``sheet``; empty when the sheet has no such track."""
    if name == "melody":
        return bar.melody
    if name == "chords":
        return bar.chords
    return bar.others[sheet.others.index(name)] if name in sheet.others and bar.others else ()


def raised(bars: Sequence[SheetBar], octaves: int, words: Vocabulary) -> tuple[SheetBar, ...] | None:
    """The bars some octaves higher (negative: lower), drums apart; None when a note would leave the piano."""
    pitches = words.type_ids["Pitch"]
    low, high, move = int(pitches[0]), int(pitches[-1]), 12 * octaves

    def moved(ids: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(i + move if low <= i <= high else i for i in ids)

    def fits(ids: tuple[int, ...]) -> bool:
        return all(low <= i + move <= high for i in ids if low <= i <= high)

    if not all(fits(ids) for bar in bars for ids in (bar.melody, *bar.others)):
        return None
    return tuple(replace(bar, melody=moved(bar.melody), others=tuple(moved(ids) for ids in bar.others)) for bar in bars)


def lay_out_parts(
    sheet: Sheet,
    bars: Sequence[SheetBar],
    words: Vocabulary,
    *,
    given: Sequence[str],
    wanted: Sequence[str],
    meter: str | None,
    bars_left: int | None = 0,
    has_pickup: bool = False,
) -> tuple[list[int], list[bool]]:
    """The ids after the controls, and which of them are targets, when the tracks ``wanted`` are written.

    Args:
        given: tracks that are heard one bar ahead, in the order they are shown.
        wanted: tracks to write, in the order they are written in every bar.
        meter, bars_left, has_pickup: as in ``tokens.lay_out``.
    """
    row: list[int] = []
    targets: list[bool] = []

    def put(ids: Sequence[int], *, target: bool) -> None:
        row.extend(ids)
        targets.extend([target] * len(ids))

    def ahead(place: int) -> None:
        if given and place < len(bars):
            put([words.id("Ahead")], target=False)
            for name in given:
                put([words.id("Track", name), *track(sheet, bars[place], name)], target=False)

    ahead(0)
    for place, bar in enumerate(bars):
        ahead(place + 1)
        put([bar_id(len(bars) - 1 - place, bars_left, words, is_pickup=has_pickup and place == 0)], target=True)
        if bar.meter != meter:
            put([words.id("TimeSig", bar.meter)], target=True)
            meter = bar.meter
        for name in wanted:
            put([words.id("Track", name)], target=len(wanted) > 1 or place == 0)
            put(track(sheet, bar, name), target=True)
    return row, targets


def lay_out_fill(
    sheet: Sheet,
    bars: Sequence[SheetBar],
    words: Vocabulary,
    *,
    tracks: Sequence[str],
    cut: str,
    gap: range,
    meter: str | None,
    bars_left: int | None = 0,
    has_pickup: bool = False,
) -> tuple[list[int], list[bool]]:
    """The ids after the controls, and which of them are targets, when bars ``gap`` of track ``cut`` are written anew.

    Args:
        tracks: what is shown in every bar, ``cut`` among them.
        gap: places in ``bars``; at least one.
        meter, bars_left, has_pickup: as in ``tokens.lay_out``.
    """
    row: list[int] = []
    marks: list[int] = []
    for place, bar in enumerate(bars):
        marks.append(bar_id(len(bars) - 1 - place, bars_left, words, is_pickup=has_pickup and place == 0))
        row.append(marks[-1])
        if bar.meter != meter:
            row.append(words.id("TimeSig", bar.meter))
            meter = bar.meter
        for name in tracks:
            row.append(words.id("Track", name))
            row += [words.id("Gap")] if name == cut and place in gap else track(sheet, bar, name)
    row.append(words.id("Fill"))
    targets = [False] * len(row)
    for place in gap:
        row += [marks[place], *track(sheet, bars[place], cut)]
    row.append(words.id("EOS"))
    return row, targets + [True] * (len(row) - len(targets))


def _pitch_groups(name: str, notes: Sequence[Note], shift: int, words: Vocabulary) -> list[tuple[int, list[int]]]:
    """(onset step, ids of what begins there) in order; ``comp`` keeps its chords, the other tracks one voice."""
    together: dict[int, dict[int, int]] = {}
    for onset, pitch, length in _chordal_steps(notes) if name == "comp" else monophonic_steps(notes):
        here = pitch + shift
        if here in PITCHES:
            together.setdefault(onset, {})[here] = length
    return [
        (
            onset,
            [
                i
                for pitch in sorted(sounds)[:MOST_TOGETHER]
                for i in (words.id("Pitch", pitch), words.id("Duration", known_duration(sounds[pitch])))
            ],
        )
        for onset, sounds in sorted(together.items())
    ]


def _chordal_steps(notes: Sequence[Note]) -> list[tuple[int, int, int]]:
    """Notes as (onset, pitch, length) in grid steps; a repeated pitch cuts the one before it."""
    found: list[tuple[int, int, int]] = []
    last: dict[int, int] = {}  # pitch -> place of its latest note
    for note in sorted(notes):
        onset = round(note.start_ticks / STEP_TICKS)
        length = max(1, round(note.end_ticks / STEP_TICKS) - onset)
        if note.pitch in last:
            start, pitch, before = found[last[note.pitch]]
            if start == onset:
                continue
            found[last[note.pitch]] = (start, pitch, min(before, onset - start))
        last[note.pitch] = len(found)
        found.append((onset, note.pitch, length))
    return found


def _drum_groups(notes: Sequence[Note], words: Vocabulary) -> list[tuple[int, list[int]]]:
    together: dict[int, set[int]] = {}
    for note in notes:
        key = _DRUM_KINS.get(note.pitch, note.pitch)
        if key in DRUMS:
            together.setdefault(round(note.start_ticks / STEP_TICKS), set()).add(key)
    return [(onset, [words.id("Drum", key) for key in sorted(keys)]) for onset, keys in sorted(together.items())]


def _mean_pitch(part: Part) -> float:
    return sum(note.pitch for note in part.notes) / len(part.notes)
