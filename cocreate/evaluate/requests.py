"""Form, checked from outside: random requests over every option, and whether what comes back is what was asked for.

Conventions:
    Nothing here uses the rules that write (``model.rules``): a song is measured as a musician would, in ticks, from
    the song itself and again from its file. Request ``k`` of a run with seed ``s`` draws from the generator of (s, k)
    alone, so a failure is made again with ``only=(k,)``. New bars are those after the user's own, if there are such.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cocreate.errors import CocreateError, UnmetError
from cocreate.evaluate.reopen import READERS, as_written
from cocreate.files import read_song
from cocreate.files.midi import write_midi
from cocreate.generate.request import ANY
from cocreate.model.vocabulary import MOODS
from cocreate.music.song import MODES, Chord, Key, Meter, Note, Part, Song, Tempo
from cocreate.music.theory import (
    QUALITIES,
    SCALES,
    chord_pitch_classes,
    key_name,
    parse_chord,
    parse_key,
    parse_range,
    pitch_class_name,
    pitch_name,
)
from cocreate.studio import Candidate, Studio

METERS = ("4/4", "3/4", "2/4", "6/8", "2/2", "9/8", "12/8", "3/8", "3/2", "5/4", "7/8", "11/8", "6/4", "5/8", "7/4")
TOO_LONG_METERS = ("9/4", "17/8", "5/2")  # more than 8 quarters
MOST_BARS = 32
FIFTH, TWO_OCTAVES = 7, 24
LOWEST, HIGHEST = 36, 96  # of the ranges asked for: every key keeps them on the piano
SHOWN_FAILURES = 20
FREE_CHROMATIC = 1  # what a share allows beyond itself, so that a short idea may have one passing note

SHARES = {  # how often a request names an option
    "style": 0.7, "key": 0.6, "meter": 0.5, "tempo": 0.4, "range": 0.5, "density": 0.4, "mood": 0.3,
    "start": 0.25, "chords": 0.4, "unmeetable": 0.04,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ask:
    """One random request: the options for ``Studio.melody``, and whether no melody can meet them."""

    number: int
    options: Mapping[str, Any]
    start: Song | None = None
    is_meetable: bool = True

    def __str__(self) -> str:
        named = {name: value for name, value in self.options.items() if name != "start" and value is not None}
        riff = "" if self.start is None else f", start={len(self.start.bars())} bars of {self.start.bars()[-1].meter}"
        return f"{', '.join(f'{name}={value!r}' for name, value in named.items())}{riff}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that was broken; ``request`` is the number to give as ``only`` to see it again."""

    request: int
    rule: str
    detail: str
    asked: str


