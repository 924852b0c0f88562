"""Harmonies: chord symbols under a person's tune, and voices or accompaniments that play them.

Conventions:
    Every note and part of the song is kept; chords and parts are added. First the chord network writes the chords under
    the tune, then the one model writes all parts together, bar by bar, to the tune and these chords. What is kept is
    kept exactly; what cannot be raises ``UnmetError`` before anything is drawn. Bars count as in ``generate.tune``.
    What of chords is kept is named as in ``generate.kept_chords``; what is missing before it in its bar is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from cocreate.errors import InputError, UnmetError
from cocreate.generate.ahead import Given, row_ahead
from cocreate.generate.kept_chords import NONE, kept_chords
from cocreate.generate.melody import Draft, folded
from cocreate.generate.plan import style_words
from cocreate.generate.request import ANY, MAX_CANDIDATES, Leaning, check_style
from cocreate.generate.tune import Tune, find_tune
from cocreate.model.bar_rules import BarScribe, bar_lines
from cocreate.model.chord_clues import class_of, clues_of, richness_at
from cocreate.model.chord_rules import (
    RHYTHMS,
    SEVENTHS_FROM,
    Chart,
    ChordRules,
    chart_bars,
    closing_chords,
    qualities_at,
)
from cocreate.model.chord_writer import open_writer
from cocreate.model.decoder import Decoder
from cocreate.model.harmoniser import Manner, draw_chords
from cocreate.model.part_rules import SHORTEST_STEPS, Harmony, Line, NotePen, Setting, Voice
from cocreate.model.sample import Row, Sampling, decode
from cocreate.model.tokens import Controls, Sheet, chord_ids, frame_shift, merge_chords, monophonic_steps
from cocreate.model.tracks import INNER, full_sheet_of, track, tracks_of
from cocreate.model.vocabulary import PITCHES, STEP_TICKS
from cocreate.model.voice_rules import pens_of
from cocreate.music.measures import skyline
from cocreate.music.song import Chord, Note, Part, Song
from cocreate.music.theory import QUALITIES, SCALES, chord_pitch_classes, with_key

HEARD_SHARE = 0.2  # of the context, at most, for two bars of the tracks beside tune and chords
PARTS_SEED = 7_001  # from the seed of the chords to that of the parts


@dataclass(frozen=True, slots=True)
class Player:
    """Who plays a track: its name, role, General MIDI program, lowest and highest pitch, notes at once, loudness."""

    track: str
    name: str
    role: str
    program: int
    low: int
    high: int
    together: int = 1
    velocity: int = 70


# the ranges of the four voices are those of the harmony books; of instruments, where they accompany well
ENSEMBLES: Mapping[str, tuple[Player, ...]] = {
    "satb": (
        Player("bass", "Bass", "voice", 52, 40, 60),
        Player("alto", "Alto", "voice", 52, 55, 74),
        Player("tenor", "Tenor", "voice", 52, 48, 67),
    ),
    "strings": (
        Player("bass", "Cello", "voice", 42, 36, 62),
        Player("alto", "Violin II", "voice", 40, 55, 81),
        Player("tenor", "Viola", "voice", 41, 48, 74),
    ),
    "piano": (Player("comp", "Piano comp", "comping", 0, 36, 84, together=8, velocity=60),),
    "guitar": (Player("comp", "Guitar comp", "comping", 24, 40, 76, together=6, velocity=60),),
    "bass": (Player("bass", "Bass", "bass", 32, 28, 55, velocity=76),),
}
CHOIRS = ("satb", "strings")
DEFAULT_VOICES = ("piano",)


def parse_voices(text: str) -> tuple[str, ...]:
    """Names of ensembles in "piano,bass"; nobody for "none"."""
    names = tuple(text.replace(",", " ").lower().split())
    return () if names == (NONE,) else names


@dataclass(frozen=True, slots=True)
class HarmonyRequest:
    """What is asked for.

    Args:
        part: the part (from 1) that the tune is in; None finds it.
        voices: names of `ENSEMBLES`; none of them, "none", writes chord symbols alone.
        rhythm: where chords may begin: each "bar", "half" bar or "beat", or "free".
        complexity: 0..1, from triads to altered chords; None leaves it to the style.
        keep: see ``generate.kept_chords``.
        n: candidates, 1..64.
        leanings: tastes to write near to; candidates take them in turn.
    """

    song: Song
    part: int | None = None
    style: str | None = None
    voices: tuple[str, ...] = DEFAULT_VOICES
    rhythm: str = "free"
    complexity: float | None = None
    keep: str = NONE
    n: int = 8
    seed: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    leanings: tuple[Leaning, ...] = ()

    def __post_init__(self) -> None:
        unknown = [name for name in self.voices if name not in ENSEMBLES]
        if unknown:
            raise InputError(f"voices must be among {', '.join(ENSEMBLES)} or none, got {unknown[0]!r}")
        tracks = [player.track for name in self.voices for player in ENSEMBLES[name]]
        if len(tracks) != len(set(tracks)):
            raise InputError(f"voices must not play the same part, got {', '.join(self.voices)}; ask for one of them")
        if self.rhythm not in RHYTHMS:
            raise InputError(f"rhythm must be one of {', '.join(RHYTHMS)}, got {self.rhythm!r}")
        if self.complexity is not None and not 0 <= self.complexity <= 1:
            raise InputError(f"complexity must be in 0..1, got {self.complexity:g}")
        if not 1 <= self.n <= MAX_CANDIDATES:
            raise InputError(f"n must be in 1..{MAX_CANDIDATES}, got {self.n}")
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed}")


def write_harmonies(net: Decoder, table: Mapping[str, Any], request: HarmonyRequest) -> tuple[Draft, ...]:
    """``request.n`` harmonies of the song, in the order they were drawn.

    Args:
        table: the checkpoint's ``styles.json``.

    Raises:
        InputError: if the style is unknown, the song has no such part or no tune, or ``keep`` is unreadable.
        UnmetError: if a chord or a note cannot be kept, or no voice fits.
    """
    own = request.song.style if request.song.style in table else None
    style = check_style(request.style or own, table)
    tune = find_tune(request.song, part=request.part)
    desk = Desk(net, request, tune, Controls(styles=style_words(style)))
    charted = desk.write_chords()
    played = desk.write_parts([chords for chords, _ in charted])
    name = request.song.style or ("" if style == ANY else style)
    lead = replace(tune.lead(), style=name)
    drafts = []
    for (chords, nats), (parts, more) in zip(charted, played, strict=True):
        song = replace(lead, chords=chords)
        added = [note for part in parts for note in part.notes]
        drafts.append(
            Draft(
                song,
                style,
                nats + more,
                fresh=skyline(added),  # the line that an ear would follow
                whole=replace(
                    request.song, chords=chords, parts=(*request.song.parts, *desk.from_the_top(parts)), style=name
                ),
                singers=desk.choir(song, parts),
                identity=str(hash((chords, *added))),
            )
        )
    return tuple(drafts)


class Desk:
    """One tune and what is being written to it, in the frame of the network."""

    def __init__(self, net: Decoder, request: HarmonyRequest, tune: Tune, asked: Controls) -> None:
        self.net, self.request, self.asked = net, request, asked
        self.players = [player for name in request.voices for player in ENSEMBLES[name]]
        self.is_choir = any(name in CHOIRS for name in request.voices)
        lead = with_key(replace(tune.lead(), chords=()))
        key = lead.keys[0]
        self.shift, self.mode = frame_shift(key.tonic), key.mode
        self.kept = kept_chords(request.song, request.keep)
        notes = tuple(replace(note, pitch=folded(note.pitch + self.shift) - self.shift) for note in lead.melody.notes)
        # bars must reach under every chord of the song, and end where the song ends
        marks = tuple(replace(chord, root=None) for chord in request.song.chords)
        self.heard = replace(lead, parts=(replace(lead.parts[0], notes=notes), *lead.parts[1:]), chords=marks)
        try:
            self.sheet = full_sheet_of(self.heard, net.words)
        except InputError as error:
            raise UnmetError(f"the song must fit the grid the model writes on: {error}") from None
        self.lines = bar_lines(self.heard)
        self.tune = [(onset, pitch + self.shift, length) for onset, pitch, length in monophonic_steps(notes)]
        self.ticks = {round(note.start_ticks / STEP_TICKS): note.start_ticks for note in reversed(notes)}
        there = tracks_of(self.heard)
        if self.is_choir:  # a voice that the person has brought is sung as it stands
            self.players = [player for player in self.players if player.track not in there]
            if not self.players:
                raise UnmetError("the song has all its voices already; name other --voices, or take parts out")
            self._check_room()
        wanted = {player.track for player in self.players}
        self.others = tuple(name for name in there if name not in wanted)

    def write_chords(self) -> list[tuple[tuple[Chord, ...], float]]:
        """The chords of each candidate, and how surprising the network finds them, nats a free choice."""
        chart, request = self._chart(), self.request
        if chart.is_written and not self.players:
            raise InputError("nothing is left to write where all chords are kept; name --voices, or --keep less")
        points = [
            (line.start + step) * STEP_TICKS
            for line, bar in zip(self.lines, chart.bars, strict=True)
            for step in (*bar.open, *bar.kept)
        ]
        clues = clues_of(self.heard, styles=self.asked.styles, chords=(), points=points)
        found = draw_chords(
            open_writer(),
            clues,
            ChordRules(chart, self.lines, clues),
            n=1 if chart.is_written else request.n,
            seed=request.seed,
            sampling=request.sampling,
            manner=Manner(
                styles=self.asked.styles,
                richness=richness_at(request.complexity),
                tastes=tuple(leaning.vector for leaning in request.leanings),
            ),
        )
        return [(self._as_kept(chords), nats) for chords, nats in found] * (request.n // len(found))

    def write_parts(self, charts: Sequence[tuple[Chord, ...]]) -> list[tuple[tuple[Part, ...], float]]:
        """The parts of each candidate to its chords, and how surprising the network finds them."""
        if not self.players:
            return [((), 0.0) for _ in charts]
        desks: list[tuple[Row[BarScribe], Sequence[NotePen]]] = []
        for place, chords in enumerate(charts):
            pens = self._pens(self._setting(chords))
            sheet = self._with_chords(chords)
            given = ("melody", "chords", *self._audible())
            desks.append((self._row(pens, sheet, place, given=given), pens))
        seed = self.request.seed + PARTS_SEED
        decode(self.net, [row for row, _ in desks], seed=seed, sampling=self.request.sampling)
        return [
            (
                tuple(self._part(player, pen) for player, pen in zip(self.players, pens, strict=True)),
                row.nats / max(1, row.drawn),
            )
            for row, pens in desks
        ]

    def _pens(self, setting: Setting) -> Sequence[NotePen]:
        """The rules of the parts, in the order in which they write each bar."""
        return pens_of([self._voice(player) for player in self.players], setting, self.net.words)

    def from_the_top(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        """The new parts as a score shows them: singers by voice, others as they were asked for."""
        rank = {player.name: INNER.index(player.track) for player in self.players if player.track in INNER}
        return tuple(sorted(parts, key=lambda part: rank.get(part.name, 0)) if self.is_choir else parts)

    def choir(self, song: Song, parts: Sequence[Part]) -> tuple[Part, ...]:
        """All who sing, from the top; nobody where none of the parts is a voice of a choir."""
        if not self.is_choir:
            return ()
        singers = {player.track: part for player, part in zip(self.players, parts, strict=True)}
        given = {name: Part(notes) for name, notes in tracks_of(self.heard).items() if name in self.others}
        found = {"melody": song.melody, **given, **singers}
        return tuple(found[name] for name in ("melody", *INNER) if name in found)

    def _row(self, pens: Sequence[NotePen], sheet: Sheet, place: int, *, given: Sequence[str]) -> Row[BarScribe]:
        """The row of candidate ``place``."""
        words = self.net.words
        scribe = BarScribe(self.lines, pens, words, meter=self.lines[0].meter)
        heard = Given("parts", tuple(given), sheet, words)
        leanings = self.request.leanings
        taste = leanings[place % len(leanings)].vector if leanings else ()
        return row_ahead(self.net, scribe, heard, self.asked, taste=taste)

    def _chart(self) -> Chart:
        kept: dict[int, dict[int, tuple[int, int]]] = {}
        for (place, step), chord in self._stay().items():
            kept.setdefault(place, {})[step] = class_of(chord, self.shift)
        onset, pitch, _ = self.tune[-1]
        qualities = qualities_at(self.request.complexity)
        return Chart(
            chart_bars(self.lines, kept, rhythm=self.request.rhythm, last_onset=onset),
            qualities,
            has_slashes=self.request.complexity is None or self.request.complexity >= SEVENTHS_FROM,
            closing=closing_chords(self.mode, pitch, qualities),
        )

    def _as_kept(self, chords: Sequence[Chord]) -> tuple[Chord, ...]:
        """The chords where those that stay stand as they are, off the grid too; each goes on from its bar's end."""
        own = {
            (self.lines[bar].start + step) * STEP_TICKS: (chord, self.lines[bar].end * STEP_TICKS)
            for (bar, step), chord in self._stay().items()
        }
        found: list[Chord] = []
        for chord in chords:
            start = chord.start_ticks
            marks = [tick for tick in own if start < tick < chord.end_ticks]  # where it is kept once more
            for tick, end in pairwise([start, *sorted(marks), chord.end_ticks]):
                mine, bar_end = own.get(tick, (None, tick))
                if mine is not None:
                    found.append(mine)
                if bar_end < end:
                    found.append(replace(chord, start_ticks=bar_end, length_ticks=end - bar_end))
        starts = [*(chord.start_ticks for chord in found[1:]), self.lines[-1].end * STEP_TICKS]
        return merge_chords(
            [
                replace(c, length_ticks=min(c.end_ticks, end) - c.start_ticks)
                for c, end in zip(found, starts, strict=True)
            ]
        )

    def _stay(self) -> dict[tuple[int, int], Chord]:
        """The chords that stay by bar and step of the bar."""
        return {
            (
                place,
                min(round(chord.start_ticks / STEP_TICKS) - self.lines[place].start, self.lines[place].steps - 1),
            ): chord
            for place, chords in self.kept.items()
            for chord in chords
        }

    def _with_chords(self, chords: tuple[Chord, ...]) -> Sheet:
        charted = replace(self.heard, chords=chords)
        bars = tuple(
            replace(bar, chords=chord_ids(charted, line.start, line.end, self.shift, self.net.words))
            for bar, line in zip(self.sheet.bars, self.lines, strict=True)
        )
        return replace(self.sheet, bars=bars)

    def _audible(self) -> tuple[str, ...]:
        """The other tracks that the network is shown: the lightest first, as long as a bar leaves room to write."""
        weights = {name: max(len(track(self.sheet, bar, name)) for bar in self.sheet.bars) for name in self.others}
        room, found = round(self.net.context * HEARD_SHARE), []
        for name in sorted(weights, key=weights.__getitem__):
            room -= 2 * weights[name]  # this bar and the one ahead
            if room >= 0:
                found.append(name)
        return tuple(found)

    def _setting(self, chords: Sequence[Chord]) -> Setting:
        voices = {"melody": Line.of(self.tune)}
        for name, notes in tracks_of(self.heard).items():
            if name in INNER and name in self.others:
                voices[name] = Line.of([(o, p + self.shift, n) for o, p, n in monophonic_steps(notes)])
        return Setting(
            self.lines,
            [
                Harmony(
                    round(chord.start_ticks / STEP_TICKS),
                    round(chord.end_ticks / STEP_TICKS),
                    frozenset((pc + self.shift) % 12 for pc in chord_pitch_classes(chord)),
                    None if chord.bass is None else (chord.bass + self.shift) % 12,
                    _third(chord, self.shift),
                )
                for chord in chords
            ],
            frozenset(SCALES[self.mode]),
            voices,
            order=("melody", *INNER) if self.is_choir else (),
        )

    def _voice(self, player: Player) -> Voice:
        return Voice(
            player.track,
            max(PITCHES[0], player.low + self.shift),
            min(PITCHES[-1], player.high + self.shift),
            together=player.together,
            sings=self.is_choir and player.together == 1,
        )

    def _part(self, player: Player, pen: NotePen) -> Part:
        """The part in ticks; where the tune was played off the grid its notes begin and end with the tune's."""
        notes = []
        last = self.lines[-1].end
        for onset, pitch, length in pen.notes:
            # the vocabulary lacks some lengths; a voice ends with the piece
            stop = last if last - (onset + length) < SHORTEST_STEPS else onset + length
            start, end = (self.ticks.get(step, step * STEP_TICKS) for step in (onset, stop))
            notes.append(Note(start, pitch - self.shift, max(1, end - start), player.velocity))
        return Part(tuple(notes), name=player.name, role=player.role, program=player.program)

    def _check_room(self) -> None:
        """Voices go under the tune."""
        floor = max(player.low for player in self.players)
        below = [onset for onset, pitch, _ in self.tune if pitch - self.shift < floor]
        if len(below) * 2 > len(self.tune):
            names = ", ".join(player.name for player in self.players)
            raise UnmetError(
                f"{names} must fit under the tune, which lies below their lowest note most of the time; transpose it"
                " up an octave"
            )


def _third(chord: Chord, shift: int) -> int | None:
    """The third of a chord in the frame; None for a chord without one."""
    if chord.root is None:
        return None
    steps = [step for step in QUALITIES[chord.quality] if step in (3, 4)]
    return (chord.root + steps[-1] + shift) % 12 if steps else None
