"""The workbench under every partner: a checkpoint, a profile, and the one way from drafts to ranked candidates.

Conventions:
    A little more is drawn than was asked for; copies of known tunes and of each other are thrown
    away, and the rest is ranked by the one scorer. Everything a candidate came from is its recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from cocreate.errors import UnmetError
from cocreate.generate.arrangement import ArrangeRequest
from cocreate.generate.blend import BlendRequest
from cocreate.generate.form import SongRequest
from cocreate.generate.harmony import HarmonyRequest
from cocreate.generate.melody import Draft
from cocreate.generate.request import ANY, MAX_CANDIDATES, Leaning, MelodyRequest, check_style
from cocreate.generate.tune import TuneRequest, parse_bars
from cocreate.judge.harmony import harmony_quality
from cocreate.judge.novelty import NoveltyIndex
from cocreate.model.checkpoint import Checkpoint, open_checkpoint
from cocreate.model.decoder import Decoder
from cocreate.model.sample import Sampling
from cocreate.music.song import Song
from cocreate.ranking import Candidate, ranked, with_recipe
from cocreate.shelf import read_styled, read_tune
from cocreate.taste.events import check_profile_name
from cocreate.taste.example import unstored_events
from cocreate.taste.features import DEFAULT_SCALE, FeatureScale, features, melody_id, scaled, unscaled
from cocreate.taste.home import has_profile
from cocreate.taste.profile import Profile

if TYPE_CHECKING:
    from cocreate.taste.crowd import Crowd
    from cocreate.taste.events import HeardItem

DRAW_FACTOR = 1.5  # ideas drawn for each one shown, so that the scorer has something to choose from
MAX_ROUNDS = 5  # draws, each warmer, until enough ideas are neither copies nor each other
NEXT_SEED = 1_000_003  # from one round to the next; a prime far from any seed a person types
DIVERSITY = 0.25  # strength of the diverse re-ranking, 0..1
DEFAULT_PROFILE = "me"

Request = TypeVar("Request", MelodyRequest, TuneRequest, HarmonyRequest, ArrangeRequest, SongRequest, BlendRequest)


class Workbench:
    """What the partners share; see ``studio.Studio``."""

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
        """The listener as the stored events have made them; the example where it was asked for and is nobody's own."""
        if not has_profile(self._home, self.profile_name):
            return Profile.from_events(self.profile_name, unstored_events(self.profile_name))
        from cocreate.taste.store import Store  # SQLAlchemy costs 0.2 s, and a first run has no profile

        return Profile.from_events(self.profile_name, Store(self._home).events(self.profile_name))

    def _crowd(self, profile: Profile) -> Crowd | None:
        """What the other listeners of the same database say to this one, where there are enough."""
        if not has_profile(self._home, self.profile_name):
            return None
        from cocreate.taste.crowd import crowd_of
        from cocreate.taste.store import Store

        return crowd_of(Store(self._home), profile)

    def _completed(self, items: Sequence[HeardItem]) -> Sequence[HeardItem]:
        """Items with all that the database knows of the same music."""
        if not has_profile(self._home, self.profile_name):
            return items
        from cocreate.taste.store import Store

        return Store(self._home).completed(items)

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
        profile = self.profile
        found = ranked(
            [draft.song for draft in drafts],
            profile,
            crowd=self._crowd(profile),
            complete=self._completed,
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
                is_something = draft.fresh or draft.identity  # chord symbols alone have no note, but an identity
                if is_something and not self._is_copy(draft) and (may_repeat or draft.fresh != draft.own):
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


def leaning_of(vector: Sequence[float]) -> Leaning:
    """What a content vector (``taste.features.scaled``) asks of the partner."""
    raw = unscaled(vector)
    kinds = {kind: min(1.0, max(0.0, raw[f"{kind}_metre"])) for kind in ("duple", "triple", "compound")}
    minor = min(1.0, max(0.0, raw["minor_key"]))
    return Leaning(tuple(vector), tempo_bpm=2 ** raw["tempo"], minor=minor, **kinds)
