"""Odd and hostile files: each is a song or one clear line, in bounded time and memory."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cocreate.errors import CocreateError, FileError
from cocreate.files import read_song
from cocreate.files.letters import encoding_of
from cocreate.files.midi import midi_bytes
from cocreate.files.musicxml_write import musicxml_bytes
from cocreate.music.song import Note, Part, Song, Syllable

SECONDS_AT_MOST = 5.0
ODD_FILES = 1000  # half of them odd in every way at once, half in one
WORDS = {
    "latin-1": "été là-bas",
    "cp932": "さくらのうた",
    "gbk": "月亮代表我的心",
    "utf-8": "naïve 雨",
    "ascii": "la la",
}
END = b"\x00\xff\x2f\x00"


def length(value: int) -> bytes:
    """A variable-length quantity."""
    found = [value & 0x7F]
    while value := value >> 7:
        found.append(0x80 | value & 0x7F)
    return bytes(reversed(found))


def meta(kind: int, data: bytes) -> bytes:
    return bytes((0xFF, kind)) + length(len(data)) + data


def smf(tracks: list[bytes], *, kind: int = 1, division: bytes = b"\x01\xe0") -> bytes:
    head = b"MThd" + (6).to_bytes(4, "big") + kind.to_bytes(2, "big") + len(tracks).to_bytes(2, "big") + division
    return head + b"".join(b"MTrk" + len(track).to_bytes(4, "big") + track for track in tracks)


def odd_track(rng: random.Random, *, notes: int) -> bytes:
    """Events in no order that a sane program writes."""
    text = WORDS[rng.choice(list(WORDS))]
    encoded = text.encode(next(name for name, words in WORDS.items() if words == text))
    out, running = b"", -1
    for _ in range(notes):
        out += length(rng.choice((0, 0, 1, 60, 240, 480, 100_000 if rng.random() < 0.01 else 3)))
        what = rng.random()
        if what < 0.6:
            status = rng.choice((0x90, 0x90, 0x80)) | rng.randrange(16)
            if status != running or rng.random() < 0.3:
                out += bytes((status,))
                running = status
            out += bytes((rng.randrange(128), rng.choice((0, 1, 64, 127))))
            continue
        running = -1
        if what < 0.7:
            out += meta(0x51, rng.randrange(1 << 24).to_bytes(3, "big"))
        elif what < 0.75:
            out += meta(0x59, bytes((rng.randrange(256) if rng.random() < 0.1 else rng.randrange(8), rng.randrange(2))))
        elif what < 0.8:
            out += meta(0x58, bytes((rng.randrange(1, 9), rng.randrange(4), 24, 8)))
        elif what < 0.9:
            out += meta(rng.choice((1, 2, 3, 5, 6)), encoded)
        elif what < 0.93:
            out += b"\xf0" + length(4) + b"\x7e\x7f\x09\xf7"
        elif what < 0.96:
            out += meta(rng.randrange(0x60, 0x7F), bytes(rng.randrange(8)))
        else:
            out += bytes((0xC0 | rng.randrange(16), rng.randrange(128)))
    return out + (END if rng.random() < 0.9 else b"")


def odd_file(seed: int) -> bytes:
    rng = random.Random(seed)
    division = rng.choice((96, 120, 384, 480, 960, 1, 32767)).to_bytes(2, "big")
    if rng.random() < 0.05:
        division = bytes((rng.choice((0xE8, 0xE7, 0xE2)), 40))  # SMPTE
    kind = rng.choice((0, 1, 1, 1, 2 if rng.random() < 0.2 else 1))
    count = 1 if kind == 0 else rng.choice((1, 2, 4, 4, 4, 30))
    tracks = [b"" if rng.random() < 0.1 else odd_track(rng, notes=rng.choice((0, 5, 20, 60))) for _ in range(count)]
    data = smf(tracks, kind=kind, division=division)
    spoil = rng.random()
    if spoil < 0.15:
        data = data[: rng.randrange(len(data))]
    elif spoil < 0.4:
        broken = bytearray(data)
        for _ in range(rng.randrange(1, 8)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        data = bytes(broken)
    return data


def read(data: bytes, folder: Path, name: str) -> str:
    """ "song", or the reason why not; fails on anything else, or when it takes too long."""
    path = folder / name
    path.write_bytes(data)
    began = time.process_time()
    said = ""
    try:
        song = read_song(path)
    except CocreateError as error:
        said = str(error)
    assert time.process_time() - began < SECONDS_AT_MOST
    if said:
        assert "\n" not in said
        assert name in said
        return said
    assert song.parts or song.chords
    return "song"


def test_odd_midi_files_are_songs_or_one_clear_line(tmp_path: Path) -> None:
    found = Counter(read(odd_file(seed), tmp_path, "odd.mid") == "song" for seed in range(ODD_FILES // 2))
    assert found[True] > 200  # most are odd, not broken


def notes_in(rng: random.Random, count: int, *, channel: int = 0, ends: bool = True, running: bool = False) -> bytes:
    """Notes one after the other, their status said once with ``running``."""
    out = b""
    for place in range(count):
        pitch, status = rng.randrange(30, 90), bytes((0x90 | channel,))
        out += b"\x00" + (b"" if running and place else status) + bytes((pitch, rng.randrange(1, 128)))
        if ends:
            out += length(rng.randrange(1, 400)) + (b"" if running else status) + bytes((pitch, 0))
    return out


def storm(rng: random.Random, kind: int, values: list[bytes]) -> bytes:
    return b"".join(length(rng.randrange(1, 30)) + meta(kind, rng.choice(values)) for _ in range(300))


TEMPOS = [n.to_bytes(3, "big") for n in (0, 1, 200_000, 500_000, 0xFFFFFF)]
SIGNATURES = [bytes((n & 0xFF, mode)) for n in range(-9, 10) for mode in (0, 1, 2)]
# kind -> a file of it, and how many parts its song has (0: one clear line; None: either)
ODD_KINDS: dict[str, Callable[[random.Random], tuple[bytes, int | None]]] = {
    "type 0": lambda r: (
        smf([notes_in(r, 9) + notes_in(r, 9, channel=5) + notes_in(r, 9, channel=9) + END], kind=0),
        3,
    ),
    "type 2": lambda r: (smf([notes_in(r, 9) + END] * 2, kind=2), 0),
    "SMPTE": lambda r: (
        smf([notes_in(r, 9) + END], division=bytes((r.choice((0xE8, 0xE7, 0xE2)), r.randrange(256)))),
        0,
    ),
    "running status": lambda r: (smf([notes_in(r, 200, running=True) + END]), 1),
    "overlapping": lambda r: (smf([b"\x01\x90\x3c\x40" * 50 + b"\x01\x80\x3c\x40" * 50 + END]), 1),
    "hanging": lambda r: (smf([notes_in(r, 30, ends=False) + b"\x60\xff\x2f\x00"]), 1),
    "30 tracks": lambda r: (smf([notes_in(r, 5, channel=n % 16) + END for n in range(30)]), 30),
    "empty tracks": lambda r: (smf([END, b"", notes_in(r, 5) + END, END, notes_in(r, 5, channel=1) + END]), 2),
    "tempo storm": lambda r: (smf([storm(r, 0x51, TEMPOS) + END, notes_in(r, 9) + END]), 1),
    "key changes": lambda r: (smf([storm(r, 0x59, SIGNATURES) + END, notes_in(r, 9) + END]), 1),
    "words": lambda r: (smf([storm(r, 5, [w.encode(e) for e, w in WORDS.items()]) + END, notes_in(r, 9) + END]), 1),
    "truncated": lambda r: ((whole := smf([notes_in(r, 20) + END]))[: r.randrange(len(whole) - 4)], 0),
    "flipped": lambda r: (flipped(smf([notes_in(r, 20) + END] * 3), r), None),
}


def flipped(data: bytes, rng: random.Random) -> bytes:
    broken = bytearray(data)
    for _ in range(rng.randrange(1, 6)):
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
    return bytes(broken)


@pytest.mark.parametrize("kind", list(ODD_KINDS))
def test_each_kind_of_odd_file_is_read_or_refused_as_it_should_be(tmp_path: Path, kind: str) -> None:
    for seed in range(ODD_FILES // 2 // len(ODD_KINDS) + 1):
        data, parts = ODD_KINDS[kind](random.Random(seed))
        said = read(data, tmp_path, "odd.mid")
        if parts is not None:
            assert (said == "song") == bool(parts), (seed, said)
        if said == "song":
            song = read_song(tmp_path / "odd.mid")
            assert len(song.parts) == parts or parts is None
            for part in song.parts:
                ends: dict[int, int] = {}
                for note in part.notes:
                    assert ends.get(note.pitch, 0) <= note.start_ticks, "notes of one pitch overlap"
                    ends[note.pitch] = note.end_ticks


@pytest.mark.parametrize("encoding", list(WORDS))
def test_words_of_old_files_are_read_in_their_encoding(tmp_path: Path, encoding: str) -> None:
    words = WORDS[encoding]
    track = b"\x00" + meta(5, words.encode(encoding)) + b"\x00\x90\x3c\x40\x83\x60\x80\x3c\x40" + END
    (tmp_path / "old.mid").write_bytes(smf([track]))
    assert read_song(tmp_path / "old.mid").melody.syllables[0].text == words


def test_quotation_marks_of_windows_and_accents_are_no_chinese() -> None:
    for text in ("“quoted” — Überraschung", "Größe", "ÄÖÜ", "élan vital"):
        assert encoding_of(text.encode("cp1252")) == "cp1252"


def test_chinese_abc_of_an_old_program_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.abc").write_bytes("X:1\nT:月亮代表\nM:4/4\nL:1/4\nK:C\nCDEF|\n".encode("gbk"))
    assert read_song(tmp_path / "a.abc").title == "月亮代表"


# --- hostile ---------------------------------------------------------------------------------------------------------


def million_notes() -> bytes:
    return smf([b"\x00\x90\x3c\x40" + bytes((10, 60, 0, 0, 60, 64)) * 1_000_000 + END])


def many_notes_of_one_pitch_left_on() -> bytes:
    return smf([b"\x00\x90\x3c\x40" + bytes((0, 60, 64)) * 80_000 + bytes((1, 60, 0)) * 80_000 + END])


def tempo_storm() -> bytes:
    return smf([(b"\x01" + meta(0x51, b"\x07\xa1\x20")) * 68_000 + b"\x00\x90\x3c\x40\x60\x80\x3c\x40" + END])


def metre_storm() -> bytes:
    return smf([(b"\x1e" + meta(0x58, b"\x01\x06\x18\x08")) * 60_000 + b"\x00\x90\x3c\x40\x60\x80\x3c\x40" + END])


def packed(*names: str, data: bytes, container: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        if container:
            archive.writestr("META-INF/container.xml", container)
        for name in names:
            archive.writestr(name, data)
    return buffer.getvalue()


NOTE = b"<note><pitch><step>C</step><octave>4</octave></pitch><duration>1</duration></note>"
SCORE = b'<score-partwise><part id="P1"><measure>%s</measure></part></score-partwise>'
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><score-partwise>&b;</score-partwise>'
HOSTILE = {
    "gigabyte_track.mid": b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x01\xe0MTrk\x7f\xff\xff\xff\x00\x90\x3c\x40",
    "gigabyte_meta.mid": smf([b"\x00\xff\x01\xff\xff\xff\x7f" + b"x" * 20 + END]),
    "gigabyte_sysex.mid": smf([b"\x00\xf0\xff\xff\xff\x7f\x01\x02" + END]),
    "65535_tracks.mid": b"MThd\x00\x00\x00\x06\x00\x01\xff\xff\x01\xe0",
    "far_note.mid": smf([(b"\xff\xff\xff\x7f" + meta(1, b"")) * 500 + b"\x00\x90\x3c\x40\x60\x80\x3c\x40" + END]),
    "million_notes.mid": million_notes(),
    "left_on.mid": many_notes_of_one_pitch_left_on(),
    "tempo_storm.mid": tempo_storm(),
    "metre_storm.mid": metre_storm(),
    "laughs.musicxml": LAUGHS,
    "laughs_utf16.musicxml": LAUGHS.decode().encode("utf-16"),
    "zip_bomb.mxl": packed("a.xml", data=SCORE % (b" " * 100_000_000)),
    "zip_bomb_container.mxl": packed("a.xml", data=SCORE % b"", container=b" " * 100_000_000),
    "many_elements.musicxml": SCORE % (b"<a/>" * 4_500_000),
    "many_notes.musicxml": SCORE % (b"<note/>" * 250_000),
    "deep.musicxml": SCORE % (b"<a>" * 200_000 + b"</a>" * 200_000),
    "huge_duration.musicxml": SCORE
    % b"<note><pitch><step>C</step><octave>4</octave></pitch><duration>1e300</duration></note>",
    "nan_duration.musicxml": SCORE
    % b"<note><pitch><step>C</step><octave>4</octave></pitch><duration>nan</duration></note>",
    "long_note.abc": b"X:1\nL:1/1\nK:C\nC99999999999999999999|\n",
    "many_bars.abc": b"X:1\nK:C\n" + b"C|" * 900_000,
    "nested_repeats.abc": b"X:1\nK:C\n" + b"|:C:|" * 100_000,
    "tuplets.abc": b"X:1\nK:C\n(9:999999999:9 CCCCCCCCC|\n",
    "no_unit.abc": b"X:1\nL:1/0\nK:C\nCDEF|\n",  # found by fuzzing
    "quotes.abc": b"X:1\nK:C\n" + b'"' * 500_000,
    "no_end.krn": b"**kern\n4c\n" * 100_000,
    "wide.krn": b"\t".join([b"**kern"] * 50_000) + b"\n",
    "empty_tracks.mid": smf([END] * 41_000),
    "key_storm.mid": smf([(b"\x01" + meta(0x59, b"\x01\x00")) * 20_000 + b"\x00\x90\x3c\x40\x60\x80\x3c\x40" + END]),
    "attribute.musicxml": b'<score-partwise a="' + b"x" * 19_000_000 + b'"/>',
    "measures.musicxml": SCORE % (b"</measure><measure>" * 1_000_000),
    "parts.musicxml": SCORE % (b'</measure></part><part id="x"><measure>' * 500_000),
    "harmonies.musicxml": SCORE % (b"<harmony/>" * 1_000_000),
    "lyrics.musicxml": SCORE % NOTE.replace(b"</note>", b"<lyric><text>a</text></lyric>" * 100_000 + b"</note>"),
    "back.musicxml": SCORE % ((NOTE + b"<backup><duration>1</duration></backup>") * 20_000),
    "far.musicxml": SCORE % (b"<forward><duration>99999999999</duration></forward>" + NOTE),
    "loud.musicxml": SCORE % NOTE.replace(b"<note", b'<note dynamics="1e400"'),
    "long_stroke.musicxml": SCORE
    % b'<note release="9e300"><unpitched><display-octave>999</display-octave></unpitched><duration>1</duration></note>',
    "entries.mxl": packed(*[f"{n}.xml" for n in range(20_000)], data=b""),
    "long_text.mxl": packed("a.xml", data=SCORE % (b"x" * 60_000_000)),
    "elements.mxl": packed("a.xml", data=SCORE % (b"<a/>" * 1_000_000)),
    "rests.abc": b"X:1\nK:C\n" + b"Z64|" * 49_000 + b"C|",  # found here: 3 million bars
    "digits.abc": b"X:1\nK:C\nC" + b"9" * 150_000 + b"|",  # found here: Python refuses such numbers
    "metre.abc": b"X:1\nM:" + b"9" * 5_000 + b"/4\nK:C\nC|",
    "slashes.abc": b"X:1\nK:C\nC" + b"/" * 150_000 + b"|",
    "octaves.abc": b"X:1\nK:C\nC" + b"," * 190_000 + b"|",
    "voices.abc": b"X:1\nK:C\n" + b"".join(b"V:%d\nC|\n" % n for n in range(5_000)),
    "verses.abc": b"X:1\nK:C\nC|\n" + b"w:a\n" * 40_000,
    "bars.krn": b"**kern\n" + b"=1\n4c\n" * 20_000 + b"*-\n",
    "splits.krn": b"**kern\n" + b"".join(b"\t".join([b"*^"] * 2**n) + b"\n" for n in range(17)),
    "chord.krn": b"**kern\n" + b"4c " * 400_000 + b"\n*-\n",
    "number.krn": b"**kern\n" + b"9" * 200_000 + b"c\n*-\n",
    "breve.krn": b"**kern\n" + b"0" * 200_000 + b"c\n*-\n",
    "pitch.krn": b"**kern\n4" + b"c" * 1_000_000 + b"\n*-\n",
    "metre.krn": b"**kern\n*M9999999/1\n4c\n=\n4c\n*-\n",
}
MEGABYTES_AT_MOST = 1000
# reads each file in a process of its own, and says what that took
MEASURE = """
import json, os, sys
from pathlib import Path
from cocreate.errors import CocreateError
from cocreate.files import midi, notation, read_song
for path in map(Path, sys.argv[1:]):
    out, into = os.pipe()
    if not (pid := os.fork()):
        try:
            said = f"{len(read_song(path).parts)} parts"
        except CocreateError as error:
            said = str(error)
        os.write(into, said.encode()[:4000])
        os._exit(0)
    os.close(into)
    _, status, used = os.wait4(pid, 0)
    said = os.read(out, 4000).decode()
    os.close(out)
    print(json.dumps([path.name, status, used.ru_maxrss / 1024, used.ru_utime + used.ru_stime, said]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts a child's memory as Linux does, in kilobytes")
def test_hostile_files_are_a_song_or_one_clear_line_within_5_seconds_and_1_gigabyte(tmp_path: Path) -> None:
    for name, data in HOSTILE.items():
        (tmp_path / name).write_bytes(data)
    words = [sys.executable, "-c", MEASURE, *sorted(map(str, tmp_path.iterdir()))]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(row[0] for row in rows) == sorted(HOSTILE)
    for name, status, megabytes, seconds, said in rows:
        assert status == 0, (name, done.stderr[-500:])
        assert megabytes < MEGABYTES_AT_MOST, name
        assert seconds < SECONDS_AT_MOST, name
        assert "\n" not in said
        assert said.endswith(" parts") or name in said
        assert len(said) < 400, name


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=6), st.booleans())
def test_spoiled_musicxml_is_a_song_or_one_clear_line(
    tmp_path: Path, spots: list[tuple[int, int]], is_packed: bool
) -> None:
    words = (Syllable(0, "hey"),)
    data = bytearray(
        musicxml_bytes(Song((Part(tuple(Note(480 * i, 60 + i, 480) for i in range(8)), syllables=words),)))
    )
    if is_packed:
        data = bytearray(packed("a.xml", data=bytes(data)))
    for place, value in spots:
        data[place % len(data)] = value
    read(bytes(data), tmp_path, "spoiled.mxl" if is_packed else "spoiled.musicxml")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from([".mid", ".musicxml", ".mxl", ".abc", ".xml", ".krn"]))
def test_random_bytes_are_a_song_or_one_clear_line(tmp_path: Path, data: bytes, suffix: str) -> None:
    read(data, tmp_path, f"random{suffix}")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "hole.mid").open("wb") as file:
        file.truncate(10_000_000_000)  # a hole: no bytes on disk
    with pytest.raises(FileError, match="at most 500000 bytes"):
        read_song(tmp_path / "hole.mid")
    whole = midi_bytes(Song((Part((Note(0, 60, 480),)),)))
    assert read(whole, tmp_path, "whole.mid") == "song"
