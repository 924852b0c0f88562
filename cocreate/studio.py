"""The one meeting place: write, judge, score, show; keep or skip, and learn.

Conventions:
    A ``Candidate`` is an idea or a file with its place, score and reason; candidates are best first. Everything a
    candidate came from is in its sidecar, so that it can be made again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cocreate.ensemble import DEFAULT_GUIDANCE, Ensemble
from cocreate.generate.harmony import DEFAULT_VOICES, HarmonyRequest, parse_voices, write_harmonies
from cocreate.generate.kept_chords import ALL, NONE
from cocreate.generate.melody import write_melodies
from cocreate.generate.request import ANY, MELODY_GUIDANCE, MelodyRequest, check_style
from cocreate.generate.variation import continue_bars, fill_bars, vary_bars
from cocreate.model.sample import Sampling
from cocreate.music.song import Key, Meter, Song
from cocreate.music.theory import (
    as_range,
    key_name,
    parse_key,
    parse_meter,
    parse_progression,
)
from cocreate.ranking import Candidate, ranked
from cocreate.shelf import read_styled, read_tune, save
from cocreate.taste.events import Event, HeardItem
from cocreate.taste.profile import Profile
from cocreate.workbench import leaning_of

if TYPE_CHECKING:
    from cocreate.lyricist import LyricCandidate

__all__ = ["Candidate", "Studio", "leaning_of"]


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

    def lyrics(self, song: str | Path | Song | None = None, **asked: Any) -> tuple[LyricCandidate, ...]:
        """Lyrics for a tune (or without one), best first; ``asked``: what ``LyricRequest`` knows, and ``checkpoint``.

        Raises:
            CocreateError: as ``lyricist.compose_lyrics``.
        """
        from cocreate.lyricist import compose_lyrics

        profile = self.profile
        return compose_lyrics(song, profile, crowd=self._crowd(profile), **asked)

    def rank(self, paths: Iterable[str | Path], *, style: str | None = None) -> tuple[Candidate, ...]:
        """The files, best first, by the same scorer that ranks ideas.

        Raises:
            InputError: if a suffix or the style is unknown.
            FileError: if a file is missing or broken.
        """
        name = None if style is None else check_style(style, self.styles)
        files = [Path(path) for path in paths]
        songs = [read_styled(path) for path in files]
        profile = self.profile
        candidates = ranked(
            songs,
            profile,
            crowd=self._crowd(profile),
            complete=self._completed,
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

    def _tell(self, kind: str, paths: Iterable[str | Path]) -> Profile:
        items = [(HeardItem.of(read_styled(Path(path)), path=str(Path(path).resolve()))) for path in paths]
        from cocreate.taste.store import Store

        store = Store(self._home)
        for item in items:
            store.add_event(self.profile_name, Event(kind, item))
        return self.profile
