"""A checkpoint that leans towards one listener: preference optimisation from what they kept and skipped.

Conventions:
    A profile remembers where the files lie, not their notes: files that are gone, or hold another melody now, are
    counted and left out. *Spread* is the mean distance of every two of a set of melodies in the space of taste, a
    feature: the same seeds write the set before and after.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cocreate.errors import CocreateError, InputError
from cocreate.evaluate.make import content_vector
from cocreate.evaluate.own import derive, remembered, write_card, write_weights
from cocreate.files import read_song
from cocreate.files.output import check_folder
from cocreate.generate.melody import write_melodies
from cocreate.generate.plan import PARENTS
from cocreate.generate.request import ANY, MelodyRequest
from cocreate.model.batches import Exercise, Lesson, lesson_of
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.corpus.pack import Entry, entry_of
from cocreate.model.corpus.piece import Piece
from cocreate.model.decoder import Decoder
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.song import Song
from cocreate.taste.features import features, melody_id, scaled
from cocreate.taste.home import has_profile
from cocreate.taste.profile import Preference, Profile

if TYPE_CHECKING:
    from cocreate.model.conditioning import TasteNetwork
    from cocreate.model.train import Plan, Progress

LEAST_SPREAD = 0.9  # of the spread before
SPREAD_IDEAS = 24
HALVINGS = 4  # of the way back to where the spread is kept: to a sixteenth
WINDOW_BARS, MOST_WINDOWS = 16, 4  # of a piece
WRITTEN = 48  # melodies of the checkpoint's own, to hold it to and to measure the drift on
_SPLIT = "a quarter of the pieces kept and skipped, the last ones, held out"


@dataclass(frozen=True, slots=True)
class Adapted:
    """What came of adapting. ``margin`` and ``right`` are of ``pairs`` held-out pairs, in nats a token and as a share.

    ``drift`` is the mean divergence from the reference in nats a token, before the way back; ``scale`` how much of
    what was learned is kept; ``gone`` counts pieces whose files cannot be read any more.
    """

    out: Path
    profile: str
    kept: int
    skipped: int
    gone: int
    margin: float
    right: float
    pairs: int
    drift: float
    scale: float
    spread_before: float
    spread_after: float
    steps: int
    minutes: float
    ended: str

    def as_dict(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        rounded = {name: round(v, 4) if isinstance(v, float) else v for name, v in asdict(self).items()}
        return {**rounded, "out": str(self.out)}


def adapt(
    profile: str,
    out: Path,
    plan: Plan,
    *,
    start: str | Path = "music",
    home: Path | None = None,
    watch_reading: Callable[[str, int], None] = lambda _name, _count: None,
    watch_training: Callable[[Progress], None] = lambda _: None,
) -> Adapted:
    """Fit the checkpoint ``start`` to a listener; ``out`` becomes a whole checkpoint.

    Raises:
        InputError: if fewer than three kept and three skipped pieces can be read.
        FileError: if ``out`` cannot be written.
        CheckpointError: if the checkpoint cannot be used.
    """
    from cocreate.model.conditioning import read_taste_network
    from cocreate.model.preference import FEWEST, margins, prefer

    check_folder(out)
    base = open_checkpoint(start)
    listener = _profile(profile, home)
    kept, skipped = (_entries(side, base.words) for side in (listener.liked, listener.disliked))
    gone = len(listener.liked) + len(listener.disliked) - len(kept) - len(skipped)
    if min(len(kept), len(skipped)) < FEWEST:
        raise InputError(
            f"adapting needs {FEWEST} kept and {FEWEST} skipped pieces whose files are there, got {len(kept)} and"
            f" {len(skipped)} for {profile!r} ({gone} cannot be read); `cocreate keep` and `cocreate skip` more"
        )
    written = remembered(base, base.words, count=WRITTEN, seed=plan.seed, watch=watch_reading)
    net = read_taste_network(base.folder, base.words)
    good, bad = ([windows(entry, base.words) for entry in side] for side in (kept, skipped))
    found = prefer(net, good, bad, [windows(entry, base.words)[0] for entry in written], plan, watch=watch_training)
    styles = sorted({entry.style for entry in kept} & set(base.extra("styles.json")["styles"])) or [ANY]

    def spread_of(candidate: TasteNetwork) -> float:
        write_weights(base, Path(scratch), candidate, base.words)
        return spread(Path(scratch), styles, seed=plan.seed)

    with tempfile.TemporaryDirectory() as scratch:
        before = spread_of(found.reference)
        scale, tuned, after = _kept_wide(found.reference, found.net, before, spread_of)
    held = margins(tuned, found.reference, *found.held_out)
    adapted = Adapted(
        out, profile, len(kept), len(skipped), gone, held.mean, held.right, held.pairs, found.drift, scale, before,
        after, found.state.step, round(found.state.elapsed_s / 60, 2), found.ended,
    )  # fmt: skip
    derive(base, out, tuned, base.words, found.state)
    write_card(base, out, plan, found.state, training=(), split=_SPLIT, told=_told(adapted))
    return adapted


def spread(folder: Path, styles: Sequence[str], *, count: int = SPREAD_IDEAS, seed: int = 0) -> float:
    """Mean distance, a feature, of every two of ``count`` melodies that the checkpoint in ``folder`` writes."""
    checkpoint = open_checkpoint(folder)
    net, table = Decoder(checkpoint), checkpoint.extra("styles.json")["styles"]
    each = -(-count // len(styles))
    rows = np.array(
        [
            scaled(features(draft.song))
            for style in styles
            for draft in write_melodies(
                net, table, MelodyRequest(style=None if style == ANY else style, n=each, seed=seed)
            )
        ]
    )  # (n, F)
    apart = np.abs(rows[:, None] - rows[None, :]).mean(axis=-1)  # (n, n)
    return float(apart.sum() / (len(rows) * (len(rows) - 1)))


def windows(entry: Entry, words: Vocabulary) -> list[Lesson]:
    """A piece as melody lessons of at most sixteen bars, the first four."""
    starts = range(0, len(entry.sheet.bars), WINDOW_BARS)
    found = [
        lesson_of(entry, Exercise("melody"), first, min(first + WINDOW_BARS, len(entry.sheet.bars)), words)
        for first in starts
    ]
    return [lesson for lesson in found if lesson.notes][:MOST_WINDOWS]


def _kept_wide(
    reference: TasteNetwork, tuned: TasteNetwork, before: float, spread_of: Callable[[TasteNetwork], float]
) -> tuple[float, TasteNetwork, float]:
    """The furthest scale found at which the spread is kept, the network there, and its spread."""
    from cocreate.model.finetune import between

    after = spread_of(tuned)
    if after >= LEAST_SPREAD * before:
        return 1.0, tuned, after
    low, high = 0.0, 1.0
    best = (0.0, between(reference, reference, 0.0), before)
    for _ in range(HALVINGS):
        scale = (low + high) / 2
        candidate = between(reference, tuned, scale)
        after = spread_of(candidate)
        if after >= LEAST_SPREAD * before:
            low, best = scale, (scale, candidate, after)
        else:
            high = scale
    return best


def _profile(name: str, home: Path | None) -> Profile:
    if not has_profile(home, name):
        raise InputError(f"there is no profile {name!r} yet; `cocreate keep FILE --profile {name}` begins one")
    from cocreate.taste.store import Store

    return Profile.from_events(name, Store(home).events(name))


def _entries(side: Sequence[Preference], words: Vocabulary) -> list[Entry]:
    """The pieces behind verdicts, as far as their files still hold the melody that was heard."""
    found: list[Entry] = []
    for preference in side:
        item = preference.item
        try:
            song = read_song(Path(item.path))
            if melody_id(song) != item.id:
                continue
            found.append(entry_of(_piece(song, item.style), words, describe=content_vector))
        except CocreateError:
            continue
    return found


def _piece(song: Song, style: str) -> Piece:
    parent = PARENTS.get(style)
    styles = (parent, style) if parent else (style or "folk",)
    return Piece(song, "verdicts", song.title, song.title, "yours", "A", styles, "train")


def _told(adapted: Adapted) -> str:
    return (
        f"Fitted to {adapted.kept} kept and {adapted.skipped} skipped pieces. Of {adapted.pairs} held-out pairs"
        f" {adapted.right:.0%} come out right, by {adapted.margin:+.4f} nats a token. Divergence from what it was:"
        f" {adapted.drift:.4f} nats a token, of which {adapted.scale:.0%} is kept; spread of what it writes"
        f" {adapted.spread_before:.3f} before, {adapted.spread_after:.3f} after."
    )