@dataclass(frozen=True, slots=True)
class RequestReport:
    """What a run found. ``checks`` and ``broken`` count by rule; a rule that did not apply is not counted."""

    seed: int
    requests: int
    refused: int
    ideas: int
    notes: int
    seconds: float
    checks: Mapping[str, int]
    broken: Mapping[str, int]
    failures: tuple[Failure, ...] = field(default=())

    @property
    def met(self) -> float:
        """Share of requests without any failure, 0..1."""
        return 1 - len({failure.request for failure in self.failures}) / max(1, self.requests)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the first failures only."""
        found = asdict(self) | {"met": self.met}
        return found | {"failures": [asdict(failure) for failure in self.failures[:SHOWN_FAILURES]]}


def check_requests(
    studio: Studio,
    *,
    count: int = 500,
    seed: int = 0,
    folder: Path,
    riffs: Sequence[Song] = (),
    only: Sequence[int] = (),
    watch: Callable[[int], None] = lambda _done: None,
) -> RequestReport:
    """Ask ``count`` random requests, write what comes into ``folder`` and check it.

    Args:
        riffs: songs to go on from, beside the ones that are made up.
        only: the numbers of requests to make again, instead of all.
        watch: called with the number of requests done.
    """
    began = time.monotonic()
    checks: Counter[str] = Counter()
    failures: list[Failure] = []
    refused = ideas = notes = 0
    numbers = list(only) or list(range(count))
    for done, number in enumerate(numbers, start=1):
        rng = np.random.default_rng([seed, number])
        ask = draw_request(rng, number, studio.styles, folder=folder, riffs=riffs)
        try:
            found = studio.melody(**ask.options)
        except CocreateError as error:
            checks["refusal"] += 1
            refused += isinstance(error, UnmetError)
            if ask.is_meetable or not isinstance(error, UnmetError):
                failures.append(Failure(number, "refusal", f"{type(error).__name__}: {error}", str(ask)))
            continue
        except Exception as error:
            error.add_note(f"request {number} of seed {seed}: {ask}")
            raise
        if not ask.is_meetable:
            failures.append(Failure(number, "refusal", "no melody can meet it, yet one came", str(ask)))
        for candidate in studio.save(found, folder / f"{number:05d}"):
            ideas += 1
            assert candidate.path is not None
            for rule, faults in judge(candidate, ask, studio.styles):
                checks[rule] += 1
                failures += [Failure(number, rule, detail, str(ask)) for detail in faults[:1]]
            notes += len(candidate.song.melody.notes)
        checks["count"] += 1
        if len(found) != ask.options["n"]:
            failures.append(Failure(number, "count", f"{len(found)} ideas instead of {ask.options['n']}", str(ask)))
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


def format_request_table(report: RequestReport) -> str:
    """The report as plain text."""
    lines = [
        (
            f"{report.requests} requests (seed {report.seed}), {report.refused} refused: {report.ideas} ideas,"
            f" {report.notes} notes, {report.seconds:.0f} s"
        ),
        f"{'rule':<12} {'checked':>8} {'broken':>7} {'kept':>8}",
    ]
    for rule, checked in report.checks.items():
        broken = report.broken.get(rule, 0)
        lines.append(f"{rule:<12} {checked:>8} {broken:>7} {1 - broken / checked:>8.1%}")
    lines.append(f"requests without any fault: {report.met:.1%}")
    lines += [
        f"request {failure.request}: {failure.rule}: {failure.detail} ({failure.asked})"
        for failure in report.failures[:SHOWN_FAILURES]
    ]
    return "\n".join(lines)


# --- drawing


def draw_request(
    rng: np.random.Generator, number: int, styles: Mapping[str, Any], *, folder: Path, riffs: Sequence[Song] = ()
) -> Ask:
    """A request over all options; every option is left out now and then."""

    def names(option: str) -> bool:
        return bool(rng.random() < SHARES[option])

    start = None
    if names("start"):
        start = riffs[int(rng.integers(len(riffs)))] if riffs and rng.random() < 0.5 else write_riff(rng)  # noqa: PLR2004
    bars = int(rng.integers(1, MOST_BARS + 1))
    meter = None
    if start is None and names("meter"):
        meter = str(rng.choice(METERS))
    chords = None
    if names("chords"):
        under = str(start.bars()[-1].meter) if start else meter or "4/4"
        chords = write_progression(rng, int(under.split("/")[0]), most=bars)
    key = f"{pitch_class_name(int(rng.integers(12)))} {rng.choice(MODES)}" if names("key") else None
    low = int(rng.integers(LOWEST, HIGHEST - FIFTH + 1))
    high = int(rng.integers(low + FIFTH, min(HIGHEST, low + TWO_OCTAVES) + 1))
    options: dict[str, Any] = {
        "style": str(rng.choice(sorted(set(styles) - {ANY}))) if set(styles) - {ANY} and names("style") else None,
        "key": key,
        "meter": meter,
        "tempo": round(float(rng.uniform(20, 400)), 2) if names("tempo") else None,
        "bars": bars,
        "range": f"{pitch_name(low)}-{pitch_name(high)}" if names("range") else None,
        "density": round(float(rng.random()), 3) if names("density") else None,
        "mood": str(rng.choice(MOODS)) if names("mood") else None,
        "chords": chords,
        "n": int(rng.integers(1, 3)),
        "seed": int(rng.integers(2**31)),
        "temperature": round(float(rng.choice([0.05, 0.7, 1.0, 1.3, 5.0])), 2),
    }
    meetable = not names("unmeetable")
    if not meetable:
        if start is not None:
            options["meter"] = "3/4" if str(start.bars()[-1].meter) != "3/4" else "4/4"
        elif rng.random() < 0.5:  # noqa: PLR2004
            options |= {"meter": str(rng.choice(TOO_LONG_METERS)), "chords": None}
        else:
            options["range"] = "C-1-G0"  # below the piano
    if start is not None:
        options["start"] = start
        if rng.random() < 0.5:  # noqa: PLR2004 - half of them come from a file, as on the command line
            path = folder / f"{number:05d}_riff.mid"
            write_midi(start, path, force=True)
            options["start"] = path
            start = read_song(path)
    return Ask(number, options, start, meetable)


def write_riff(rng: np.random.Generator) -> Song:
    """A few bars as somebody might play them: any metre, a little off the grid, perhaps with key, chords and bass."""
    numerator, denominator = (int(n) for n in str(rng.choice(METERS)).split("/"))
    meter = Meter(0, numerator, denominator)
    bars = int(rng.choice([1, 2, 3, 4, 6, 20]))
    key = Key(0, int(rng.integers(12)), str(rng.choice(MODES)))
    scale = SCALES[key.mode]
    unit = int(rng.choice([60, 120, 160, 240, 480]))
    loose = int(rng.choice([0, 0, 17]))
    now, place = 0, int(rng.integers(2, 6)) * len(scale)
    notes: list[Note] = []
    end = bars * meter.bar_ticks
    while now < end:
        length = min(unit * int(rng.integers(1, 4)), end - now)
        if rng.random() < 0.85 or not notes:  # noqa: PLR2004 - else a rest
            place = int(np.clip(place + rng.integers(-3, 4), len(scale), 7 * len(scale)))
            pitch = 12 + 12 * (place // len(scale)) + key.tonic + scale[place % len(scale)]
            begin = now + int(rng.integers(0, loose + 1)) if length > loose + 1 else now
            notes.append(Note(begin, pitch, now + length - begin, int(rng.integers(30, 120))))
        now += length
    parts = [Part(tuple(notes), name="Lead")]
    if rng.random() < 0.4:  # noqa: PLR2004
        parts.append(Part((Note(0, 36 + key.tonic, end),), name="Bass", role="bass", program=32))
    chords = (Chord(0, end, key.tonic, "m"),) if rng.random() < 0.3 else ()  # noqa: PLR2004
    return Song(
        parts=tuple(parts),
        meters=(meter,),
        tempos=(Tempo(0, float(rng.integers(50, 220))),),
        keys=(key,) if rng.random() < 0.7 else (),  # noqa: PLR2004
        chords=chords,
        title=str(rng.choice(["", "Riff", "今晚"])),
    )


def write_progression(rng: np.random.Generator, beats: int, *, most: int) -> str:
    """Chord symbols, bar by bar: every quality, altered and slash chords, no chord, repeats."""
    cells: list[str] = []
    for place in range(int(rng.integers(1, most + 1))):
        if place and rng.random() < 0.1:  # noqa: PLR2004
            cells.append("%")
            continue
        names = [_chord_word(rng) for _ in range(int(rng.choice([1, 1, 1, 2, min(3, beats)])))]
        cells.append(" ".join(names[:beats]))
    return " | ".join(cells)


def _chord_word(rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < 0.04:  # noqa: PLR2004
        return "N.C."
    root = pitch_class_name(int(rng.integers(12)))
    quality = str(rng.choice(list(QUALITIES) if draw < 0.6 else ["maj", "m", "7", "m7", "maj7"]))  # noqa: PLR2004
    bass = f"/{pitch_class_name(int(rng.integers(12)))}" if draw > 0.85 else ""  # noqa: PLR2004
    return root + ("" if quality == "maj" else quality) + bass


# --- judging


def judge(candidate: Candidate, ask: Ask, styles: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Every rule that applies to a saved candidate, with its faults (none when it is kept)."""
    assert candidate.path is not None
    found = form_faults(candidate.song, ask, styles)
    again = read_song(candidate.path)
    keyed = [
        ("file " + rule, faults) for rule, faults in form_faults(again, ask, styles, key=_key(candidate.song, ask))
    ]
    wanted = as_written(candidate.song.melody.notes)
    for name, reader in READERS.items():
        got = reader(candidate.path)
        found.append((name, [] if got == wanted else [_first_difference(wanted, got)]))
    return found + keyed


