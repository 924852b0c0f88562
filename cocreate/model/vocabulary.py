"""The words the model knows: fixed lists, ids, and bins for what is continuous.

Conventions:
    A token is ``Type_Value``, as in miditok. Time inside a bar and lengths are in grid steps, 24 to a quarter (20
    ticks each), which holds sixty-fourth notes of a triplet feel and every straight value down to a thirty-second.
    Pitches are in the *frame* of the piece: moved by -5..+6 semitones so that its tonic is a C. One piece thus
    teaches all twelve keys.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cocreate.errors import CheckpointError, InputError
from cocreate.music.song import MODES, TICKS_PER_QUARTER, Meter
from cocreate.music.theory import QUALITIES

STEPS_PER_QUARTER = 24
STEP_TICKS = TICKS_PER_QUARTER // STEPS_PER_QUARTER
MAX_BAR_STEPS = 8 * STEPS_PER_QUARTER  # 4/2 is the longest bar the model writes
PITCHES = range(21, 109)  # the piano's keys, in the frame
MAX_BARS_LEFT = 63  # more bars than this read as "63 or more"

STYLES = (
    "jazz", "swing", "bebop", "hard bop", "cool", "fusion", "latin", "blues", "ragtime", "tin pan alley",
    "pop", "mandopop", "rock", "soul", "country", "folk", "celtic", "reel", "jig", "slip jig", "hornpipe", "strathspey",
    "march", "waltz", "polka", "air", "dance", "hymn", "chorale", "classical", "baroque", "romantic", "renaissance",
    "art song", "funk", "hiphop", "reggae", "gospel", "afrobeat",
)  # fmt: skip
MOODS = ("happy", "tense", "sad", "calm")
TASKS = ("melody", "over", "under", "lead", "parts", "fill")
TRACKS = ("chords", "melody", "counter", "alto", "tenor", "bass", "comp", "drums")
DRUMS = (36, 37, 38, 39, 42, 43, 44, 45, 46, 48, 49, 50, 51, 53, 54, 56, 62, 64, 70)  # General MIDI keys
TASTE_TOKENS = 2  # places in a sequence that a content vector is written into
METERS = (
    "4/4", "3/4", "2/4", "6/8", "2/2", "9/8", "12/8", "3/8", "3/2", "6/4", "5/4", "4/2", "7/8", "5/8", "4/8", "7/4",
    "1/4",
)  # fmt: skip
TEMPO_EDGES = (50, 60, 70, 80, 90, 100, 110, 120, 132, 144, 160, 180, 200, 220, 250)  # quarter notes a minute
DENSITY_EDGES = (0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5)  # notes a quarter
REGISTER_EDGES = (44, 48, 52, 56, 60, 63, 66, 69, 72, 75, 78, 82)  # mean pitch in the frame
DURATIONS = (
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 18, 20, 21, 22, 24, 28, 30, 32, 33, 36, 40, 42, 44, 45, 48, 54, 56,
    60, 64, 66, 72, 80, 84, 90, 96, 108, 120, 132, 144, 168, 192, 216, 240, 288, 336, 384,
)  # fmt: skip

IntArray = npt.NDArray[np.int64]


def _words() -> list[str]:
    groups: list[tuple[str, Iterable[object]]] = [
        ("PAD", ["None"]),
        ("BOS", ["None"]),
        ("EOS", ["None"]),
        ("Task", TASKS),
        ("Style", STYLES),
        ("Mood", MOODS),
        ("Key", MODES),
        ("TimeSig", METERS),
        ("Tempo", range(len(TEMPO_EDGES) + 1)),
        ("Bars", range(1, MAX_BARS_LEFT + 2)),
        ("Density", range(len(DENSITY_EDGES) + 1)),
        ("Register", range(len(REGISTER_EDGES) + 1)),
        ("Bar", [*range(MAX_BARS_LEFT + 1), "pickup", "None"]),
        ("Ahead", ["None"]),
        ("Track", TRACKS),
        ("Position", range(MAX_BAR_STEPS)),
        ("Pitch", PITCHES),
        ("Duration", DURATIONS),
        ("ChordRoot", [*range(12), "N"]),
        ("ChordQuality", QUALITIES),
        ("ChordBass", range(12)),
        ("Drum", DRUMS),
        ("Gap", ["None"]),
        ("Fill", ["None"]),
        ("Taste", range(TASTE_TOKENS)),
    ]
    return [f"{kind}_{value}" for kind, values in groups for value in values]


@dataclass(frozen=True)
class Vocabulary:
    """Words and their ids; the order of ``words`` is the id.

    Raises:
        CheckpointError: if two words are equal.
    """

    words: tuple[str, ...] = field(default_factory=lambda: tuple(_words()))

    def __post_init__(self) -> None:
        if len(set(self.words)) != len(self.words):
            raise CheckpointError("a vocabulary must not hold a word twice; the checkpoint is broken")

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Word -> id."""
        return {word: place for place, word in enumerate(self.words)}

    @cached_property
    def types(self) -> tuple[str, ...]:
        """Type of each id ("Pitch")."""
        return tuple(word.split("_", 1)[0] for word in self.words)

    @cached_property
    def values(self) -> tuple[str, ...]:
        """Value of each id, as text ("60")."""
        return tuple(word.split("_", 1)[1] for word in self.words)

    @cached_property
    def type_ids(self) -> dict[str, IntArray]:
        """Type -> the ids of that type, in order."""
        found: dict[str, list[int]] = {}
        for place, kind in enumerate(self.types):
            found.setdefault(kind, []).append(place)
        return {kind: np.array(ids, dtype=np.int64) for kind, ids in found.items()}

    def id(self, kind: str, value: object = "None") -> int:
        """Id of ``kind_value``.

        Raises:
            InputError: if the vocabulary has no such word.
        """
        word = f"{kind}_{value}"
        try:
            return self.ids[word]
        except KeyError:
            raise InputError(f"the model knows no {word!r}; see `cocreate styles` for what it knows") from None

    def save(self, path: Path) -> None:
        """Write the words as JSON."""
        path.write_text(json.dumps(list(self.words), indent=0) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read the words of a checkpoint.

        Raises:
            CheckpointError: if the file is missing or is no list of words.
        """
        try:
            words = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CheckpointError(f"the checkpoint must hold {path.name}, got none in {path.parent}") from None
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{path} must be a JSON list of words: {error}") from None
        if not isinstance(words, list) or not all(isinstance(word, str) and "_" in word for word in words):
            raise CheckpointError(f"{path} must be a JSON list of words such as Pitch_60")
        return cls(tuple(words))


def bin_of(value: float, edges: Sequence[float]) -> int:
    """Bin 0..len(edges) of a value; bin ``i`` begins at ``edges[i - 1]``."""
    return bisect.bisect_right(edges, value)


def known_duration(steps: int) -> int:
    """The longest length the vocabulary has that is not above ``steps``, so that a note never runs into the next."""
    return DURATIONS[max(0, bisect.bisect_right(DURATIONS, steps) - 1)]


def nearest_meter(meter: Meter) -> str:
    """The metre word for ``meter``, or the known one whose bar length and kind is nearest."""
    if str(meter) in METERS:
        return str(meter)

    def distance(word: str) -> tuple[int, int]:
        numerator, denominator = (int(n) for n in word.split("/"))
        known = Meter(0, numerator, denominator)
        return abs(known.bar_ticks - meter.bar_ticks), abs(known.beat_ticks - meter.beat_ticks)

    return min(METERS, key=distance)
