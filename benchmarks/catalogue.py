"""How fast is a ranking after a keep, of random tracks? `python benchmarks/catalogue.py [--tracks 100000]`.

With `--listeners 8` also: how fast where so many others share the database, with `--events` each (a minute more: the
tracks, known by style, artist, tags and year, are written into one first). Processor time, which other work on the
machine disturbs least, and in brackets time by the clock.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from cocreate.taste import crowd
from cocreate.taste.content import WIDE
from cocreate.taste.events import Event, HeardItem
from cocreate.taste.feature_table import FEATURES
from cocreate.taste.features import FeatureVector, unscaled
from cocreate.taste.profile import Profile
from cocreate.taste.scorer import Scorer
from cocreate.taste.store import Store
from cocreate.taste.table import BLOCKS, Item, ItemTable

PARTS = ("style", "quality", "novelty", "scene")
STYLES, TAGS, ALBUM = 40, 200, 10  # tracks an artist
KEEPS = 9  # of which the middle time counts
BEST = 20


def main() -> None:
    """Make a table, score it for ten verdicts, add one, score again, explain the best twenty."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--listeners", type=int, default=0)
    parser.add_argument("--events", type=int, default=200)
    asked = parser.parse_args()
    count = asked.tracks
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((count, len(WIDE)), dtype=np.float32).clip(-3, 3)
    rows[:, len(FEATURES) :] = 0
    known = np.zeros((count, len(BLOCKS)), np.float32)
    known[:, 0] = 1
    parts = {name: np.full(count, np.nan, np.float32) for name in PARTS}
    names = [str(i) for i in range(count)]
    words = sp.csr_matrix((count, 1), dtype=np.float32)
    table = ItemTable.of_arrays(names, rows, known, {}, words, parts, names)
    events = []
    for place in range(11):
        raw = unscaled(rows[place, : len(FEATURES)].tolist())
        vector = FeatureVector(tuple(raw[feature.name] for feature in FEATURES))
        events.append(Event("keep" if place % 2 else "skip", HeardItem(f"h{place}", vector)))
    took = []
    for known_events in (events[:10], events):
        began = time.process_time(), time.perf_counter()
        scorer = Scorer(Profile.from_events("bench", known_events))
        values = scorer.values(table)
        took.append(since(*began))
    began = time.process_time(), time.perf_counter()
    scorer.explained(table, np.argsort(-values)[:BEST].tolist())
    explained = since(*began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{count} tracks: first {took[0]} ms, after one more keep {took[1]} ms,", end=" ")
    print(f"best {BEST} explained {explained} ms, peak memory {peak:.2f} GB")
    if asked.listeners:
        with tempfile.TemporaryDirectory() as folder:
            shared(Store(Path(folder)), count, asked.listeners, asked.events)


def shared(store: Store, count: int, listeners: int, events: int) -> None:
    """Rank for one of several who share a database: what the others say is fitted, folded in, read by a new program."""
    rng = np.random.default_rng(1)
    tracks = named_tracks(count, rng)
    for first in range(0, count, 1_000):
        store.list_items(tracks[first : first + 1_000])
    style = np.array([int(track.style) for track in tracks])
    popular = 1 / (1 + rng.permutation(count)) ** 0.8
    for place in range(listeners + 1):
        likes = np.isin(style, (place % 4 + np.arange(4)) if place % 2 else rng.choice(STYLES, 4, replace=False))
        chances = popular * np.where(likes, 1.0, 0.02)
        chosen = rng.choice(count, events, replace=False, p=chances / chances.sum())
        name = f"other{place}" if place else "me"
        store.add_events(name, [Event("keep", tracks[int(i)]) for i in chosen])
    table = ItemTable.of([Item.of(track) for track in tracks])

    def ranked(*, alone: bool = False) -> list[float]:
        """Processor and clock time of a ranking, in ms: the listener's events read, what is learned, all scored."""
        began = time.process_time(), time.perf_counter()
        profile = Profile.from_events("me", store.events("me"))
        said = None if alone else crowd.crowd_of(store, profile)
        Scorer(profile, crowd=said).values(table)
        return [(time.process_time() - began[0]) * 1e3, (time.perf_counter() - began[1]) * 1e3]

    ranked(alone=True)
    told = {"first": [ranked()], "after one more keep": [], "of it without the others": [], "in a new program": []}
    for place in range(KEEPS):
        store.add_event("me", Event("keep", tracks[place]))
        told["after one more keep"].append(ranked())
        told["of it without the others"].append(ranked(alone=True))
        crowd._ready.clear()  # noqa: SLF001 - as in a program that starts now
        told["in a new program"].append(ranked())
    middles = {name: np.median(times, axis=0) for name, times in told.items()}
    listed = ", ".join(f"{name} {middle[0]:.0f} ({middle[1]:.0f}) ms" for name, middle in middles.items())
    print(f"{listeners} others with {events} events each: {listed}")


def named_tracks(count: int, rng: np.random.Generator) -> list[HeardItem]:
    """Tracks without notes, ten an artist; an artist has a style, and about two tags and some years."""
    artists = max(1, count // ALBUM)
    style, year = rng.integers(0, STYLES, artists), rng.integers(1950, 2015, artists)
    tags = (style[:, None] * 5 + rng.integers(0, 8, (artists, 2))) % TAGS
    return [
        HeardItem.named(
            f"artist {n % artists}", f"title {n}", style=str(style[n % artists]),
            year=int(year[n % artists]) + n % 6, tags=tuple(f"tag {tag}" for tag in tags[n % artists]),
        )
        for n in range(count)
    ]  # fmt: skip


def since(processor_s: float, clock_s: float) -> str:
    """Milliseconds since then."""
    return f"{(time.process_time() - processor_s) * 1e3:.0f} ({(time.perf_counter() - clock_s) * 1e3:.0f})"


if __name__ == "__main__":
    main()
