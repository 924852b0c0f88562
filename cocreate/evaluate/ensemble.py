"""Do forms return and blends lie between? Songs by their sections, blends by their distances, and random requests.

Conventions:
    A song's sections are compared by ``judge.form``. A blend is measured at eleven points of the way between two
    held-out tunes: its distance to each is 1 - ``shared_notes``. Random requests ask ``Studio.arrange``, ``song`` and
    ``blend`` over every option; what comes is read back from its file and checked from outside. Request ``k`` of a run
    with seed ``s`` draws from the generator of (s, k) alone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cocreate.errors import CocreateError, UnmetError
from cocreate.evaluate.reopen import as_written
from cocreate.evaluate.requests import Failure, write_progression, write_riff
from cocreate.files import read_song
from cocreate.files.midi import write_midi
from cocreate.generate.arrangement import PARTS
from cocreate.generate.blend import BlendRequest, in_frame_of, lead_sheet, write_blends
from cocreate.generate.form import SongRequest, parse_form, write_songs
from cocreate.generate.groove import GROOVES
from cocreate.generate.plan import key_at_end
from cocreate.judge.form import FULL, HALF, cadence, same_material, spans
from cocreate.model.decoder import Decoder
from cocreate.model.drum_rules import FEET
from cocreate.music.measures import shared_notes
from cocreate.music.song import Key, Meter, Part, Song
from cocreate.music.theory import parse_progression
from cocreate.studio import Candidate, Studio

FORMS = ("AABA", "ABAB", "AABB", "ABAC", "ABA", "A", "verse chorus verse chorus", "A B")
SONG_METERS = ("4/4", "4/4", "4/4", "3/4", "6/8", "2/4", "12/8", "5/4")
WAY = tuple(n / 10 for n in range(11))
SONG_STYLES = ("pop", "jazz", "folk", "hymn", "mandopop")
HANDS = 2
RANGES = {"Bass": (28, 52), "Piano comp": (36, 79), "Guitar comp": (45, 76), "Strings comp": (52, 84),
          "Organ comp": (48, 79)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FormReport:
    """What songs of a form measure: shares of same notes (means and the worst), and of sections that close as asked."""

    songs: int
    same: float
    same_least: float
    other: float
    other_most: float
    inner_half: float
    last_full: float

    def as_dict(self) -> dict[str, float]:
        """Plain values for JSON."""
        return asdict(self)


def measure_forms(
    net: Decoder, table: Mapping[str, Any], *, form: str = "AABA", each: int = 4, seed: int = 0
) -> FormReport:
    """``each`` songs of `SONG_STYLES`, in keys of their own."""
    same, other, inner, last = [], [], [], []
    for place, style in enumerate(name for name in SONG_STYLES if name in table):
        request = SongRequest(
            style=style, form=parse_form(form), key=Key(0, 5 * place % 12), meter=Meter(0, 4, 4), n=each, seed=seed
        )
        for draft in write_songs(net, table, request):
            equal, apart = same_material(draft.song)
            same += [] if equal is None else [equal]
            other += [] if apart is None else [apart]
            ends = [cadence(draft.song, span) for span in spans(draft.song)]
            inner += [end == HALF for end in ends[:-1]]
            last.append(ends[-1] == FULL)
    return FormReport(
        len(last), float(np.mean(same)), min(same), float(np.mean(other)), max(other), float(np.mean(inner)),
        float(np.mean(last)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BlendReport:
    """What blends measure: Spearman of --at and the distances to both tunes (means and the worst), the ends exact."""

    pairs: int
    to_first: float
    to_first_least: float
    to_second: float
    to_second_least: float
    exact_ends: float

    def as_dict(self) -> dict[str, float]:
        """Plain values for JSON."""
        return asdict(self)


def measure_blends(
    net: Decoder, table: Mapping[str, Any], pairs: Sequence[tuple[Song, Song]], *, seed: int = 0
) -> BlendReport:
    """Blends of each pair at every point of the way."""
    grows, falls, exact = [], [], []
    for first, second in pairs:
        one = lead_sheet(first)
        other = in_frame_of(lead_sheet(second), one)
        away, near = [], []
        for at in WAY:
            notes = write_blends(net, table, BlendRequest(first, second, at=at, n=1, seed=seed))[0].song.melody.notes
            away.append(1 - shared_notes(notes, one.melody.notes))
            near.append(1 - shared_notes(notes, other.melody.notes))
        grows.append(spearman(WAY, away))
        falls.append(-spearman(WAY, near))
        exact.append(away[0] == 0 and near[-1] == 0)
    return BlendReport(
        len(pairs), float(np.mean(grows)), min(grows), float(np.mean(falls)), min(falls), float(np.mean(exact))
    )


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Rank correlation of two rows, equal values sharing their mean rank; 0.0 where one row is constant."""
    ranks = [np.array([np.flatnonzero(np.sort(row) == value).mean() for value in row]) for row in (first, second)]
    return 0.0 if any(np.ptp(row) == 0 for row in ranks) else float(np.corrcoef(ranks[0], ranks[1])[0, 1])


