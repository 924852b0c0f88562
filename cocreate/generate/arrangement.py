"""Arrangements: a rhythm section under a person's tune, in a style's own manner.

Conventions:
    Every note of the song is kept. Chords that it lacks are written first, by the harmony partner; bass and hands play
    these, drums play the bars. The network that writes parts (`band`) may be another one than that of the chords.
    Parts are drawn apart: bass with the first of the hands, each further hand alone, then the drums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cocreate.errors import InputError
from cocreate.generate.ahead import Given, row_ahead
from cocreate.generate.groove import GROOVES, Groove, check_groove
from cocreate.generate.harmony import PARTS_SEED, Desk, HarmonyRequest, Player
from cocreate.generate.kept_chords import ALL
from cocreate.generate.melody import Draft
from cocreate.generate.plan import style_words
from cocreate.generate.request import ANY, MAX_CANDIDATES, Leaning
from cocreate.generate.tune import Tune, find_tune
from cocreate.model.band_rules import Manner, band_pens
from cocreate.model.bar_rules import BarLine, BarScribe
from cocreate.model.decoder import Decoder
from cocreate.model.drum_rules import STRAIGHT, SWUNG, Beat, DrumPen, velocity_of
from cocreate.model.part_rules import NotePen, Setting
from cocreate.model.sample import Row, Sampling, decode
from cocreate.model.tokens import Controls, Sheet, SheetBar
from cocreate.model.tracks import tracks_of
from cocreate.model.vocabulary import STEP_TICKS, STEPS_PER_QUARTER
from cocreate.music.measures import skyline
from cocreate.music.song import Chord, Note, Part, Song

DRUMS = "drums"
PARTS = ("bass", "piano", "guitar", "strings", "organ", DRUMS)
DEFAULT_PARTS = ("bass", "piano", DRUMS)
DRUM_HEAT, DRUM_MIN_P = 0.85, 0.08  # of the temperature; a drummer surprises less than a soloist
PHRASE_BARS = 4  # a fill may end each
HIT_TICKS = 60
HANDS_SPAN = 17  # semitones that hands have at least
SWUNG_SHARE = 0.5  # of the tune's notes between the beats that must come late for a swung style to swing

# where there is a bass the hands leave it its room
_PLAYERS: Mapping[str, Player] = {
    "bass": Player("bass", "Bass", "bass", 33, 28, 52, velocity=84),
    "piano": Player("comp", "Piano comp", "comping", 0, 48, 79, together=5, velocity=66),
    "guitar": Player("comp", "Guitar comp", "comping", 27, 45, 76, together=5, velocity=64),
    "strings": Player("comp", "Strings comp", "comping", 48, 52, 84, together=4, velocity=56),
    "organ": Player("comp", "Organ comp", "comping", 16, 48, 79, together=4, velocity=58),
}
_LOW_PIANO = 36  # without a bass the left hand plays it
_PAD = Manner("pad", least=3)


def parse_parts(text: str) -> tuple[str, ...]:
    """Names of parts in "bass,piano,drums".

    Raises:
        InputError: if there is none, one is unknown or stands twice.
    """
    names = tuple(text.replace(",", " ").lower().split())
    unknown = [name for name in names if name not in PARTS]
    if unknown or not names:
        raise InputError(f"parts must be among {', '.join(PARTS)}, got {unknown[0] if unknown else text!r}")
    if len(set(names)) < len(names):
        raise InputError(f"parts must not stand twice, got {text!r}")
    return names


@dataclass(frozen=True, slots=True)
class ArrangeRequest:
    """What is asked for.

    Args:
        part: the part (from 1) that the tune is in; None finds it.
        parts: who plays, of `PARTS`.
        style: None is the song's own.
        keep: which of the song's chords stay, as in ``generate.harmony``.
        rhythm, complexity: of the chords that are written, as there; without one jazz has no triads.
        n: candidates, 1..64.
        leanings: tastes to write near to; candidates take them in turn.
    """

    song: Song
    part: int | None = None
    parts: tuple[str, ...] = DEFAULT_PARTS
    style: str | None = None
    keep: str = ALL
    rhythm: str = "half"
    complexity: float | None = None
    n: int = 5
    seed: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    leanings: tuple[Leaning, ...] = ()

    def __post_init__(self) -> None:
        parse_parts(" ".join(self.parts))
        if not 1 <= self.n <= MAX_CANDIDATES:
            raise InputError(f"n must be in 1..{MAX_CANDIDATES}, got {self.n}")
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed}")


def write_arrangements(
    net: Decoder, band: Decoder, table: Mapping[str, Any], request: ArrangeRequest
) -> tuple[Draft, ...]:
    """``request.n`` arrangements of the song, in the order they were drawn.

    Args:
        net: writes the chords; band: writes the parts.
        table: the checkpoint's ``styles.json``.

    Raises:
        InputError: if the style is unknown, the song has no such part or no tune, or ``keep`` is unreadable.
        UnmetError: if a chord cannot be kept, or the song does not fit the grid.
    """
    own = request.song.style if request.song.style in {*table, *GROOVES} else None
    name, groove = check_groove(request.style or own, table)
    tune = find_tune(request.song, part=request.part)
    base = HarmonyRequest(
        request.song, part=request.part, style=groove.row, voices=("bass",), rhythm=request.rhythm,
        complexity=groove.richness if request.complexity is None else request.complexity, keep=request.keep,
        n=request.n, seed=request.seed, sampling=request.sampling, leanings=request.leanings,
    )  # fmt: skip
    charted = [(request.song.chords, 0.0)] * request.n
    if set(request.parts) - {DRUMS}:
        charted = Desk(net, base, tune, Controls(styles=style_words(groove.row))).write_chords()
    songs = [replace(request.song, chords=chords) for chords, _ in charted]
    played = accompany(
        band, songs, groove, parts=request.parts, part=request.part, seed=request.seed, sampling=request.sampling
    )
    style = "" if name == ANY else name
    drafts = []
    for song, (_, nats), (parts, more) in zip(songs, charted, played, strict=True):
        added = [note for part in parts if part.role != DRUMS for note in part.notes]
        drafts.append(
            Draft(
                replace(tune.lead(), chords=song.chords, style=style),
                groove.row,
                nats + more,
                fresh=skyline(added),  # the line that an ear would follow
                whole=replace(song, parts=(*song.parts, *parts), style=style),
                identity=str(hash((song.chords, *(note for part in parts for note in part.notes)))),
            )
        )
    return tuple(drafts)


def accompany(
    band: Decoder,
    songs: Sequence[Song],
    groove: Groove,
    *,
    parts: Sequence[str],
    part: int | None = None,
    seed: int = 0,
    sampling: Sampling | None = None,
) -> list[tuple[tuple[Part, ...], float]]:
    """The parts that play each song with its chords, and how surprising the network finds them, nats a free choice.

    Args:
        parts: of `PARTS`, in the order they come back in.
        part: the part (from 1) that the tune is in; None finds it.

    Raises:
        InputError: if a song has no tune.
        UnmetError: if a song does not fit the grid.
    """
    sampling = sampling or Sampling()
    pitched = [name for name in parts if name != DRUMS]
    bases = [HarmonyRequest(song, part=part, voices=("bass",), n=1, seed=seed) for song in songs]
    tunes = [find_tune(song, part=part) for song in songs]
    written: dict[str, list[tuple[Part, float]]] = {}
    for number, names in enumerate(_groups(pitched)):
        sections = [
            _Section(band, base, tune, _as_played(groove, tune), names, has_bass="bass" in pitched or _has_bass(song))
            for base, tune, song in zip(bases, tunes, songs, strict=True)
        ]
        rows = [section.row() for section in sections]
        decode(band, [row for row, _ in rows], seed=seed + (number + 1) * PARTS_SEED, sampling=sampling)
        for section, (row, pens) in zip(sections, rows, strict=True):
            for name, one in zip(names, section.played(pens), strict=True):
                written.setdefault(name, []).append((one, row.nats / max(1, row.drawn)))
    if DRUMS in parts:
        desks = [
            Desk(band, base, tune, Controls(styles=groove.drum_words)) for base, tune in zip(bases, tunes, strict=True)
        ]
        written[DRUMS] = _write_drums(band, desks, groove, seed=seed + PARTS_SEED - 1, sampling=sampling)
    found = []
    for place, song in enumerate(songs):
        taken = {one.name for one in song.parts}
        mine = [written[name][place] for name in parts]
        found.append((tuple(_named(one, taken) for one, _ in mine), sum(nats for _, nats in mine)))
    return found


class _Section(Desk):
    """Part of a rhythm section at a tune."""

    def __init__(
        self, band: Decoder, base: HarmonyRequest, tune: Tune, groove: Groove, names: Sequence[str], *, has_bass: bool
    ) -> None:
        super().__init__(band, base, tune, Controls(styles=groove.words))
        tops = sorted(pitch - self.shift for _, pitch, _ in self.tune)
        ceiling = tops[len(tops) * 3 // 4]
        self.players = [_under(_player(name, groove, has_bass=has_bass), ceiling) for name in names]
        self.manners = [_manner(name, groove) for name in names]
        wanted = {player.track for player in self.players}
        self.others = tuple(name for name in tracks_of(self.heard) if name not in wanted)

    def row(self) -> tuple[Row[BarScribe], Sequence[NotePen]]:
        """The row that writes the parts to the song's chords, and their pens."""
        chords = self.request.song.chords
        pens = self._pens(self._setting(chords))
        given = ("melody", "chords", *self._audible()) if chords else ("melody", *self._audible())
        return self._row(pens, self._with_chords(chords), 0, given=given), pens

    def played(self, pens: Sequence[NotePen]) -> list[Part]:
        """What the pens have written."""
        return [self._part(player, pen) for player, pen in zip(self.players, pens, strict=True)]

    def _pens(self, setting: Setting) -> Sequence[NotePen]:
        return band_pens([self._voice(player) for player in self.players], self.manners, setting, self.net.words)

    def _setting(self, chords: Sequence[Chord]) -> Setting:
        """As for any parts, and each chord's bass is its root where it names no other."""
        setting = super()._setting(chords)
        bases = [chord.root if chord.bass is None else chord.bass for chord in chords]
        named = [
            replace(one, bass=None if pc is None else (pc + self.shift) % 12)
            for one, pc in zip(setting.chords, bases, strict=True)
        ]
        return replace(setting, chords=named)


