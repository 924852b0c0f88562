"""The lyric desk: write, judge, score, show; what a listener kept steers the words and ranks them.

Conventions:
    A ``LyricCandidate`` is a lyric with its place, score and reason, best first, by the one scorer: the features of its
    words (and of its tune, where it has one) are points of the same content space as those of every song.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cocreate.errors import FileError, InputError
from cocreate.files.lrc import lrc_of
from cocreate.files.midi import midi_bytes
from cocreate.files.musicxml_write import musicxml_bytes
from cocreate.files.output import check_folder, to_ascii, write_bytes
from cocreate.generate.lyric_request import LyricRequest
from cocreate.generate.lyrics import LyricDraft, write_lyrics
from cocreate.judge.lyrics import Finding, judge
from cocreate.model.lexicon import FloatArray
from cocreate.model.lyric_seat import LyricSeat, open_seat
from cocreate.music.lyric import Lyric
from cocreate.music.song import Song
from cocreate.music.theory import parse_key, parse_meter
from cocreate.music.unfold import rhythm_for
from cocreate.music.wordlists import QUAINT, TOPICS
from cocreate.shelf import read_tune
from cocreate.taste.events import HeardItem
from cocreate.taste.features import FeatureVector, features, unscaled
from cocreate.taste.profile import Profile
from cocreate.taste.scorer import Item, rerank_diverse, score
from cocreate.taste.table import facts_of
from cocreate.taste.text_features import plain_words, text_features

if TYPE_CHECKING:
    from cocreate.taste.crowd import Crowd

DRAW_FACTOR = 1.6  # lyrics drawn for each one shown
DIVERSITY = 0.2
_LEAN = 1.6  # nats that a topic of the profile adds, at one spread above the ordinary
_MOST_LEAN = 2.0  # spreads
_USUAL_WORTH, _WORTH_SCALE = -1.0, 0.5  # nats: what lines are usually worth to their writer, and what tells apart
SIDECAR_FORMAT = 1


@dataclass(frozen=True, slots=True)
class LyricCandidate:
    """One lyric, ranked. ``longest_copy``: words of the longest span of eight or more that training verse has, or 0."""

    rank: int
    lyric: Lyric
    song: Song | None
    score: float
    parts: Mapping[str, float]
    reason: str
    findings: tuple[Finding, ...]
    longest_copy: int
    seed: int
    path: Path | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """What ``--json`` prints and the sidecar holds."""
        return {
            "rank": self.rank,
            "path": None if self.path is None else str(self.path),
            "title": self.lyric.title,
            "text": self.lyric.text,
            "score": round(self.score, 4),
            "parts": {name: round(value, 4) for name, value in self.parts.items()},
            "reason": self.reason,
            "certificate": [line.certificate() for line in self.lyric.own_lines],
            "metrics": [finding.as_dict() for finding in self.findings],
            "longest_copied_span": self.longest_copy,
            "seed": self.seed,
            **self.recipe,
        }


def compose_lyrics(
    song: str | Path | Song | None,
    profile: Profile,
    *,
    checkpoint: str | Path = "lyrics",
    crowd: Crowd | None = None,
    **asked: Any,
) -> tuple[LyricCandidate, ...]:
    """Lyrics for a tune, or without one, best first; ``asked`` is what ``LyricRequest`` knows.

    Args:
        crowd: what the other listeners of the database say to this one.

    Raises:
        InputError: if a value breaks its rule, a word cannot be said, or a kept line does not fit.
        FileError: if the song's file cannot be read.
        CheckpointError: if the checkpoint writes no such language.
        UnmetError: if a line cannot be written at all.
    """
    tune = song if isinstance(song, Song) or song is None else read_tune(Path(song))
    request = LyricRequest(song=tune, **asked)
    seat = open_seat(checkpoint, language=request.language)
    lean = lean_of(profile, seat)
    drafts = write_lyrics(seat, request, n=max(request.n + 1, round(request.n * DRAW_FACTOR)), lean=lean)
    return rank_lyrics(drafts, profile, seat, request, crowd=crowd)


def tune_for(lines: Sequence[str], *, meter: str = "4/4", tempo_bpm: float = 100.0, key: str | None = None) -> Song:
    """A rhythm for given words, to be sung on notes that ``Studio.vary(song, keep="rhythm")`` finds.

    Raises:
        InputError: if there is no line, a line has no words, or metre or key cannot be read.
    """
    own = None if key is None else parse_key(key)
    return rhythm_for(lines, meter=parse_meter(meter), tempo_bpm=tempo_bpm, key=own)


def lean_of(profile: Profile, seat: LyricSeat) -> FloatArray | None:
    """What a listener's kept words ask for, as nats for each word of the vocabulary; None while nothing is known."""
    vector = profile.vector()
    if not vector:
        return None
    raw = unscaled([0.0] * len(vector))
    liked = unscaled(vector)
    lean = np.zeros(len(seat.lexicon), dtype=np.float32)
    for place, name in enumerate(liked):
        topic = name.removeprefix("words_")
        if topic in TOPICS and liked[name] != raw[name]:
            pull = float(np.clip(vector[place], -_MOST_LEAN, _MOST_LEAN)) * _LEAN
            seeds = [seat.lexicon.ids[word] for word in TOPICS[topic] if word in seat.lexicon.ids]
            near = seat.near(seeds)
            lean += pull * np.maximum(0, near - 0.45).astype(np.float32) * seat.lexicon.content
    old = dict(zip(liked, vector, strict=True)).get("words_old", 0.0)
    for word in QUAINT:
        if word in seat.lexicon.ids:
            lean[seat.lexicon.ids[word]] += float(np.clip(old, -1, 1))
    return lean


