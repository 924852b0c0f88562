"""Chord charts by bar."""

from cocreate.model.corpus.charts import billboard_song, chart_text, read_improvisor_jazz, read_mcgill_billboard
from cocreate.model.corpus.symbols import SymbolReader, read_harte

BILLBOARD = """# title: T
# metre: 4/4
# tonic: A

0.0\tsilence
1.0\tA, intro, | A:min | (2/4) D:7 | E:7 . . A:min/b3 |, (synth
6.0\tB, verse, | C:maj G:maj | x2, synth)
10.0\t| A:min | A:min | ->
14.0\tend
"""
LEADSHEET = """(title T)(meter 4 4)
(part (type chords) (roadmap (blocks (chord Z 3))))
(section (style swing))
Dm7 | G7 / / C7 | NC |
(part
    (type melody)
)
 c4 d4 |
"""


def test_a_billboard_chart_keeps_bars_sections_and_odd_bars():
    song = billboard_song(BILLBOARD, title="T", read=SymbolReader(read_harte))
    chords = [(c.start_ticks, c.root, c.bass) for c in song.chords][:4]
    assert chords == [(0, 9, None), (1920, 2, None), (2880, 4, None), (4320, 9, 0)]
    assert [(m.start_ticks, str(m)) for m in song.meters] == [(0, "4/4"), (1920, "2/4"), (2880, "4/4")]
    assert [(s.start_ticks, s.label) for s in song.sections] == [(0, "intro"), (4800, "verse")]
    assert song.end_ticks == 4800 + 4 * 1920  # two bars by x2, two more
    assert (song.key.tonic, song.key.mode) == (9, "minor")
    assert song.tempo_bpm == 120  # 10 quarters in 5 s


def test_a_song_annotated_twice_comes_once(tmp_path):
    (tmp_path / "a.txt").write_text(BILLBOARD, encoding="utf-8")
    (tmp_path / "b.txt").write_text("0.0\tsilence\n", encoding="utf-8")
    rows = "file,title,artist\na.txt,T,X\na.txt,t,x\nb.txt,Empty,X\n"
    (tmp_path / "manifest.csv").write_text(rows, encoding="utf-8")
    assert [p.name for p in read_mcgill_billboard(tmp_path)] == ["T (X)"]


def test_a_leadsheet_is_what_stands_outside_brackets_before_the_melody():
    assert chart_text(LEADSHEET).split() == ["Dm7", "|", "G7", "/", "/", "C7", "|", "NC", "|"]


def test_a_leadsheet_has_chords_by_bar_and_a_style(tmp_path):
    (tmp_path / "chord_charts").mkdir()
    (tmp_path / "chord_charts" / "t.ls").write_text(LEADSHEET, encoding="utf-8")
    rows = "file,title,composer,meter,tempo,style\nchord_charts/t.ls,T Blues,,4 4,160.0,swing\n"
    (tmp_path / "manifest.csv").write_text(rows, encoding="utf-8")
    (piece,) = read_improvisor_jazz(tmp_path)
    chords = [(c.start_ticks, c.root, c.quality) for c in piece.song.chords]
    assert chords == [(0, 2, "m7"), (1920, 7, "7"), (3360, 0, "7"), (3840, None, "")]
    assert piece.styles == ("jazz", "swing", "blues")
    assert piece.tier == "B"
