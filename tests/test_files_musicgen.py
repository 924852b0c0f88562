"""Audio models behind the engine "musicgen": tiny random folders that transformers saves, and audiocraft's own toy."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cocreate.errors import FileError, InputError
from cocreate.files import musicgen
from cocreate.files.audio import engine_of, render
from cocreate.files.musicgen import melody_chroma
from cocreate.music.song import Note, Part, Song, Tempo

RATE = 8_000


def tune(seconds: float = 2.0) -> Song:
    """C, E, G, rest at 120 bpm, and so on."""
    beats = int(seconds * 2)
    notes = tuple(Note(480 * i, 60 + 4 * (i % 3), 480) for i in range(beats) if i % 4 != 3)
    return Song((Part((*notes, Note(480 * beats - 240, 72, 240))),), tempos=(Tempo(0, 120.0),), style="jazz")


def write_tiny(folder: Path, *, hears: bool) -> Path:
    """A random MusicGen of a few thousand weights with a tokenizer of five words."""
    import torch
    import transformers as hf
    from tokenizers import Tokenizer, models, pre_tokenizers

    torch.manual_seed(0)
    codec = hf.EncodecConfig(
        audio_channels=1, sampling_rate=RATE, target_bandwidths=[2.0], num_filters=4, hidden_size=16,
        upsampling_ratios=[8, 5, 4], codebook_size=32, codebook_dim=16, num_lstm_layers=1, compress=2,
    )  # fmt: skip
    size = codec.codebook_size
    special = {"pad_token_id": size, "bos_token_id": size, "decoder_start_token_id": size}
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 32}
    text = hf.T5Config(vocab_size=8, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    kind: Any
    if hears:
        decoder = hf.MusicgenMelodyDecoderConfig(vocab_size=size, num_codebooks=4, **sizes, **special)
        config = hf.MusicgenMelodyConfig(
            text_encoder=text.to_dict(), audio_encoder=codec.to_dict(), decoder=decoder.to_dict(), chroma_length=64
        )
        kind = hf.MusicgenMelodyForConditionalGeneration
    else:
        decoder = hf.MusicgenDecoderConfig(vocab_size=size, num_codebooks=4, **sizes, **special)
        config = hf.MusicgenConfig(
            text_encoder=text.to_dict(), audio_encoder=codec.to_dict(), decoder=decoder.to_dict()
        )
        kind = hf.MusicgenForConditionalGeneration
    model = kind(config)
    for layer in model.audio_encoder.quantizer.layers:
        layer.codebook.embed.normal_()  # they begin as zeros: all codes would sound alike
    for name, value in special.items():
        setattr(model.generation_config, name, value)
    model.save_pretrained(folder)
    words = Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1, "<unk>": 2, "warm": 3, "jazz": 4}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    hf.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    if hears:
        (folder / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": RATE, "hop_length": 1024}))
    return folder


@pytest.fixture(scope="module", params=[False, True], ids=["musicgen", "musicgen_melody"])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("musicgen"), hears=request.param)


def test_a_tiny_model_plays_the_song_s_length_and_the_same_for_the_same_seed(tiny: Path) -> None:
    shares: list[float] = []
    raw = engine_of("musicgen", model=tiny, prompt="warm jazz", seed=3)(tune(), watch=shares.append)
    assert raw.rate_hz == RATE
    assert raw.length_s == pytest.approx(2.0, abs=0.15)
    assert len(shares) > 10
    assert shares == sorted(shares)
    again = engine_of("musicgen", model=tiny, prompt="warm jazz", seed=3)(tune(), watch=shares.append)
    other = engine_of("musicgen", model=tiny, prompt="warm jazz", seed=4)(tune(), watch=shares.append)
    assert np.array_equal(raw.samples, again.samples)
    assert not np.array_equal(raw.samples[:1000], other.samples[:1000])


def test_the_rendered_sound_is_normalised_like_any_other(tiny: Path) -> None:
    sound = render(tune(), engine_of("musicgen", model=tiny, prompt="warm"))
    assert 0.01 < np.abs(sound.samples).max() <= 10 ** (-1 / 20) + 1e-6


def test_a_song_longer_than_a_window_goes_on_from_the_end_of_the_one_before(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(musicgen, "WINDOW_S", 1.0)
    monkeypatch.setattr(musicgen, "OVERLAP_S", 0.4)
    sound = engine_of("musicgen", model=tiny)(tune(2.0), watch=lambda _share: None)
    assert sound.length_s == pytest.approx(2.0, abs=0.3)


def test_the_melody_s_chroma_are_its_pitch_classes_frame_by_frame() -> None:
    chroma = melody_chroma(tune(), frames=20, rate_hz=10.0)  # half a second a beat: five frames
    assert chroma.argmax(axis=1)[:15].tolist() == [0] * 5 + [4] * 5 + [8] * 5
    assert chroma[15:17].sum() == 0  # the rest
    assert chroma[18].argmax() == 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [(None, "no folder is named"), ("none", "there is no folder"), ("empty", "holds no MusicGen model")],
)
def test_without_weights_one_line_says_what_is_missing_how_to_get_it_and_its_licence(
    tmp_path: Path, name: str | None, reason: str
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileError, match=reason) as caught:
        engine_of("musicgen", model=None if name is None else tmp_path / name)
    assert "CC-BY-NC" in str(caught.value)
    assert "--model DIR" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_broken_folder_is_one_line(tiny: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text((tiny / "config.json").read_text())
    with pytest.raises(FileError, match="cannot be used as a model"):
        engine_of("musicgen", model=broken)


def test_options_of_other_engines_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="go with the engine musicgen"):
        engine_of("soundfont", prompt="warm")
    with pytest.raises(InputError, match="sound font goes with"):
        engine_of("musicgen", model=tmp_path, soundfont=tmp_path / "a.sf2")
    with pytest.raises(InputError, match="must be one of soundfont, fluidsynth, musicgen"):
        engine_of("organ")


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("audiocraft") is None, reason="needs audiocraft in an environment")
def test_audiocraft_s_toy_plays_the_song_s_length() -> None:
    shares: list[float] = []
    sound = engine_of("musicgen", model=Path("debug"), prompt="warm jazz", seed=1)(tune(), watch=shares.append)
    assert sound.length_s == pytest.approx(2.0, abs=0.1)
    assert np.abs(sound.samples).max() > 0
    assert shares