def _groups(names: Sequence[str]) -> list[list[str]]:
    """Who is written together: a bass and the first of the hands; the other hands one by one."""
    hands = [name for name in names if name != "bass"]
    first = [name for name in names if name == "bass" or name in hands[:1]]
    first.sort(key=lambda name: name != "bass")
    return [group for group in (first, *([name] for name in hands[1:])) if group]


def _player(name: str, groove: Groove, *, has_bass: bool) -> Player:
    found = _PLAYERS[name]
    if name == "bass":
        return replace(found, program=groove.bass_program)
    if name == "guitar":
        return replace(found, program=groove.guitar_program)
    return found if has_bass or name != "piano" else replace(found, low=_LOW_PIANO)


def _under(player: Player, ceiling: int) -> Player:
    """Hands stay below most of the tune, where that leaves them room."""
    if player.together == 1:
        return player
    return replace(player, high=min(player.high, max(player.low + HANDS_SPAN, ceiling)))


def _manner(name: str, groove: Groove) -> Manner:
    return groove.bass if name == "bass" else _PAD if name in ("strings", "organ") else groove.hands


def _has_bass(song: Song) -> bool:
    return any(part.role == "bass" and part.notes for part in song.parts)


def _named(part: Part, taken: set[str]) -> Part:
    """The part under a name that no part of the song has."""
    number = 2
    name = part.name
    while name in taken:
        name, number = f"{part.name} {number}", number + 1
    return replace(part, name=name)


