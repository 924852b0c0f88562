"""The rules of single voices: no crossing, and how the voices of a choir move.

Conventions:
    Frame and steps of the piece as in ``bar_rules``; what tracks share is in ``part_rules``. A singer always finds a
    note that crosses nobody; what else it should do holds unless nothing would be left. Wishes are dropped in this
    order: no hidden fifths or octaves of the outer voices, spacing, small leaps, thirds and resolved leading notes;
    then chord tones on beats; then no parallel fifths and octaves.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from cocreate.model.part_rules import SHORTEST_STEPS, CompPen, Harmony, Line, NotePen, Setting, Voice
from cocreate.model.rules import BoolArray
from cocreate.model.vocabulary import Vocabulary

WIDEST_GAP = 12  # semitones between neighbours of the upper voices
WIDEST_LEAP = {"bass": 12}
INNER_LEAP = 7
STEP = 2  # semitones: the widest interval that is no leap
PERFECT = (0, 7)  # unisons and octaves, fifths
LEADING = 11
DOMINANTS = ({7, 11, 2}, {11, 2, 5})  # what makes the leading note of C want to rise


class VoicePen(NotePen):
    """One voice: a singer, or a bass or counter-melody that plays when it likes. It adds to the setting's voices."""

    def __init__(self, voice: Voice, setting: Setting, words: Vocabulary) -> None:
        super().__init__(voice, setting, words)
        self._mine = setting.voices[voice.name]
        self._above, self._below = setting.neighbours(voice.name)

    def allow(self, mask: BoolArray) -> bool:
        """Mark the ids that may come next; True when the voice may leave the bar here."""
        if self._stage == "pitch":
            self.allow_pitches(mask, self.pitches(self._onset))
            return False
        if self._stage == "length":
            self.allow_lengths(mask, self.room(self._onset, self._pitch))
            return False
        steps = self._entries()
        mask[[self.first["Position"] + step - self.line.start for step in steps]] = True
        if self.voice.sings:
            return not steps
        return not (steps and self.must_sound())

    def push(self, token: int) -> None:
        """Take the id that was chosen."""
        kind, value = self.words.types[token], int(self.words.values[token])
        if kind == "Position":
            self._onset, self._stage = self.line.start + value, "pitch"
        elif kind == "Pitch":
            self._pitch, self._stage = value, "length"
        else:
            self._stage = "position"
            self.notes.append((self._onset, self._pitch, value))
            self._mine.add(self._onset, self._pitch, value)

    def pitches(self, step: int) -> list[int]:
        """Pitches that a note at a step may have: the first of the ever weaker wishes that leaves any."""
        near = self._within(step)
        tuned = [pitch for pitch in near if pitch % 12 in self.pool(step)]
        if not self.voice.sings:
            leap = WIDEST_LEAP.get(self.name, INNER_LEAP)
            close = [pitch for pitch in tuned if not self.notes or abs(pitch - self.notes[-1][1]) <= leap]
            return close or tuned or near
        apart = [pitch for pitch in near if not self._is_parallel(step, pitch)]
        tuned_apart = [pitch for pitch in apart if pitch in tuned]
        best = [pitch for pitch in tuned_apart if self._is_placed(step, pitch) and self._is_led(step, pitch)]
        scale = [pitch for pitch in apart if pitch % 12 in self.setting.scale]
        return best or tuned_apart or scale or tuned or near

    def room(self, onset: int, pitch: int) -> int:
        """Steps a note may last: as any note's, and until a neighbour would be crossed."""
        most = super().room(onset, pitch)
        for lines, sign in ((self._above, 1), (self._below, -1)):
            for line in lines:
                for start, other in line.within(onset, onset + most):
                    if sign * (other - pitch) < 0 and start > onset:
                        most = min(most, start - onset)
                        break
        return most

    def _entries(self) -> list[int]:
        """Steps of the piece in this bar where the next note may begin; for a singer the one where it must."""
        line = self.line
        free = max(line.start, self._mine.ends[-1] if self._mine.ends else 0)
        if not self.voice.sings:
            on_grid = range(free + -(free - line.start) % 2, line.end, 2)
            return [step for step in on_grid if self.setting.end - step >= SHORTEST_STEPS and self._within(step)]
        lead = self.setting.voices[self.setting.leader]
        place = bisect_right(lead.starts, free) - 1
        if place >= 0 and lead.ends[place] - free >= SHORTEST_STEPS and self._within(free) and free < line.end:
            return [free]
        for following in lead.starts[place + 1 :]:
            if following >= line.end:
                break
            if self._within(following):
                return [following]
        return []

    def _within(self, step: int) -> list[int]:
        """Pitches of the range that cross no neighbour at a step."""
        above = [pitch for line in self._above if (pitch := line.pitch_at(step)) is not None]
        below = [pitch for line in self._below if (pitch := line.pitch_at(step)) is not None]
        low, high = max([self.voice.low, *below]), min([self.voice.high, *above])
        return list(range(low, high + 1))

    def _is_parallel(self, step: int, pitch: int) -> bool:
        """True when another voice would go with this one from one fifth, octave or unison to the next."""
        before = self._before(step)
        if before is None or before == pitch:
            return False
        for line in (*self._above, *self._below):
            move = line.move_at(step)
            if move is None:
                continue
            interval = (pitch - move[1]) % 12 if pitch >= move[1] else (move[1] - pitch) % 12
            earlier = abs(before - move[0]) % 12
            if interval in PERFECT and interval == earlier:
                return True
        return False

    def _is_placed(self, step: int, pitch: int) -> bool:
        """True when the note suits what sounds: near the voice above, no second leading note, a third heard."""
        upper = self._above[-1].pitch_at(step) if self._above and self.name != "bass" else None
        if upper is not None and upper - pitch > WIDEST_GAP:
            return False
        chord = self.setting.chord_at(step)
        if chord is None:
            return True
        sounding = [line.pitch_at(step) for line in (*self._above, *self._below)]
        if pitch % 12 == LEADING and any(other is not None and other % 12 == LEADING for other in sounding):
            return False  # a doubled leading note cannot resolve twice
        return not self._is_hollow(chord, [*sounding, pitch])

    def _is_led(self, step: int, pitch: int) -> bool:
        """True when the voice goes to the note as it should: no wide leap, leading notes resolved, nothing hidden."""
        before = self._before(step)
        if before is None:
            return True
        if abs(pitch - before) > WIDEST_LEAP.get(self.name, INNER_LEAP):
            return False
        if before % 12 == LEADING and self._is_resolving(step) and pitch not in self._resolutions(before):
            return False
        return not self._is_hidden(step, before, pitch)

    def _is_hollow(self, chord: Harmony, sounding: Sequence[int | None]) -> bool:
        """True when all voices sound and none has the third."""
        heard = [pitch % 12 for pitch in sounding if pitch is not None]
        return chord.third is not None and len(heard) == len(self.setting.order) and chord.third not in heard

    def _is_resolving(self, step: int) -> bool:
        """True when a dominant gives way at a step."""
        last, here = self.setting.chord_at(self.notes[-1][0]), self.setting.chord_at(step)
        if last is None or here is None or LEADING in here.tones:
            return False
        return any(tones <= last.tones for tones in DOMINANTS)

    def _resolutions(self, leading: int) -> tuple[int, ...]:
        """Where a leading note goes: up a semitone, in an inner voice also down a third."""
        return (leading + 1, leading - 4) if self._above and self._below else (leading + 1,)

    def _is_hidden(self, step: int, before: int, pitch: int) -> bool:
        """True when the outer voices would leap the same way into a fifth or octave."""
        order = self.setting.order
        outer = {order[0]: order[-1], order[-1]: order[0]}.get(self.name) if order else None
        move = self.setting.voices[outer].move_at(step) if outer in self.setting.voices else None
        if outer is None or move is None or (move[1] - move[0]) * (pitch - before) <= 0:
            return False
        top = move if outer == order[0] else (before, pitch)
        return abs(pitch - move[1]) % 12 in PERFECT and abs(top[1] - top[0]) > STEP

    def _before(self, step: int) -> int | None:
        """The pitch of the note before; None after a rest."""
        return self.notes[-1][1] if self.notes and self.notes[-1][0] + self.notes[-1][2] == step else None


def pens_of(voices: Sequence[Voice], setting: Setting, words: Vocabulary) -> list[NotePen]:
    """The pens of tracks that are written into a setting, in their order."""
    for voice in voices:
        if voice.together == 1:
            setting.voices[voice.name] = Line()
    return [(VoicePen if voice.together == 1 else CompPen)(voice, setting, words) for voice in voices]
