"""Pictures: the piano roll of a song, and the curve of a training run, as PNG.

Conventions:
    Drawn with matplotlib's figure objects, never its global state. A letter that no installed font has is drawn as
    "?". Colours tell parts apart for colour-blind eyes too (Okabe and Ito's palette).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from math import pi
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cocreate.errors import InputError
from cocreate.files.output import write_bytes
from cocreate.music.song import TICKS_PER_QUARTER, Part, Song
from cocreate.music.theory import chord_symbol, key_name, pitch_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D31", "#6B6B6B")
_FONTS = ("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei")
_INK, _FAINT, _BAND = "#333333", "#DDDDDD", "#F6F6F6"
_BLACK_KEYS = (1, 3, 6, 8, 10)
_DPI = 110
_MOST_BARS = 64  # a longer song is drawn up to here: beyond, bars are thinner than a pixel's worth
_NAMED_ROWS = 26  # more pitches than this, and only every C gets its name


def draw_piano_roll(song: Song, path: Path, *, force: bool = False) -> None:
    """Draw ``song`` as a piano roll, its first 64 bars; drums share the pitch axis.

    Raises:
        InputError: if the song has no notes.
        FileError: if the file exists and ``force`` is false, or cannot be written.
    """
    write_bytes(path, piano_roll_png(song), force=force)


def piano_roll_png(song: Song) -> bytes:
    """The piano roll of ``song`` as PNG; as ``draw_piano_roll``."""
    return _png(plot(song).figure)


def plot(song: Song, axes: Axes | None = None) -> Axes:
    """The piano roll of ``song`` on matplotlib axes, which are returned; new ones by default.

    Raises:
        InputError: if the song has no notes.
    """
    notes = [note for part in song.parts for note in part.notes]
    if not notes:
        raise InputError("a piano roll needs at least one note, got an empty song")
    grid = song.bars()[:_MOST_BARS]
    low, high = min(n.pitch for n in notes) - 1, max(n.pitch for n in notes) + 1
    rows = high - low + 1
    if axes is None:
        axes = _canvas(width=min(24.0, 4 + 1.1 * len(grid)), height=min(14.0, max(3.2, 1.6 + 0.17 * rows)))
    axes.set_xlim(0, grid[-1].end_ticks)
    axes.set_ylim(low - 0.5, high + 0.5)
    for pitch in range(low, high + 1):
        if pitch % 12 in _BLACK_KEYS:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color=_BAND, linewidth=0, zorder=0)
    for bar in grid:
        for beat in range(bar.start_ticks, bar.end_ticks, bar.meter.beat_ticks):
            is_bar_line = beat == bar.start_ticks
            colour, width = (_INK, 0.8) if is_bar_line else (_FAINT, 0.6)
            axes.axvline(beat, color=colour, linewidth=width, zorder=1)
    for place, part in enumerate(song.parts):
        _draw_part(axes, part, _COLOURS[place % len(_COLOURS)], grid[-1].end_ticks)
    _name_axes(song, axes, low, high, grid)
    _draw_chords(song, axes, high, grid[-1].end_ticks)
    if len(song.parts) > 1:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9)
    return axes


def draw_radar(axes_values: Mapping[str, float], path: Path, *, title: str, force: bool = False) -> None:
    """Draw named values in 0..1 as a radar; the dashed ring at 0.5 is the ordinary.

    Raises:
        InputError: if there are fewer than three values.
        FileError: if the file exists and ``force`` is false, or cannot be written.
    """
    if len(axes_values) < 3:  # noqa: PLR2004 - two are a line
        raise InputError(f"a radar needs at least three values, got {len(axes_values)}")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names, values = list(axes_values), list(axes_values.values())
    angles = [2 * pi * place / len(names) for place in range(len(names))]
    figure = Figure(figsize=(6.4, 6.4), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(projection="polar")
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.set_xticks(angles, [_drawable(name) for name in names], color=_INK)
    ring = [*angles, angles[0]]
    axes.plot(ring, [0.5] * len(ring), color=_INK, linewidth=0.8, linestyle="--")
    axes.plot(ring, [*values, values[0]], color=_COLOURS[0], linewidth=1.8)
    axes.fill(ring, [*values, values[0]], color=_COLOURS[0], alpha=0.25)
    _set_title(axes, title)
    write_bytes(path, _png(figure), force=force)


def draw_training_curve(
    steps: Sequence[float],
    series: Mapping[str, Sequence[tuple[float, float]]],
    path: Path,
    *,
    title: str = "Training",
    ylabel: str = "loss",
    force: bool = False,
) -> None:
    """Draw curves of a training run; ``series`` is name -> points (step, value), and one without points is left out.

    The first and last of ``steps`` set the axis; give none to fit it to the curves.

    Raises:
        InputError: if no series has a point.
        FileError: if the file exists and ``force`` is false, or cannot be written.
    """
    drawn = {name: points for name, points in series.items() if points}
    if not drawn:
        raise InputError("a training curve needs at least one point, got none")
    axes = _canvas(width=8.0, height=4.5)
    for place, (name, points) in enumerate(drawn.items()):
        xs, ys = zip(*points, strict=True)
        colour = _COLOURS[place % len(_COLOURS)]
        marker = "o" if len(points) < _NAMED_ROWS else ""
        axes.plot(
            xs, ys, color=colour, linewidth=1.6, marker=marker, markersize=3, label=_drawable(f"{name} ({ys[-1]:.3g})")
        )
    if len(steps) > 1 and min(steps) < max(steps):
        axes.set_xlim(min(steps), max(steps))
    axes.grid(visible=True, color=_FAINT, linewidth=0.6)
    axes.set_xlabel("step")
    axes.set_ylabel(_drawable(ylabel))
    _set_title(axes, title)
    axes.legend(frameon=False)
    write_bytes(path, _png(axes.figure), force=force)


def _canvas(*, width: float, height: float) -> Axes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    axes: Axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_FAINT)
    axes.tick_params(colors=_INK, length=0, labelsize=8)
    return axes


def _draw_part(axes: Axes, part: Part, colour: str, stop_ticks: int) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    shown = [note for note in part.notes if note.start_ticks < stop_ticks]
    gap = 10  # ticks left white between repeated notes
    boxes = [Rectangle((n.start_ticks, n.pitch - 0.42), max(gap, n.length_ticks - gap), 0.84) for n in shown]
    shades: list[Any] = [(colour, 0.45 + 0.55 * n.velocity / 127) for n in shown]  # louder is fuller
    axes.add_collection(PatchCollection(boxes, facecolor=shades, edgecolor="white", linewidth=0.4, zorder=3))
    axes.plot([], [], color=colour, linewidth=6, label=_drawable(part.name))
    for syllable in part.syllables:
        beneath = [n.pitch for n in shown if n.start_ticks == syllable.start_ticks]
        if beneath:
            text = _drawable(syllable.text + ("-" if syllable.joins_next else ""))
            axes.text(
                syllable.start_ticks,
                beneath[0] - 0.6,
                text,
                fontsize=7,
                color=_INK,
                va="top",
                **_plain_text(),
                zorder=4,
            )


def _name_axes(song: Song, axes: Axes, low: int, high: int, grid: Sequence[Any]) -> None:
    key = song.key
    every = 1 if high - low + 1 <= _NAMED_ROWS else 12
    pitches = [p for p in range(low, high + 1) if every == 1 or p % 12 == 0]
    axes.set_yticks(pitches, [pitch_name(p, key=key) for p in pitches])
    step = max(1, -(-len(grid) // 24))  # at most 24 bar numbers
    axes.set_xticks([bar.start_ticks for bar in grid[::step]], [str(bar.index + 1) for bar in grid[::step]])
    facts = [f"{song.meter}", f"{song.tempo_bpm:.0f} bpm"]
    if key is not None:
        facts.insert(0, key_name(key))
    _set_title(axes, f"{song.title or 'Untitled'}   ({', '.join(facts)})", above=bool(song.chords))
    axes.set_xlabel("bar")


def _draw_chords(song: Song, axes: Axes, high: int, stop_ticks: int) -> None:
    last_end = -TICKS_PER_QUARTER
    for chord in song.chords:
        if chord.start_ticks >= stop_ticks or chord.start_ticks - last_end < 0:
            continue
        symbol = chord_symbol(chord, key=song.key)
        axes.text(chord.start_ticks, high + 0.75, symbol, fontsize=9, fontweight="bold", color=_INK, **_plain_text())
        last_end = chord.start_ticks + TICKS_PER_QUARTER // 2  # closer symbols would print over each other


def _set_title(axes: Axes, title: str, *, above: bool = False) -> None:
    axes.set_title(_drawable(title), loc="left", fontsize=12, color=_INK, pad=22 if above else 8, **_plain_text())


def _plain_text() -> dict[str, Any]:
    """A "$" is a dollar and no formula."""
    return {"parse_math": False, "fontfamily": _families()}


@cache
def _families() -> list[str]:
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return [name for name in _FONTS if name in installed]


def _drawable(text: str) -> str:
    """``text`` with "?" for each letter that none of our fonts has, since matplotlib warns of those."""
    known = _letters()
    return "".join(c if ord(c) in known else "?" for c in " ".join(text.split()))


@cache
def _letters() -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known: set[int] = set()
    for family in _families():
        known |= get_font(findfont(FontProperties(family=family))).get_charmap().keys()
    return frozenset(known)


def _png(figure: Any) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", facecolor="white")
    return buffer.getvalue()
