"""Other bars in a person's tune: a gap filled, bars varied, or more bars after its end.

Conventions:
    A tune is found in any song (``generate.tune``); everything but its notes in the bars named stays as it is, note for
    note. A gap is written in pieces of a few bars, each by the network's task ``fill`` with what surrounds it in view.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cocreate.errors import InputError
from cocreate.generate.gap_plan import GapPlan, plan_gap
from cocreate.generate.melody import PROMPT_SHARE, Draft, write_melodies
from cocreate.generate.plan import style_words, tonic_triad
from cocreate.generate.request import ANY, Leaning, MelodyRequest, check_style
from cocreate.generate.tune import TuneRequest, find_tune
from cocreate.model.decoder import Decoder
from cocreate.model.gap_rules import Gap, GapScribe, Kept, Written
from cocreate.model.sample import Row, decode
from cocreate.model.tokens import SheetBar, bar_id, controls_of
from cocreate.model.tracks import lay_out_fill, track
from cocreate.model.vocabulary import MAX_BARS_LEFT, STEP_TICKS
from cocreate.music.song import Note
from cocreate.music.theory import SCALES

PIECE_BARS = 8  # the longest gap the network has practised
MOST_SHOWN = 768  # ids around a gap; every new note looks at all of them
LEAST_AROUND = 8  # bars around a gap that are worth more than one more track in view
WRITTEN_SHARE = 0.3  # of the context, at most, for what is written when it is shown again
_HEAD_IDS = 24  # at most: controls, taste, Fill
_BAR_IDS = 3  # beside the tracks: bar line, metre, gap
_NEXT_PIECE = 500_009  # between the seeds of two pieces


@dataclass(slots=True)
class _Take:
    """One candidate so far: its sheet bars, and its line in the gap in steps from the gap's first bar line."""

    bars: list[SheetBar]
    notes: list[Written] = field(default_factory=list)
    rings_to: int = 0
    nats: float = 0.0
    drawn: int = 0


def fill_bars(net: Decoder, table: Mapping[str, Any], request: TuneRequest) -> tuple[Draft, ...]:
    """``request.n`` tunes with other bars in the gap, as if nothing had stood there.

    Raises:
        InputError: if the style, the part or the bars are not there.
        UnmetError: if no bar of the tune is left around the gap, or it does not fit the grid.
    """
    if request.bars is None:
        raise InputError("bars must be named for a gap to fill, got none")
    return _written(net, table, replace(request, amount=1.0, keep=None), is_fill=True)


def vary_bars(net: Decoder, table: Mapping[str, Any], request: TuneRequest) -> tuple[Draft, ...]:
    """``request.n`` tunes in which the amount asked for of the bars' notes is another.

    The strongest notes (on the beat, long, of the chord) stay longest; the more is asked for, the fewer stay, and what
    stays at one amount stays at every lesser one.

    Raises:
        InputError: if the style or the part is not there.
        UnmetError: if the bars hold no note of the tune, or do not fit the grid.
    """
    return _written(net, table, request, is_fill=False)


def continue_bars(net: Decoder, table: Mapping[str, Any], request: TuneRequest) -> tuple[Draft, ...]:
    """``request.n`` tunes that go on for ``request.more`` bars after the song's end.

    Raises:
        InputError: if the style or the part is not there, or ``more`` is not 1..64.
        UnmetError: as ``write_melodies``.
    """
    tune = find_tune(request.song, part=request.part)
    asked = MelodyRequest(
        style=_style(request, table), bars=request.more, start=tune.lead(), range=request.range, n=request.n,
        seed=request.seed, sampling=request.sampling, leanings=request.leanings,
    )  # fmt: skip
    found = []
    for draft in write_melodies(net, table, asked):
        whole = tune.with_notes((*tune.notes, *draft.fresh)).song
        kept = {name: getattr(draft.song, name) for name in ("meters", "keys", "tempos", "style")}
        found.append(replace(draft, whole=replace(whole, **kept)))
    return tuple(found)


