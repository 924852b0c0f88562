"""How fast is a ranking after a keep, of random tracks? `python benchmarks/catalogue.py [--tracks 100000]`.

With `--listeners 8` also: how fast where so many others share the database, with `--events` each (a minute more: the
tracks, known by style, artist, tags and year, are written into one first). With `--collection` what a musician calls,
too: `Collection.recommend` of as many tracks that were heard, first (they are packed), after a keep, and `cocreate
recommend` in a new program (some minutes more, and half a gigabyte on the disk). Processor time, which other work on
the machine disturbs least, and in brackets time by the clock.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from cocreate.collection import Collection
from cocreate.taste import crowd
from cocreate.taste.content import TRAITS, WIDE
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
    parser.add_argument("--collection", action="store_true")
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
    table = ItemTable.of_arrays(names, rows, known, {}, words, parts)
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
    if asked.collection:
        with tempfile.TemporaryDirectory() as folder:
            listed(Path(folder), count)


def listed(home: Path, count: int) -> None:
    """Recommend from a catalogue in a database: first, after a keep, in a new program."""
    rng = np.random.default_rng(2)
    collection, tracks = Collection(home=home), named_tracks(count, rng)
    for first in range(0, count, 1_000):
        collection.store.list_items([heard(track, rng) for track in tracks[first : first + 1_000]])
    some = collection.store.catalogue(most=30)
    collection.store.add_events("me", [Event("keep" if n % 3 else "skip", item) for n, item in enumerate(some)])
    told: dict[str, list[tuple[float, float]]] = {"first": [], "after one more keep": [], "in a new program": []}
    began = time.process_time(), time.perf_counter()
    found = collection.recommend()
    told["first"].append((time.process_time() - began[0], time.perf_counter() - began[1]))
    for place in range(KEEPS):
        collection.store.add_event("me", Event("keep", found[place].item))
        began = time.process_time(), time.perf_counter()
        collection.recommend()
        told["after one more keep"].append((time.process_time() - began[0], time.perf_counter() - began[1]))
    for _ in range(3):
        before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        words = [sys.executable, "-m", "cocreate.cli", "recommend", "--json"]
        subprocess.run(words, env={**os.environ, "COCREATE_HOME": str(home)}, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        told["in a new program"].append((processor, time.perf_counter() - clock))
    middles = {name: np.median(times, axis=0) * 1e3 for name, times in told.items()}
    rows = ", ".join(f"{name} {middle[0]:.0f} ({middle[1]:.0f}) ms" for name, middle in middles.items())
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"Collection.recommend: {rows}, whose peak memory is {peak:.2f} GB")


def heard(track: HeardItem, rng: np.random.Generator) -> HeardItem:
    """A track as if its notes had been heard: every other one has no chords, every third has other parts."""
    raw = [f.centre + f.spread * v for f, v in zip(FEATURES, rng.standard_normal(len(FEATURES)).tolist(), strict=True)]
    bare, full = rng.random() < 1 / 2, rng.random() < 1 / 3
    values = [None if bare and f.group == "chords" else v for f, v in zip(FEATURES, raw, strict=True)]
    traits = {"quality": float(rng.random()), "novelty": float(rng.random())}
    if full:
        traits |= {f.name: f.centre + f.spread * float(rng.standard_normal()) for f in TRAITS}
    return replace(track, features=FeatureVector(tuple(values)), traits=traits, path=f"{track.title}.mid")


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
