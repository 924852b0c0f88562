"""The same tokens as a miditok tokenizer, so that miditok's data sets, checks and files work with our checkpoints.

Conventions:
    ids are those of ``vocabulary``; one sequence a piece. miditok costs 1.5 s to import, so that nothing on the way
    to a melody uses this module: it writes ``tokenizer.json`` into every checkpoint and serves people who work with
    miditok. Scores are symusic scores; a piece's first key, metre and tempo become its controls.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import symusic
from miditok import MusicTokenizer, TokenizerConfig
from miditok.classes import Event, TokSequence

from cocreate.files.midi import to_symusic
from cocreate.model.tokens import Controls, SheetBar, lay_out, sheet_of, song_of
from cocreate.model.vocabulary import METERS, PITCHES, STEPS_PER_QUARTER, TEMPO_EDGES, Vocabulary, bin_of
from cocreate.music.song import TICKS_PER_QUARTER, Key, Meter, Note, Part, Song, Tempo

_SPECIAL = ("PAD", "BOS", "EOS")
_MODES = {0: "major", 1: "minor"}
_DEFAULT_TEMPO = 120.0
_OWN_WORDS = "own_words"  # where tokenizer.json keeps the words that a fine-tuned checkpoint has beyond ours

# which type may follow which; the rules of form (``rules``) are stricter
GRAMMAR: dict[str, set[str]] = {
    "BOS": {"Task"},
    "Task": {"Style", "Mood", "Key", "TimeSig", "Tempo", "Bars", "Density", "Register", "Bar", "Ahead"},
    "Style": {"Style", "Mood", "Key", "TimeSig", "Tempo", "Bars", "Density", "Register", "Bar", "Ahead"},
    "Mood": {"Key", "TimeSig", "Tempo", "Bars", "Density", "Register", "Bar", "Ahead"},
    "Key": {"TimeSig", "Tempo", "Bars", "Density", "Register", "Bar", "Ahead"},
    "TimeSig": {"Tempo", "Bars", "Density", "Register", "Bar", "Ahead", "Position", "Track", "EOS"},
    "Tempo": {"Bars", "Density", "Register", "Bar", "Ahead"},
    "Bars": {"Density", "Register", "Bar", "Ahead"},
    "Density": {"Register", "Bar", "Ahead"},
    "Register": {"Bar", "Ahead"},
    "Bar": {"Bar", "TimeSig", "Position", "Track", "Ahead", "EOS"},
    "Ahead": {"Position", "Ahead", "Bar"},
    "Track": {"Position", "Track", "Bar", "EOS"},
    "Position": {"Pitch", "ChordRoot"},
    "Pitch": {"Duration"},
    "Duration": {"Position", "Bar", "Ahead", "EOS"},
    "ChordRoot": {"ChordQuality", "Position", "Bar", "Ahead", "Track", "EOS"},
    "ChordQuality": {"ChordBass", "Position", "Bar", "Ahead", "Track", "EOS"},
    "ChordBass": {"Position", "Bar", "Ahead", "Track", "EOS"},
    "PAD": {"PAD"},
    "EOS": {"PAD"},
}


class LeadSheetTokenizer(MusicTokenizer):  # type: ignore[misc]
    """miditok's interface to our tokens: ``encode(score)`` writes the task "melody", ``decode`` reads any melody."""

    def _tweak_config_before_creating_voc(self) -> None:
        self.config.use_velocities = False
        self.config.use_time_signatures = False  # our own TimeSig words; miditok would make others
        self.config.use_programs = True
        self.config.one_token_stream_for_programs = True
        self.config.special_tokens = [f"{name}_None" for name in _SPECIAL]

    def _create_base_vocabulary(self) -> list[str]:
        own = self.config.additional_params.get(_OWN_WORDS, ())
        return [*Vocabulary().words[len(_SPECIAL) :], *own]

    def _create_token_types_graph(self) -> dict[str, set[str]]:
        return {kind: set(following) for kind, following in GRAMMAR.items()}

    def _add_time_events(self, events: list[Event], time_division: int) -> list[Event]:  # noqa: ARG002
        return events  # positions come from the sheet

    def _tokens_errors(self, tokens: list[str | list[str]]) -> int:
        # miditok's own count resets positions at "Bar_None" alone; our bar words say how many bars are left
        kinds = [str(word).split("_", 1)[0] for word in tokens]
        return sum(after not in GRAMMAR[before] for before, after in pairwise(kinds))

    def encode(self, score: symusic.Score | Path | str, *_args: Any, **_options: Any) -> TokSequence:
        """Tokens of a score's melody (its highest notes), with key, metre, tempo and length as controls."""
        found = score if not isinstance(score, str | Path) else symusic.Score(score)
        song = song_from_score(found)
        words = Vocabulary()
        sheet = sheet_of(song, words)
        controls = Controls(
            mode=sheet.mode, meter=sheet.bars[0].meter, tempo=bin_of(sheet.tempo_bpm, TEMPO_EDGES), bars=len(sheet.bars)
        )
        body, _ = lay_out(sheet.bars, "melody", words, meter=controls.meter)
        ids = [*controls.ids("melody", words), *body, words.id("EOS")]
        return TokSequence(tokens=[words.words[i] for i in ids], ids=ids)

    def _tokens_to_score(
        self,
        tokens: TokSequence | list[TokSequence],
        programs: list[tuple[int, bool]] | None = None,  # noqa: ARG002
    ) -> symusic.Score:
        sequence = tokens[0] if isinstance(tokens, list) else tokens
        words = Vocabulary()
        meter, mode, bars = METERS[0], "major", list[SheetBar]()
        for word in sequence.tokens:
            kind, value = word.split("_", 1)
            if kind == "Key":
                mode = value
            elif kind == "TimeSig":
                meter = value
                if bars:
                    bars[-1] = SheetBar(meter, bars[-1].melody)
            elif kind == "Bar":
                bars.append(SheetBar(meter, ()))
            elif kind in ("Position", "Pitch", "Duration") and bars:
                bars[-1] = SheetBar(bars[-1].meter, (*bars[-1].melody, words.ids[word]))
        return to_symusic(song_of(bars, words, key=Key(0, 0, mode), tempo_bpm=_DEFAULT_TEMPO))


