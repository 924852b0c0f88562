"""Is what is asked to stay really kept? Random requests to the partners over held-out pieces, checked from outside.

Conventions:
    As in ``requests``: nothing here uses the rules that write; request ``k`` of a run with seed ``s`` draws from the
    generator of (s, k) alone. A request is one of ``harmony`` (voices, rhythm, complexity, kept chords), ``vary``
    (bars, amount, kept side, range), ``fill`` (bars, range) and ``continue`` (bars, range) on a stretch of a held-out
    piece.
    What a partner refuses in one line counts as refused; any other error is a fault of ours and is raised.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from cocreate.errors import CocreateError, InputError, UnmetError
from cocreate.evaluate.requests import Failure, RequestReport
from cocreate.files import read_song
from cocreate.generate.harmony import ENSEMBLES
from cocreate.generate.tune import bars_of, find_tune
from cocreate.model.chord_rules import SEVENTHS_FROM, TRIADS
from cocreate.model.corpus.piece import Piece
from cocreate.music.song import TICKS_PER_QUARTER, Bar, Chord, Note, Part, Song
from cocreate.music.theory import QUALITIES, chord_symbol, parse_range, pitch_name
from cocreate.studio import Candidate, Studio

KINDS = ("harmony", "vary", "fill", "continue")
VOICES = ("piano", "satb", "strings", "guitar", "bass", "piano,bass", "guitar,bass", "none")
MOST_BARS, FEWEST_BARS, FEWEST_NOTES = 24, 4, 8
MOST_KEPT = 4  # bars with kept chords
MOST_MORE = 8  # bars to go on with
OFF_GRID_TICKS = 20  # chords begin on the grid of 1/24 quarter
RANGE_SLACK = (0, 7)  # semitones that an asked range may lie inside or beyond the tune's own
NARROWEST = 12  # semitones of an asked range
SHARES = {  # how often something is asked for
    "style": 0.5, "complexity": 0.6, "range": 0.5, "amount": 0.7, "from the start": 0.5, "nothing kept": 0.25,
    "all kept": 0.2, "no chord": 0.05, "bass": 0.2, "file": 0.25,
}  # fmt: skip
SIDES = (None, "rhythm", "contour", "harmony")

Faults = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class PartnerAsk:
    """One random request: which partner, its song and its options."""

    number: int
    kind: str
    song: Song
    name: str
    options: Mapping[str, Any]
    kept: tuple[Chord, ...] = ()

    def __str__(self) -> str:
        named = {key: value for key, value in self.options.items() if value is not None}
        return f"{self.kind} {self.name!r} {', '.join(f'{key}={value!r}' for key, value in named.items())}"


def usable(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The pieces with a tune that is long enough to ask something of."""
    found: list[Piece] = []
    for piece in pieces:
        pitched = [part for part in piece.song.parts if part.role != "drums" and part.notes]
        if pitched and len(piece.song.melody.notes) >= FEWEST_NOTES and len(piece.song.bars()) >= FEWEST_BARS:
            found.append(piece)
    return tuple(found)


def check_partner_requests(
    studio: Studio,
    pieces: Sequence[Piece],
    *,
    count: int = 1_000,
    seed: int = 0,
    folder: Path,
    only: Sequence[int] = (),
    watch: Callable[[int], None] = lambda _done: None,
) -> RequestReport:
    """Ask ``count`` random requests over ``pieces`` and check what comes.

    Args:
        pieces: held-out pieces; every style is asked about as often.
        only: the numbers of requests to make again, instead of all.
        watch: called with the number of requests done.

    Raises:
        InputError: if no piece is long enough.
    """
    began = time.monotonic()
    known = usable(pieces)
    if not known:
        raise InputError(f"partners need a piece of {FEWEST_BARS} bars and {FEWEST_NOTES} notes or more, got none")
    checks: Counter[str] = Counter()
    failures: list[Failure] = []
    refused = ideas = notes = 0
    numbers = list(only) or list(range(count))
    for done, number in enumerate(numbers, start=1):
        rng = np.random.default_rng([seed, number])
        ask = draw_partner_request(rng, number, known)
        try:
            found = _write(studio, ask)
        except UnmetError:
            refused += 1
            continue
        except CocreateError as error:
            checks["refusal"] += 1
            failures.append(Failure(number, "refusal", f"{type(error).__name__}: {error}", str(ask)))
            continue
        except Exception as error:
            error.add_note(f"request {number} of seed {seed}: {ask}")
            raise
        if _is_asked(rng, "file"):
            found = studio.save(found, folder / f"{number:05d}")
        for candidate in found:
            ideas += 1
            notes += sum(len(part.notes) for part in candidate.song.parts)
            broken = dict(reversed(judge_partner(candidate, ask)))
            for rule in _rules_of(ask, candidate):
                checks[rule] += 1
            failures += [Failure(number, rule, detail, str(ask)) for rule, detail in broken.items()]
        watch(done)
    return RequestReport(
        seed=seed,
        requests=len(numbers),
        refused=refused,
        ideas=ideas,
        notes=notes,
        seconds=round(time.monotonic() - began, 1),
        checks=dict(checks),
        broken=dict(Counter(failure.rule for failure in failures)),
        failures=tuple(failures),
    )