def _as_played(groove: Groove, tune: Tune) -> Groove:
    """The groove, straight where the tune itself plays straight quavers. Drummers swing all the same, as they do."""
    half = STEPS_PER_QUARTER // 2
    late = straight = 0
    for note in tune.notes:
        step = round(note.start_ticks / STEP_TICKS) % STEPS_PER_QUARTER
        straight += abs(step - half) <= 1
        late += abs(step - 2 * SWUNG) <= 1
    if not groove.is_swung or not straight + late or late >= SWUNG_SHARE * (straight + late):
        return groove
    return replace(groove, bass=replace(groove.bass, is_swung=False), hands=replace(groove.hands, is_swung=False))


# --- drums


def _write_drums(
    band: Decoder, desks: Sequence[Desk], groove: Groove, *, seed: int, sampling: Sampling
) -> list[tuple[Part, float]]:
    """The drum part of each song, and how surprising the network finds it, nats a free choice."""
    words = band.words
    pens: list[DrumPen] = []
    rows: list[Row[BarScribe]] = []
    for desk in desks:
        lines = desk.lines
        silent = tuple(SheetBar(line.meter, ()) for line in lines)
        sheet = Sheet(silent, 0, "major", desk.sheet.tempo_bpm, desk.sheet.has_pickup)
        pens.append(DrumPen(_beat(lines, desk.request.song, groove, last_onset=desk.tune[-1][0]), lines, words))
        scribe = BarScribe(lines, pens[-1:], words, meter=lines[0].meter)
        rows.append(row_ahead(band, scribe, Given("parts", (), sheet, words), Controls(styles=groove.drum_words)))
    heat, least = sampling.temperature * DRUM_HEAT, max(sampling.min_p, DRUM_MIN_P)
    decode(band, rows, seed=seed, sampling=replace(sampling, temperature=heat, min_p=least))
    return [(_drum_part(pen), row.nats / max(1, row.drawn)) for pen, row in zip(pens, rows, strict=True)]


