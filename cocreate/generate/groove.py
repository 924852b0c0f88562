"""How each style is accompanied: who is told which style, where bass and hands play, which drums, which programs.

Conventions:
    A name is a style of the checkpoint's table or one of `MORE`, styles that drummers know and no tune book has; of
    these the nearest row of the table stands for the tune. The places come from ``model.band_rules``, the notes from
    the network.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cocreate.errors import InputError
from cocreate.generate.request import ANY
from cocreate.model.band_rules import Manner

JAZZ_RICHNESS = 0.7  # sevenths and more, no triads
ACOUSTIC_BASS, FINGERED_BASS = 32, 33
NYLON, STEEL, JAZZ_GUITAR, CLEAN = 24, 25, 26, 27

_POPULAR = frozenset({36, 37, 38, 39, 42, 43, 44, 45, 46, 48, 49, 50, 51, 53, 54, 56, 70})
_SWING = frozenset({36, 37, 38, 42, 43, 44, 45, 46, 48, 49, 50, 51})
_BRAZIL = frozenset({36, 37, 42, 43, 44, 45, 46, 48, 49, 50, 51, 70})  # the cross-stick, not the snare
_LATIN = frozenset({36, 37, 38, 42, 43, 44, 45, 46, 48, 49, 50, 51, 53, 54, 56, 62, 64, 70})


@dataclass(frozen=True, slots=True)
class Groove:
    """How a style is accompanied.

    Args:
        row: the style of the table that the tune has.
        words: styles that bass and hands are told; drum_words: the drummer.
        bass, hands: where they play.
        kit: General MIDI keys of the drums.
        has_backbeat: a snare is due on two and four, as most bars of the style's drummers have it.
        bass_program, guitar_program: General MIDI, from 0.
    """

    row: str
    words: tuple[str, ...]
    drum_words: tuple[str, ...]
    bass: Manner
    hands: Manner
    kit: frozenset[int] = _POPULAR
    bass_program: int = FINGERED_BASS
    guitar_program: int = CLEAN
    has_backbeat: bool = False

    @property
    def richness(self) -> float | None:
        """The complexity of chords that are written to it; None leaves it to the network."""
        return JAZZ_RICHNESS if self.hands.is_rootless else None

    @property
    def is_swung(self) -> bool:
        """True when quavers are long and short."""
        return self.hands.is_swung


def _swing(row: str, *words: str, drums: tuple[str, ...] = ("jazz", "swing")) -> Groove:
    hands = Manner("charleston", is_swung=True, least=3, is_rootless=True)
    return Groove(row, words, drums, Manner("walking", is_swung=True), hands, _SWING, ACOUSTIC_BASS, JAZZ_GUITAR)


def _brazil(*drums: str) -> Groove:
    hands = Manner("clave", least=3, is_rootless=True)
    return Groove("jazz", ("jazz",), drums, Manner("bossa"), hands, _BRAZIL, ACOUSTIC_BASS, NYLON)


def _latin(*drums: str) -> Groove:
    return Groove(
        "jazz", ("jazz",), drums, Manner("bossa"), Manner("eighths", least=2, most=5), _LATIN, guitar_program=NYLON
    )


def _band(row: str, *drums: str, bass: str = "eighths", hands: Manner | None = None) -> Groove:
    has_backbeat = drums[0] in ("rock", "punk", "pop", "soul", "funk", "hiphop", "dance", "gospel")
    return Groove(row, ("pop",), drums, Manner(bass), hands or Manner("eighths"), has_backbeat=has_backbeat)


def _plain(row: str, *, words: tuple[str, ...] = ("art song",), bass: str = "beats", hands: str = "eighths") -> Groove:
    return Groove(
        row, words, ("pop", "soft"), Manner(bass), Manner(hands), bass_program=ACOUSTIC_BASS, guitar_program=NYLON
    )


def _dance(row: str, *drums: str) -> Groove:
    """Bass on the strong beats, chords after them."""
    hands = Manner("after", least=2)
    return Groove(row, ("pop",), drums, Manner("two"), hands, _POPULAR, ACOUSTIC_BASS, STEEL)


GROOVES: Mapping[str, Groove] = {
    "jazz": _swing("jazz", "jazz"),
    "swing": _swing("swing", "jazz", "swing"),
    "bebop": _swing("bebop", "jazz", "bebop", drums=("jazz", "fast")),
    "hard bop": _swing("hard bop", "jazz", "hard bop"),
    "cool": _swing("cool", "jazz", "cool"),
    "blues": _swing("blues", "jazz", drums=("blues", "shuffle")),
    "fusion": Groove(
        "fusion", ("jazz", "fusion"), ("jazz", "fusion"), Manner("sixteenths"), Manner("sixteenths", least=3, most=5)
    ),
    "ragtime": Groove(
        "ragtime", ("jazz",), ("jazz", "march"), Manner("two"), Manner("after", least=3), _SWING, ACOUSTIC_BASS, STEEL
    ),
    "tin pan alley": Groove(
        "tin pan alley", ("jazz", "swing"), ("jazz", "swing"), Manner("two", is_swung=True),
        Manner("after", is_swung=True, least=3), _SWING, ACOUSTIC_BASS, JAZZ_GUITAR,
    ),
    "bossa": _brazil("latin", "bossa"),
    "samba": _brazil("latin", "samba"),
    "latin": _latin("latin"),
    "songo": _latin("latin", "songo"),
    "afrocuban": _latin("afrocuban"),
    "pop": _band("pop", "pop"),
    "mandopop": _band("mandopop", "pop", "soft"),
    "ballad": _band("pop", "pop", "soft"),
    "rock": _band("rock", "rock", hands=Manner("eighths", least=2)),
    "punk": _band("rock", "punk", hands=Manner("eighths", least=2)),
    "soul": _band("pop", "soul", bass="sixteenths"),
    "motown": _band("pop", "soul", "motown"),
    "funk": _band("pop", "funk", bass="sixteenths", hands=Manner("sixteenths", least=2, most=6)),
    "hiphop": _band("pop", "hiphop", bass="sixteenths", hands=Manner("eighths", least=2, most=4)),
    "disco": _band("pop", "dance", "disco"),
    "gospel": _band("pop", "gospel", hands=Manner("eighths", least=3)),
    "afrobeat": _band("pop", "afrobeat", bass="sixteenths"),
    "highlife": _band("pop", "highlife"),
    "reggae": _band("pop", "reggae", hands=Manner("offbeats", least=3)),
    "country": _dance("country", "country"),
    "march": _dance("march", "jazz", "march"),
    "waltz": _dance("folk", "country"),
    **{name: _dance(name, "country") for name in (
        "folk", "celtic", "reel", "jig", "slip jig", "hornpipe", "strathspey", "polka", "air")},
    **{name: _plain(name) for name in ("art song", "classical", "baroque", "romantic", "renaissance")},
    "hymn": _plain("hymn", bass="beats", hands="beats"),
    "chorale": _plain("chorale", bass="beats", hands="beats"),
}  # fmt: skip
MORE = tuple(sorted(name for name, groove in GROOVES.items() if groove.row != name))
_DEFAULT = Groove(ANY, ("pop",), ("pop",), Manner("eighths"), Manner("eighths"))


def check_groove(style: str | None, table: Mapping[str, Any]) -> tuple[str, Groove]:
    """The name of a style and how it is accompanied; a style that only a person's own checkpoint knows, as pop is.

    Raises:
        InputError: for a style that neither the checkpoint nor our drummers know; names the nearest.
    """
    if style is None:
        return ANY, _DEFAULT
    wanted = style.strip().lower().replace("-", " ").replace("_", " ")
    wanted = {"bossa nova": "bossa", "hip hop": "hiphop", "r&b": "soul"}.get(wanted, wanted)
    found = GROOVES.get(wanted)
    if wanted in table and wanted != ANY:
        return wanted, found or Groove(wanted, (), ("pop",), Manner("eighths"), Manner("eighths"))
    if found is not None:
        row = found.row if found.row in table else ANY
        return wanted, Groove(row, *(getattr(found, name) for name in Groove.__slots__[1:]))
    known = sorted({*table, *GROOVES} - {ANY})
    near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise InputError(f"style must be one of {', '.join(known)}, got {style!r}{hint}")
