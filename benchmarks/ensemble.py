"""Rhythm sections, forms and blends: random requests, how sections return and close, and how blends lie between.

python benchmarks/ensemble.py [--count 210] [--checkpoint music] [--seed 0] [--forms 4] [--data DIR --pairs 20]
"""

import argparse
import tempfile
from pathlib import Path

from cocreate import Studio
from cocreate.evaluate.ensemble import check_ensemble, format_ensemble_table, measure_blends, measure_forms
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.corpus.build import read_sets
from cocreate.model.decoder import Decoder
from cocreate.music.song import Song

BARS = 8


def held_out_pairs(data: str, *, count: int) -> list[tuple[Song, Song]]:
    """Pairs of neighbours among the first bars of held-out tunes of one metre: hymns, fiddle tunes, jazz heads."""
    groups: dict[str, list[tuple[str, Song]]] = {}
    for piece in read_sets([data], only=("openhymnal_pd", "fiddle_tunes_pd", "openewld_pd")):
        song = piece.song
        if piece.split == "test" and len(song.meters) == 1 and not song.pickup_ticks and len(song.bars()) >= BARS:
            groups.setdefault(f"{piece.dataset} {song.meter}", []).append((piece.work, song.slice_bars(0, BARS)))
    found = [
        (first, second)
        for songs in groups.values()
        for (one, first), (other, second) in zip(songs[::2], songs[1::2], strict=False)
        if one != other  # between two prints of one tune lies nothing
    ]
    return found[:: max(1, len(found) // count)][:count]


def main() -> None:
    """Run and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=210)
    parser.add_argument("--checkpoint", default="music")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--forms", type=int, default=4, help="songs of each of five styles")
    parser.add_argument("--data", help="where held-out tunes are; no blends are measured without")
    parser.add_argument("--pairs", type=int, default=20)
    wanted = parser.parse_args()
    checkpoint = open_checkpoint(wanted.checkpoint)
    net, table = Decoder(checkpoint), checkpoint.extra("styles.json")["styles"]
    if wanted.forms:
        print("forms:", measure_forms(net, table, each=wanted.forms, seed=wanted.seed), flush=True)
    if wanted.data:
        pairs = held_out_pairs(wanted.data, count=wanted.pairs)
        print("blends:", measure_blends(net, table, pairs, seed=wanted.seed), flush=True)
    if wanted.count:
        with tempfile.TemporaryDirectory() as folder:
            studio = Studio(profile="bench", checkpoint=wanted.checkpoint, home=Path(folder) / "home")
            ideas = Path(folder) / "ideas"
            ideas.mkdir()
            report = check_ensemble(studio, count=wanted.count, seed=wanted.seed, folder=ideas)
        print(format_ensemble_table(report))


if __name__ == "__main__":
    main()
