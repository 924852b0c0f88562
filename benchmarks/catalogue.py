"""How fast is a ranking after a keep, of random tracks? `python benchmarks/catalogue.py [--tracks 100000]`.

Processor time, which other work on the machine disturbs least, and in brackets time by the clock.
"""

import argparse
import resource
import time

import numpy as np
import scipy.sparse as sp

from cocreate.taste.content import WIDE
from cocreate.taste.events import Event, HeardItem
from cocreate.taste.feature_table import FEATURES
from cocreate.taste.features import FeatureVector, unscaled
from cocreate.taste.profile import Profile
from cocreate.taste.scorer import Scorer
from cocreate.taste.table import BLOCKS, ItemTable

PARTS = ("style", "quality", "novelty", "crowd", "scene")
BEST = 20


def main() -> None:
    """Make a table, score it for ten verdicts, add one, score again, explain the best twenty."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=100_000)
    count = parser.parse_args().tracks
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


def since(processor_s: float, clock_s: float) -> str:
    """Milliseconds since then."""
    return f"{(time.process_time() - processor_s) * 1e3:.0f} ({(time.perf_counter() - clock_s) * 1e3:.0f})"


if __name__ == "__main__":
    main()