def _style(request: TuneRequest, table: Mapping[str, Any]) -> str | None:
    """The style asked for, else the song's own where the checkpoint knows it."""
    if request.style is not None:
        return check_style(request.style, table)
    return request.song.style if request.song.style in table and request.song.style != ANY else None


def vary_bars_together(
    net: Decoder, table: Mapping[str, Any], requests: Sequence[TuneRequest]
) -> tuple[tuple[Draft, ...], ...]:
    """The variations of each request, drawn side by side with the sampling and the seed of the first.

    Raises:
        InputError, UnmetError: as ``vary_bars``.
    """
    return _written_together(net, table, requests, is_fill=False)


def _written(net: Decoder, table: Mapping[str, Any], request: TuneRequest, *, is_fill: bool) -> tuple[Draft, ...]:
    return _written_together(net, table, (request,), is_fill=is_fill)[0]


@dataclass(frozen=True, slots=True)
class _Work:
    """A request, its plan, and what is written of its candidates so far."""

    request: TuneRequest
    style: str
    plan: GapPlan
    takes: tuple[_Take, ...]
    size: int  # bars of a piece

    @property
    def starts(self) -> range:
        """First bars of its pieces."""
        return range(self.plan.gap.start, self.plan.gap.stop, self.size)


def _written_together(
    net: Decoder, table: Mapping[str, Any], requests: Sequence[TuneRequest], *, is_fill: bool
) -> tuple[tuple[Draft, ...], ...]:
    works: list[_Work] = []
    for request in requests:
        style = _style(request, table) or ANY
        plan = plan_gap(net, request, style, is_fill=is_fill)
        # of a whole tune that is varied, half stays in view
        size = PIECE_BARS if is_fill else max(1, min(PIECE_BARS, len(plan.sheet.bars) // 2))
        works.append(_Work(request, style, plan, tuple(_Take(list(plan.sheet.bars)) for _ in range(request.n)), size))
    first = requests[0]
    for number in range(max(len(work.starts) for work in works)):
        rows: list[tuple[_Work, _Take, range, Row[GapScribe]]] = []
        for work in works:
            if number < len(work.starts):
                start, stop = work.starts[number], work.plan.gap.stop
                piece = range(start, min(start + work.size, stop))
                cut = range(start, stop) if is_fill else piece
                for take, leaning in zip(work.takes, _in_turn(work.request.leanings), strict=False):
                    styles = style_words(work.style)
                    row = _row(work.plan, take, piece, cut, net, styles=styles, leaning=leaning)
                    rows.append((work, take, piece, row))
        decode(net, [row for *_, row in rows], seed=first.seed + number * _NEXT_PIECE, sampling=first.sampling)
        for work, take, piece, row in rows:
            _put(work.plan, take, piece, row)
    return tuple(
        tuple(_draft(work.plan, take, work.style, keeps_rhythm=work.request.keep == "rhythm") for take in work.takes)
        for work in works
    )


def _in_turn(leanings: Sequence[Leaning]) -> Iterator[Leaning | None]:
    while True:
        yield from leanings or (None,)


def _row(
    plan: GapPlan,
    take: _Take,
    piece: range,
    cut: range,
    net: Decoder,
    *,
    styles: tuple[str, ...],
    leaning: Leaning | None,
) -> Row[GapScribe]:
    """The row that writes a piece of the gap; ``cut`` are the bars that are not in view."""
    words = net.words
    scribe = GapScribe(_gap(plan, take, piece, net), words)
    taste = np.array(leaning.vector, dtype=np.float32) if leaning and net.features else None

    def prompt() -> list[int]:
        row = _prompt(plan, take, cut, net, styles=styles, has_taste=taste is not None)
        room = round(net.context * WRITTEN_SHARE)
        shown: list[int] = []
        for mark, ids in zip(reversed(scribe.gap.marks[: len(scribe.ids)]), reversed(scribe.ids), strict=True):
            if shown and len(shown) + len(ids) >= room:
                break
            shown = [mark, *ids, *shown]
        return row + shown

    return Row(prompt(), scribe, again=prompt, taste=taste)


def _gap(plan: GapPlan, take: _Take, piece: range, net: Decoder) -> Gap:
    """The rules of a piece, its steps counted from its own first bar line."""
    offset, end = plan.step_of(piece.start), plan.step_of(piece.stop - 1) + _steps(plan, piece.stop - 1)
    bars = len(plan.grid)
    marks = [
        bar_id(bars - 1 - n, 0, net.words, is_pickup=n == plan.first == 0 and plan.sheet.has_pickup) for n in piece
    ]
    is_last = piece.stop == plan.gap.stop
    first_bar = piece.start - plan.gap.start
    anchors = tuple(
        replace(one, bar=one.bar - first_bar, onset=None if one.onset is None else one.onset - offset)
        for one in plan.anchors
        if first_bar <= one.bar < first_bar + len(piece)
    )
    later = [one.onset for one in plan.anchors if one.bar >= first_bar + len(piece) and one.onset is not None]
    coming = next((figure for figure in plan.figures if figure.onset >= end), None)
    ends = is_last and plan.ends_tune
    home = tonic_triad(plan.key.mode)
    if plan.ends_tune:  # where the person's own tune ends is good too
        home |= {(figure.top.pitch + plan.shift) % 12 for figure in plan.figures[-1:]}
    return Gap(
        meters=tuple(plan.grid[n].meter for n in piece),
        marks=(*marks, net.words.id("EOS") if is_last else bar_id(bars - 1 - piece.stop, 0, net.words)),
        low=plan.low,
        high=plan.high,
        scale=frozenset(SCALES[plan.key.mode]),
        chromatic_share=plan.chromatic_share,
        free=tuple((first - offset, stop - offset) for first, stop in plan.free),
        anchors=anchors,
        has_all=plan.has_all,
        chords=plan.spans[first_bar : first_bar + len(piece)],
        kept=tuple(
            Kept(one.start - offset, one.end - offset, one.pitch, one.is_under)
            for one in (*plan.kept, *_ringing(plan, take))
        ),
        enter=max(0, plan.enter - offset, take.rings_to - offset),
        leave=later[0] - end if later else plan.leave if is_last else 0,
        previous=take.notes[-1].pitch if take.notes else plan.previous,
        following=plan.following if coming is None else coming.top.pitch + plan.shift,
        ending=home if ends else None,
    )


def _ringing(plan: GapPlan, take: _Take) -> Iterator[Kept]:
    """The last note so far, as long as it was played, where that is into the next one."""
    last = take.notes[-1] if take.notes else None
    if last is not None and last.anchor is not None:
        anchor = plan.anchors[plan.held.index(last.anchor)]
        if anchor.is_legato:
            yield Kept(last.onset, last.onset + anchor.sounds, last.pitch, is_under=False)


def _steps(plan: GapPlan, bar: int) -> int:
    return plan.grid[bar].length_ticks // STEP_TICKS


def _prompt(
    plan: GapPlan, take: _Take, cut: range, net: Decoder, *, styles: tuple[str, ...], has_taste: bool
) -> list[int]:
    """Controls, the bars around the gap that fit, and ``Fill``."""
    words, sheet = net.words, plan.sheet
    place = range(cut.start - plan.first, cut.stop - plan.first)
    tracks, first, stop = _window(plan, take, place, min(MOST_SHOWN, round(net.context * PROMPT_SHARE)) - _HEAD_IDS)
    bars = take.bars[first:stop]
    left = len(plan.grid) - plan.first - stop
    known = [bar for n, bar in enumerate(bars, start=first) if n not in place or plan.figures] or bars
    controls = replace(
        controls_of(known, sheet, words, styles=styles, mood=None),
        meter=bars[0].meter,
        bars=min(MAX_BARS_LEFT + 1, len(bars) + left),
    )
    row, targets = lay_out_fill(
        sheet, bars, words, tracks=tracks, cut="melody", gap=range(place.start - first, place.stop - first),
        meter=controls.meter, bars_left=left, has_pickup=sheet.has_pickup and first == 0,
    )  # fmt: skip
    return controls.ids("fill", words, has_taste=has_taste) + row[: targets.index(True)]


def _window(plan: GapPlan, take: _Take, gap: range, room: int) -> tuple[tuple[str, ...], int, int]:
    """The tracks to show, the first bar of the sheet in view and the one after the last; as many as take ``room`` ids.

    Tracks go one by one, drums first, where with them too few bars around the gap would fit.
    """
    sheet = plan.sheet
    others = [*sheet.others[::-1], *(["chords"] if sheet.has_chords else [])]
    if "drums" in others:
        others.sort(key=lambda name: name != "drums")

    def cost(place: int) -> int:
        names = others if place in gap else [*others, "melody"]
        return _BAR_IDS + len(names) + sum(len(track(sheet, take.bars[place], name)) for name in names)

    while True:
        first, stop, left = gap.start, gap.stop, room - sum(map(cost, gap))
        while left > 0 and (first > 0 or stop < len(take.bars)):
            is_before = stop == len(take.bars) or (first > 0 and gap.start - first <= stop - gap.stop)
            left -= cost(first - 1 if is_before else stop)
            if left >= 0:
                first, stop = (first - 1, stop) if is_before else (first, stop + 1)
        around = stop - first - len(gap)
        if not others or around >= min(LEAST_AROUND, len(take.bars) - len(gap)):
            return (*others[::-1], "melody"), first, stop
        others.pop(0)


def _put(plan: GapPlan, take: _Take, piece: range, row: Row[GapScribe]) -> None:
    """Enter what a row has written."""
    offset, first_bar = plan.step_of(piece.start), piece.start - plan.gap.start
    skipped = sum(anchor.bar < first_bar for anchor in plan.anchors)
    for note in row.scribe.notes:
        figure = None if note.anchor is None else plan.held[skipped + note.anchor]
        take.notes.append(replace(note, onset=note.onset + offset, anchor=figure))
    for bar, ids in zip(piece, row.scribe.ids, strict=True):
        take.bars[bar - plan.first] = replace(take.bars[bar - plan.first], melody=tuple(ids))
    take.rings_to = offset + row.scribe.rings_to
    take.nats, take.drawn = take.nats + row.nats, take.drawn + row.drawn


def _draft(plan: GapPlan, take: _Take, style: str, *, keeps_rhythm: bool) -> Draft:
    """The song with what was written in the gap."""
    start, end = plan.grid[plan.gap.start].start_ticks, plan.grid[plan.gap.stop - 1].end_ticks
    old = plan.tune.notes
    kept = [note for note in old if not start <= note.start_ticks < end]
    new: list[Note] = []
    for one in take.notes:
        figure = None if one.anchor is None else plan.figures[one.anchor]
        if figure is not None and one.anchor not in plan.fresh:
            kept += figure.notes
        elif figure is not None and keeps_rhythm:
            move = one.pitch - plan.shift - figure.top.pitch
            kept += [replace(note, pitch=min(127, max(0, note.pitch + move))) for note in figure.notes]
        else:
            tick = start + one.onset * STEP_TICKS
            near = min(old, key=lambda note: abs(note.start_ticks - tick))
            new.append(Note(tick, one.pitch - plan.shift, one.length * STEP_TICKS, near.velocity))
    tune = plan.tune.with_notes([*kept, *_off_their_toes(new, kept)])
    fresh, own = (tuple(n for n in notes if start <= n.start_ticks < end) for notes in (tune.notes, old))
    return Draft(
        tune.lead(),
        style,
        take.nats / max(1, take.drawn),
        fresh,
        own=own if plan.figures else (),
        whole=tune.song,
    )


def _off_their_toes(new: Sequence[Note], kept: Sequence[Note]) -> Iterator[Note]:
    """New notes, a hair shorter where one that stays was not played on the grid, or rings on at the same pitch."""
    for note in new:
        first, stop = note.start_ticks, note.end_ticks
        ringing = [k for k in kept if k.start_ticks <= first < k.end_ticks]
        first = max(
            [first, *(k.end_ticks for k in ringing if k.end_ticks < first + STEP_TICKS or k.pitch == note.pitch)]
        )
        stop = min([stop, *(k.start_ticks for k in kept if first < k.start_ticks < stop)])
        if first < stop:
            yield replace(note, start_ticks=first, length_ticks=stop - first)