def rank_lyrics(
    drafts: Sequence[LyricDraft],
    profile: Profile,
    seat: LyricSeat,
    request: LyricRequest,
    *,
    crowd: Crowd | None = None,
) -> tuple[LyricCandidate, ...]:
    """The ``request.n`` best of some drafts, by the one scorer."""
    vectors = {str(place): content_of(draft.lyric, draft.song) for place, draft in enumerate(drafts)}
    copies = [longest_copy(draft.lyric, seat) for draft in drafts]
    items = [
        replace(
            _tune_item(draft.song), features=vectors[str(place)], quality=quality_of(draft),
            novelty=0.0 if copies[place] else 1.0, title=draft.lyric.title,
        )
        for place, draft in enumerate(drafts)
    ]  # fmt: skip
    # all may have one tune: from here on a lyric is known by its place
    placed = [replace(one, id=str(place)) for place, one in enumerate(score(profile, items, crowd=crowd))]
    scores = rerank_diverse(placed, vectors, strength=DIVERSITY)[: request.n]
    found = []
    for rank, one in enumerate(sorted(scores, key=lambda s: -s.value), start=1):
        draft, copy = drafts[int(one.id)], copies[int(one.id)]
        findings = judge([draft.lyric])
        found.append(
            LyricCandidate(
                rank, draft.lyric, draft.song, one.value, one.parts, one.reason, findings, copy, request.seed
            )
        )
    return tuple(found)


def _tune_item(song: Song | None) -> Item:
    """What is known of a lyric's tune, as of any other piece: which it is, and its facts; nothing without one."""
    if song is None:
        return Item("", None)
    heard = HeardItem.of(song)
    return Item(heard.id, None, words=facts_of(heard))


def content_of(lyric: Lyric, song: Song | None) -> FeatureVector:
    """The lyric's point in the content space: its words, and its tune where there is one."""
    if song is not None:
        return features(song)
    return FeatureVector.from_dict(text_features(plain_words(lyric.text_only)))


def quality_of(draft: LyricDraft) -> float:
    """How well a lyric is made, 0..1: what its writer makes of its lines, less for worn-out and repeated words."""
    findings = {finding.name: finding.value or 0.0 for finding in judge([draft.lyric])}
    made = 1 / (1 + np.exp((_USUAL_WORTH - draft.worth) / _WORTH_SCALE))
    fresh = max(0.0, 1 - findings["cliches"] / 20) * findings["distinct_2"]
    return float(0.5 * made + 0.3 * fresh + 0.2 * findings["rhyme_kept"])


def longest_copy(lyric: Lyric, seat: LyricSeat) -> int:
    """Words of the longest span of eight or more that the training texts hold too; 0 when there is none."""
    if seat.spans is None:
        return 0
    ids = [
        seat.lexicon.ids.get(word.text.lower(), seat.table.unknown) for line in lyric.own_lines for word in line.words
    ]
    return seat.spans.longest(ids)


def save_lyrics(
    candidates: Sequence[LyricCandidate], folder: Path, *, force: bool = False
) -> tuple[LyricCandidate, ...]:
    """Write each lyric as text and JSON and, where it has a tune, as MIDI, MusicXML and LRC.

    Raises:
        FileError: if the folder cannot be written or a file is there already; no file is written then.
    """
    check_folder(folder)
    placed = [replace(one, path=folder / f"{lyric_name(one)}.txt") for one in candidates]
    endings = (".txt", ".json", ".mid", ".musicxml", ".lrc")
    for one in placed:
        assert one.path is not None
        for path in (one.path.with_suffix(ending) for ending in endings):
            if not force and path.exists():
                raise FileError(f"{path} exists already; choose another --out, another --seed, or give --force")
    for one in placed:
        assert one.path is not None
        text = f"{one.lyric.title}\n\n{one.lyric.text}"
        write_bytes(one.path, text.encode("utf-8"), force=force)
        sidecar = {"format": SIDECAR_FORMAT, **one.as_dict(), "path": one.path.name}
        write_bytes(
            one.path.with_suffix(".json"),
            (json.dumps(sidecar, indent=1, ensure_ascii=False) + "\n").encode(),
            force=force,
        )
        if one.song is not None:
            write_bytes(one.path.with_suffix(".mid"), midi_bytes(one.song), force=force)
            write_bytes(one.path.with_suffix(".musicxml"), musicxml_bytes(one.song), force=force)
            write_bytes(one.path.with_suffix(".lrc"), lrc_of(one.lyric, one.song).encode("utf-8"), force=force)
    return tuple(placed)


def lyric_name(one: LyricCandidate) -> str:
    """A file's name: place, title (in its own script where that has no Latin letters), seed."""
    title = "".join(to_ascii(letter).strip() or letter for letter in one.lyric.title.lower())
    plain = "_".join("".join(c if c.isalnum() else " " for c in title).split())
    return f"{one.rank:02d}_{plain[:40] or 'song'}_s{one.seed}"


def read_lines(path: Path) -> list[str]:
    """The lines of a text file of lyrics; section names in brackets and empty lines are left out.

    Raises:
        FileError: if it cannot be read.
        InputError: if it holds no line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path} must be a readable text file: {error}") from None
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("[", "#"))]
    if not lines:
        raise InputError(f"a file of lyrics must have lines, got none in {path}")
    return lines