def draw_partner_request(rng: np.random.Generator, number: int, pieces: Sequence[Piece]) -> PartnerAsk:
    """A random request over one of the pieces; small styles are asked about as often as large ones."""
    styles = sorted({piece.styles[0] for piece in pieces})
    style = str(rng.choice(styles))
    group = [piece for piece in pieces if piece.styles[0] == style]
    piece = group[int(rng.integers(len(group)))]
    song = _stretch(piece.song, rng)
    kind = KINDS[number % len(KINDS)]
    options: dict[str, Any] = {
        "n": 1,
        "seed": int(rng.integers(1_000_000)),
        "style": style if _is_asked(rng, "style") else None,
    }
    kept: tuple[Chord, ...] = ()
    if kind == "harmony":
        options["voices"] = str(rng.choice(VOICES))
        options["rhythm"] = str(rng.choice(("bar", "half", "beat", "free")))
        options["complexity"] = round(float(rng.random()), 2) if _is_asked(rng, "complexity") else None
        options["keep"], kept = _draw_kept(rng, song)
        if options["keep"] == "all" and options["voices"] == "none":
            options["voices"] = VOICES[0]  # else nothing would be left to write
        return PartnerAsk(number, kind, song, piece.name, options, kept)
    if _is_asked(rng, "range"):
        options["range"] = _draw_range(rng, song)
    if kind == "continue":
        options["bars"] = int(rng.integers(1, MOST_MORE + 1))
        return PartnerAsk(number, kind, song, piece.name, options)
    lowest = 0 if song.pickup_ticks else 1
    count = len(song.bars())
    size = int(rng.integers(1, max(2, count // 2)))
    first = int(rng.integers(lowest, count - size + lowest + 1))
    options["bars"] = f"{first}-{first + size - 1}"
    if kind == "vary":
        options["amount"] = round(float(rng.random()), 2) if _is_asked(rng, "amount") else None
        options["keep"] = SIDES[int(rng.integers(len(SIDES)))]
    return PartnerAsk(number, kind, song, piece.name, options)


def judge_partner(candidate: Candidate, ask: PartnerAsk) -> Faults:
    """(Rule, what is wrong) of everything that was asked and is not so; empty where all is kept."""
    faults: Faults = [*_untouched(candidate.song, ask), *_readable(candidate)]
    if ask.kind == "harmony":
        return [*faults, *_chord_faults(candidate.song, ask), *_voice_faults(candidate.song, ask)]
    return [*faults, *_tune_faults(candidate.song, ask)]


def _write(studio: Studio, ask: PartnerAsk) -> tuple[Candidate, ...]:
    name = "continue_tune" if ask.kind == "continue" else ask.kind
    written: tuple[Candidate, ...] = getattr(studio, name)(ask.song, **ask.options)
    return written


def _rules_of(ask: PartnerAsk, candidate: Candidate) -> Iterator[str]:
    """The rules that are looked at."""
    yield "untouched"
    if candidate.path is not None:
        yield "file"
    if ask.kind == "harmony":
        yield from ("chords", "rhythm", "voices")
        if ask.kept:
            yield "kept chords"
        if ask.options.get("complexity") is not None:
            yield "complexity"
        return
    yield "bars"
    if ask.options.get("range"):
        yield "range"
    if ask.options.get("amount") is not None:
        yield "amount"
    if ask.options.get("keep"):
        yield f"kept {ask.options['keep']}"


# --- drawing


def _is_asked(rng: np.random.Generator, what: str) -> bool:
    return bool(rng.random() < SHARES[what])


def _stretch(song: Song, rng: np.random.Generator) -> Song:
    """A run of bars of a piece that has enough notes of its tune."""
    count = len(song.bars())
    size = min(count, int(rng.integers(FEWEST_BARS, MOST_BARS + 1)))
    for _ in range(20):
        first = 0 if _is_asked(rng, "from the start") else int(rng.integers(0, count - size + 1))
        found = song.slice_bars(first, first + size)
        found = replace(found, parts=tuple(part for part in found.parts if part.notes))
        if any(part.role != "drums" for part in found.parts) and len(found.melody.notes) >= FEWEST_NOTES:
            return found
    return song.slice_bars(0, min(count, MOST_BARS))


def _draw_kept(rng: np.random.Generator, song: Song) -> tuple[str, tuple[Chord, ...]]:
    """What is to be kept, as a person writes it, and as chords."""
    grid, lowest = song.bars(), 0 if song.pickup_ticks else 1
    if _is_asked(rng, "nothing kept"):
        return "none", ()
    if _is_asked(rng, "all kept") and any(chord.root is not None for chord in song.chords):
        return "all", song.chords
    entries: list[str] = []
    found: list[Chord] = []
    for place in sorted(
        rng.choice(len(grid), size=int(rng.integers(1, min(4, len(grid)) + 1)), replace=False).tolist()
    ):
        bar = grid[place]
        beats = bar.meter.numerator
        many = int(rng.integers(1, min(2, beats) + 1)) if beats % 2 == 0 else 1
        names: list[str] = []
        for part in range(many):
            chord = _draw_chord(rng, bar, part, many)
            names.append(chord_symbol(chord))
            found.append(chord)
        entries.append(f"{place + lowest}:{' '.join(names)}")
    return " ".join(entries), tuple(found)


def _draw_chord(rng: np.random.Generator, bar: Bar, part: int, many: int) -> Chord:
    length = bar.length_ticks // many
    start = bar.start_ticks + part * length
    if _is_asked(rng, "no chord"):
        return Chord(start, length, None)
    root, quality = int(rng.integers(12)), str(rng.choice(list(QUALITIES)))
    tones = [(root + step) % 12 for step in QUALITIES[quality]]
    bass = int(rng.choice(tones)) if _is_asked(rng, "bass") else None
    return Chord(start, length, root, quality, bass)


def _draw_range(rng: np.random.Generator, song: Song) -> str:
    pitches = [note.pitch for note in find_tune(song).notes]
    low = min(pitches) + int(rng.integers(-RANGE_SLACK[1], RANGE_SLACK[1]))
    high = max(low + NARROWEST, max(pitches) + int(rng.integers(-RANGE_SLACK[1], RANGE_SLACK[1])))
    return f"{pitch_name(max(0, low))}-{pitch_name(min(127, high))}"


# --- judging


def _untouched(song: Song, ask: PartnerAsk) -> Faults:
    """Every note, bar, tempo and word that nobody asked to change."""
    faults: Faults = []
    old, place = ask.song, find_tune(ask.song).place
    start, end = _gap(ask)
    for number, part in enumerate(old.parts):
        ours = song.parts[number].notes
        stays = [note for note in part.notes if number != place or not start <= note.start_ticks < end]
        now = [note for note in ours if number != place or not start <= note.start_ticks < end]
        if ask.kind == "harmony":
            stays, now = list(part.notes), list(ours)
        if sorted(stays) != sorted(now):
            faults.append(("untouched", f"part {number + 1} has {len(now)} notes outside, {len(stays)} before"))
    if (song.meters, song.tempos, song.pickup_ticks) != (old.meters, old.tempos, old.pickup_ticks):
        faults.append(("untouched", "metre, tempo or pickup changed"))
    if ask.kind != "harmony" and song.chords != old.chords:
        faults.append(("untouched", "the chord symbols changed"))
    return faults


def _gap(ask: PartnerAsk) -> tuple[int, int]:
    """First tick that may change, and the one after the last."""
    grid = ask.song.bars()
    if ask.kind == "harmony":
        return 0, 0
    if ask.kind == "continue":
        return grid[-1].end_ticks, 10**9
    first, _, last = ask.options["bars"].partition("-")
    gap = bars_of(ask.song, (int(first), int(last)))
    return grid[gap.start].start_ticks, grid[gap.stop - 1].end_ticks


def _readable(candidate: Candidate) -> Faults:
    """The file holds the same notes."""
    if candidate.path is None:
        return []
    again = read_song(candidate.path)
    wanted = sorted(row for part in candidate.song.parts for row in _as_midi_can(part.notes))
    got = sorted((n.start_ticks, n.pitch, n.length_ticks) for part in again.parts for n in part.notes)
    return [] if wanted == got else [("file", f"{len(got)} notes read, {len(wanted)} written, or not the same")]


def _as_midi_can(notes: Sequence[Note]) -> list[tuple[int, int, int]]:
    """Notes as a MIDI file can hold them: one that is struck again while it sounds ends there."""
    following: dict[int, int] = {}
    found: list[tuple[int, int, int]] = []
    for note in sorted(notes, reverse=True):
        end = min(note.end_ticks, following.get(note.pitch, note.end_ticks))
        following[note.pitch] = note.start_ticks
        found.append((note.start_ticks, note.pitch, end - note.start_ticks))
    return found


def _chord_faults(song: Song, ask: PartnerAsk) -> Faults:
    """Chords from the first full bar on, where the rhythm has them, as rich as asked; kept ones as they were."""
    faults: Faults = []
    for kept in ask.kept:
        for tick in (kept.start_ticks, kept.end_ticks - 1):
            now = _chord_at(song, tick)
            if now is None or (now.root, now.quality, now.bass) != (kept.root, kept.quality, kept.bass):
                faults.append(("kept chords", f"{chord_symbol(kept)} at tick {tick} is {now and chord_symbol(now)}"))
    own = [bar for bar in song.bars() if _overlaps(bar, ask.kept)]
    for bar in song.bars()[1 if song.pickup_ticks else 0 :]:
        if bar not in own and _chord_at(song, bar.start_ticks) is None:
            faults.append(("chords", f"none in bar {bar.index + 1}"))
    for before, after in pairwise(song.chords):
        if after.start_ticks < before.end_ticks:
            faults.append(("chords", f"two at tick {after.start_ticks}"))
    for chord in song.chords:
        if song.bar_at(chord.start_ticks) not in own:
            faults += _new_chord_faults(chord, song.bar_at(chord.start_ticks), ask)
    return faults


def _overlaps(bar: Bar, chords: Sequence[Chord]) -> bool:
    return any(chord.start_ticks < bar.end_ticks and chord.end_ticks > bar.start_ticks for chord in chords)


def _new_chord_faults(chord: Chord, bar: Bar, ask: PartnerAsk) -> Faults:
    """A chord that was written stands on the rhythm and is no richer than asked; a kept one may ring on from before."""
    if any(kept.end_ticks == chord.start_ticks for kept in ask.kept):
        return []
    faults: Faults = []
    complexity = ask.options.get("complexity")
    if chord.start_ticks - bar.start_ticks not in _slots(bar, ask.options["rhythm"]):
        faults.append(("rhythm", f"{chord_symbol(chord)} at tick {chord.start_ticks - bar.start_ticks} of its bar"))
    if complexity is not None and complexity < SEVENTHS_FROM and chord.quality not in TRIADS:
        faults.append(("complexity", f"{chord_symbol(chord)} at {complexity}"))
    return faults


def _chord_at(song: Song, tick: int) -> Chord | None:
    return next((c for c in song.chords if c.start_ticks <= tick < c.end_ticks), None)


def _slots(bar: Bar, rhythm: str) -> set[int]:
    beats = range(0, bar.length_ticks, min(bar.length_ticks, bar.meter.beat_ticks))
    if rhythm == "bar":
        return {0}
    if rhythm == "half":
        return {0, (len(beats) + 1) // 2 * bar.meter.beat_ticks} if len(beats) > 1 else {0}
    return set(beats)


def _voice_faults(song: Song, ask: PartnerAsk) -> Faults:
    """The players asked for, in their ranges; singers alone on their lines, none past the end."""
    faults: Faults = []
    names = [name for name in ask.options["voices"].split(",") if name != "none"]
    players = {player.name: player for name in names for player in ENSEMBLES[name]}
    new = song.parts[len(ask.song.parts) :]
    if ("satb" not in names and "strings" not in names and {part.name for part in new} != set(players)) or not {
        part.name for part in new
    } <= set(players):
        faults.append(("voices", f"{[part.name for part in new]} instead of {sorted(players)}"))
    end = song.bars()[-1].end_ticks
    for part in new:
        player = players.get(part.name)
        if player is None:
            continue
        out = [note for note in part.notes if not player.low <= note.pitch <= player.high]
        if out:
            faults.append(("voices", f"{part.name} has {pitch_name(out[0].pitch)}"))
        if not part.notes:
            faults.append(("voices", f"{part.name} is silent"))
        if any(note.end_ticks > end + TICKS_PER_QUARTER for note in part.notes):
            faults.append(("voices", f"{part.name} sounds past the end"))
        if player.together == 1 and not part.is_monophonic:
            faults.append(("voices", f"{part.name} has two notes at once"))
    return faults + _crossings(new, names)


def _crossings(parts: Sequence[Part], names: Sequence[str]) -> Faults:
    """Inner voices that cross where they begin together."""
    if "satb" not in names and "strings" not in names:
        return []
    order = [player.name for player in ENSEMBLES["satb" if "satb" in names else "strings"]]
    rank = {name: place for place, name in enumerate(("alto", "tenor", "bass"))}
    tracks = {player.name: player.track for ensemble in ("satb", "strings") for player in ENSEMBLES[ensemble]}
    singers = sorted((part for part in parts if part.name in order), key=lambda part: rank[tracks[part.name]])
    faults: Faults = []
    for upper, lower in pairwise(singers):
        sounding = {note.start_ticks: note.pitch for note in lower.notes}
        crossed = [note for note in upper.notes if sounding.get(note.start_ticks, -1) > note.pitch]
        if crossed:
            faults.append(("voices", f"{upper.name} under {lower.name} at tick {crossed[0].start_ticks}"))
    return faults


def _tune_faults(song: Song, ask: PartnerAsk) -> Faults:
    """Bars, range, how much is new, and the side that was kept."""
    faults: Faults = []
    old_tune, (start, end) = find_tune(ask.song), _gap(ask)
    bars = len(ask.song.bars()) + (ask.options["bars"] if ask.kind == "continue" else 0)
    if len(song.bars()) != bars:
        faults.append(("bars", f"{len(song.bars())} bars instead of {bars}"))
    rest = Counter(old_tune.rest)
    inside = Counter(note for note in song.parts[old_tune.place].notes if start <= note.start_ticks < end) - rest
    new = sorted(inside.elements())
    own = [note for note in old_tune.notes if start <= note.start_ticks < end]
    fresh = [note for note in new if note not in own]
    if not new:
        faults.append(("bars", "no note in the new bars"))
    if ask.options.get("range"):
        low, high = parse_range(ask.options["range"])
        out = [note for note in fresh if not low <= note.pitch <= high]
        if out:
            faults.append(("range", f"{pitch_name(out[0].pitch)} is not in {ask.options['range']}"))
    if ask.kind != "vary":
        return faults
    amount, keep = ask.options.get("amount"), ask.options.get("keep")
    figures = len({note.start_ticks for note in own})
    stays = len({note.start_ticks for note in own if note in new})
    if amount is not None and stays < figures - ceil(amount * figures - 1e-9):
        faults.append(("amount", f"{stays} of {figures} notes stayed at {amount}"))
    if keep == "rhythm" and [(n.start_ticks, n.length_ticks) for n in new] != [
        (n.start_ticks, n.length_ticks) for n in own
    ]:
        faults.append(("kept rhythm", "onsets or lengths changed"))
    if keep == "contour" and _moves(new) != _moves(own):
        faults.append(("kept contour", "the line moves another way"))
    if keep == "harmony":
        faults += _strong_faults(song, fresh)
    return faults


def _moves(notes: Sequence[Note]) -> list[int]:
    line = {note.start_ticks: note.pitch for note in sorted(notes)}
    return [(b > a) - (b < a) for a, b in pairwise(line.values())]


def _strong_faults(song: Song, notes: Sequence[Note]) -> Faults:
    """New notes that begin on a bar line are tones of the chord there, where the song has chords."""
    for note in notes:
        bar, chord = song.bar_at(note.start_ticks), song.chord_at(note.start_ticks)
        if note.start_ticks != bar.start_ticks or chord is None or chord.root is None:
            continue
        if note.pitch % 12 not in {(chord.root + step) % 12 for step in QUALITIES[chord.quality]} | {chord.bass}:
            return [("kept harmony", f"{pitch_name(note.pitch)} over {chord_symbol(chord)}")]
    return []