# --- random requests


@dataclass(frozen=True, slots=True)
class EnsembleReport:
    """What a run found: requests by art, how many were refused, ideas, and of each rule how often it was broken."""

    seed: int
    requests: Mapping[str, int]
    refused: int
    ideas: int
    seconds: float
    checks: Mapping[str, int]
    failures: tuple[Failure, ...]

    @property
    def met(self) -> float:
        """Share of requests without any failure, 0..1."""
        return 1 - len({failure.request for failure in self.failures}) / max(1, sum(self.requests.values()))


def check_ensemble(
    studio: Studio,
    *,
    count: int = 200,
    seed: int = 0,
    folder: Path,
    only: Sequence[int] = (),
    watch: Callable[[int], None] = lambda _done: None,
) -> EnsembleReport:
    """Ask ``count`` random requests, a third of each art, write what comes into ``folder`` and check it.

    Args:
        only: the numbers of requests to make again, instead of all.
        watch: called with the number of requests done.
    """
    began = time.monotonic()
    arts: Counter[str] = Counter()
    checks: Counter[str] = Counter()
    failures: list[Failure] = []
    refused = ideas = 0
    for number in list(only) or list(range(count)):
        rng = np.random.default_rng([seed, number])
        art = ("arrange", "song", "blend")[number % 3]
        arts[art] += 1
        ask = {"arrange": _draw_arrangement, "song": _draw_song, "blend": _draw_blend}[art](rng, studio, folder, number)
        try:
            found = ask.run(studio)
        except CocreateError as error:
            checks["refusal"] += 1
            refused += isinstance(error, UnmetError)
            if ask.is_meetable or not isinstance(error, UnmetError):
                failures.append(Failure(number, "refusal", f"{type(error).__name__}: {error}", str(ask.options)))
            continue
        except Exception as error:
            error.add_note(f"request {number} of seed {seed}: {art} {ask.options}")
            raise
        if not ask.is_meetable:
            failures.append(Failure(number, "refusal", "nothing can meet it, yet an idea came", str(ask.options)))
        for candidate in studio.save(found, folder / f"{number:05d}"):
            ideas += 1
            assert candidate.path is not None
            for rule, fault in ask.faults(candidate, read_song(candidate.path)):
                checks[rule] += 1
                if fault:
                    failures.append(Failure(number, rule, fault, f"{art} {ask.options}"))
        watch(number)
    seconds = round(time.monotonic() - began, 1)
    return EnsembleReport(seed, dict(arts), refused, ideas, seconds, dict(checks), tuple(failures))


