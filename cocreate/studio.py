"""The one meeting place: write, judge, score, show; keep or skip, and learn.

Conventions:
    A ``Candidate`` is an idea or a file with its place, score and reason; candidates are best first. Everything a
    candidate came from is in its sidecar, so that it can be made again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cocreate.errors import FileError, InputError, UnmetError
from cocreate.files import read_song
from cocreate.files.midi import midi_bytes
from cocreate.files.output import check_folder, idea_name, write_bytes
from cocreate.generate.melody import Draft, write_melodies
from cocreate.generate.request import ANY, MAX_CANDIDATES, Leaning, MelodyRequest, check_style
from cocreate.judge.melody import quality
from cocreate.judge.novelty import Match, NoveltyIndex
from cocreate.model.checkpoint import Checkpoint, open_checkpoint
from cocreate.model.decoder import Decoder
from cocreate.model.sample import Sampling
from cocreate.music.song import Key, Meter, Note, Song
from cocreate.music.theory import (
    chord_symbol,
    estimate_key,
    key_name,
    parse_key,
    parse_meter,
    parse_progression,
    parse_range,
)
from cocreate.taste.events import Event, HeardItem, check_profile_name
from cocreate.taste.features import DEFAULT_SCALE, FeatureScale, FeatureVector, features, melody_id, scaled, unscaled
from cocreate.taste.home import has_profile
from cocreate.taste.profile import Profile
from cocreate.taste.scorer import Item, Score, rerank_diverse, score, style_fit

DEFAULT_PROFILE = "me"
DRAW_FACTOR = 1.5  # ideas drawn for each one shown, so that the scorer has something to choose from
MAX_ROUNDS = 5  # draws, each warmer, until enough ideas are neither copies nor each other
NEXT_SEED = 1_000_003  # from one round to the next; a prime far from any seed a person types
DEFAULT_GUIDANCE = 1.0
DIVERSITY = 0.25  # strength of the diverse re-ranking, 0..1
SIDECAR_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """One idea or file, ranked.

    ``score`` and the raw ``parts`` lie in 0..1 (see ``taste.scorer``); ``novelty`` is the longest run of notes that a
    training melody has too, with that melody's name; ``path`` is None until it is saved.
    """

    rank: int
    song: Song
    score: float
    parts: Mapping[str, float]
    reason: str
    style: str
    key: str
    meter: str
    tempo_bpm: float
    bars: int
    seed: int | None
    novelty: Match
    path: Path | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """What ``--json`` prints and the sidecar holds."""
        return {
            "rank": self.rank,
            "path": None if self.path is None else str(self.path),
            "score": round(self.score, 4),
            "parts": {name: round(value, 4) for name, value in self.parts.items()},
            "reason": self.reason,
            "style": self.style,
            "key": self.key,
            "meter": self.meter,
            "tempo_bpm": round(self.tempo_bpm, 2),
            "bars": self.bars,
            "seed": self.seed,
            "novelty": {
                "longest_match_notes": self.novelty.notes,
                "share": round(self.novelty.share, 4),
                "nearest": self.novelty.name,
            },
        }


class Studio:
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
        guidance: float = DEFAULT_GUIDANCE,
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
        song = start if isinstance(start, Song) or start is None else _with_melody(Path(start))
        request = MelodyRequest(
            style=style,
            key=parse_key(key) if isinstance(key, str) else key,
            meter=meter or (Meter(0, 4, 4) if chords and song is None else None),
            tempo_bpm=tempo,
            bars=bars,
            range=parse_range(range) if isinstance(range, str) else range,
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
        drafts = self._draw(request)
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
        matches = {melody_id(d.song): self._known.longest_match(_new_notes(d)) for d in drafts}
        return self._ranked([d.song for d in drafts], style=None if name == ANY else name, matches=matches, seed=seed,
                            recipe=recipe, most=n, diversity=DIVERSITY)  # fmt: skip

    def _taste(self, like: Iterable[str | Path | Song], *, style: str | None) -> tuple[float, ...] | None:
        """The content vector to write near to: the mean of the songs named, else the listener's; None: no taste yet."""
        songs = [song if isinstance(song, Song) else _with_melody(Path(song)) for song in like]
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
        songs = [_with_melody(path) for path in files]
        matches = [self._known.longest_match(song.melody.notes) for song in songs]
        candidates = self._ranked(
            songs, style=name, matches=dict(enumerate(matches)), seed=None, recipe={}, most=len(songs)
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

    def save(self, candidates: Sequence[Candidate], out: str | Path, *, force: bool = False) -> tuple[Candidate, ...]:
        """Write each candidate as DAW-ready MIDI with a JSON sidecar; nothing there is overwritten without ``force``.

        Raises:
            FileError: if the folder cannot be written or a file is there already; no file is written then.
        """
        folder = Path(out)
        check_folder(folder)
        placed = [
            replace(candidate, path=folder / idea_name(
                candidate.rank, candidate.style or ANY, "melody", candidate.song.key or estimate_key(candidate.song),
                candidate.tempo_bpm, candidate.bars, candidate.seed or 0,
            ))
            for candidate in candidates
        ]  # fmt: skip
        for candidate in placed:
            assert candidate.path is not None
            for path in (candidate.path, candidate.path.with_suffix(".json")):
                if not force and path.exists():
                    raise FileError(f"{path} exists already; choose another --out, another --seed, or give --force")
        for candidate in placed:
            assert candidate.path is not None
            sidecar = {
                "format": SIDECAR_FORMAT,
                **candidate.as_dict(),
                "path": candidate.path.name,  # the two files stay together wherever they are moved
                **candidate.recipe,
            }
            write_bytes(candidate.path, midi_bytes(candidate.song), force=force)
            text = json.dumps(sidecar, indent=1, ensure_ascii=False) + "\n"
            # a folder's name need not be Unicode; JSON writes such bytes as \udcXX
            data = text.encode("utf-8", "backslashreplace")
            write_bytes(candidate.path.with_suffix(".json"), data, force=force)
        return tuple(placed)

    def _draw(self, request: MelodyRequest) -> list[Draft]:
        """Enough drafts that are no copies and not each other."""
        wanted = max(request.n + 2, round(request.n * DRAW_FACTOR))
        found: dict[str, Draft] = {}
        for turn in range(MAX_ROUNDS):
            again = replace(request, n=min(MAX_CANDIDATES, wanted), seed=request.seed + turn * NEXT_SEED)
            if turn:  # what came out the same again, or too near to a known tune, needs more heat
                heat = max(0.5, request.sampling.temperature) * (1 + 0.5 * turn)
                again = replace(again, sampling=replace(request.sampling, temperature=heat))
            drawn = write_melodies(self._decoder, self.styles, again)
            for draft in drawn:
                fresh = _new_notes(draft)
                if not self._known.is_copy(self._known.longest_match(fresh), len(fresh)):
                    found.setdefault(melody_id(draft.song), draft)
            if len(found) >= request.n:
                return list(found.values())[:wanted]
        if not found:
            raise UnmetError("every idea came too near to a known tune; ask for more bars, or another seed or style")
        return list(found.values())

    def _ranked(
        self,
        songs: Sequence[Song],
        *,
        style: str | None,
        matches: Mapping[Any, Match],
        seed: int | None,
        recipe: Mapping[str, Any],
        most: int,
        diversity: float = 0.0,
    ) -> tuple[Candidate, ...]:
        row = self.styles.get(style or ANY, {})
        vectors = {str(place): features(song) for place, song in enumerate(songs)}
        found = [
            matches.get(place) or matches[melody_id(song)] for place, song in enumerate(songs)
        ]  # fmt: skip
        items = [
            self._item(str(place), song, vectors[str(place)], found[place], row) for place, song in enumerate(songs)
        ]
        scores: Sequence[Score] = score(self.profile, items, style=style, scale=self._scale)
        if diversity:
            scores = sorted(
                rerank_diverse(scores, vectors, strength=diversity, scale=self._scale)[:most],
                key=lambda one: -one.value,
            )
        else:
            scores = sorted(scores, key=lambda one: -one.value)[:most]
        return tuple(
            _candidate(
                one, songs[int(one.id)], rank=rank, match=found[int(one.id)], style=style, seed=seed, recipe=recipe
            )
            for rank, one in enumerate(scores, start=1)
        )

    def _item(self, name: str, song: Song, vector: FeatureVector, match: Match, row: Mapping[str, Any]) -> Item:
        reference = {metric: (mean, sd) for metric, (mean, sd) in row.get("metrics", {}).items()}
        fit = style_fit(vector, row["feature_mean"], row["feature_sd"]) if "feature_mean" in row else None
        return Item(
            name,
            vector,
            style_fit=fit,
            quality=quality(song, reference=reference or None)[0],
            novelty=max(0.0, 1.0 - match.share),
            title=song.title,
        )

    def _tell(self, kind: str, paths: Iterable[str | Path]) -> Profile:
        items = [(HeardItem.of(_styled(Path(path)), path=str(Path(path).resolve()))) for path in paths]
        from cocreate.taste.store import Store

        store = Store(self._home)
        for item in items:
            store.add_event(self.profile_name, Event(kind, item))
        return self.profile


def leaning_of(vector: Sequence[float]) -> Leaning:
    """What a content vector (``taste.features.scaled``) asks of the partner."""
    raw = unscaled(vector)
    kinds = {kind: min(1.0, max(0.0, raw[f"{kind}_metre"])) for kind in ("duple", "triple", "compound")}
    minor = min(1.0, max(0.0, raw["minor_key"]))
    return Leaning(tuple(vector), tempo_bpm=2 ** raw["tempo"], minor=minor, **kinds)


def _new_notes(draft: Draft) -> tuple[Note, ...]:
    return tuple(note for note in draft.song.melody.notes if note.start_ticks >= draft.new_from_ticks)


def _with_melody(path: Path) -> Song:
    """The song of a file, if there is a melody to hear in it."""
    song = read_song(path)
    if all(part.role == "drums" for part in song.parts) or not song.melody.notes:
        raise InputError(f"a song must have a melody, got no notes for one in {path}")
    return song


def _styled(path: Path) -> Song:
    """A song from a file; the style of one of our own ideas is in its sidecar."""
    song = _with_melody(path)
    sidecar = path.with_suffix(".json")
    if song.style or not sidecar.is_file():
        return song
    try:
        style = json.loads(sidecar.read_text(encoding="utf-8")).get("style", "")
    except (OSError, ValueError, AttributeError):
        return song  # a .json of somebody else
    return replace(song, style=style) if isinstance(style, str) else song


def _candidate(
    one: Score, song: Song, *, rank: int, match: Match, style: str | None, seed: int | None, recipe: Mapping[str, Any]
) -> Candidate:
    key = song.key or estimate_key(song)
    return Candidate(
        rank=rank,
        song=song,
        score=one.value,
        parts=one.parts,
        reason=one.reason,
        style=style or song.style,
        key=key_name(key),
        meter=str(song.meter),
        tempo_bpm=song.tempo_bpm,
        bars=len(song.bars()),
        seed=seed,
        novelty=match,
        recipe={**recipe, "chords": [chord_symbol(chord, key=key) for chord in song.chords]} if recipe else {},
    )