def form_faults(
    song: Song, ask: Ask, styles: Mapping[str, Any], *, key: Key | None = None
) -> list[tuple[str, list[str]]]:
    """The rules of form for a song, each with what breaks it. ``key`` where the song itself does not say it in full."""
    options = ask.options
    offset = 0 if ask.start is None else ask.start.bars()[-1].end_ticks
    notes = [note for note in song.melody.notes if note.start_ticks >= offset]
    grid = [bar for bar in song.bars() if bar.start_ticks >= offset]
    meter = options.get("meter") or (
        str(ask.start.bars()[-1].meter) if ask.start else "4/4" if options["chords"] else None
    )
    key = key or _key(song, ask)
    found: list[tuple[str, list[str]]] = [
        ("empty", [] if notes else ["it has no new note"]),
        ("bars", [] if len(grid) == options["bars"] else [f"{len(grid)} new bars instead of {options['bars']}"]),
        ("overlap", _overlaps(notes)),
        ("key", _key_faults(song, notes, key, float(styles[options["style"] or ANY]["chromatic_share"]))),
        ("ending", _ending_faults(song, notes, offset, key)),
    ]
    if meter is not None:
        wrong = [str(bar.meter) for bar in grid if str(bar.meter) != meter]
        found.append(("metre", [f"a bar of {wrong[0]} instead of {meter}"] if wrong else []))
    if options["range"] is not None:
        low, high = parse_range(options["range"])
        out = [note.pitch for note in notes if not low <= note.pitch <= high]
        found.append(("range", [f"pitch {out[0]} outside {low}..{high}"] if out else []))
    if options["tempo"] is not None:
        error = abs(song.tempo_bpm - options["tempo"])
        found.append(("tempo", [f"{song.tempo_bpm} instead of {options['tempo']}"] if error > 0.01 else []))  # noqa: PLR2004
    if options["key"] is not None and ask.start is None:
        same = song.key is not None and (song.key.tonic, song.key.mode) == (key.tonic, key.mode)
        found.append(
            ("signature", [] if same or key.mode not in ("major", "minor") else [f"{song.key} instead of {key}"])
        )
    if options["chords"] is not None:
        found.append(("chords", _chord_faults(song, notes, offset)))
        found.append(("symbols", _symbol_faults(song, offset, options["chords"], options["bars"])))
    if ask.start is not None:
        found.append(("kept", _kept_faults(song, ask.start, offset)))
    return found


