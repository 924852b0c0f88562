"""Writing one song's words: section by section, line by line, the rhyme first, the best of many drafts kept.

Conventions:
    Chorus first, around the title; then the rest in order. A line's value is what the model thinks of it, a second
    opinion in singing order, theme, mood and freshness; the rules of form are never weighed, they hold. When nothing
    fits, wishes are given up in a fixed order (``LADDER``) and the line says which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from cocreate.errors import UnmetError
from cocreate.generate.lyric_request import FREE, MOODS, LinePlan, LyricRequest, SectionPlan
from cocreate.generate.lyric_value import Desk, Ear, Taste, is_i, people
from cocreate.model.chinese import tone_table
from cocreate.model.lexicon import BoolArray, FloatArray
from cocreate.model.line_rules import Manner, can_end, chosen_pattern, line_table
from cocreate.model.lyric_lessons import mask_ids
from cocreate.model.lyric_seat import LyricSeat
from cocreate.model.lyric_words import BACK, MOST_SYLLABLES, SCHEMES
from cocreate.model.pens import LineAsk, LineDraft
from cocreate.music.chinese import EITHER, OBLIQUE, PARTICLES
from cocreate.music.lyric import LyricLine, SungWord, fit_words
from cocreate.music.prosody import TIERS
from cocreate.music.singing import joined
from cocreate.music.wordlists import BAD_ENDINGS, WORN_RHYMES

ROWS = 40  # drafts of a line, written side by side
LEAST_PARTNERS = 8  # words that must be left to rhyme with a new ending
LADDER = ("as asked", "looser rhyme", "assonance", "no rhyme")
_TIER_COST = (0.0, -0.9, -2.0)  # nats: a perfect rhyme is worth so much more than one of a family, or of vowels alone
_MORE_TURNS = 2  # down the ladder, after all drafts of the first were refused
_WORN = np.float32(-0.9)  # nats for a rhyme that everybody has heard
_NEVER = np.float32(-np.inf)


class SongWriter:
    """Writes songs for one request; ``lean`` is a wish vector (V,) of a listener's, in nats a word."""

    def __init__(
        self, seat: LyricSeat, request: LyricRequest, sections: Sequence[SectionPlan], *,
        lean: FloatArray | None = None, taste: Taste | None = None, rows: int = ROWS,
    ) -> None:  # fmt: skip
        self.seat, self.request, self.sections, self.rows = seat, request, sections, rows
        self._ear = Ear(seat, request, taste or Taste(), lean=lean)
        self._ids = seat.lexicon.ids
        self._tables: dict[tuple[tuple[int, ...], bool], FloatArray] = {}
        self._title = [self._ids[w.lower()] for w in self._ear.split(request.title) if w.lower() in self._ids]
        self._stems = seat.lexicon.stem

    def write(self, seed: int) -> dict[int, LyricLine]:
        """The lines of one song by number.

        Raises:
            UnmetError: if a line cannot be written at all.
        """
        rng = np.random.default_rng([self.request.seed, seed])
        desk = self._desk()
        order = sorted(
            (p for p, s in enumerate(self.sections) if s.copy_of is None),
            key=lambda p: (self.sections[p].kind != "chorus", p),
        )
        self._pin(desk, order)
        for place in order:
            self._section(desk, place, rng, hook=place == order[0])
        return desk.lines

    def _desk(self) -> Desk:
        seat, request = self.seat, self.request
        words = seat.table.words
        mood = MOODS.get(request.mood or "")
        head = [
            words.id("BOS"),
            words.id("Register", request.register),
            words.id("Kind", "verse" if seat.language == "en" else "song"),
        ]
        if mood:
            head.append(words.id("Mood", mood[0]))
        plain = [i for i in self._ear.theme_ids if i < len(words)]
        vector = seat.theme_vector(plain)
        if vector is not None:
            head += [words.id("Taste", n) for n in range(len(words.type_ids["Taste"]))]
            head += [words.id("Theme"), *plain[:3]]
        told = np.zeros(seat.vectors.shape[1], dtype=np.float32) if vector is None else vector
        pen = seat.pen(head, taste=told, rows=self.rows, theme=request.theme)
        return Desk(pen)

    def _pin(self, desk: Desk, order: Sequence[int]) -> None:
        """What is given decides its rhymes before anything is written: lines that stay, and the title."""
        for place in order:
            for line in self.sections[place].lines:
                if line.number in self.request.keep:
                    last = self._ear.split(self.request.keep[line.number])[-1].lower()
                    desk.endings.setdefault((place, line.letter), []).append((line.number, self._ids[last]))
        hook = self._hook_line(order[0])
        if self._title and hook is not None and hook.number not in self.request.keep:
            desk.endings.setdefault((order[0], hook.letter), []).append((hook.number, self._title[-1]))

    def _hook_line(self, place: int) -> LinePlan | None:
        """The last line of the chorus (or of the first section) that the title fits into."""
        size = sum(len(self.seat.lexicon.patterns[i][0]) for i in self._title)
        return next((line for line in self.sections[place].lines[::-1] if len(line.phrase) >= size), None)

    def _section(self, desk: Desk, place: int, rng: np.random.Generator, *, hook: bool) -> None:
        section = self.sections[place]
        words = self.seat.table.words
        kind = section.kind if section.kind in ("chorus", "bridge") else "verse"
        ids = [words.id("Section", kind), words.id("Lines", min(16, len(section.lines)))]
        scheme = "".join(line.letter[0] for line in section.lines)
        ids.append(words.id("Scheme", scheme if scheme in SCHEMES else "other"))
        desk.pen.tell(ids)
        target = self._hook_line(place) if hook and self._title else None
        for at, line in enumerate(section.lines):
            self._line(desk, place, at, line, rng, title=line is target)
        if section.kind != "bridge":
            lexicon = self.seat.lexicon
            desk.closed |= {int(lexicon.endings[w, 0]) for group in desk.endings.values() for _, w in group}

    def _line(self, desk: Desk, place: int, at: int, line: LinePlan, rng: np.random.Generator, *, title: bool) -> None:
        section = self.sections[place]
        control = self._control(section, at)
        if line.number in self.request.keep:
            self._keep(desk, place, line, control)
            return
        chosen: tuple[float, LineDraft, LinePlan, tuple[str, ...]] | None = None
        suffix = tuple(self._title[::-1]) if title and line.number not in self.request.keep else ()
        free = bool(suffix) and not self._fits(suffix, line)
        rungs = list(self._rungs(desk, place, line))
        for turn, (own, step, last, cost) in enumerate([*rungs, *rungs * _MORE_TURNS]):
            again = turn >= len(rungs)  # a word may be said twice then
            ask = LineAsk(
                own.phrase.strengths, self._table(own), last, self._ear.now(desk, own), cost, control, suffix,
                free=free, heights=self._ear.heights(own), moves=self._ear.moves(own),
                temperature=self.request.temperature,
            )  # fmt: skip
            drafts = [
                d for d in desk.pen.drafts(ask, rng) if self._allowed(desk, d, own, is_hook=bool(suffix), twice=again)
            ]
            if drafts:
                values = [self._ear.value(desk, draft, own) for draft in drafts]
                best = int(np.argmax(values))
                relaxed = [] if step == LADDER[0] or suffix else [f"rhyme: {step}"]
                relaxed += ["stress: the title's own"] if free else []
                relaxed += [] if own is line else ["notes: two on one syllable"]
                relaxed += ["words: one may be said twice"] if again else []
                chosen = values[best], drafts[best], own, tuple(relaxed)
                break
        if chosen is None:
            raise UnmetError(
                f"line {line.number} cannot be written: no words fit its {len(line.phrase)} slots; "
                "ask for another scheme, tune or title"
            )
        worth, draft, own, given_up = chosen
        desk.pen.keep(draft)
        self._note(desk, place, own, draft, given_up, worth=worth)

    def _rungs(self, desk: Desk, place: int, line: LinePlan) -> Iterator[tuple[LinePlan, str, BoolArray, FloatArray]]:
        """The ladder: the line's own endings from best to worst, and before the rhyme goes, the line a note shorter."""
        own = self._endings(desk, place, line, self._table(line))
        keeps = [rung for rung in own if rung[0] != LADDER[3]]
        yield from ((line, *rung) for rung in keeps)
        if (phrase := joined(line.phrase)) is not None and not self._title:
            shorter = replace(line, phrase=phrase)
            rungs = self._endings(desk, place, shorter, self._table(shorter))
            yield from ((shorter, *rung) for rung in rungs if rung[0] != LADDER[3])
        yield from ((line, *rung) for rung in own[len(keeps) :])

    def _control(self, section: SectionPlan, at: int) -> tuple[int, ...]:
        words, line = self.seat.table.words, section.lines[at]
        ids: list[int] = []
        if self.seat.language == "en" and self.request.metre != "free":
            ids += mask_ids(line.phrase.mask, words)
        else:
            ids.append(words.id("Syl", min(MOST_SYLLABLES, len(line.phrase))))
        end = "stop" if at + 1 == len(section.lines) or at % 2 else "comma"
        earlier = [
            back for back in range(1, BACK + 1) if at - back >= 0 and section.lines[at - back].letter == line.letter
        ]
        later = any(other.letter == line.letter for other in section.lines[at + 1 :])
        partner = str(earlier[0]) if earlier else "new" if later else "free"
        partner = "free" if line.letter == FREE else partner
        ids.append(words.id("Rhyme", f"{partner}{end}"))
        return tuple(ids)

    def _table(self, line: LinePlan) -> FloatArray:
        free = self.request.metre == "free" and not line.phrase.is_timed
        key = (line.phrase.strengths, free)
        if key not in self._tables:
            self._tables[key] = line_table(line.phrase.strengths, self.seat.lexicon, Manner(), free=free)
            self._hold_tones(self._tables[key])
        return self._tables[key]

    def _hold_tones(self, table: FloatArray) -> None:
        """Forbid what breaks the level and oblique places that were asked for."""
        if self.request.tones:
            kinds = tone_table(self.seat.lexicon)
            for left in range(1, len(table)):
                mark = self.request.tones[(left - 1) % len(self.request.tones)]
                if mark != EITHER:
                    table[left, ~kinds[int(mark == OBLIQUE)]] = _NEVER

    def _fits(self, suffix: Sequence[int], line: LinePlan) -> bool:
        left = len(line.phrase)
        for word in suffix:
            pattern = chosen_pattern(self.seat.lexicon, word, line.phrase.strengths, left)
            if pattern is None:
                return False
            left -= len(pattern)
        return True

    def _endings(
        self, desk: Desk, place: int, line: LinePlan, table: FloatArray
    ) -> list[tuple[str, BoolArray, FloatArray]]:
        """What may end the line, from what was asked for to what is left of it: step, allowed words, nats."""
        lexicon = self.seat.lexicon
        sound = can_end(table, lexicon.sung & ~self._bad_endings)
        nothing = np.zeros(len(lexicon), dtype=np.float32)
        taken = np.zeros(len(lexicon), dtype=np.bool_)
        for pairs in desk.endings.values():
            for _, word in pairs:
                taken |= lexicon.sound == lexicon.sound[word]
        group = [w for number, w in desk.endings.get((place, line.letter), []) if number != line.number]
        if line.letter == FREE:
            return [(LADDER[0], sound & ~taken, nothing), (LADDER[0], sound, nothing)]
        if not group:
            return self._new_endings(desk, place, line, sound & ~taken, nothing)
        found = []
        tiers = np.full(len(lexicon), -1, dtype=np.int64)
        for word in group:
            own = lexicon.rhymes_with(word, tier="assonance")
            tiers = own if word == group[0] else np.where((tiers < 0) | (own < 0), -1, np.maximum(tiers, own))
        worn = _WORN * self._worn(group)
        asked = TIERS.index(self.request.tier)
        for most in range(asked, len(TIERS)):
            allowed = sound & ~taken & (tiers >= 0) & (tiers <= most)
            cost = np.select([tiers == n for n in range(len(TIERS))], _TIER_COST, 0.0).astype(np.float32)
            found.append((LADDER[0] if most == asked else TIERS[most], allowed, cost + worn))
        found.append((LADDER[3], sound & ~taken, nothing))
        return found

    def _worn(self, group: Sequence[int]) -> FloatArray:
        """(V,): 1 for words whose rhyme with one of the group everybody has heard."""
        text = {self.seat.lexicon.text[word] for word in group}
        known = {word for words in WORN_RHYMES if words & text for word in words}
        found = np.zeros(len(self.seat.lexicon), dtype=np.float32)
        found[[self._ids[word] for word in known if word in self._ids]] = 1
        return found

    def _new_endings(
        self, desk: Desk, place: int, line: LinePlan, sound: BoolArray, nothing: FloatArray
    ) -> list[tuple[str, BoolArray, FloatArray]]:
        """A first ending must leave enough words for the lines that will rhyme with it."""
        lexicon = self.seat.lexicon
        later = [
            other for other in self.sections[place].lines
            if other.letter == line.letter and other.number != line.number and other.number not in desk.lines
        ]  # fmt: skip
        if self.sections[place].kind == "bridge":
            sound = sound & ~np.isin(lexicon.endings[:, 0], list(desk.closed))
        beside = [word for (own, _), pairs in desk.endings.items() if own == place for _, word in pairs]
        rich = sound & ~np.isin(lexicon.endings[:, 0], lexicon.endings[beside, 0])  # another letter, another sound
        for other in later:
            room = can_end(self._table(other), lexicon.sung & ~self._bad_endings) & np.isfinite(self._ear.bias)
            counts = np.bincount(lexicon.endings[room, 0] + 1, minlength=int(lexicon.endings[:, 0].max()) + 2)
            rich &= counts[lexicon.endings[:, 0] + 1] >= LEAST_PARTNERS * max(1, len(later))
        return [(LADDER[0], rich, nothing), (LADDER[0], sound, nothing)]

    @cached_property
    def _bad_endings(self) -> BoolArray:
        return np.array([word in BAD_ENDINGS or word in PARTICLES for word in self.seat.lexicon.text])

    def _allowed(
        self, desk: Desk, draft: LineDraft, line: LinePlan, *, is_hook: bool = False, twice: bool = False
    ) -> bool:
        words = draft.words
        if words in desk.texts and not is_hook:
            return False
        if any(a == b for a, b in pairwise(words)):
            return False
        content = [int(self._stems[w]) for w in words if self.seat.lexicon.content[w]]
        if len(set(content)) < len(content) and not (is_hook or twice):
            return False
        spans = self.seat.spans
        if spans is None:
            return True
        around = desk.before(line.number, spans.size - 1), words, desk.after(line.number, spans.size - 1)
        return not spans.holds_any([word for part in around for word in part])

    def _keep(self, desk: Desk, place: int, line: LinePlan, control: Sequence[int]) -> None:
        words = fit_words(self.request.keep[line.number], line.phrase, number=line.number, language=self.seat.language)
        ids = tuple(self._ids[word.text.lower()] for word in words)
        desk.pen.tell([*control, *ids[::-1], self.seat.table.words.id("Line")])
        off = any(not ok for _, ok in LyricLine(line.number, words, line.phrase).stress_map())
        relaxed = ("stress: kept as it was written",) if off else ()
        self._note(desk, place, line, LineDraft(ids, 0.0), relaxed, said=words)

    def _note(
        self, desk: Desk, place: int, line: LinePlan, draft: LineDraft, relaxed: tuple[str, ...], *,
        said: tuple[SungWord, ...] = (), worth: float = 0.0,
    ) -> None:  # fmt: skip
        lexicon = self.seat.lexicon
        last = draft.words[-1]
        partner, tier = 0, ""
        group = desk.endings.setdefault((place, line.letter), [])
        if line.letter != FREE:
            for number, other in group:
                if number != line.number and number in desk.lines:
                    place_of = int(lexicon.rhymes_with(other, tier="assonance")[last])
                    partner, tier = number, TIERS[place_of] if place_of >= 0 else ""
        if all(number != line.number for number, _ in group):
            group.append((line.number, last))
        desk.lines[line.number] = LyricLine(
            line.number, said or self._said(draft, line), line.phrase, line.letter, tier, partner,
            draft.nats / (len(draft.words) + 1), relaxed, self.seat.language, self._ear.tones(draft.words, line), worth,
        )  # fmt: skip
        self._remember(desk, line, draft)

    def _remember(self, desk: Desk, line: LinePlan, draft: LineDraft) -> None:
        lexicon = self.seat.lexicon
        desk.ids[line.number] = draft.words
        desk.texts.add(draft.words)
        desk.openings.update((draft.words[:2], draft.words[:1]))
        desk.frames[self._ear.frame(draft.words)] += 1
        desk.pairs.update(self._ear.pairs(draft.words))
        desk.people.update(people([lexicon.text[w] for w in draft.words]))
        desk.used.update(int(self._stems[w]) for w in draft.words if lexicon.content[w])

    def _said(self, draft: LineDraft, line: LinePlan) -> tuple[SungWord, ...]:
        lexicon = self.seat.lexicon
        left = len(line.phrase)
        found: list[SungWord] = []
        free = self.request.metre == "free" and not line.phrase.is_timed
        for word in draft.words[::-1]:
            pattern = chosen_pattern(lexicon, word, line.phrase.strengths, left, free=free)
            pattern = pattern or chosen_pattern(lexicon, word, line.phrase.strengths, left, free=True)
            assert pattern is not None, "a draft fits its line"
            left -= len(pattern)
            found.append(SungWord(self._spelled(word), pattern))
        found = found[::-1]
        if self.seat.language == "en":
            found[0] = replace(found[0], text=found[0].text[:1].upper() + found[0].text[1:])
        return tuple(found)

    def _spelled(self, word: int) -> str:
        text = self.seat.lexicon.text[word]
        return text[:1].upper() + text[1:] if text in self.seat.lexicon.names or is_i(text) else text
