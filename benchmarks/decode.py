"""Tokens a second of our decoder beside ``transformers``' own ``generate`` on the same weights, in the same run.

    python benchmarks/decode.py [CHECKPOINT] [--tokens 256] [--rounds 3]

Both run on one thread in fp32, sample from the whole vocabulary at temperature 1 and never stop early. The two take
turns, and the best round of each counts, so that what else the machine does hurts both alike. ``bandwidth`` is
the share of the machine's read speed that the single row reaches: weights read a second, over a plain sum of an array.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time

import numpy as np
import torch  # noqa: TID251 - measured against

from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.decoder import Decoder
from cocreate.model.network import read_network
from cocreate.model.sample import Sampling, draw

PROMPT = 8
READ_BYTES = 1 << 28


def ours(net: Decoder, batch: int, tokens: int) -> float:
    """Tokens a second, drawing as ``melody`` does."""
    rngs = [np.random.default_rng([0, row]) for row in range(batch)]
    allowed, taste = np.ones(len(net.words), dtype=np.bool_), Sampling(min_p=0)
    began = time.perf_counter()
    cache = net.start(batch)
    logits = cache.feed(np.ones((batch, PROMPT), dtype=np.int64))
    for _ in range(tokens - 1):
        ids = [[draw(logits[row], allowed, rngs[row], taste)[0]] for row in range(batch)]
        logits = cache.feed(np.array(ids, dtype=np.int64))
    return batch * tokens / (time.perf_counter() - began)


def theirs(net: object, batch: int, tokens: int) -> float:
    """Tokens a second of ``generate``."""
    ids = torch.ones((batch, PROMPT), dtype=torch.long)
    began = time.perf_counter()
    with torch.inference_mode():
        net.generate(  # type: ignore[attr-defined]
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=True,
            top_k=0,
            min_new_tokens=tokens,
            max_new_tokens=tokens,
            pad_token_id=0,
            eos_token_id=None,
        )
    return batch * tokens / (time.perf_counter() - began)


def read_speed() -> float:
    """Bytes a second that one thread reads."""
    block = np.ones(READ_BYTES // 4, dtype=np.float32)
    times = []
    for _ in range(3):
        began = time.perf_counter()
        float(block.sum())
        times.append(time.perf_counter() - began)
    return READ_BYTES / min(times)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="?", default="music")
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    opened = open_checkpoint(options.checkpoint)
    mine, other = Decoder(opened), read_network(opened.folder).eval()
    weights = sum(p.numel() for p in other.parameters()) * 4
    print(f"{opened.folder.name}: {weights / 4e6:.2f} M parameters, {options.tokens} tokens, 1 thread, fp32")
    print(f"{'batch':>5} {'ours':>10} {'generate':>10} {'ratio':>7} {'bandwidth':>10}")
    speed = read_speed()
    for batch in (1, 8):
        rounds = [
            (ours(mine, batch, options.tokens), theirs(other, batch, options.tokens)) for _ in range(options.rounds)
        ]
        best, best_other = (max(column) for column in zip(*rounds, strict=True))
        share = f"{best * weights / speed:.0%}" if batch == 1 else ""
        print(f"{batch:>5} {best:>8.0f}/s {best_other:>8.0f}/s {best / best_other:>6.1f}x {share:>10}")


if __name__ == "__main__":
    main()