def _key(song: Song, ask: Ask) -> Key:
    """The key of the new bars: the one asked for, else the last the song names."""
    if ask.options["key"] is not None:
        return parse_key(ask.options["key"])
    assert song.keys, "an idea names its key"
    return song.keys[-1]


def _overlaps(notes: Sequence[Note]) -> list[str]:
    return [f"{a} rings into {b}" for a, b in pairwise(notes) if a.end_ticks > b.start_ticks]


def _key_faults(song: Song, notes: Sequence[Note], key: Key, share: float) -> list[str]:
    scale = {(key.tonic + step) % 12 for step in SCALES[key.mode]}
    outside = 0
    for note in notes:
        chord = song.chord_at(note.start_ticks)
        tones = chord_pitch_classes(chord) if chord else frozenset()
        outside += note.pitch % 12 not in scale | tones
    allowed = share * len(notes) + FREE_CHROMATIC if share > 0 else 0
    return (
        [f"{outside} of {len(notes)} notes outside {key_name(key)}, allowed {allowed:.2f}"] if outside > allowed else []
    )


def _ending_faults(song: Song, notes: Sequence[Note], offset: int, key: Key) -> list[str]:
    if not notes:
        return ["there is no last note"]
    last, bar = notes[-1], [bar for bar in song.bars() if bar.start_ticks >= offset][-1]
    scale = SCALES[key.mode]
    triad = {(key.tonic + step) % 12 for step in (0, 3 if 3 in scale else 4, 7 if 7 in scale else 6)}  # noqa: PLR2004
    chord = song.chord_at(last.start_ticks)
    tones = chord_pitch_classes(chord) if chord else frozenset()
    beat = bar.meter.beat_ticks
    faults = []
    if not bar.start_ticks <= last.start_ticks < bar.end_ticks:
        faults.append("the last note does not begin in the last bar")
    if (last.start_ticks - bar.start_ticks) % beat:
        faults.append(f"the last note begins off the beat, at tick {last.start_ticks - bar.start_ticks} of {bar.meter}")
    if last.pitch % 12 not in triad | tones:
        faults.append(f"the last note, {pitch_name(last.pitch)}, is no tone of the tonic or the chord")
    if last.length_ticks < beat and last.end_ticks < bar.end_ticks:
        faults.append(f"the last note is {last.length_ticks} ticks short of a beat of {bar.meter}")
    if last.end_ticks > bar.end_ticks:
        faults.append("the last note rings over the end")
    return faults