def format_ensemble_table(report: EnsembleReport) -> str:
    """The report as plain text."""
    broken = Counter(failure.rule for failure in report.failures)
    asked = ", ".join(f"{count} {art}" for art, count in report.requests.items())
    lines = [f"{asked} (seed {report.seed}), {report.refused} refused: {report.ideas} ideas, {report.seconds:.0f} s"]
    lines += [
        f"{rule:<10} {checked:>6} {broken[rule]:>5} {1 - broken[rule] / checked:>8.1%}"
        for rule, checked in report.checks.items()
    ]
    lines.append(f"requests without any fault: {report.met:.1%}")
    lines += [f"request {one.request}: {one.rule}: {one.detail} ({one.asked})" for one in report.failures[:20]]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request: how it is made, what is checked of what comes, and whether anything can meet it."""

    options: Mapping[str, Any]
    run: Callable[[Studio], tuple[Candidate, ...]]
    faults: Callable[[Candidate, Song], list[tuple[str, str]]]
    is_meetable: bool = True


def _draw_arrangement(rng: np.random.Generator, studio: Studio, folder: Path, number: int) -> _Ask:
    lead = write_riff(rng)
    if rng.random() < 0.4:  # noqa: PLR2004 - some leads have chords in some bars
        bars = len(lead.bars())
        text = write_progression(rng, lead.meter.numerator, most=max(1, bars - 1))
        lead = replace(lead, chords=parse_progression(text, meter=lead.meter)[: 2 * bars])
        lead = replace(lead, chords=tuple(c for c in lead.chords if c.end_ticks <= lead.bars()[-1].end_ticks))
    path = folder / f"{number:05d}_lead.mid"
    write_midi(lead, path, force=True)
    lead = read_song(path)
    parts = [str(name) for name in rng.permutation(PARTS)[: int(rng.integers(1, 5))]]
    options: dict[str, Any] = {
        "parts": ",".join(parts), "style": str(rng.choice(sorted({*studio.styles, *GROOVES} - {"any"}))),
        "rhythm": str(rng.choice(["bar", "half", "beat", "free"])), "n": int(rng.integers(1, 3)),
        "complexity": None if rng.random() < 0.5 else round(float(rng.random()), 2),  # noqa: PLR2004
        "humanise": bool(rng.random() < 0.3), "seed": int(rng.integers(2**31)),  # noqa: PLR2004
        "temperature": float(rng.choice([0.5, 1.0, 2.0])),
    }  # fmt: skip
    meetable = bool(rng.random() >= 0.05)  # noqa: PLR2004
    if not meetable:
        options["keep"] = "999:Dm7"
        options["parts"] = "bass"
        parts = ["bass"]

    def faults(candidate: Candidate, song: Song) -> list[tuple[str, str]]:
        added = song.parts[len(lead.parts) : len(lead.parts) + len(parts)]
        whole = candidate.song
        kept = [as_written(part.notes) for part in song.parts[: len(lead.parts)]]
        same = kept == [as_written(part.notes) for part in lead.parts]
        given = {(c.start_ticks, c.root, c.quality, c.bass) for c in lead.chords}
        there = {(c.start_ticks, c.root, c.quality, c.bass) for c in whole.chords}
        stays = all(_is_heard(chord, whole) for chord in lead.chords) or given <= there
        return [
            ("lead", "" if same else "a note of the lead is another"),
            ("chords", "" if stays else "a chord of the lead is another"),
            *_part_faults(added, whole, wanted=len(parts)),
            ("bars", "" if len(song.bars()) == len(lead.bars()) else f"{len(song.bars())} for {len(lead.bars())}"),
        ]

    return _Ask(options, lambda one: one.arrange(path, **options), faults, meetable)


def _is_heard(chord: Any, song: Song) -> bool:
    """True when a chord of the lead still sounds where it did."""
    if chord.root is None:
        return song.chord_at(chord.start_ticks) is None
    there = song.chord_at(chord.start_ticks)
    return there is not None and (there.root, there.quality, there.bass) == (chord.root, chord.quality, chord.bass)


def _part_faults(parts: Sequence[Part], song: Song, *, wanted: int) -> list[tuple[str, str]]:
    found = [("parts", "" if len(parts) == wanted else f"{len(parts)} parts instead of {wanted}")]
    end = song.bars()[-1].end_ticks
    for part in parts:
        late = [note for note in part.notes if note.end_ticks > end]
        found.append(("end", f"{part.name} rings over the end" if late else ""))
        if part.role == "drums":
            hands = Counter(note.start_ticks for note in part.notes if note.pitch not in FEET)
            found.append(("hands", "a drummer needs three hands" if max(hands.values(), default=0) > HANDS else ""))
            continue
        low, high = RANGES[part.name.rstrip(" 0123456789")]
        out = [note.pitch for note in part.notes if not low <= note.pitch <= high]
        found.append(("range", f"{part.name} plays {out[0]}" if out else ""))
        if part.role == "bass":
            crossed = [a for a, b in pairwise(part.notes) if a.end_ticks > b.start_ticks]
            found.append(("voice", "the bass plays two notes at once" if crossed else ""))
    return found


def _draw_song(rng: np.random.Generator, studio: Studio, _folder: Path, _number: int) -> _Ask:
    bars, form = int(rng.integers(4, 9)), str(rng.choice(FORMS))
    meter = str(rng.choice(SONG_METERS))
    chords = write_progression(rng, int(meter.split("/", maxsplit=1)[0]), most=bars) if rng.random() < 0.3 else None  # noqa: PLR2004
    key = Key(0, int(rng.integers(12)), str(rng.choice(["major", "minor", "dorian", "mixolydian"])))
    parts = [str(name) for name in rng.permutation(PARTS)[: int(rng.integers(1, 4))]]
    options: dict[str, Any] = {
        "style": str(rng.choice(sorted({*studio.styles, *GROOVES} - {"any"}))), "form": form, "bars_per_section": bars,
        "key": key, "meter": meter, "tempo": round(float(rng.uniform(50, 220)), 1), "chords": chords,
        "parts": ",".join(parts), "humanise": bool(rng.random() < 0.3), "n": 1, "seed": int(rng.integers(2**31)),  # noqa: PLR2004
    }  # fmt: skip
    labels = parse_form(form)

    def faults(candidate: Candidate, song: Song) -> list[tuple[str, str]]:
        whole = candidate.song
        marks = [mark.label.lower() for mark in song.sections] == [label.lower() for label in labels]
        right = [str(bar.meter) for bar in song.bars()] == [meter] * (bars * len(labels))
        found = [
            ("sections", "" if marks else f"markers {[mark.label for mark in song.sections]}"),
            ("bars", "" if right else f"{len(song.bars())} bars of {song.meter}"),
            ("key", "" if key_at_end(whole) == key else f"{whole.key} instead of {key}"),
            ("tempo", "" if abs(song.tempo_bpm - float(options["tempo"])) < 0.01 else f"{song.tempo_bpm}"),  # noqa: PLR2004
            *_part_faults(song.parts[1 : 1 + len(parts)], whole, wanted=len(parts)),
        ]
        if chords is None and not options["humanise"]:
            ends = [cadence(whole, span) for span in spans(whole)]
            asked = [HALF] * (len(ends) - 1) + [FULL]
            found.append(("cadences", "" if ends == asked else f"sections end {ends}"))
        return found

    return _Ask(options, lambda one: one.song(**options), faults)


def _draw_blend(rng: np.random.Generator, _studio: Studio, folder: Path, number: int) -> _Ask:
    first, second = write_riff(rng), write_riff(rng)
    meetable = str(first.meter) == str(second.meter) or first.meter.bar_ticks == second.meter.bar_ticks
    if not meetable and rng.random() < 0.8:  # noqa: PLR2004
        while first.meter.bar_ticks != second.meter.bar_ticks:
            second = write_riff(rng)
        meetable = True
    paths = [folder / f"{number:05d}_{name}.mid" for name in ("first", "second")]
    for song, path in zip((first, second), paths, strict=True):
        write_midi(song, path, force=True)
    one = lead_sheet(read_song(paths[0]))
    at = float(rng.choice([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]))
    options: dict[str, Any] = {"at": at, "n": int(rng.integers(1, 3)), "seed": int(rng.integers(2**31))}

    def faults(candidate: Candidate, song: Song) -> list[tuple[str, str]]:
        other = in_frame_of(lead_sheet(read_song(paths[1])), one)
        goal = {0.0: one, 1.0: other}.get(at)
        got = as_written(song.melody.notes)
        found = [
            ("bars", "" if len(candidate.song.bars()) == len(one.bars()) else f"{len(candidate.song.bars())} bars"),
            ("metre", "" if str(song.meter) == str(one.meter) else f"{song.meter}"),
            ("voice", "" if candidate.song.melody.is_monophonic else "two notes at once"),
        ]
        if goal is not None:
            found.append(("ends", "" if got == as_written(goal.melody.notes) else "it is not the tune itself"))
        return found

    return _Ask(options, lambda studio: studio.blend(*paths, **options), faults, meetable)
