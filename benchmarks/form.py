"""Is form kept? Random requests over every option, checked from outside and read back by four libraries.

python benchmarks/form.py [--count 500] [--checkpoint music] [--seed 0]
"""

import argparse
import tempfile
from pathlib import Path

from cocreate import Studio
from cocreate.evaluate.requests import check_requests, format_request_table


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--checkpoint", default="music")
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(profile="bench", checkpoint=wanted.checkpoint, home=Path(folder) / "home")
        report = check_requests(studio, count=wanted.count, seed=wanted.seed, folder=Path(folder) / "ideas")
    print(format_request_table(report))


if __name__ == "__main__":
    main()