def _chord_faults(song: Song, notes: Sequence[Note], offset: int) -> list[str]:
    faults = []
    for bar in song.bars():
        if bar.start_ticks < offset:
            continue
        beats = bar.length_ticks // bar.meter.beat_ticks
        strong = [bar.start_ticks] + ([bar.start_ticks + bar.length_ticks // 2] if beats % 2 == 0 else [])
        for tick in strong:
            chord = song.chord_at(tick)
            if chord is None:
                continue
            tones = chord_pitch_classes(chord)
            sounding = [note.pitch for note in notes if note.start_ticks <= tick < note.end_ticks]
            faults += [
                f"{pitch_name(pitch)} sounds against {chord} at tick {tick - offset}"
                for pitch in sounding
                if pitch % 12 not in tones
            ]
    return faults


def _symbol_faults(song: Song, offset: int, text: str, bars: int) -> list[str]:
    """The chord in force at each bar line is the first of its cell."""
    cells: list[str] = []
    for cell in text.split("|"):
        cells.append(cells[-1] if cell.strip() == "%" else cell.split()[0])
    grid = [bar for bar in song.bars() if bar.start_ticks >= offset]
    faults = []
    for place in range(min(bars, len(grid))):
        root, quality, bass = parse_chord(cells[place % len(cells)])
        got = song.chord_at(grid[place].start_ticks)
        if (None if got is None else (got.root, got.quality, got.bass)) != (
            None if root is None else (root, quality, bass)
        ):
            faults.append(f"bar {place + 1} has {got}, asked {cells[place % len(cells)]}")
    return faults


def _kept_faults(song: Song, start: Song, offset: int) -> list[str]:
    """The user's bars, note for note, in every part."""
    old = [note for note in song.melody.notes if note.start_ticks < offset]
    if as_written(old) != as_written(start.melody.notes):
        return ["the melody of the user's bars is another"]
    others = [sorted(p.notes) for p in song.parts if p is not song.melody and p.notes and p.name != "Chords"]
    if others != [sorted(p.notes) for p in start.parts if p is not start.melody and p.notes]:
        return ["another part of the user's bars is another"]
    if [str(bar.meter) for bar in song.bars() if bar.start_ticks < offset] != [str(bar.meter) for bar in start.bars()]:
        return ["the metre of the user's bars is another"]
    return []


def _first_difference(wanted: Sequence[object], got: Sequence[object]) -> str:
    for place, (a, b) in enumerate(zip(wanted, got, strict=False)):
        if a != b:
            return f"note {place + 1} is {b}, written {a}"
    return f"{len(got)} notes, written {len(wanted)}"
