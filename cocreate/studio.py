"""The one meeting place: write, judge, score, show; keep or skip, and learn.

Conventions:
    A ``Candidate`` is an idea or a file with its place, score and reason; candidates are best first. Everything a
    candidate came from is in its sidecar, so that it can be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from cocreate.ensemble import DEFAULT_GUIDANCE, Ensemble, leaning_of
from cocreate.errors import UnmetError
from cocreate.generate.arrangement import ArrangeRequest
from cocreate.generate.blend import BlendRequest
from cocreate.generate.form import SongRequest
from cocreate.generate.harmony import DEFAULT_VOICES, HarmonyRequest, parse_voices, write_harmonies
from cocreate.generate.kept_chords import ALL, NONE
from cocreate.generate.melody import Draft, write_melodies
from cocreate.generate.request import ANY, MAX_CANDIDATES, MELODY_GUIDANCE, MelodyRequest, check_style
from cocreate.generate.tune import TuneRequest, parse_bars
from cocreate.generate.variation import continue_bars, fill_bars, vary_bars
from cocreate.judge.harmony import harmony_quality
from cocreate.judge.novelty import NoveltyIndex
from cocreate.model.checkpoint import Checkpoint, open_checkpoint
from cocreate.model.decoder import Decoder
from cocreate.model.sample import Sampling
from cocreate.music.song import Key, Meter, Song
from cocreate.music.theory import (
    as_range,
    key_name,
    parse_key,
    parse_meter,
    parse_progression,
)
from cocreate.ranking import Candidate, ranked, with_recipe
from cocreate.shelf import read_styled, read_tune, save
from cocreate.taste.events import Event, HeardItem, check_profile_name
from cocreate.taste.features import DEFAULT_SCALE, FeatureScale, features, melody_id, scaled
from cocreate.taste.home import has_profile
from cocreate.taste.profile import Profile

__all__ = ["Candidate", "Studio", "leaning_of"]

DEFAULT_PROFILE = "me"
DRAW_FACTOR = 1.5  # ideas drawn for each one shown, so that the scorer has something to choose from
MAX_ROUNDS = 5  # draws, each warmer, until enough ideas are neither copies nor each other
NEXT_SEED = 1_000_003  # from one round to the next; a prime far from any seed a person types
DIVERSITY = 0.25  # strength of the diverse re-ranking, 0..1

Request = TypeVar("Request", MelodyRequest, TuneRequest, HarmonyRequest, ArrangeRequest, SongRequest, BlendRequest)


class Studio(Ensemble):
    """A musician's desk: a checkpoint to write with, a profile to please.

    Args:
        profile: whose taste ranks and learns; a name that is not stored yet is an empty profile.
        checkpoint: a folder or the name of a shipped checkpoint.
        home: where profiles are kept; by default the user's data folder or ``COCREATE_HOME``.

    Raises:
        InputError: if the profile's name is not allowed.

    Example:
        ideas = Studio(profile="me").melody(style="jazz", bars=8, n=8, seed=7)
    """

    def __init__(
        self, *, profile: str = DEFAULT_PROFILE, checkpoint: str | Path = "music", home: Path | None = None
    ) -> None:
        self.profile_name = check_profile_name(profile)
        self._name, self._home = checkpoint, home

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint, opened on first use."""
        return open_checkpoint(self._name)

    @cached_property
    def styles(self) -> Mapping[str, Any]:
        """What the checkpoint knows of each style: its row in ``styles.json``."""
        rows: dict[str, Any] = self.checkpoint.extra("styles.json")["styles"]
        return rows

    @cached_property
    def _decoder(self) -> Decoder:
        return Decoder(self.checkpoint)

    @cached_property
    def _known(self) -> NoveltyIndex:
        return NoveltyIndex.load(self.checkpoint.folder / "novelty.npz")

    @cached_property
    def _scale(self) -> FeatureScale:
        table = self.checkpoint.extra("styles.json").get("feature_scale")
        return FeatureScale.from_mapping(table) if table else DEFAULT_SCALE

    @property
    def profile(self) -> Profile:
        """The listener as the stored events have made them."""
        if not has_profile(self._home, self.profile_name):
            return Profile.from_events(self.profile_name, [])
        from cocreate.taste.store import Store  # SQLAlchemy costs 0.2 s, and a first run has no profile

        return Profile.from_events(self.profile_name, Store(self._home).events(self.profile_name))

    def melody(
        self,
        *,
        style: str | None = None,
        key: str | Key | None = None,
        meter: str | Meter | None = None,
        tempo: float | None = None,
        bars: int = 8,
        range: str | tuple[int, int] | None = None,  # noqa: A002 - the musicians' word
        density: float | None = None,
        mood: str | None = None,
        chords: str | None = None,
        start: str | Path | Song | None = None,
        like: Iterable[str | Path | Song] = (),
        guidance: float = MELODY_GUIDANCE,
        n: int = 8,
        seed: int = 0,
        temperature: float = 1.0,
    ) -> tuple[Candidate, ...]:
        """``n`` melodies, best first. What is left out the style chooses; see ``MelodyRequest`` for ranges.

        Args:
            key: "D minor"; meter: "6/8"; range: "D4-A5"; chords: "Dm7 | G7 | Cmaj7 | A7" (repeated over the bars).
            start: a song or file to go on from.
            like: songs or files to write near to: of several, between them. Else what the profile likes, if anything.
            guidance: how strongly style, mood and taste steer: 0 not at all, 1 as trained, at most 5.

        Raises:
            InputError: if a value breaks its rule.
            UnmetError: if no melody can meet the request, or every idea came too near to a known tune.
        """
        meter = parse_meter(meter) if isinstance(meter, str) else meter
        song = start if isinstance(start, Song) or start is None else read_tune(Path(start))
        request = MelodyRequest(
            style=style,
            key=parse_key(key) if isinstance(key, str) else key,
            meter=meter or (Meter(0, 4, 4) if chords and song is None else None),
            tempo_bpm=tempo,
            bars=bars,
            range=as_range(range),
            density=density,
            mood=mood,
            start=song,
            n=n,
            seed=seed,
            sampling=Sampling(temperature=temperature, guidance=guidance),
            leanings=() if (vector := self._taste(like, style=style)) is None else (leaning_of(vector),),
        )
        if chords is not None:
            under = request.meter or (song.bars()[-1].meter if song else Meter(0, 4, 4))
            request = replace(request, chords=parse_progression(chords, meter=under, bars=bars))
        name = check_style(style, self.styles)
        recipe = {
            "art": "melody", "checkpoint": str(self.checkpoint.card.get("name", self._name)),
            "profile": self.profile_name,
            "request": {
                "style": style, "key": None if request.key is None else key_name(request.key),
                "meter": None if request.meter is None else str(request.meter), "tempo_bpm": tempo, "bars": bars,
                "range": request.range, "density": density, "mood": mood, "chords": chords,
                "start": None if song is None else song.title if isinstance(start, Song) else song.title or str(start),
                "n": n, "seed": seed, "temperature": temperature, "guidance": guidance,
                "taste": [round(value, 3) for leaning in request.leanings for value in leaning.vector],
            },
        }  # fmt: skip
        return self._ideas(request, write_melodies, style=None if name == ANY else name, recipe=recipe)

    def fill(
        self,
        song: str | Path | Song,
        *,
        bars: str | tuple[int, int],
        range: str | tuple[int, int] | None = None,  # noqa: A002 - the word musicians use
        part: int | None = None,
        style: str | None = None,
        guidance: float = DEFAULT_GUIDANCE,
        n: int = 8,
        seed: int = 0,
        temperature: float = 1.0,
    ) -> tuple[Candidate, ...]:
        """``n`` songs with another tune in ``bars`` ("9-12"), as if nothing had stood there, best first.

        Args:
            range: lowest and highest pitch of what is written ("D4-A5"); by default about the tune's own.
            part: the part the tune is in, from 1; by default it is found.

        Raises:
            InputError: if a value breaks its rule, or the song has no such part.
            FileError: if the song's file cannot be read.
            UnmetError: if the song has no such bars or no tune around them, or every idea came too near to a known one.
        """
        request = self._asked(song, bars, part, style, guidance=guidance, n=n, seed=seed, temperature=temperature)
        request = replace(request, range=as_range(range))
        return self._ideas(request, fill_bars, style=style, recipe=self._recipe("fill", request, song))

    def vary(
        self,
        song: str | Path | Song,
        *,
        bars: str | tuple[int, int] | None = None,
        amount: float | None = None,
        keep: str | None = None,
        range: str | tuple[int, int] | None = None,  # noqa: A002
        part: int | None = None,
        style: str | None = None,
        guidance: float = DEFAULT_GUIDANCE,
        n: int = 8,
        seed: int = 0,
        temperature: float = 1.0,
    ) -> tuple[Candidate, ...]:
        """``n`` songs with a variation of the tune in ``bars`` (by default all), best first; see ``TuneRequest``.

        Args:
            amount: share of the notes that are written anew, 0..1; by default all with ``keep``, else half.
            keep: "rhythm", "contour" or "harmony".
            range: lowest and highest pitch of what is written ("D4-A5"); by default about the tune's own.
            part: the part the tune is in, from 1; by default it is found.

        Raises:
            InputError: if a value breaks its rule, or the song has no such part.
            FileError: if the song's file cannot be read.
            UnmetError: if the song has no such bars or no tune in them, or every idea came too near to a known tune.
        """
        request = self._asked(song, bars, part, style, guidance=guidance, n=n, seed=seed, temperature=temperature)
        # of nothing there is but one variation: the song
        request = replace(request, amount=amount, keep=keep, range=as_range(range), n=1 if amount == 0 else n)
        recipe = self._recipe("vary", request, song)
        return self._ideas(request, vary_bars, style=style, recipe=recipe, may_repeat=amount == 0)

    def continue_tune(
        self,
        song: str | Path | Song,
        *,
        bars: int = 8,
        range: str | tuple[int, int] | None = None,  # noqa: A002
        part: int | None = None,
        style: str | None = None,
        guidance: float = DEFAULT_GUIDANCE,
        n: int = 8,
        seed: int = 0,
        temperature: float = 1.0,
    ) -> tuple[Candidate, ...]:
        """``n`` songs whose tune goes on for so many ``bars`` (1..64) after the end, best first.

        Args:
            range: lowest and highest pitch of what is written ("D4-A5"); by default about the tune's own.

        Raises:
            InputError: if a value breaks its rule, or the song has no such part.
            FileError: if the song's file cannot be read.
            UnmetError: if the end cannot be gone on from, or every idea came too near to a known tune.
        """
        request = self._asked(song, None, part, style, guidance=guidance, n=n, seed=seed, temperature=temperature)
        request = replace(request, more=bars, range=as_range(range))
        return self._ideas(request, continue_bars, style=style, recipe=self._recipe("continue", request, song))

    def harmony(
        self,
        song: str | Path | Song,
        *,
        voices: str | None = None,
        rhythm: str = "free",
        complexity: float | None = None,
        keep: str | None = None,
        part: int | None = None,
        style: str | None = None,
        guidance: float = DEFAULT_GUIDANCE,
        n: int = 5,
        seed: int = 0,
        temperature: float = 1.0,
    ) -> tuple[Candidate, ...]:
        """``n`` songs with chords under the tune and parts that play them, best first; see ``HarmonyRequest``.

        Args:
            voices: who plays: satb, strings, piano, guitar, bass, or several ("piano,bass"), or none; by default piano.
            keep: chords that stay ("1:Dm7 5:G7"); by default the song's own where ``voices`` is named.

        Raises:
            InputError: if a value breaks its rule, or the song has no such part.
            FileError: if the song's file cannot be read.
            UnmetError: if what is to be kept cannot be, or the voices have no room.
        """
        base = self._asked(song, None, part, style, guidance=guidance, n=n, seed=seed, temperature=temperature)
        request = HarmonyRequest(
            base.song, part=part, style=base.style, voices=DEFAULT_VOICES if voices is None else parse_voices(voices),
            rhythm=rhythm, complexity=complexity, keep=keep or (NONE if voices is None else ALL), n=n, seed=seed,
            sampling=base.sampling, leanings=base.leanings,
        )  # fmt: skip
        asked = {"voices": voices, "rhythm": rhythm, "complexity": complexity, "keep": keep}
        recipe = self._recipe("harmony", base, song)
        recipe["request"] = {**recipe["request"], **asked}
        return self._ideas(request, write_harmonies, style=base.style, recipe=recipe, may_repeat=True)

    def _asked(
        self,
        song: str | Path | Song,
        bars: str | tuple[int, int] | None,
        part: int | None,
        style: str | None,
        *,
        guidance: float,
        n: int,
        seed: int,
        temperature: float,
    ) -> TuneRequest:
        return TuneRequest(
            song=song if isinstance(song, Song) else read_styled(Path(song)),
            part=part,
            bars=parse_bars(bars) if isinstance(bars, str) else bars,
            style=None if style is None else check_style(style, self.styles),
            n=n,
            seed=seed,
            sampling=Sampling(temperature=temperature, guidance=guidance),
            leanings=() if (vector := self._taste((), style=style)) is None else (leaning_of(vector),),
        )

    def _recipe(self, art: str, request: TuneRequest, song: str | Path | Song) -> dict[str, Any]:
        """What the sidecar says of how a candidate came about."""
        return {
            "art": art, "checkpoint": str(self.checkpoint.card.get("name", self._name)), "profile": self.profile_name,
            "request": {
                "song": request.song.title or ("" if isinstance(song, Song) else str(song)), "part": request.part,
                "bars": request.more if art == "continue" else request.bars, "amount": request.amount,
                "keep": request.keep, "range": request.range, "style": request.style, "n": request.n,
                "seed": request.seed, "temperature": request.sampling.temperature,
                "guidance": request.sampling.guidance,
                "taste": [round(value, 3) for leaning in request.leanings for value in leaning.vector],
            },
        }  # fmt: skip

    def _taste(self, like: Iterable[str | Path | Song], *, style: str | None) -> tuple[float, ...] | None:
        """The content vector to write near to: the mean of the songs named, else the listener's; None: no taste yet."""
        songs = [song if isinstance(song, Song) else read_tune(Path(song)) for song in like]
        if songs:
            return tuple(np.mean([scaled(features(song)) for song in songs], axis=0).tolist())
        return self.profile.vector(style=style or "") or None

    def rank(self, paths: Iterable[str | Path], *, style: str | None = None) -> tuple[Candidate, ...]:
        """The files, best first, by the same scorer that ranks ideas.

        Raises:
            InputError: if a suffix or the style is unknown.
            FileError: if a file is missing or broken.
        """
        name = None if style is None else check_style(style, self.styles)
        files = [Path(path) for path in paths]
        songs = [read_tune(path) for path in files]
        candidates = ranked(
            songs,
            self.profile,
            matches=[self._known.longest_match(song.melody.notes) for song in songs],
            style=name,
            row=self.styles.get(name or ANY, {}),
            scale=self._scale,
            most=len(songs),
        )
        # a file may stand twice in the list: match by place, not by content
        places = {id(song): file for song, file in zip(songs, files, strict=True)}
        return tuple(replace(candidate, path=places[id(candidate.song)]) for candidate in candidates)

    def keep(self, paths: Iterable[str | Path]) -> Profile:
        """Tell the profile that these files are liked. Returns the profile as it is then.

        Raises:
            FileError: if a file cannot be read; nothing is stored then.
        """
        return self._tell("keep", paths)

    def skip(self, paths: Iterable[str | Path]) -> Profile:
        """Tell the profile that these files are not liked. Returns the profile as it is then.

        Raises:
            FileError: if a file cannot be read; nothing is stored then.
        """
        return self._tell("skip", paths)

    def save(
        self, candidates: Sequence[Candidate], out: str | Path, *, force: bool = False, stems: bool = False
    ) -> tuple[Candidate, ...]:
        """Write each candidate as DAW-ready MIDI with a JSON sidecar; nothing there is overwritten without ``force``.

        With ``stems`` one file a part stands in the folder ``NAME_stems`` beside each.

        Raises:
            FileError: if the folder cannot be written or a file is there already; no file is written then.
        """
        return save(candidates, Path(out), force=force, stems=stems)

    def _ideas(
        self,
        request: Request,
        write: Callable[[Decoder, Mapping[str, Any], Request], Sequence[Draft]],
        *,
        style: str | None,
        recipe: Mapping[str, Any],
        may_repeat: bool = False,
        spare: int = 2,
    ) -> tuple[Candidate, ...]:
        """What ``write`` draws for a request, best first; with ``may_repeat`` it may be what stood there before.

        ``spare`` ideas more than asked for are drawn, of cheap ones half as many again.
        """
        drafts = self._draw(request, write, may_repeat=may_repeat, spare=spare)
        found = ranked(
            [draft.song for draft in drafts],
            self.profile,
            matches=[self._known.longest_match(draft.fresh) for draft in drafts],
            style=style,
            row=self.styles.get(style or ANY, {}),
            scale=self._scale,
            most=request.n,
            diversity=DIVERSITY,
            qualities=[harmony_quality(draft.song, draft.singers) if draft.identity else None for draft in drafts],
        )
        wholes = {id(draft.song): draft.whole or draft.song for draft in drafts}
        return tuple(with_recipe(replace(one, song=wholes[id(one.song)]), request.seed, recipe) for one in found)

    def _draw(
        self,
        request: Request,
        write: Callable[[Decoder, Mapping[str, Any], Request], Sequence[Draft]],
        *,
        may_repeat: bool,
        spare: int,
    ) -> list[Draft]:
        """Enough drafts that are no copies, not each other and not what stood there before."""
        wanted = max(request.n + spare, round(request.n * DRAW_FACTOR) if spare > 1 else 0)
        found: dict[str, Draft] = {}
        for turn in range(MAX_ROUNDS):
            again = replace(request, n=min(MAX_CANDIDATES, wanted), seed=request.seed + turn * NEXT_SEED)
            if turn:  # what came out the same again, or too near to a known tune, needs more heat
                heat = max(0.5, request.sampling.temperature) * (1 + 0.5 * turn)
                again = replace(again, sampling=replace(request.sampling, temperature=heat))
            for draft in write(self._decoder, self.styles, again):
                if not self._is_copy(draft) and (may_repeat or draft.fresh != draft.own):
                    found.setdefault(draft.identity or melody_id(draft.song), draft)
            if len(found) >= request.n:
                return list(found.values())[:wanted]
        if not found:
            raise UnmetError(
                "every idea came too near to a known tune or to what was there; ask for more bars, or another seed or"
                " style"
            )
        return list(found.values())

    def _is_copy(self, draft: Draft) -> bool:
        """True when it is nearer to a known tune than people come, and than what the person brought."""
        match = self._known.longest_match(draft.fresh)
        if not self._known.is_copy(match, len(draft.fresh)):
            return False
        return not draft.own or match.notes > self._known.longest_match(draft.own).notes

    def _tell(self, kind: str, paths: Iterable[str | Path]) -> Profile:
        items = [(HeardItem.of(read_styled(Path(path)), path=str(Path(path).resolve()))) for path in paths]
        from cocreate.taste.store import Store

        store = Store(self._home)
        for item in items:
            store.add_event(self.profile_name, Event(kind, item))
        return self.profile
