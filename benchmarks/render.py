"""How long a render takes: 16 bars of four parts, ours beside the program fluidsynth, and from import to sound.

Run:
    python benchmarks/render.py
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cocreate.files.audio import engine_of, render
from cocreate.files.midi import write_midi
from cocreate.files.synth import own_soundfont
from cocreate.music.clock import clock_of
from cocreate.music.song import Note, Part, Song, Tempo

TIMES = 5
START = """
import time; began = time.perf_counter()
from pathlib import Path
from cocreate.files import read_song
from cocreate.files.audio import render
from cocreate.files import player
import miniaudio
song = read_song(Path({path!r}))
sound = render(song)
class Heard(Exception): pass
def tell(seconds):
    if seconds > 0: print(time.perf_counter() - began); raise Heard
try: player.play_sound(sound, watch=tell, backends=[miniaudio.Backend.NULL])
except Heard: pass
"""


def sixteen_bars() -> Song:
    """Melody in eighths, chords in halves, bass in quarters, drums in eighths, at 120 bpm: 32 seconds."""
    tune = Part(tuple(Note(240 * i, 67 + (i * 5) % 12, 240) for i in range(128)), "Melody", program=73)
    comping = tuple(Note(960 * i, pitch + i % 3, 960) for i in range(32) for pitch in (55, 59, 62))
    bass = Part(tuple(Note(480 * i, 36 + (i * 7) % 12, 480) for i in range(64)), "Bass", "bass", 33)
    drums = Part(tuple(Note(240 * i, 36 if i % 4 == 0 else 42, 120) for i in range(128)), "Drums", "drums")
    return Song((tune, Part(comping, "Piano", "comping"), bass, drums), tempos=(Tempo(0, 120.0),))


def children_s() -> float:
    """Processor seconds of the programs started so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the table."""
    song = sixteen_bars()
    print(f"{clock_of(song).at(song.end_ticks):.0f} s of music, best of {TIMES}, wall and processor seconds")
    engines = {"ours (soundfont)": engine_of()}
    try:
        engines["libfluidsynth"] = engine_of("fluidsynth")
    except Exception as error:  # noqa: BLE001 - a benchmark says what it lacks and goes on
        print(f"libfluidsynth: {error}")
    for name, engine in engines.items():
        walls, processor = [], []
        for _ in range(TIMES):
            began, busy = time.perf_counter(), time.process_time()
            render(song, engine)
            walls.append(time.perf_counter() - began)
            processor.append(time.process_time() - busy)
        print(f"{name}: {min(walls):.2f} s, {min(processor):.2f} s (loudness and limiting included)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "song.mid"
        write_midi(song, path)
        if (program := shutil.which("fluidsynth")) is not None:
            font = Path(folder) / "own.sf2"
            font.write_bytes(own_soundfont())
            walls, busy = [], children_s()
            for _ in range(TIMES):
                began = time.perf_counter()
                words = [program, "-ni", "-q", "-r", "48000", "-F", f"{folder}/out.wav", str(font), str(path)]
                subprocess.run(words, check=True, capture_output=True)
                walls.append(time.perf_counter() - began)
            print(f"the program fluidsynth: {min(walls):.2f} s, {(children_s() - busy) / TIMES:.2f} s (raw)")
        walls, busy = [], children_s()
        for _ in range(TIMES):
            done = subprocess.run([sys.executable, "-c", START.format(path=str(path))], capture_output=True, check=True)
            walls.append(float(done.stdout))
        print(f"import to sound of `cocreate play`: {min(walls):.2f} s, {(children_s() - busy) / TIMES:.2f} s")


main()
