"""Do the partners keep what they are told to keep? Random requests over held-out pieces of every style.

python benchmarks/partners.py DATA [--count 1000] [--seed 0] [--only 17]
"""

import argparse
import tempfile
from pathlib import Path

from cocreate import Studio
from cocreate.evaluate.partner_requests import check_partner_requests
from cocreate.evaluate.requests import format_request_table
from cocreate.model.corpus.build import read_sets


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="the folder of the sets")
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, action="append", default=[])
    wanted = parser.parse_args()
    pieces = [piece for piece in read_sets([wanted.data]) if piece.split == "test"]
    print(f"{len(pieces)} held-out pieces of {', '.join(sorted({piece.styles[0] for piece in pieces}))}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(profile="bench", home=Path(folder) / "home")
        report = check_partner_requests(
            studio,
            pieces,
            count=wanted.count,
            seed=wanted.seed,
            folder=Path(folder) / "ideas",
            only=wanted.only,
            watch=lambda done: print(done, flush=True) if done % 100 == 0 else None,
        )
    print(format_request_table(report))


if __name__ == "__main__":
    main()
