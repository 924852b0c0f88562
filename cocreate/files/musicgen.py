"""The engine "musicgen": an audio model hears the prompt, and where it can the song's melody, and plays.

Conventions:
    A model is a folder on disk: one that transformers saved (``Musicgen`` or ``MusicgenMelody``), or one that
    audiocraft exported (``state_dict.bin``); the name "debug" is audiocraft's own toy, which makes noise. Nothing is
    downloaded. A model that hears melodies gets ours as its chroma: the pitch class of the highest note, frame by
    frame. The sound is as long as the song. What is longer than the model was made for (30 s) is played in windows,
    each going on from the end of the one before.

Source:
    Copet et al., "Simple and Controllable Music Generation", 2023. We differ: the chroma come from notes, not sound.
"""

from __future__ import annotations

import importlib.machinery
import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cocreate.errors import FileError, InputError
from cocreate.files.audio import Engine, Sound
from cocreate.files.layout import top_line
from cocreate.music.clock import clock_of
from cocreate.music.song import Song

WINDOW_S, OVERLAP_S = 30.0, 5.0
DEBUG = "debug"
GUIDANCE, TOP_K = 3.0, 250  # as the authors play it
_MELODY_RATE_HZ, _MELODY_HOP = 32_000, 4_096  # frames of MusicgenMelody's chroma where its folder does not say
_HOW = (
    "give --model DIR, the folder of a MusicGen model (such as facebook/musicgen-small or -melody, got by"
    " `hf download NAME --local-dir DIR`; their weights are CC-BY-NC 4.0: no commercial use)"
)


def open_musicgen(folder: Path | None, *, prompt: str, seed: int) -> Engine:
    """The engine of the model in ``folder``; ``prompt`` is what it is told, ``seed`` is of what it draws.

    Raises:
        FileError: if the folder is missing or holds no MusicGen model, or audiocraft is needed and not installed.
    """
    if folder is None:
        raise FileError(f"musicgen needs a model, and no folder is named; {_HOW}")
    if folder.name == DEBUG and not folder.exists():
        return _Audiocraft(DEBUG, prompt=prompt, seed=seed)
    if not folder.is_dir():
        raise FileError(f"musicgen needs a model, and there is no folder {folder}; {_HOW}")
    if (folder / "state_dict.bin").is_file():
        return _Audiocraft(str(folder), prompt=prompt, seed=seed)
    kind = _kind(folder)
    if kind not in ("musicgen", "musicgen_melody"):
        raise FileError(f"{folder} holds no MusicGen model (config.json says {kind or 'nothing'}); {_HOW}")
    return _Transformers(folder, kind, prompt=prompt, seed=seed)


def melody_chroma(song: Song, *, frames: int, rate_hz: float) -> npt.NDArray[np.float32]:
    """The song's highest line as one-hot chroma (frames, 12); a rest keeps nothing set.

    Raises:
        InputError: if the song has no pitched part.
    """
    found = np.zeros((frames, 12), np.float32)
    clock = clock_of(song)
    for note in top_line(song.melody).notes:
        first = round(clock.at(note.start_ticks) * rate_hz)
        last = max(first + 1, round(clock.at(note.end_ticks) * rate_hz))
        found[first:last] = 0
        found[first:last, note.pitch % 12] = 1
    return found


def _kind(folder: Path) -> str:
    try:
        known = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return str(known.get("model_type", ""))
    except (OSError, ValueError, AttributeError):
        return ""


