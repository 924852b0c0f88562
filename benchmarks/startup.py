"""Seconds from the shell: ``cocreate --help``, and ``cocreate melody`` to 8 ranked files of 8 bars.

    python benchmarks/startup.py [--checkpoint music] [--rounds 5]

Each is a fresh process in an empty folder with an empty profile; the fastest and the median are printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent


def seconds(arguments: list[str], *, rounds: int) -> list[float]:
    """Wall seconds of each round; stops at the first that fails."""
    times = []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "COCREATE_HOME": f"{folder}/home"}
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPO), environment.get("PYTHONPATH", "")]))
            command = [sys.executable, "-m", "cocreate.cli", *(word.format(seed=number) for word in arguments)]
            began = time.perf_counter()
            subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
            times.append(time.perf_counter() - began)
    return times


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="music", help="a name, or a folder (absolute)")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    melody = [
        "melody",
        "--style",
        "jazz",
        "--bars",
        "8",
        "-n",
        "8",
        "--seed",
        "{seed}",
        "--checkpoint",
        options.checkpoint,
    ]
    print(f"{'command':<42} {'fastest':>8} {'median':>8}  ({options.rounds} rounds, {os.cpu_count()} cores)")
    for name, arguments in {
        "cocreate --help": ["--help"],
        "cocreate melody --style jazz --bars 8 -n 8": melody,
    }.items():
        times = seconds(arguments, rounds=options.rounds)
        print(f"{name:<42} {min(times):>7.2f}s {statistics.median(times):>7.2f}s")


if __name__ == "__main__":
    main()
