"""Does the profile learn? Five pieces kept and five skipped, then held-out pieces of both kinds are ranked.

python benchmarks/taste.py CORPUS [--draws 50]

CORPUS is a packed corpus (``training/corpus.npz`` of a checkpoint that was trained here). Kept and skipped pieces are
drawn from the training split, ranked ones are the test split; each is cut to eight bars of melody without chords.
AUC is the chance that a held-out piece of the kept kind stands above one of the skipped kind.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from cocreate.evaluate.reference import excerpts
from cocreate.model.corpus.pack import Entry, load, of_split
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.song import Song
from cocreate.taste.events import Event, HeardItem
from cocreate.taste.features import features
from cocreate.taste.profile import Profile
from cocreate.taste.scorer import Item, score

PAIRS = (("jazz", "folk"), ("folk", "jazz"), ("hymn", "folk"), ("pop", "jazz"), ("reel", "jig"))
VERDICTS, MOST = 5, 60


def melodies(entries: list[Entry], style: str, words: Vocabulary, rng: np.random.Generator) -> list[Song]:
    """Eight bars, without their chords, of up to sixty pieces of a style."""
    chosen = [entry for entry in entries if style in entry.styles]
    return [replace(song, chords=()) for song in excerpts(chosen, words, rng, most=MOST)]


def auc(kept: list[float], skipped: list[float]) -> float:
    """Share of pairs in the right order; a tie is half."""
    a, b = np.array(kept)[:, None], np.array(skipped)[None, :]
    return float((a > b).mean() + 0.5 * (a == b).mean())


def main() -> None:
    """Run and print a row for each pair."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--draws", type=int, default=50)
    wanted = parser.parse_args()
    words, entries = Vocabulary(), load(wanted.corpus)
    training, held_out = of_split(entries, "train"), of_split(entries, "test")
    print(f"{'kept > skipped':<16}{'AUC mean':>10}{'5th pct':>9}{'held out':>10}")
    for liked, disliked in PAIRS:
        rng = np.random.default_rng(0)
        pools = [melodies(training, style, words, rng) for style in (liked, disliked)]
        ranked = [melodies(held_out, style, words, rng) for style in (liked, disliked)]
        items = [[Item(f"{side}{i}", features(song)) for i, song in enumerate(ranked[side])] for side in (0, 1)]
        found: list[float] = []
        for _ in range(wanted.draws):
            events = [
                Event(kind, HeardItem.of(pool[int(place)]))
                for kind, pool in zip(("keep", "skip"), pools, strict=True)
                for place in rng.choice(len(pool), VERDICTS, replace=False)
            ]
            values = [[one.value for one in score(Profile.from_events("bench", events), side)] for side in items]
            found.append(auc(*values))
        counts = f"{len(ranked[0])}+{len(ranked[1])}"
        print(f"{liked + ' > ' + disliked:<16}{np.mean(found):>10.3f}{np.quantile(found, 0.05):>9.3f}{counts:>10}")


if __name__ == "__main__":
    main()