class _Transformers:
    """A folder that transformers saved; safetensors only."""

    def __init__(self, folder: Path, kind: str, *, prompt: str, seed: int) -> None:
        import torch
        import transformers

        classes = {
            "musicgen": "MusicgenForConditionalGeneration",
            "musicgen_melody": "MusicgenMelodyForConditionalGeneration",
        }
        options = {"local_files_only": True}
        try:
            model = getattr(transformers, classes[kind]).from_pretrained(folder, use_safetensors=True, **options)
            self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder, **options)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise FileError(f"{folder} cannot be used as a model: {' '.join(str(error).split())[:200]}") from error
        self._torch: Any = torch
        self._model: Any = model.eval()
        self._prompt, self._seed, self._hears = prompt, seed, kind == "musicgen_melody"
        self._chroma_hz = _chroma_rate(folder)

    def __call__(self, song: Song, *, watch: Callable[[float], None] = lambda _share: None) -> Sound:
        """The song's length of sound, window by window."""
        codec = self._model.config.audio_encoder
        rate, frame_hz = int(codec.sampling_rate), float(codec.frame_rate)
        length_s = _length_s(song)
        words = self._tokenizer([self._prompt or song.style or "music"], return_tensors="pt")
        state = self._torch.random.get_rng_state()
        pieces: list[npt.NDArray[np.float32]] = []
        try:
            self._torch.manual_seed(self._seed)  # transformers draws from the one generator of the process
            done_s = 0.0
            while done_s < length_s - 1e-3:
                heard_s = min(OVERLAP_S, done_s)
                fresh_s = min(WINDOW_S - heard_s, length_s - done_s)
                before = _tail(pieces, round(heard_s * rate))
                sound = self._window(words, song, before, done_s - heard_s, fresh_s, frame_hz, length_s, done_s, watch)
                pieces.append(sound[len(before) : len(before) + round(fresh_s * rate)])
                done_s += fresh_s
        finally:
            self._torch.random.set_rng_state(state)
        mono = np.concatenate(pieces)
        return Sound(np.repeat(mono[:, None], 2, axis=1), rate)

    def _window(  # noqa: PLR0917 - one window, and where it stands in the whole
        self,
        words: Any,
        song: Song,
        before: npt.NDArray[np.float32],
        begin_s: float,
        fresh_s: float,
        frame_hz: float,
        length_s: float,
        done_s: float,
        watch: Callable[[float], None],
    ) -> npt.NDArray[np.float32]:
        torch = self._torch
        count = max(8, round(fresh_s * frame_hz))
        given: dict[str, Any] = {}
        if self._hears:
            frames = max(1, round((fresh_s + len(before) / self._rate) * self._chroma_hz))
            first = round(begin_s * self._chroma_hz)
            chroma = melody_chroma(song, frames=first + frames, rate_hz=self._chroma_hz)[first:]
            given["input_features"] = torch.from_numpy(chroma)[None]  # (1, frames, 12)
        if len(before):
            sound = torch.from_numpy(before)[None, None]  # (1, 1, samples)
            if self._model.config.audio_encoder.audio_channels == 2:  # noqa: PLR2004 - stereo
                sound = sound.repeat(1, 2, 1)
            codes = self._model.audio_encoder.encode(sound).audio_codes  # (frames, 1, codebooks, T)
            given["decoder_input_ids"] = codes[0, 0, : self._model.config.decoder.num_codebooks]
        steps = [0]

        def tell(ids: Any, _scores: Any, **_more: Any) -> Any:
            steps[0] += 1
            watch(min(1.0, (done_s + fresh_s * min(1.0, steps[0] / count)) / length_s))
            return torch.zeros(len(ids), dtype=torch.bool)

        with torch.no_grad():
            found = self._model.generate(
                input_ids=words["input_ids"], attention_mask=words["attention_mask"], do_sample=True,
                guidance_scale=GUIDANCE, top_k=TOP_K, max_new_tokens=count, stopping_criteria=[tell], **given,
            )  # fmt: skip
        return np.asarray(found[0].mean(dim=0).float().cpu().numpy(), np.float32)

    @property
    def _rate(self) -> int:
        return int(self._model.config.audio_encoder.sampling_rate)


