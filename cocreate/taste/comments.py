"""What a comment says: how much it likes, of which aspect, and towards which features that pulls. English and Chinese.

Conventions:
    A polarity lies in [-1, 1]. A comment is cut into clauses; each is read by plain words with "not", "too" and 不, 太
    in mind, and by a small trained model where the words say nothing (`feeling`). A clause that names an aspect (bass,
    tempo, lyrics ...) speaks of it alone, the others of the whole item. A *pull* is a wish: this feature, that way
    ("too busy": less dense, whatever the item was), or as the item has it ("love the bass": a bass like this one).
    Liking is not mood: "so sad, I love it" is a liking.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from cocreate.taste.feeling import feeling

# aspect -> words that name it; the features it is heard in
ASPECTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "tempo": (
        ("tempo", "speed", "pace", "bpm", "速度", "节奏速度", "快慢"), ("tempo", "notes_per_second", "audio_tempo"),
    ),
    "density": (("busy", "busyness", "density", "notes", "音符", "密度"), ("notes_per_beat", "onsets_per_beat")),
    "bass": (
        ("bass", "bassline", "low end", "贝斯", "低音", "贝司"), ("bass_notes", "bass_walks", "bass_leaps", "bass_low"),
    ),
    "drums": (("drum", "drums", "drumming", "beat", "groove", "鼓", "鼓点"), ("drums", "drum_backbeat", "swing_drums")),
    "rhythm": (
        ("rhythm", "rhythms", "syncopation", "syncopated", "swing", "节奏", "切分", "律动"),
        ("syncopation", "half_beat", "triplets", "rhythm_entropy", "off_beat_long"),
    ),
    "melody": (
        ("melody", "tune", "line", "hook", "theme", "旋律", "曲调", "主题"),
        ("mean_interval", "scale_runs", "turns", "motif_repeats"),
    ),
    "harmony": (
        ("harmony", "harmonies", "chord", "chords", "changes", "和声", "和弦"),
        ("seventh_chords", "altered_chords", "chords_per_bar", "chordal"),
    ),
    "register": (
        ("register", "range", "pitch", "音域", "音高", "high notes", "low notes"), ("mean_pitch", "pitch_range"),
    ),
    "key": (("key", "minor", "major", "mode", "小调", "大调", "调式"), ("minor_key", "audio_minor")),
    "chromatic": (("chromatic", "chromaticism", "blue notes", "半音", "蓝调音"), ("chromatic", "semitones", "blue_notes")),
    "repetition": (
        ("repetition", "repetitions", "repeats", "重复", "反复"), ("motif_repeats", "bar_repeats", "rhythm_repeats"),
    ),
    "loudness": (("volume", "loudness", "音量"), ("audio_loudness",)),
    "lyrics": (("lyrics", "words", "text", "歌词", "词"), ()),
    "voice": (("voice", "vocals", "singing", "singer", "嗓音", "声音", "唱功", "唱"), ()),
    "ending": (("ending", "end", "coda", "结尾", "收尾"), ("ends_on_tonic", "ends_long")),
    "metre": (("waltz", "metre", "meter", "time signature", "3/4", "华尔兹", "拍子", "圆舞曲"), ("triple_metre",)),
}  # fmt: skip
# words that say by themselves which way: (pattern, aspect, feature -> direction)
_DIRECTIONS: tuple[tuple[str, str, Mapping[str, float]], ...] = tuple(
    (pattern, aspect, dict(pairs))
    for pattern, aspect, pairs in (
        (r"fast(?:er)?|quick(?:er)?|rushed|hectic|快", "tempo", (("tempo", 1.0), ("notes_per_second", 0.7))),
        (r"slow(?:er)?|sluggish|dragging|慢|拖沓", "tempo", (("tempo", -1.0), ("notes_per_second", -0.7))),
        (
            r"busy|busier|crowded|cluttered|dense(?:r)?|noisy|吵|闹|乱|密|繁杂",
            "density",
            (("notes_per_beat", 1.0), ("onsets_per_beat", 1.0)),
        ),
        (
            r"empty|emptier|sparse(?:r)?|thin(?:ner)?|空|单薄|稀疏",
            "density",
            (("notes_per_beat", -1.0), ("onsets_per_beat", -1.0)),
        ),
        (r"walking bass|行走贝斯|游走低音", "bass", (("bass_walks", 1.0), ("bass_notes", 0.5))),
        (r"syncopat\w*|切分", "rhythm", (("syncopation", 1.0),)),
        (r"swing\w*|swung|摇摆", "rhythm", (("triplets", 1.0), ("triplet_quarters", 0.5))),
        (r"high(?:er)?(?:-pitched)?|shrill|高亢|尖|(?<=太)高", "register", (("mean_pitch", 1.0),)),
        (r"low(?:er)?(?: register)?|deep(?:er)?|低沉|(?<=太)低", "register", (("mean_pitch", -1.0),)),
        (r"repetitive|monotonous|单调|重复", "repetition", (("motif_repeats", 1.0), ("bar_repeats", 1.0))),
        (r"chromatic\w*|半音", "chromatic", (("chromatic", 1.0), ("semitones", 0.5))),
        (r"jump(?:y|s)|leap(?:s|ing)?|跳跃|大跳", "melody", (("mean_interval", 1.0),)),
        (r"stepwise|smooth|级进|平稳", "melody", (("mean_interval", -1.0), ("scale_runs", 0.5))),
        (r"loud(?:er)?|大声|太响", "loudness", (("audio_loudness", 1.0),)),
        (r"minor(?: key)?|小调", "key", (("minor_key", 1.0),)),
        (r"major(?: key)?|大调", "key", (("minor_key", -1.0),)),
        (r"waltz(?:es)?|3/4|triple time|圆舞曲|华尔兹|三拍", "metre", (("triple_metre", 1.0),)),
        (r"jazzy|seventh chords?|七和弦|爵士和声", "harmony", (("seventh_chords", 1.0),)),
    )
)
_CLAUSES = re.compile(r"[,.;:!?，。；：！？、…\n]+|\b(?:but|though|although|however|yet)\b|但是|不过|可是|然而|只是|但")
_TOO = r"(?:too|overly|way too|so damn)\s+(?:\w+\s+)?$|(?:太|过于|过分|有点|有些|偏)(?:过|于)?$"
_MORE = r"(?:more|needs?(?: to be)?(?: more)?|wish(?:ed)?(?: it)?(?: was| were)?(?: more)?|could be(?: more)?)\s+(?:\w+\s+)?$|(?:更|再|应该|希望|多)(?:加|一点|些)?$"
_LESS = r"(?:less|fewer|少)\s*(?:\w+\s+)?$"
_LACKS = r"(?:not\s+(?:\w+\s+)?enough|lacks?|lacking|missing|缺少|缺乏|没有)\s*(?:\w+\s+)?$"
_NOT_ENOUGH = re.compile(r"(?:not|isn't|n't)\s+(\w+)\s+enough|不够\s*(\w)")
_STRONG = 1.0


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one clause says: of which aspect ("" is the whole item), -1 to 1, and which way it pulls, if it says so.

    ``pulls`` maps features to a wished direction, sign and strength; empty: as the item has it, times the polarity.
    """

    aspect: str
    polarity: float
    pulls: Mapping[str, float]
    text: str