def _beat(lines: Sequence[BarLine], song: Song, groove: Groove, *, last_onset: int) -> Beat:
    """The rules of the drums: fills before a section or at the end of a phrase, crashes where one begins."""
    first = int(lines[0].is_pickup)
    grid = song.bars()
    starts = {place for place, bar in enumerate(grid) if any(s.start_ticks == bar.start_ticks for s in song.sections)}
    starts = {place for place in starts if place >= first} or set(range(first, len(lines), 2 * PHRASE_BARS))
    ends = {place - 1 for place in starts if place > first} | {len(lines) - 2}
    if not song.sections:
        ends |= set(range(first + PHRASE_BARS - 1, len(lines), PHRASE_BARS))
    return Beat(
        unit=SWUNG if groove.is_swung and _has_thirds(lines) else STRAIGHT,
        keys=groove.kit,
        fills=frozenset(ends),
        crashes=frozenset(starts | {len(lines) - 1}),
        last_onset=max(last_onset, lines[-1].start),
        has_backbeat=groove.has_backbeat,
    )


def _has_thirds(lines: Sequence[BarLine]) -> bool:
    """True when thirds of a quarter fit every bar."""
    return all(line.beat_steps % STEPS_PER_QUARTER == 0 for line in lines)


def _drum_part(pen: DrumPen) -> Part:
    lines = pen.lines
    bars = {step: line for line in lines for step in range(line.start, line.end)}
    end = lines[-1].end * STEP_TICKS
    notes = []
    for hit in pen.hits:
        start = hit.onset * STEP_TICKS
        notes.append(Note(start, hit.key, min(HIT_TICKS, end - start), velocity_of(hit, bars[hit.onset])))
    return Part(tuple(notes), name="Drums", role="drums")
