"""Histories of other programs: read, refused or a duplicate, and every row counted."""

from __future__ import annotations

import json

import pytest

from cocreate.errors import FileError, InputError
from cocreate.taste.histories import ImportReport, read_history

NOW = "2026-01-01T00:00:00+00:00"


def read(path):
    report = ImportReport(path)
    return [one.event for one in read_history(path, report, now=NOW)], report


def write(tmp_path, name, text, encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def test_spotify_in_both_shapes(tmp_path):
    short = [{"endTime": "2023-05-01 12:30", "artistName": "A", "trackName": "B", "msPlayed": 61_000}]
    long = [
        {"ts": "2023-05-01T12:30:00Z", "ms_played": 5000, "master_metadata_track_name": "B", "skipped": True,
         "master_metadata_album_artist_name": "A", "master_metadata_album_album_name": "C", "platform": "ios"},
    ]  # fmt: skip
    events, _ = read(write(tmp_path, "StreamingHistory0.json", json.dumps(short)))
    assert [(e.kind, e.item.artist, e.item.title, e.seconds) for e in events] == [("play", "A", "B", 61.0)]
    events, _ = read(write(tmp_path, "endsong_0.json", json.dumps(long)))
    assert [(e.kind, e.item.album, e.seconds, e.place) for e in events] == [("skip", "C", 5.0, "ios")]
    assert events[0].at == "2023-05-01T12:30:00+00:00"


def test_listenbrainz_json_and_lines(tmp_path):
    listen = {"listened_at": 1_700_000_000, "track_metadata": {"artist_name": "A", "track_name": "B",
              "additional_info": {"duration_ms": 200_000}}}  # fmt: skip
    for name, text in (("listenbrainz.json", json.dumps({"payload": {"listens": [listen]}})),
                       ("listens.jsonl", json.dumps(listen) + "\nno json\n")):  # fmt: skip
        events, report = read(write(tmp_path, name, text))
        assert [(e.item.artist, e.item.title, e.seconds) for e in events] == [("A", "B", None)]
        assert report.refused.total() == (name == "listens.jsonl")


def test_lastfm_without_a_header(tmp_path):
    events, report = read(write(tmp_path, "lastfm.csv", '"A","C","B","01 May 2023 12:30"\n"A","","B2",""\n'))
    assert [(e.item.artist, e.item.album, e.item.title) for e in events] == [("A", "C", "B"), ("A", "", "B2")]
    assert (report.missing["at"], events[1].at) == (1, NOW)
    assert "Last.fm" in report.notes[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encodings_and_delimiters(tmp_path, encoding, delimiter):
    text = (
        delimiter.join(("歌手", "歌名", "评论", "心情")) + "\n" + delimiter.join(("王菲", "红豆", "很好听", "x")) + "\n"
    )
    (event,), report = read(write(tmp_path, "comments.csv", text, encoding))
    assert (event.kind, event.item.artist, event.item.title, event.text) == ("comment", "王菲", "红豆", "很好听")
    assert report.unknown == ["心情"]


@pytest.mark.parametrize(("top", "ratings"), [(5, (1, 5, 3)), (10, (10, 0, 5)), (100, (100, 0, 50))])
def test_ratings_of_any_usual_scale_and_the_report_says_which(tmp_path, top, ratings):
    text = "title,rating\n" + "".join(f"s{i},{r}\n" for i, r in enumerate(ratings))
    events, report = read(write(tmp_path, "ratings.csv", text))
    assert sorted(e.rating for e in events) == [1, 3, 5]
    assert f"out of {top}" in report.notes[0]


def test_favourites_are_known_by_the_file_and_plays_have_counts(tmp_path):
    assert read(write(tmp_path, "favourites.csv", "title,artist\nB,A\n"))[0][0].kind == "favourite"
    assert read(write(tmp_path, "我的收藏.csv", "歌名,歌手\nB,A\n"))[0][0].kind == "favourite"
    assert read(write(tmp_path, "plays.csv", "title,plays\nB,17\n"))[0][0].count == 17


def test_what_cannot_be_read_is_refused_and_counted(tmp_path):
    text = "title,time,plays\nA,yesterday,1\n,2023-01-01,1\nB,2023-01-01,many\nC,2023-01-01,2,extra\nD,2023-01-01,2\n"
    events, report = read(write(tmp_path, "history.csv", text))
    assert [e.item.title for e in events] == ["D"]
    assert (report.rows, report.refused.total()) == (5, 4)
    assert len(report.examples) == 3


def test_files_that_are_no_history_are_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="must begin with the names of its columns"):
        read(write(tmp_path, "x.csv", "1,2\n3,4\n"))
    with pytest.raises(InputError, match="must have a column for the title"):
        read(write(tmp_path, "x.csv", "artist,time\nA,2023-01-01\n"))
    with pytest.raises(FileError, match="list of events"):
        read(write(tmp_path, "x.json", '{"a": 1}'))
    with pytest.raises(FileError, match="cannot be read"):
        read(tmp_path / "none.csv")
