"""What the lyric partner is worth: likelihood beside an n-gram, form beside people and chance, theme, novelty, speed.

Conventions:
    Perplexities are a word: all nats of words and line ends over the number of words; words that the vocabulary lacks
    are left out for everybody. Songs are written to tunes of held-out works.
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from cocreate.errors import CheckpointError, InputError
from cocreate.evaluate.make_lyrics import read_poems
from cocreate.files import read_song
from cocreate.generate.lyric_request import LinePlan, LyricRequest, plan_sections
from cocreate.generate.lyric_value import Desk, Taste
from cocreate.generate.lyric_writer import SongWriter
from cocreate.generate.lyrics import LyricDraft, write_lyrics
from cocreate.judge.lyrics import Finding, judge
from cocreate.lyricist import longest_copy
from cocreate.model.chinese import HanTable, chinese_rhymes
from cocreate.model.lyric_data import Prepared, english_rhymes, prepare, sung_texts, word_vectors_of
from cocreate.model.lyric_lessons import ALL_TOLD, NOTHING_TOLD, LyricLessons, Told
from cocreate.model.lyric_seat import CHINESE, LyricSeat, open_seat
from cocreate.model.pens import LineAsk, LineDraft
from cocreate.model.word_ngrams import WordNgrams
from cocreate.model.word_vectors import unit
from cocreate.music.lyric import Lyric, LyricLine, LyricSection, SungWord
from cocreate.music.prosody import is_function_word, pronounce, split_words
from cocreate.music.singing import Phrase, phrases
from cocreate.music.song import Song
from cocreate.taste.text_features import words_of

PARTS = ("likelihood", "chinese", "form", "cost", "people", "theme", "speed")
THEMES = (
    "rain storm clouds", "sea ship sailor", "train station railroad", "money bank dollars", "mother child cradle",
    "war soldier battle", "dance fiddle party", "garden roses flowers", "winter snow frost", "church prayer god",
)  # fmt: skip
_TEST_POEMS = 300
_SHUFFLES = 5


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a heading, for people and programs."""

    heading: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def text(self) -> str:
        """As Markdown."""
        lines = [f"## {self.heading}", "", "| " + " | ".join(self.head) + " |", "|" + "---|" * len(self.head)]
        return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in self.rows)]) + "\n"


def evaluate_lyrics(
    data: Path, *, checkpoint: str | Path = "lyrics", parts: Sequence[str] = (), songs: int = 10, seed: int = 0,
    watch: Callable[[str], None] = lambda _: None,
) -> tuple[Table, ...]:  # fmt: skip
    """The tables of the ``parts`` (all by default).

    Args:
        data: folder of sets.
        songs: tunes that words are written to.

    Raises:
        InputError: if a part is unknown.
    """
    wanted = tuple(parts) or PARTS
    unknown = [part for part in wanted if part not in PARTS]
    if unknown:
        raise InputError(f"a part must be one of {', '.join(PARTS)}, got {', '.join(unknown)}")
    found: list[Table] = []
    if "chinese" in wanted:
        watch("reading the Chinese verse")
        found += _chinese_tables(data, checkpoint, asked=bool(parts), watch=watch)
    if set(wanted) == {"chinese"}:
        return tuple(found)
    seat = open_seat(checkpoint)
    if "likelihood" in wanted or "theme" in wanted:
        found += _verse_tables(seat, data, wanted, seed=seed, watch=watch)
    if "people" in wanted:
        watch("songs that people wrote")
        found.append(people_table(human_lyrics(data)))
    if "form" in wanted:
        tunes = held_out_tunes(data, most=songs)
        watch(f"words for {len(tunes)} tunes")
        found.append(form_table(seat, tunes, seed=seed))
    if "cost" in wanted:
        watch("the same network without form")
        found.append(cost_table(seat, seed=seed))
    if "speed" in wanted:
        found.append(speed_table(seat, seed=seed))
    return tuple(found)


def _verse_tables(
    seat: LyricSeat, data: Path, wanted: Sequence[str], *, seed: int, watch: Callable[[str], None]
) -> Iterator[Table]:
    """What needs the corpus of English verse."""
    watch("reading the verse")
    poems, _ = read_poems([data], language="en")
    if "likelihood" in wanted:
        yield likelihood_table(seat, prepared_for(seat, poems))
    if "theme" in wanted:
        old = [replace(poem, work="") for poem in poems if poem.register == "archaic"]
        yield theme_table(seat, word_vectors_of(old, seat.table), seed=seed, watch=watch)