class _Audiocraft:
    """A folder that audiocraft exported, or its toy; audiocraft 1.3 beside a current torch."""

    def __init__(self, name: str, *, prompt: str, seed: int) -> None:
        self._torch, library = _import_audiocraft()
        try:
            self._model: Any = library.MusicGen.get_pretrained(name, device="cpu")
        except (OSError, ValueError, RuntimeError, KeyError, AssertionError) as error:
            raise FileError(f"{name} cannot be used as a model: {' '.join(str(error).split())[:200]}") from error
        self._prompt, self._seed = prompt, seed

    def __call__(self, song: Song, *, watch: Callable[[float], None] = lambda _share: None) -> Sound:
        """The song's length of sound; a model with chroma hears the song played by our sound font."""
        torch, length_s = self._torch, _length_s(song)
        rate = int(self._model.sample_rate)
        self._model.set_generation_params(
            duration=length_s, use_sampling=True, top_k=TOP_K, cfg_coef=GUIDANCE, extend_stride=WINDOW_S - OVERLAP_S
        )
        self._model.set_custom_progress_callback(lambda done, of: watch(min(1.0, done / max(1, of))))
        text = self._prompt or song.style or "music"
        state = torch.random.get_rng_state()
        try:
            torch.manual_seed(self._seed)
            if "self_wav" in self._model.lm.condition_provider.conditioners:
                from cocreate.files.synth import SoundFontSynth

                played = SoundFontSynth()(song)
                wave = torch.from_numpy(played.samples.T.copy())[None]
                found = self._model.generate_with_chroma([text], wave, played.rate_hz, progress=True)
            else:
                found = self._model.generate([text], progress=True)
        finally:
            torch.random.set_rng_state(state)
        samples = np.asarray(found[0].float().cpu().numpy().T, np.float32)  # (frames, channels)
        return Sound(np.repeat(samples, 2, axis=1) if samples.shape[1] == 1 else samples[:, :2], rate)


def _import_audiocraft() -> tuple[Any, Any]:
    """Torch and audiocraft's models, with stand-ins for what audiocraft imports and MusicGen does not use."""
    for name, parts in _STAND_INS.items():
        _stand_in(name, parts)
    try:
        import torch
        from audiocraft import models
    except ImportError as error:
        raise FileError(
            f"this model needs audiocraft, which cannot be imported ({error}); pip install --no-deps audiocraft==1.3.0,"
            " after soundfile av julius omegaconf einops num2words flashy torchmetrics"
        ) from error
    return torch, models


# audiocraft pins old versions of these; its MusicGen runs without them
_STAND_INS = {
    "xformers": ("ops",),
    "torchaudio": ("transforms", "functional"),
    "spacy": ("util",),
}


class _Absent(types.ModuleType):
    """A module that is not there: what is imported from it is an empty class, which nothing may use."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def _stand_in(name: str, parts: tuple[str, ...]) -> None:
    """A module of that name that holds nothing, where there is none."""
    if name in sys.modules:
        return
    try:
        __import__(name)
    except (ImportError, OSError):  # OSError: a build for another torch
        for module in (name, *(f"{name}.{part}" for part in parts)):
            stand_in: Any = _Absent(module)
            stand_in.__spec__ = importlib.machinery.ModuleSpec(module, None)
            stand_in.__path__ = []
            stand_in.__version__ = "0.0.0"
            sys.modules[module] = stand_in
            if module != name:
                setattr(sys.modules[name], module.rpartition(".")[2], stand_in)
        known: Any = sys.modules[name]
        if name == "xformers":
            known.ops.unbind = lambda tensor, dim=0: tensor.unbind(dim)
        elif name == "spacy":  # which cuts a text of audiocraft's toy into words
            known.load = lambda _language: (
                lambda text: [
                    types.SimpleNamespace(text=word, lemma_=word.lower(), is_stop=False) for word in text.split()
                ]
            )


def _chroma_rate(folder: Path) -> float:
    try:
        known = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
        return float(known["sampling_rate"]) / float(known["hop_length"])
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return _MELODY_RATE_HZ / _MELODY_HOP


def _length_s(song: Song) -> float:
    length = clock_of(song).at(song.end_ticks)
    if length <= 0:
        raise InputError("musicgen needs a song with a length, got an empty one")
    return length


def _tail(pieces: list[npt.NDArray[np.float32]], count: int) -> npt.NDArray[np.float32]:
    """The last ``count`` samples of what there is."""
    if not pieces or count <= 0:
        return np.zeros(0, np.float32)
    return np.concatenate(pieces)[-count:]
