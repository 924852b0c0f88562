"""The partners of several players: arrangements, whole songs, and tunes between two.

Conventions:
    ``Ensemble`` is a part of ``studio.Studio``, which has what it asks for: a checkpoint, a profile and the one way
    from drafts to ranked candidates. Rhythm sections are written by a checkpoint of their own, ``band``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cocreate.errors import CheckpointError
from cocreate.generate.arrangement import DEFAULT_PARTS, ArrangeRequest, accompany, parse_parts, write_arrangements
from cocreate.generate.blend import BlendRequest, lead_sheet, write_blends
from cocreate.generate.feel import humanise as with_feel
from cocreate.generate.form import SongRequest, parse_form, write_songs
from cocreate.generate.groove import GROOVES, check_groove
from cocreate.generate.kept_chords import ALL, NONE
from cocreate.generate.melody import Draft
from cocreate.generate.request import ANY, MELODY_GUIDANCE, Leaning
from cocreate.generate.tune import TuneRequest
from cocreate.model.checkpoint import Checkpoint, open_checkpoint
from cocreate.model.decoder import Decoder
from cocreate.model.sample import Sampling
from cocreate.music.song import Key, Meter, Song
from cocreate.music.theory import key_name, parse_key, parse_meter, parse_progression, parse_range
from cocreate.ranking import Candidate
from cocreate.shelf import read_styled
from cocreate.taste.features import features, scaled, unscaled

BAND = "band"  # the checkpoint of accompanists
DEFAULT_GUIDANCE = 1.0


class Ensemble:
    """Arranging, writing songs, blending; see ``studio.Studio``."""

    if TYPE_CHECKING:  # what a studio has
        profile_name: str
        _name: str | Path

        @cached_property
        def checkpoint(self) -> Checkpoint: ...  # noqa: D102
        @cached_property
        def styles(self) -> Mapping[str, Any]: ...  # noqa: D102
        @cached_property
        def _decoder(self) -> Decoder: ...
        def _asked(
            self, song: Any, bars: Any, part: int | None, style: str | None, *, guidance: float, n: int, seed: int,
            temperature: float,
        ) -> TuneRequest: ...  # fmt: skip
        def _recipe(self, art: str, request: TuneRequest, song: Any) -> dict[str, Any]: ...
        def _taste(self, like: Iterable[Any], *, style: str | None) -> tuple[float, ...] | None: ...
        def _ideas(
            self,
            request: Any,
            write: Callable[[Decoder, Mapping[str, Any], Any], Sequence[Draft]],
            *,
            style: str | None,
            recipe: Mapping[str, Any],
            may_repeat: bool = False,
            spare: int = 2,
        ) -> tuple[Candidate, ...]: ...

    @cached_property
    def _band(self) -> Decoder:
        """What writes rhythm sections: the checkpoint that has learned to, else the one that writes all else."""
        try:
            return Decoder(open_checkpoint(BAND))
        except CheckpointError:
            return self._decoder

    def arrange(
        self,
        song: str | Path | Song,
        *,
        parts: str | Iterable[str] = DEFAULT_PARTS,
        style: str | None = None,
        keep: str = ALL,
        rhythm: str = "half",
        complexity: float | None = None,
        part: int | None = None,
        humanise: bool = False,
        guidance: float = DEFAULT_GUIDANCE,
        n: int = 5,
        seed: int = 0,
        temperature: float = 1.0,
    ) -> tuple[Candidate, ...]:
        """``n`` arrangements of the song: a rhythm section in the style under the tune, best first.

        Every note of the song stays, and so do its chords; those it lacks are written first. See ``ArrangeRequest``.

        Args:
            parts: who plays: bass, piano, guitar, strings, organ, drums ("bass,piano,drums").
            style: a style of the checkpoint, or one that drummers know (bossa, funk, ...); by default the song's own.
            keep: which of its chords stay: "all", "none" or as for ``harmony``.
            humanise: the new parts are played a hair off the grid, with accents.

        Raises:
            InputError: if a value breaks its rule, the style is unknown, or the song has no such part.
            FileError: if the song's file cannot be read.
            UnmetError: if a chord cannot be kept, or the song does not fit the grid.
        """
        base = self._asked(song, None, part, None, guidance=guidance, n=n, seed=seed, temperature=temperature)
        own = base.song.style if base.song.style in {*self.styles, *GROOVES} else None
        name, groove = check_groove(style or own, self.styles)
        asked = ArrangeRequest(
            base.song, part=part, parts=parse_parts(parts if isinstance(parts, str) else ",".join(parts)),
            style=None if name == ANY else name, keep=keep, rhythm=rhythm, complexity=complexity, n=n, seed=seed,
            sampling=base.sampling, leanings=base.leanings,
        )  # fmt: skip
        more = {"parts": list(asked.parts), "style": asked.style, "keep": keep, "rhythm": rhythm,
                "complexity": complexity, "humanise": humanise}  # fmt: skip
        recipe = self._recipe("arrange", base, song)
        recipe["request"] = {**recipe["request"], **more}
        found = self._ideas(
            asked,
            lambda net, table, request: write_arrangements(net, self._band, table, request),
            style=None if groove.row == ANY else groove.row,
            recipe=recipe,
            may_repeat=True,
        )
        found = tuple(replace(one, style=asked.style or one.style) for one in found)
        return _humanised(found, kept=len(base.song.parts)) if humanise else found

    def song(
        self,
        *,
        style: str | None = None,
        form: str = "AABA",
        bars_per_section: int = 8,
        key: str | Key | None = None,
        meter: str | Meter | None = None,
        tempo: float | None = None,
        range: str | tuple[int, int] | None = None,  # noqa: A002 - the musicians' word
        density: float | None = None,
        mood: str | None = None,
        chords: str | None = None,
        parts: str | Iterable[str] = DEFAULT_PARTS,
        like: Iterable[str | Path | Song] = (),
        humanise: bool = False,
        guidance: float = MELODY_GUIDANCE,
        n: int = 3,
        seed: int = 0,
        temperature: float = 1.0,
    ) -> tuple[Candidate, ...]:
        """``n`` whole songs, best first: sections that return, melody, chords and a rhythm section.

        Args:
            form: "AABA", "ABAC", "verse chorus verse chorus bridge chorus"; at most 12 sections.
            bars_per_section: 4..16.
            chords: "C | Am | F | G", repeated over each section; by default they are written.
            parts: who plays: bass, piano, guitar, strings, organ, drums; "none" for a lead sheet alone.
            humanise: all is played a hair off the grid, with accents.
            like, guidance and the rest: as for ``melody``.

        Raises:
            InputError: if a value breaks its rule.
            UnmetError: if no song can meet the request, or every idea came too near to a known tune.
        """
        name, groove = check_groove(style, self.styles)
        players = () if parts == NONE else parse_parts(parts if isinstance(parts, str) else ",".join(parts))
        meter = parse_meter(meter) if isinstance(meter, str) else meter
        under = meter or (Meter(0, 4, 4) if chords else None)
        row = None if groove.row == ANY else groove.row
        asked = SongRequest(
            style=None if name == ANY else name, form=parse_form(form), section_bars=bars_per_section,
            key=parse_key(key) if isinstance(key, str) else key, meter=under, tempo_bpm=tempo,
            range=parse_range(range) if isinstance(range, str) else range, density=density, mood=mood, n=n, seed=seed,
            sampling=Sampling(temperature=temperature, guidance=guidance),
            leanings=() if (vector := self._taste(like, style=row)) is None else (leaning_of(vector),),
        )  # fmt: skip
        if chords is not None:
            assert under is not None
            asked = replace(asked, chords=parse_progression(chords, meter=under, bars=bars_per_section))
        recipe = {
            "art": "song", "checkpoint": str(self.checkpoint.card.get("name", self._name)),
            "profile": self.profile_name,
            "request": {
                "style": style, "form": list(asked.form), "bars_per_section": bars_per_section,
                "key": None if asked.key is None else key_name(asked.key),
                "meter": None if meter is None else str(meter), "tempo_bpm": tempo, "range": asked.range,
                "density": density, "mood": mood, "chords": chords, "parts": list(players), "humanise": humanise,
                "n": n, "seed": seed, "temperature": temperature, "guidance": guidance,
                "taste": [round(value, 3) for leaning in asked.leanings for value in leaning.vector],
            },
        }  # fmt: skip
        found = self._ideas(asked, write_songs, style=row, recipe=recipe, spare=1)
        found = tuple(replace(one, style=asked.style or one.style) for one in found)
        if players:
            sampling = Sampling(temperature=temperature)
            leads = [one.song for one in found]
            played = accompany(self._band, leads, groove, parts=players, seed=seed, sampling=sampling)
            found = tuple(
                replace(one, song=replace(one.song, parts=(*one.song.parts, *added)))
                for one, (added, _) in zip(found, played, strict=True)
            )
        return _humanised(found, kept=0) if humanise else found

    def blend(
        self,
        first: str | Path | Song,
        second: str | Path | Song,
        *,
        at: float = 0.5,
        part: int | None = None,
        second_part: int | None = None,
        style: str | None = None,
        guidance: float = DEFAULT_GUIDANCE,
        n: int = 5,
        seed: int = 0,
        temperature: float = 1.0,
    ) -> tuple[Candidate, ...]:
        """``n`` tunes between two, in the first one's key, metre and bars, best first; at 0 and 1 there is but one.

        Args:
            at: 0 is the first song's tune, 1 the second's (moved to that key); see ``generate.blend``.
            part, second_part: the parts the tunes are in, from 1; by default they are found.

        Raises:
            InputError: if a value breaks its rule, or a song has no such part.
            FileError: if a song's file cannot be read.
            UnmetError: if the songs' bars are not of equal length, or every idea came too near to a known tune.
        """
        base = self._asked(first, None, part, style, guidance=guidance, n=n, seed=seed, temperature=temperature)
        other = second if isinstance(second, Song) else read_styled(Path(second))
        ends = [
            np.array(scaled(features(lead_sheet(one[0], part=one[1]))))
            for one in ((base.song, part), (other, second_part))
        ]
        vector = (1 - at) * ends[0] + at * ends[1]
        asked = BlendRequest(
            base.song, other, at=at, part=part, second_part=second_part, style=base.style,
            n=1 if at in (0, 1) else n, seed=seed, sampling=base.sampling, leanings=(leaning_of(vector.tolist()),),
        )  # fmt: skip
        recipe = self._recipe("blend", base, first)
        recipe["request"] = {
            **recipe["request"], "second": other.title or ("" if isinstance(second, Song) else str(second)), "at": at,
            "second_part": second_part, "taste": [round(value, 3) for value in vector.tolist()],
        }  # fmt: skip
        return self._ideas(asked, write_blends, style=base.style, recipe=recipe, may_repeat=True)


def leaning_of(vector: Sequence[float]) -> Leaning:
    """What a content vector (``taste.features.scaled``) asks of the partner."""
    raw = unscaled(vector)
    kinds = {kind: min(1.0, max(0.0, raw[f"{kind}_metre"])) for kind in ("duple", "triple", "compound")}
    minor = min(1.0, max(0.0, raw["minor_key"]))
    return Leaning(tuple(vector), tempo_bpm=2 ** raw["tempo"], minor=minor, **kinds)


def _humanised(found: Sequence[Candidate], *, kept: int) -> tuple[Candidate, ...]:
    """The candidates as people would play them, but for the first ``kept`` parts, which are the person's own."""
    return tuple(
        replace(one, song=with_feel(one.song, seed=(one.seed or 0) + one.rank, keep=one.song.parts[:kept]))
        for one in found
    )