def _chinese_tables(
    data: Path, checkpoint: str | Path, *, asked: bool, watch: Callable[[str], None]
) -> Sequence[Table]:
    """The likelihood of Chinese verse; nothing where it or its checkpoint is missing and nobody ``asked`` for it."""
    try:
        seat = open_seat(checkpoint, language=CHINESE)
        poems, _ = read_poems([data], language=CHINESE)
    except (InputError, CheckpointError) as error:
        if asked:
            raise
        watch(f"left out: {error}")
        return ()
    return (likelihood_table(seat, prepared_for(seat, poems)),)


def prepared_for(seat: LyricSeat, poems: Sequence[Any]) -> Prepared:
    """The verse in the words of a checkpoint."""
    rhymes = chinese_rhymes(seat.table) if isinstance(seat.table, HanTable) else english_rhymes(seat.table)
    return prepare(poems, seat.table, seat.vectors[: len(seat.table.words)], rhymes)


def likelihood_table(seat: LyricSeat, prepared: Prepared) -> Table:
    """Perplexity a word of held-out verse and songs, beside an n-gram fitted on the same training split.

    Of English the modern ones; of Chinese all, a word being a character.
    """
    train, test = prepared.splits["train"], prepared.splits["test"]
    is_chinese = seat.language == CHINESE
    chosen = [n for n, kind in enumerate(test.kinds) if is_chinese or (kind[1] == "modern" and kind[0] != "prose")]
    chosen = [int(i) for i in np.random.default_rng(0).permutation(chosen)[:_TEST_POEMS]]
    forward = WordNgrams.fit(list(sung_texts(train, breaks=True)), size=len(seat.table.words), order=5)
    rows = [("interpolated 5-gram (Kneser-Ney), whole training split", f"{_ngram(forward, test, chosen):.1f}", "")]
    base = float(rows[0][1])
    everything = replace(ALL_TOLD, mask=0, syllables=1) if is_chinese else ALL_TOLD  # no stress in Chinese
    kinds: list[tuple[str, Told]] = [("the network, no control told", NOTHING_TOLD), ("all controls told", everything)]
    for name, told in kinds if seat.checkpoint is not None else ():
        value = _network(seat, prepared, chosen, told)
        rows.append((name, f"{value:.1f}", f"{value / base - 1:+.1%}"))
    word = "character" if is_chinese else "word"
    return Table(
        f"Perplexity a {word}, {len(chosen)} held-out poems", ("model", "perplexity", "against it"), tuple(rows)
    )


def _ngram(model: WordNgrams, test: Any, chosen: Sequence[int]) -> float:
    texts = list(sung_texts(test, breaks=True))
    unknown, end = test.table.unknown, test.table.words.id("Line")
    nats, words = 0.0, 0
    for poem in chosen:
        text = texts[poem]
        own = model.nats_each(text)[1:]
        known = text[1:] != unknown
        nats += float(own[known].sum())
        words += int((known & (text[1:] != end)).sum())
    return math.exp(nats / words)


def _network(seat: LyricSeat, prepared: Prepared, chosen: Sequence[int], told: Told) -> float:
    test = prepared.splits["test"]
    drawer, rng = LyricLessons(test, seed=0), np.random.default_rng(0)
    end = seat.table.words.id("Line")
    lessons = [
        drawer.lesson(poem, rng, told, longest=_LONGEST_LESSON, first=first, most=_STANZAS)
        for poem in chosen
        for first in range(0, int(test.poems[poem + 1] - test.poems[poem]), _STANZAS)
    ]
    from cocreate.model.conditioning import read_taste_network
    from cocreate.model.train import sequence_nats

    net = read_taste_network(seat.folder, seat.table.words)
    nats = sum(sequence_nats(net, lessons))
    words = sum(int((lesson.targets & (lesson.ids != end)).sum()) for lesson in lessons)
    return math.exp(nats / words)


_LONGEST_LESSON = 900  # ids
_STANZAS = 6  # of a long poem at a time


