"""``cocreate export``, ``render`` and ``import``: songs as other files, as sound, and from other programs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cocreate.cli.ideas import ForceOption, JsonOption
from cocreate.cli.show import print_json, say, share_bar
from cocreate.errors import FileError

if TYPE_CHECKING:
    from cocreate.music.song import Song

SongFile = Annotated[Path, typer.Argument(metavar="FILE", help="MIDI, MusicXML, ABC or kern.")]
EngineOption = Annotated[str, typer.Option("--engine", help="soundfont, fluidsynth or musicgen.")]
FeelOption = Annotated[
    bool, typer.Option("--humanise", help="Play it with feel: onsets at most 20 ticks off the grid, metric accents.")
]
FeelSeedOption = Annotated[int, typer.Option("--seed", help="Of the feel, and of what musicgen draws.")]
LoudnessOption = Annotated[float, typer.Option("--lufs", metavar="LUFS", help="How loud, -40 to -6.")]


def export(
    file: SongFile,
    outs: Annotated[
        list[Path],
        typer.Argument(
            metavar="OUT...",
            help="Their endings say what: .mid .musicxml .abc .krn .dawproject .pdf .png .svg .wav .ogg .flac .ustx"
            " .svp .lrc",
        ),
    ],
    *,
    stems: Annotated[bool, typer.Option("--stems", help="Beside a .mid, one file a part in a folder.")] = False,
    repeats: Annotated[
        bool, typer.Option("--repeats", help="In MusicXML, a section that comes twice stands once, as on pages.")
    ] = False,
    feel: FeelOption = False,
    seed: FeelSeedOption = 0,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a song as other kinds of files; the ending of each name says which."""
    from cocreate.files.export import check_kind, write_stems
    from cocreate.files.export import export as write

    kinds = [check_kind(out) for out in outs]
    for out in outs:
        if out.exists() and not force:
            raise FileError(f"{out} exists already; choose another name or give --force")
    song = _read(file, feel=feel, seed=seed)
    written: list[Path] = []
    for out, kind in zip(outs, kinds, strict=True):
        written += write(song, out, force=force, repeats=repeats)
        if stems and kind == "MIDI":
            written += write_stems(song, out, force=force)
    if as_json:
        print_json({"song": facts(song), "files": [str(path) for path in written]})
    else:
        for path in written:
            typer.echo(path)


def render(
    file: SongFile,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help=".wav, .ogg or .flac; else beside FILE.")
    ] = None,
    engine: EngineOption = "soundfont",
    soundfont: Annotated[Path | None, typer.Option(metavar="SF2", help="Another sound font than ours.")] = None,
    model: Annotated[Path | None, typer.Option(metavar="DIR", help="The audio model's folder, for musicgen.")] = None,
    prompt: Annotated[str, typer.Option(help="What musicgen is told, such as 'warm jazz trio'.")] = "",
    feel: FeelOption = False,
    seed: FeelSeedOption = 0,
    lufs: LoudnessOption = -16.0,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a song as sound: loudness to a target, no clipping, no silent tail."""
    began = time.monotonic()
    from cocreate.files.audio import audio_bytes, check_suffix, engine_of
    from cocreate.files.audio import render as play_into
    from cocreate.files.loudness import loudness_lufs, peak_dbfs
    from cocreate.files.output import write_bytes

    out = file.with_suffix(".wav") if out is None else out
    check_suffix(out.suffix)
    if out.exists() and not force:
        raise FileError(f"{out} exists already; choose another -o or give --force")
    song = _read(file, feel=feel, seed=seed)
    player = engine_of(engine, soundfont=soundfont, model=model, prompt=prompt, seed=seed)
    with share_bar("rendering") as watch:
        sound = play_into(song, player, target_lufs=lufs, watch=watch)
    write_bytes(out, audio_bytes(sound, out.suffix), force=force)
    loud, peak = loudness_lufs(sound.samples, sound.rate_hz), peak_dbfs(sound.samples)
    seconds = round(time.monotonic() - began, 2)
    if as_json:
        print_json({
            "file": str(out), "engine": engine, "length_s": round(sound.length_s, 3), "rate_hz": sound.rate_hz,
            "lufs": round(loud, 2), "peak_dbfs": round(peak, 2), "seconds": seconds,
        })  # fmt: skip
    else:
        typer.echo(out)
        say(f"{sound.length_s:.1f} s of sound, {loud:.1f} LUFS, peak {peak:.1f} dBFS, in {seconds:.1f} s.")


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="MIDI, MusicXML, ABC, kern, or sound.")],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The song as DAW-ready MIDI (or any kind).")
    ] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say what is in a file of another program, and write it as clean MIDI; of sound, what can be measured."""
    from cocreate.files import SUFFIXES, read_song
    from cocreate.files.export import export as write

    if file.suffix.lower() not in SUFFIXES:
        _import_sound(file, out, as_json=as_json)
        return
    song = read_song(file)
    written = write(song, out, force=force) if out is not None else ()
    if as_json:
        print_json({"song": facts(song), "files": [str(path) for path in written]})
        return
    for name, value in facts(song).items():
        typer.echo(f"{name}: {', '.join(value) if isinstance(value, list) else value}")
    for path in written:
        typer.echo(path)


def _read(file: Path, *, feel: bool, seed: int) -> Song:
    from cocreate.files import read_song
    from cocreate.music.feel import humanise

    song = read_song(file)
    return humanise(song, seed=seed) if feel else song


def facts(song: Song) -> dict[str, Any]:
    """What there is to say of a song before it is heard."""
    from cocreate.music.clock import clock_of
    from cocreate.music.theory import key_name

    return {
        "title": song.title, "bars": len(song.bars()), "metre": str(song.meter), "tempo": f"{song.tempo_bpm:g} bpm",
        "key": "not said" if song.key is None else key_name(song.key),
        "length": f"{clock_of(song).at(song.end_ticks):.1f} s",
        "parts": [f"{part.name} ({part.role}, {len(part.notes)} notes)" for part in song.parts],
        "chords": len(song.chords), "sections": [section.label for section in song.sections],
        "syllables": sum(len(part.syllables) for part in song.parts),
    }  # fmt: skip


def _import_sound(file: Path, out: Path | None, *, as_json: bool) -> None:
    from cocreate.errors import InputError
    from cocreate.files.audio import READ_SUFFIXES, read_audio
    from cocreate.files.listen import sound_facts

    if file.suffix.lower() not in READ_SUFFIXES:
        from cocreate.files import SUFFIXES

        raise InputError(f"a file must end in one of {', '.join(SUFFIXES + READ_SUFFIXES)}, got {file}")
    if out is not None:
        raise InputError("of sound only features are taken, no notes: leave out --out, or give a song")
    measured = sound_facts(read_audio(file))
    if as_json:
        print_json({"sound": measured})
    else:
        for name, value in measured.items():
            typer.echo(f"{name}: {value}")
