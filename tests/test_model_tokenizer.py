"""miditok's door to our tokens."""

from pathlib import Path

import pytest

from cocreate.files.midi import to_symusic
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.song import Key, Meter, Note, Part, Song

miditok_door = pytest.importorskip("cocreate.model.tokenizer")

TUNE = Song(
    parts=(Part((Note(0, 60, 480), Note(480, 64, 240), Note(720, 67, 720), Note(1440, 72, 1440))),),
    meters=(Meter(0, 3, 4),),
    keys=(Key(0, 0),),
)


def test_ids_are_those_of_the_vocabulary() -> None:
    made = miditok_door.tokenizer()
    assert [made.vocab[word] for word in Vocabulary().words] == list(range(len(Vocabulary())))


def test_a_tune_in_c_survives_encoding_and_decoding() -> None:
    made = miditok_door.tokenizer()
    tokens = made.encode(to_symusic(TUNE))
    back = made.decode(tokens)
    assert [(n.start, n.pitch, n.duration) for n in back.tracks[0].notes] == [
        (n.start_ticks, n.pitch, n.length_ticks) for n in TUNE.melody.notes
    ]
    assert (back.time_signatures[0].numerator, back.time_signatures[0].denominator) == (3, 4)


def test_grammar_errors_are_counted() -> None:
    made = miditok_door.tokenizer()
    tokens = made.encode(to_symusic(TUNE))
    assert made.tokens_errors(tokens) == 0
    del tokens.tokens[-3], tokens.ids[-3]  # a duration gone
    assert made.tokens_errors(tokens) > 0


def test_saved_parameters_make_the_same_tokenizer(tmp_path: Path) -> None:
    miditok_door.save_tokenizer(Vocabulary(), tmp_path)
    again = miditok_door.LeadSheetTokenizer(params=tmp_path / "tokenizer.json")
    assert again.vocab == miditok_door.tokenizer().vocab