def held_out_tunes(data: Path, *, most: int) -> list[tuple[str, Song]]:
    """Tunes of held-out English art songs, and melodies that the toolkit wrote (``samples``)."""
    tunes: list[tuple[str, Song]] = []
    for path in _lieder(data):
        song = read_song(path)
        if song.parts and is_english(song) and 3 <= len(phrases(song)) <= _LONGEST_SONG:  # noqa: PLR2004
            tunes.append((path.stem, song))
        if len(tunes) >= most // 2:
            break
    for path in sorted((Path(__file__).resolve().parents[2] / "samples").glob("*.mid")):
        song = read_song(path)
        if len(tunes) < most and len(phrases(song)) > 2:  # noqa: PLR2004
            tunes.append((path.stem, song))
    return tunes


_LONGEST_SONG = 24  # lines


def is_english(song: Song) -> bool:
    """True when the words under a song's tune are English: the file's own guess takes German for it."""
    words = words_of(song.melody)
    known = sum(is_function_word(word) for word in words)
    return bool(words) and known >= _ENGLISH_SHARE * len(words)


_ENGLISH_SHARE = 0.35  # function words among all; German and French have a few that look so


def _lieder(data: Path, *, held_out: bool = True) -> list[Path]:
    """Scores marked as English in OpenScore Lieder; of the held-out twentieth, by composer and title, or of all."""
    import csv
    import zlib

    found: list[Path] = []
    table = data / "openscore_lieder" / "manifest.csv"
    if not table.is_file():
        return []
    with table.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = f"cocreate:{row['composer']} {row['title']}".lower()
            if row["language_guess"] == "en" and (not held_out or zlib.crc32(key.encode()) % 20 == 0):
                path = table.parent / row["file"]
                found += [path] if path.is_file() else []
    return found


def form_table(seat: LyricSeat, tunes: Sequence[tuple[str, Song]], *, seed: int) -> Table:
    """Every metric of the judge over lyrics written to the tunes, and an independent count of syllables."""
    drafts: list[LyricDraft] = []
    for place, (_, song) in enumerate(tunes):
        bare = replace(song, parts=tuple(replace(part, syllables=()) for part in song.parts))
        theme = THEMES[place % len(THEMES)]
        drafts += write_lyrics(seat, LyricRequest(song=bare, scheme="ABAB", theme=theme, n=1, seed=seed + place))
    lyrics = [draft.lyric for draft in drafts]
    rows = [_row(finding) for finding in judge(lyrics)]
    if counter := independent_counter():
        by_ear = judge(lyrics, count=counter)[0]
        rows.insert(1, ("syllables, counted by espeak-ng", *_row(by_ear)[1:]))
    lines = [line for lyric in lyrics for line in lyric.own_lines]
    relaxed = sum(bool(line.relaxed) for line in lines)
    rows.append(("lines with a wish given up", f"{relaxed} of {len(lines)}", str(len(lines)), "", ""))
    copied = sum(longest_copy(lyric, seat) > 0 for lyric in lyrics)
    rows.append(("lyrics with a copied span of 8 words", str(copied), str(len(lyrics)), "", ""))
    return Table(f"Form, {len(tunes)} tunes", ("metric", "value", "cases", "people", "chance"), tuple(rows))


class UnboundWriter(SongWriter):
    """The same writer with everything but form: lines end where the network ends them. ``drafts``: what it kept."""

    def __init__(self, seat: LyricSeat, request: LyricRequest) -> None:
        super().__init__(seat, request, plan_sections(request), taste=Taste(beat=0))
        self.drafts: list[LineDraft] = []

    def _line(self, desk: Desk, place: int, at: int, line: LinePlan, rng: np.random.Generator, *, title: bool) -> None:  # noqa: ARG002 - the writer's own shape
        lexicon = self.seat.lexicon
        nothing = np.zeros(len(lexicon), dtype=np.float32)
        ask = LineAsk(
            (), nothing[None], lexicon.sung, self._ear.now(desk, line), nothing, unbound=True,
            temperature=self.request.temperature,
        )  # fmt: skip
        drafts = desk.pen.drafts(ask, rng)
        drafts = [draft for draft in drafts if self._allowed(desk, draft, line)] or drafts
        best = max(drafts, key=lambda draft: self._ear.value(desk, draft, line))
        desk.pen.keep(best)
        self._remember(desk, line, best)
        self.drafts.append(best)


