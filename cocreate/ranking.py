"""Candidates: songs with their place, score and reason, best first by the one scorer.

Conventions:
    Whatever writes or reads songs, they are ranked here: what they are like, how well they suit the style, how well
    they are made and how new they are, weighed by a listener's profile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cocreate.judge.melody import quality
from cocreate.judge.novelty import Match
from cocreate.music.song import Song
from cocreate.music.theory import chord_symbol, estimate_key, key_name
from cocreate.taste.about import text_traits
from cocreate.taste.content import JUDGED
from cocreate.taste.events import HeardItem
from cocreate.taste.features import FeatureScale
from cocreate.taste.profile import Profile
from cocreate.taste.scorer import Item, Scorer, rerank_diverse, style_fit

if TYPE_CHECKING:
    from cocreate.taste.crowd import Crowd

QUALITY, NOVELTY = JUDGED  # what a catalogue's item remembers of how it was judged


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


def ranked(
    songs: Sequence[Song],
    profile: Profile,
    *,
    matches: Sequence[Match],
    style: str | None,
    row: Mapping[str, Any],
    scale: FeatureScale,
    most: int,
    diversity: float = 0.0,
    qualities: Sequence[float | None] = (),
    crowd: Crowd | None = None,
    complete: Callable[[Sequence[HeardItem]], Sequence[HeardItem]] = tuple,
) -> tuple[Candidate, ...]:
    """The ``most`` best of the songs, best first.

    Args:
        matches: of each song, how near it is to a known tune.
        row: of the checkpoint's ``styles.json``, what is usual in the style; may be empty.
        diversity: strength of the diverse re-ranking, 0..1.
        qualities: of each song how well it is made, 0..1; None or left out asks ``judge.melody``.
        crowd: what the other listeners of the database say to this one.
        complete: adds what the database knows of the same music.
    """
    known = [*qualities, *[None] * len(songs)]
    pieces = complete(
        [
            heard_of(song, match, row, made=known[place])
            for place, (song, match) in enumerate(zip(songs, matches, strict=True))
        ]
    )
    vectors = {str(place): piece.features for place, piece in enumerate(pieces)}
    items = [item_of(piece, row) for piece in pieces]
    found_scores = Scorer(profile, style=style, scale=scale, crowd=crowd).score(items)
    # the same music may stand there twice: from here on a song is known by its place
    scores = tuple(replace(one, id=str(place)) for place, one in enumerate(found_scores))
    if diversity:
        scores = rerank_diverse(scores, vectors, strength=diversity, scale=scale)[:most]
    found = []
    for place, one in enumerate(sorted(scores, key=lambda one: -one.value)[:most], start=1):
        song = songs[int(one.id)]
        found.append(
            Candidate(
                rank=place,
                song=song,
                score=one.value,
                parts=one.parts,
                reason=one.reason,
                style=style or song.style,
                key=key_name(song.key or estimate_key(song)),
                meter=str(song.meter),
                tempo_bpm=song.tempo_bpm,
                bars=len(song.bars()),
                seed=None,
                novelty=matches[int(one.id)],
            )
        )
    return tuple(found)


def heard_of(
    song: Song, match: Match, row: Mapping[str, Any], *, made: float | None = None, path: str = ""
) -> HeardItem:
    """What is heard in a song, how well it is made and how new it is: all that a score needs but the listener.

    Args:
        match: how near it is to a known tune.
        row: of the checkpoint's ``styles.json``, what is usual in the style; may be empty.
        made: how well it is made, 0..1; None asks ``judge.melody``.
    """
    reference = {metric: (mean, sd) for metric, (mean, sd) in row.get("metrics", {}).items()}
    well = quality(song, reference=reference or None)[0] if made is None else made
    heard = HeardItem.of(song, path=path)
    judged = {QUALITY: well, NOVELTY: max(0.0, 1.0 - match.share)}
    return replace(heard, traits={**heard.traits, **about(heard.words), **judged})


def about(words: str, *, is_all: bool = False) -> dict[str, float]:
    """What words are about, by the sentence model where there is one; by the words themselves if they are all there is.

    Raises:
        FileError: if the sentence model cannot be opened.
    """
    from cocreate.model.sentences import embedded, sentence_model

    folder = sentence_model() if words else None
    if folder is None:
        return text_traits(words) if is_all else {}
    return text_traits(words, embedded(words, folder))


def item_of(heard: HeardItem, row: Mapping[str, Any], **more: float | None) -> Item:
    """What the scorer is handed, of a catalogue's item and of a fresh idea alike."""
    fit = None
    if heard.is_heard and "feature_mean" in row:
        fit = style_fit(heard.features, row["feature_mean"], row["feature_sd"])
    told = {"style_fit": fit, "quality": heard.traits.get(QUALITY), "novelty": heard.traits.get(NOVELTY)}
    return Item.of(heard, **told, **more)


def with_recipe(one: Candidate, seed: int, recipe: Mapping[str, Any]) -> Candidate:
    """The candidate with what its sidecar says of how it came about."""
    key = one.song.key or estimate_key(one.song)
    return replace(one, seed=seed, recipe={**recipe, "chords": [chord_symbol(c, key=key) for c in one.song.chords]})