def song_from_score(score: symusic.Score) -> Song:
    """A symusic score's pitched notes as one part, with its first key, metre and tempo."""
    found = score.resample(TICKS_PER_QUARTER)
    notes = tuple(
        Note(int(note.start), int(note.pitch), max(1, int(note.duration)))
        for track in found.tracks
        if not track.is_drum
        for note in track.notes
    )
    signatures, keys, tempos = found.time_signatures, found.key_signatures, found.tempos
    return Song(
        parts=(Part(notes),),
        meters=(Meter(0, signatures[0].numerator, signatures[0].denominator),) if signatures else (Meter(0, 4, 4),),
        tempos=(Tempo(0, float(tempos[0].qpm)),) if tempos else (Tempo(0, _DEFAULT_TEMPO),),
        keys=(_key(int(keys[0].key), int(keys[0].tonality)),) if keys else (),
    )


def tokenizer(own_words: Sequence[str] = ()) -> LeadSheetTokenizer:
    """The tokenizer with our resolution: 24 steps to a quarter; ``own_words`` follow ours."""
    config = TokenizerConfig(
        pitch_range=(PITCHES[0], PITCHES[-1] + 1),
        beat_res={(0, 16): STEPS_PER_QUARTER},
        use_velocities=False,
        use_programs=True,
        one_token_stream_for_programs=True,
        special_tokens=list(_SPECIAL),
        **({_OWN_WORDS: list(own_words)} if own_words else {}),
    )
    return LeadSheetTokenizer(config)


def save_tokenizer(words: Vocabulary, folder: Path) -> None:
    """Write ``tokenizer.json`` beside the weights, after checking that miditok's ids are ours."""
    made = tokenizer(words.words[len(Vocabulary()) :])
    assert [word for word, _ in sorted(made.vocab.items(), key=lambda item: item[1])] == list(words.words)
    made.save(folder, filename="tokenizer.json")


def _key(sharps: int, tonality: int) -> Key:
    mode = _MODES.get(tonality, "major")
    return Key(0, (7 * sharps + (9 if mode == "minor" else 0)) % 12, mode)