def cost_table(seat: LyricSeat, *, seed: int) -> Table:
    """What form costs: perplexity a word (and line end) under the network of lines with form and without.

    All are drawn and chosen the same way, with the same themes and seeds.
    """
    kinds: dict[str, Callable[[LyricRequest], list[tuple[float, int]]]] = {
        "no form: lines end where the network ends them": lambda request: _unbound_lines(seat, request),
        "syllables alone": lambda r: _bound_lines(seat, replace(r, metre="free", scheme="X")),
        "syllables and stress": lambda r: _bound_lines(seat, replace(r, scheme="X")),
        "syllables, stress and rhyme": lambda r: _bound_lines(seat, r),
    }
    rows, base = [], 0.0
    for name, lines_of in kinds.items():
        found = []
        for place, theme in enumerate(COST_THEMES):
            found += lines_of(LyricRequest(theme=theme, form=("verse",) * 2, scheme="ABAB", n=1, seed=seed + place))
        words = sum(count for _, count in found)
        value = math.exp(sum(nats for nats, _ in found) / words)
        base = base or value
        rows.append((name, f"{value:.1f}", str(words), f"{value / base - 1:+.1%}"))
    return Table("Cost of form", ("lines", "perplexity a word", "words", "cost"), tuple(rows))


def _bound_lines(seat: LyricSeat, request: LyricRequest) -> list[tuple[float, int]]:
    """Nats of each line, and its words with its end."""
    (draft,) = write_lyrics(seat, request)
    return [(line.nats * (len(line.words) + 1), len(line.words) + 1) for line in draft.lyric.own_lines]


def _unbound_lines(seat: LyricSeat, request: LyricRequest) -> list[tuple[float, int]]:
    writer = UnboundWriter(seat, request)
    writer.write(0)
    return [(draft.nats, len(draft.words) + 1) for draft in writer.drafts]


COST_THEMES = ("rain on the road", "sea and ship", "mother at home", "winter night", "dance and song", "")


def _row(finding: Finding) -> tuple[str, str, str, str, str]:
    own = finding.as_dict()
    shown = ["-" if own[key] is None else f"{own[key]:.3f}" for key in ("value", "human", "chance")]
    return finding.name, shown[0], str(finding.cases), shown[1], shown[2]


def independent_counter() -> Callable[[str], frozenset[int]] | None:
    """Syllables by espeak-ng where it is installed, None elsewhere: another dictionary and other rules than ours."""
    program = shutil.which("espeak-ng")
    if program is None:
        return None

    @cache
    def count(word: str) -> frozenset[int]:
        asked = [program, "-q", "--ipa", "--sep=_", "-v", "en-us", word]
        said = subprocess.run(asked, capture_output=True, text=True, check=True)  # noqa: S603
        return ipa_syllables(said.stdout)

    return count


def ipa_syllables(text: str) -> frozenset[int]:
    """Numbers of syllables of a word in IPA whose phonemes stand apart by ``_``.

    >>> sorted(ipa_syllables("f_l_ˈaʊ_ɚ")), sorted(ipa_syllables("f_ˈaɪɚ"))
    ([2], [1, 2])
    """
    least = most = 0
    for phoneme in re.split(r"[_\s]", re.sub("[ˈˌː]", "", text)):
        if _SYLLABIC in phoneme or not _IPA_VOWELS.isdisjoint(phoneme):
            least += 1
            most += 1 + (phoneme in _LOOSE)
    return frozenset(range(max(1, least), max(1, most) + 1))


_IPA_VOWELS = frozenset("aeiouyɑɒæɐɔəɘɛɜɞɤɪʊʌɨʉøœɶᵻɚɝ")
_SYLLABIC = "̩"
_LOOSE = ("iə", "ɪə", "aɪɚ", "aɪə", "aʊɚ")  # one phoneme to espeak-ng, one or two syllables to a singer (fire)


def human_lyrics(data: Path, *, most: int = 40) -> list[Lyric]:
    """The words of English art songs on their own slots, as lyrics that the judge can read."""
    found: list[Lyric] = []
    for path in _lieder(data, held_out=False):
        if len(found) == most:
            break
        song = read_song(path)
        if song.parts and is_english(song) and (lines := _sung_lines(song)):
            found.append(Lyric(path.stem, (LyricSection("verse", tuple(lines)),)))
    return found