@lru_cache(maxsize=2_000)  # a listener's comments are read for each ranking
def opinions(text: str) -> tuple[Opinion, ...]:
    """What a comment says, clause by clause; a clause that says nothing is left out."""
    found: list[Opinion] = []
    for clause in _clauses(text.lower()):
        liking = feeling(clause)
        read = list(_directed(clause, liking))
        if not read and liking:
            read = [Opinion(name, liking, {}, clause) for name in _named(clause)] or [Opinion("", liking, {}, clause)]
        found += read
    return tuple(found)


def comment_polarity(text: str) -> float:
    """How much a comment likes its item on the whole, -1 to 1: the mean of its clauses; 0 when they say nothing."""
    found = opinions(text)
    return max(-1.0, min(1.0, sum(one.polarity for one in found) / len(found))) if found else 0.0


def _clauses(text: str) -> Iterator[str]:
    for piece in _CLAUSES.split(text):
        if piece and piece.strip():
            yield piece.strip()


def _directed(clause: str, liking: float) -> Iterator[Opinion]:
    """Opinions whose own words say which way the feature should go."""
    for pattern, aspect, pulls in _DIRECTIONS:
        for match in re.finditer(rf"\b(?:{_latin(pattern)})\b|(?:{_han(pattern)})", clause):
            sign, polarity = _wish(clause, match, liking)
            if sign:
                yield Opinion(aspect, polarity, {name: sign * way for name, way in pulls.items()}, clause)
            break


def _wish(clause: str, match: re.Match[str], liking: float) -> tuple[float, float]:
    """Which way a word of direction is meant (1 as it says, -1 against it, 0 not at all), and the polarity."""
    before = clause[: match.start()]
    enough = _NOT_ENOUGH.search(clause)
    if enough and enough.start() <= match.start() < enough.end():
        return 1.0, -0.5
    if re.search(_LACKS, before) or clause[match.end() :].startswith("不够"):
        return 1.0, -0.5
    if re.search(_LESS, before):
        return -1.0, -0.5
    if re.search(_TOO, before):
        return -1.0, -0.7
    if re.search(_MORE, before):
        return 1.0, -0.3
    return (0.0, 0.0) if liking == 0 else (liking, liking)


def _named(clause: str) -> list[str]:
    """The aspects that a clause names."""
    return [
        aspect
        for aspect, (words, _) in ASPECTS.items()
        if any(re.search(rf"\b{re.escape(w)}\b", clause) if w.isascii() else w in clause for w in words)
    ]


def _latin(pattern: str) -> str:
    return "|".join(p for p in _split(pattern) if p.isascii()) or r"(?!x)x"


def _han(pattern: str) -> str:
    return "|".join(p for p in _split(pattern) if not p.isascii()) or r"(?!x)x"


def _split(pattern: str) -> list[str]:
    """Alternatives at the top level of a pattern."""
    found, depth, start = [], 0, 0
    for place, letter in enumerate(pattern):
        depth += (letter == "(") - (letter == ")")
        if letter == "|" and depth == 0:
            found.append(pattern[start:place])
            start = place + 1
    return [*found, pattern[start:]]
