"""Train the grapheme-to-phoneme model, measure it on held-out words, and write it where the package reads it.

python benchmarks/g2p.py [--write]
"""

from __future__ import annotations

import gzip
import sys

from cocreate.music.g2p import is_held_out, train, write_rules
from cocreate.music.prosody import DATA, Pronunciation, dictionary_words, look_up


def main() -> None:
    """Train, measure, write."""
    entries = [(word, look_up(word)) for word in sorted(dictionary_words()) if look_up(word)]
    rules = train([(word, said[0].phones) for word, said in entries if not is_held_out(word)])
    held = [(word, said) for word, said in entries if is_held_out(word)]
    whole = count = stress = 0
    for word, said in held:
        guess = Pronunciation(rules.phones(word))
        whole += any(guess.phones == p.phones for p in said)
        count += any(guess.syllables == p.syllables for p in said)
        stress += any(guess.stresses.index(1) == p.primary if 1 in guess.stresses else 0 for p in said)
    print(f"{len(rules.letters):,} + {len(rules.stress):,} rules; {len(held):,} held-out words:")
    print(
        f"syllables {count / len(held):.1%}, primary stress {stress / len(held):.1%},"
        f" every phone {whole / len(held):.1%}"
    )
    if "--write" in sys.argv:
        raw = gzip.compress(write_rules(rules).encode(), 9, mtime=0)
        (DATA / "g2p.txt.gz").write_bytes(raw)
        print(f"{len(raw):,} bytes")


if __name__ == "__main__":
    main()