def _sung_lines(song: Song) -> list[LyricLine]:
    verse = min(s.verse for s in song.melody.syllables)
    under = {s.start_ticks: s for s in song.melody.syllables if s.verse == verse}
    lines: list[LyricLine] = []
    for number, phrase in enumerate(phrases(song), start=1):
        words, slots, text, count = [], [], "", 0
        for slot in phrase.slots:
            syllable = under.get(slot.start_ticks)
            if syllable is None:
                continue
            text, count = text + syllable.text, count + 1
            slots.append(slot)
            if not syllable.joins_next:
                plain = split_words(text)
                said = next((p for p in pronounce(plain[0]) if p.syllables == count), None) if len(plain) == 1 else None
                if said is None:
                    slots = slots[: len(slots) - count]
                else:
                    words.append(SungWord(plain[0], said.stresses))
                text, count = "", 0
        if words:
            lines.append(LyricLine(number, tuple(words), Phrase(tuple(slots[: sum(len(w.stresses) for w in words)]))))
    return lines


def people_table(lyrics: Sequence[Lyric]) -> Table:
    """The judge on what people wrote, and on their words shuffled over the same slots."""
    rng = np.random.default_rng(0)
    shuffled = []
    for _ in range(_SHUFFLES):
        for lyric in lyrics:
            lines = []
            for line in lyric.own_lines:
                order = rng.permutation(len(line.words))
                lines.append(replace(line, words=tuple(line.words[int(i)] for i in order)))
            shuffled.append(replace(lyric, sections=(LyricSection("verse", tuple(lines)),)))
    own, chance = judge(lyrics), judge(shuffled)
    rows = [
        (
            a.name,
            "-" if a.value is None else f"{a.value:.3f}",
            "-" if b.value is None else f"{b.value:.3f}",
            str(a.cases),
        )
        for a, b in zip(own, chance, strict=True)
        if a.cases and a.name not in ("syllables_exact", "rhyme_kept", "rhyme_same", "repeated_lines")
    ]
    return Table(f"People: {len(lyrics)} English art songs", ("metric", "people", "shuffled", "cases"), tuple(rows))


def theme_table(
    seat: LyricSeat, judge_vectors: Any, *, seed: int, each: int = 3, watch: Callable[[str], None] = lambda _: None
) -> Table:
    """Which of ten themes a lyric is nearest to, by vectors of other texts than those that steered it."""
    points = np.stack(
        [_point([seat.table.ids[w] for w in t.split() if w in seat.table.ids], judge_vectors) for t in THEMES]
    )
    right = 0
    for place, theme in enumerate(THEMES):
        watch(f"theme {theme}")
        request = LyricRequest(theme=theme, form=("verse", "verse"), scheme="ABCB", n=each, seed=seed + place)
        for draft in write_lyrics(seat, request):
            words = [seat.table.ids.get(w.text.lower(), -1) for line in draft.lyric.own_lines for w in line.words]
            asked = {seat.table.ids.get(w) for w in theme.split()}
            own = [w for w in words if w >= 0 and w not in asked]  # the theme's own words would tell it at once
            right += int(np.argmax(points @ _point(own, judge_vectors))) == place
    total = each * len(THEMES)
    rows = (("right theme among ten, its own words hidden", f"{right / total:.1%}", f"{total}", "10 %"),)
    return Table("Theme", ("measured", "value", "cases", "chance"), rows)


def _point(ids: Sequence[int], vectors: Any) -> Any:
    own = [i for i in ids if vectors[i].any()]
    everything = vectors[vectors.any(axis=1)].mean(axis=0)
    return unit((vectors[own].mean(axis=0) if own else everything) - everything)


def speed_table(seat: LyricSeat, *, seed: int) -> Table:
    """Seconds for one song of 24 lines."""
    request = LyricRequest(
        form=("verse",) * 3, syllables=(8, 6) * 4, scheme="ABAB", theme="rain on the road", n=1, seed=seed
    )
    began, busy = time.monotonic(), time.process_time()
    (draft,) = write_lyrics(seat, request)
    lines = len(draft.lyric.own_lines)
    rows = ((f"{lines} lines", f"{time.monotonic() - began:.1f}", f"{time.process_time() - busy:.1f}"),)
    return Table("Speed", ("song", "seconds", "processor seconds"), rows)
