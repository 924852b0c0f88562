"""Four voices under Bach's sopranos: how often their leading offends, beside Bach's own, and how many notes are his.

Conventions:
    Of each held-out chorale the soprano alone is given, with its bars, tempo and key; chords, alto, tenor and bass are
    written. Faults are those of ``judge.voices``, a hundred sonorities; *exact* is the share of 16ths at which a voice
    sounds the pitch that Bach's does. ``drawn`` is the first candidate as it is drawn, ``best`` the one of
    ``CANDIDATES`` that ``judge.harmony.harmony_quality`` puts first, as candidates are ranked where no profile is.
    ``chords kept`` is told Bach's chord symbols too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cocreate.errors import InputError, UnmetError
from cocreate.generate.harmony import HarmonyRequest, write_harmonies
from cocreate.generate.kept_chords import ALL, NONE
from cocreate.generate.melody import Draft
from cocreate.judge.harmony import harmony_quality
from cocreate.judge.voices import KINDS, VoiceLeading, voice_leading
from cocreate.model.corpus.chorales import read_jsb_chorales
from cocreate.model.decoder import Decoder
from cocreate.model.sample import Sampling
from cocreate.music.song import Part, Song

CANDIDATES = 4
STYLE = "chorale"
BACH, DRAWN, BEST, CHORDS_KEPT = "Bach", "drawn", "best", "chords kept"
_CELL_TICKS = 120
_VOICES = ("alto", "tenor", "bass")


@dataclass(frozen=True, slots=True)
class SatbRow:
    """Who wrote, of how many chorales and sonorities; faults a hundred sonorities by kind, exact share by voice."""

    who: str
    chorales: int
    sonorities: int
    faults: Mapping[str, float]
    exact: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SatbReport:
    """Bach's row first; ``refused`` chorales had no room under the tune."""

    rows: tuple[SatbRow, ...]
    refused: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def evaluate_satb(
    net: Decoder,
    table: Mapping[str, Any],
    folder: Path,
    *,
    split: str = "test",
    chorales: int | None = None,
    seed: int = 0,
    guidance: float = 1.0,
    watch: Callable[[str], None] = lambda _doing: None,
) -> SatbReport:
    """Harmonise the sopranos of the chorales of ``folder``.

    Args:
        table: the checkpoint's ``styles.json``.
        chorales: at most so many; None for all.

    Raises:
        InputError: if the folder has no chorale of the split.
    """
    began = time.monotonic()
    songs = [piece.song for piece in read_jsb_chorales(folder) if piece.split == split][:chorales]
    if not songs:
        raise InputError(f"the chorales must have a {split} split; {folder} has none")
    found: dict[str, list[tuple[Song, Sequence[Part]]]] = {name: [] for name in (BACH, DRAWN, BEST, CHORDS_KEPT)}
    own: dict[str, list[Song]] = {name: [] for name in found}
    refused = 0
    for number, song in enumerate(songs):
        watch(f"chorale {number + 1} of {len(songs)}")
        found[BACH].append((song, song.parts))
        own[BACH].append(song)
        try:
            free = _write(net, table, song, keep=NONE, n=CANDIDATES, seed=seed + number, guidance=guidance)
            kept = _write(net, table, song, keep=ALL, n=1, seed=seed + number, guidance=guidance)
        except UnmetError:
            refused += 1
            continue
        best = max(free, key=lambda draft: harmony_quality(draft.song, draft.singers) or 0.0)
        for name, draft in ((DRAWN, free[0]), (BEST, best), (CHORDS_KEPT, kept[0])):
            found[name].append((draft.whole or draft.song, draft.singers))
            own[name].append(song)
    rows = tuple(_row(name, found[name], own[name]) for name in found if found[name])
    return SatbReport(rows, refused, round(time.monotonic() - began, 1))


def format_satb(report: SatbReport) -> str:
    """The report as plain text."""
    head = "".join(f"{kind:>17}" for kind in (*KINDS, "all faults")) + "".join(f"{name:>8}" for name in _VOICES)
    lines = [
        (
            f"Four voices under Bach's sopranos: faults a hundred sonorities, exact pitches; {report.refused} refused,"
            f" {report.seconds:.0f} s"
        ),
        f"{'':<14}{'chorales':>9}{head}",
    ]
    for row in report.rows:
        faults = "".join(f"{row.faults[kind]:>17.2f}" for kind in (*KINDS, "all"))
        exact = "".join(f"{row.exact[name]:>8.1%}" for name in _VOICES)
        lines.append(f"{row.who:<14}{row.chorales:>9}{faults}{exact}")
    return "\n".join(lines)


def _write(
    net: Decoder, table: Mapping[str, Any], song: Song, *, keep: str, n: int, seed: int, guidance: float
) -> tuple[Draft, ...]:
    soprano = replace(song, parts=song.parts[:1], chords=song.chords if keep == ALL else ())
    request = HarmonyRequest(
        soprano,
        style=STYLE if STYLE in table else None,
        voices=("satb",),
        rhythm="beat" if keep == ALL else "free",
        keep=keep,
        n=n,
        seed=seed,
        sampling=Sampling(guidance=guidance),
    )
    return write_harmonies(net, table, request)


def _row(who: str, found: Sequence[tuple[Song, Sequence[Part]]], own: Sequence[Song]) -> SatbRow:
    led = [voice_leading(song, voices) for song, voices in found]
    sonorities = sum(one.sonorities for one in led)
    shares: list[list[float]] = [[] for _ in _VOICES]
    for (_, voices), bach in zip(found, own, strict=True):
        for place in range(1, len(_VOICES) + 1):
            ours, theirs = _cells(voices[place], bach), _cells(bach.parts[place], bach)
            shares[place - 1].append(float((ours == theirs)[theirs >= 0].mean()))
    return SatbRow(
        who,
        len(found),
        sonorities,
        {kind: _rate(led, sonorities, kind) for kind in KINDS} | {"all": _rate(led, sonorities, *KINDS)},
        {name: round(float(np.mean(share)), 4) for name, share in zip(_VOICES, shares, strict=True)},
    )


def _rate(led: Sequence[VoiceLeading], sonorities: int, *kinds: str) -> float:
    return round(100 * sum(one.count(*kinds) for one in led) / max(1, sonorities), 3)


def _cells(part: Part, song: Song) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The pitch at each 16th of the song; -1 for silence."""
    cells = np.full(-(-song.end_ticks // _CELL_TICKS), -1, dtype=np.int64)
    for note in part.notes:
        cells[-(-note.start_ticks // _CELL_TICKS) : -(-note.end_ticks // _CELL_TICKS)] = note.pitch
    return cells
