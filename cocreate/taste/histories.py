"""Listening histories of other programs, read into events: every row stored, refused with a reason, or a duplicate.

Conventions:
    A file is JSON, JSON lines or a table; its encoding is UTF-8 (with or without mark), UTF-16 with a mark, or GBK; a
    table's delimiter is comma, semicolon, tab or bar. Columns are known by name (`COLUMNS`), English or Chinese;
    unknown ones are named in the report. What kind of events a table holds its columns say: a rating, a comment, a
    verdict; else the file's name (favourites, skips); else plays. Nothing is guessed in silence: a row without a title
    or with a value that cannot be read is refused and counted, a time that is missing is counted and taken as now,
    a time without a zone is UTC, and a rating's scale is told.
    A row's *print* is a hash of what it says, so that the same row, in this file or in another run, is one event.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cocreate.errors import FileError, InputError
from cocreate.taste.events import KINDS, MAX_COMMENT_LENGTH, MAX_RATING, MAX_SECONDS, MIN_RATING, Event, HeardItem

# our name -> what other programs call it, folded
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "title": (
        "title", "track", "trackname", "track name", "name", "song", "song name", "song title", "master metadata track name",
        "歌曲", "歌名", "曲名", "标题", "歌曲名", "单曲",
    ),
    "artist": (
        "artist", "artistname", "artist name", "artists", "performer", "master metadata album artist name", "album artist",
        "歌手", "艺术家", "艺人", "演唱者", "歌手名",
    ),
    "album": ("album", "albumname", "album name", "release name", "master metadata album album name", "专辑", "专辑名"),
    "at": (
        "at", "time", "date", "timestamp", "ts", "uts", "utc time", "endtime", "end time", "listened at", "played at",
        "played on", "datetime", "added at", "rated at", "created at", "时间", "日期", "播放时间", "收听时间", "收藏时间",
    ),
    "milliseconds": ("msplayed", "ms played", "duration ms", "播放毫秒"),
    "seconds": ("seconds", "seconds played", "duration", "listen duration", "时长", "播放时长", "秒"),
    "count": ("count", "plays", "playcount", "play count", "listens", "weight", "次数", "播放次数"),
    "rating": ("rating", "score", "stars", "rate", "评分", "打分", "星级"),
    "text": ("text", "comment", "comments", "review", "note", "评论", "评价", "留言", "点评"),
    "kind": ("kind", "event", "action", "type", "verdict", "类型", "动作"),
    "skipped": ("skipped", "skip", "跳过"),
    "place": ("place", "where", "platform", "device", "country", "conn country", "scene", "地点", "设备", "场景"),
    "style": ("style", "genre", "genres", "风格", "流派"),
    "tags": ("tags", "tag", "标签"),
    "year": ("year", "release year", "年份", "年"),
}  # fmt: skip
_BY_NAME = {name: ours for ours, names in COLUMNS.items() for name in names}
_KIND_WORDS = {
    "listen": "play", "played": "play", "scrobble": "play", "播放": "play", "love": "favourite", "loved": "favourite",
    "favorite": "favourite", "like": "favourite", "收藏": "favourite", "喜欢": "favourite", "dislike": "skip",
    "hate": "skip", "不喜欢": "skip", "跳过": "skip", "rating": "rate", "评分": "rate", "review": "comment", "评论": "comment",
}  # fmt: skip
_NAME_KINDS = (
    (re.compile(r"favou?rite|liked|loved|starred|收藏|喜欢", re.IGNORECASE), "favourite"),
    (re.compile(r"skip|disliked|跳过", re.IGNORECASE), "skip"),
)
_DELIMITERS = ",;\t|"
_TIMES = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d",
    "%d %b %Y, %H:%M", "%d %b %Y %H:%M", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日",
)  # fmt: skip
_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
_YES = ("true", "1", "yes", "y", "是")
_MOST_EXAMPLES = 3
_BARE_LASTFM = ("artist", "album", "title", "at")  # the common export of Last.fm has no header


@dataclass(slots=True)
class ImportReport:
    """What became of a file's rows: every row is stored, a duplicate, or refused."""

    path: Path
    encoding: str = ""
    form: str = ""  # json, json lines, or a table and its delimiter
    rows: int = 0
    stored: int = 0
    duplicates: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # reason -> rows
    examples: list[str] = field(default_factory=list)
    missing: Counter[str] = field(default_factory=Counter)  # what was not said -> rows
    unknown: list[str] = field(default_factory=list)  # columns that were not read
    kinds: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            "path": str(self.path), "encoding": self.encoding, "form": self.form, "rows": self.rows,
            "stored": self.stored, "duplicates": self.duplicates, "refused": dict(self.refused),
            "examples": self.examples, "missing": dict(self.missing), "unknown_columns": self.unknown,
            "kinds": dict(self.kinds), "notes": self.notes,
        }  # fmt: skip

    def lines(self) -> list[str]:
        """What a person is told."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items()))
        lines = [
            f"{self.path.name} ({self.encoding}, {self.form}): {self.rows} rows, {self.stored} stored,"
            f" {self.duplicates} duplicates, {self.refused.total()} refused" + (f" ({kinds})" if kinds else "")
        ]
        lines += [f"  {count} refused: {reason}" for reason, count in self.refused.most_common()]
        lines += [f"    such as {example}" for example in self.examples]
        names = {"at": "a time, taken as now", "artist": "an artist"}
        lines += [f"  {count} without {names.get(name, name)}" for name, count in self.missing.most_common()]
        if self.unknown:
            lines.append(f"  columns not read: {', '.join(self.unknown)}")
        return lines + [f"  {note}" for note in self.notes]


@dataclass(frozen=True, slots=True)
class Read:
    """An event from a row, with the row's print."""

    event: Event
    print: str


def read_history(path: Path, report: ImportReport, *, now: str) -> Iterator[Read]:
    """The events of a file, one by one; the report is filled on the way.

    Args:
        now: the time of a row that has none, ISO 8601 with zone.

    Raises:
        FileError: if the file cannot be read or is neither JSON nor a table.
        InputError: if no column holds a title.
    """
    text, report.encoding = _decoded(path)
    rows = list(_rows(text, path, report))
    report.rows = len(rows) + report.refused.total()
    names = {name for row in rows for name in row}
    ours = {name: _BY_NAME.get(_folded(name)) for name in names}
    report.unknown = sorted(name for name, known in ours.items() if known is None and name)
    if rows and "title" not in ours.values():
        raise InputError(
            f"{path.name} must have a column for the title, such as title, track or 歌曲; got {', '.join(sorted(names))}"
        )
    told = [_ours(row, ours) for row in rows]
    scale = _rating_scale([row.get("rating", "") for row in told], report)
    named = next((kind for pattern, kind in _NAME_KINDS if pattern.search(path.stem)), "play")
    for number, row in enumerate(told, start=1):
        try:
            yield _event(row, named, scale, report, now)
        except InputError as error:
            reason = str(error).split(", got ", maxsplit=1)[0]
            report.refused[reason] += 1
            if len(report.examples) < _MOST_EXAMPLES:
                report.examples.append(f"row {number}: {error}")


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a metadata table under our names (`COLUMNS`, and ``file`` and ``words``).

    Raises:
        FileError: if the file cannot be read.
    """
    text, _ = _decoded(path)
    rows = list(_rows(text, path, ImportReport(path)))
    more = {"file": "file", "filename": "file", "path": "file", "文件": "file", "lyrics": "words", "歌词": "words"}
    names = {name: more.get(_folded(name)) or _BY_NAME.get(_folded(name)) for row in rows for name in row}
    return [_ours(row, names) for row in rows]


def _event(row: Mapping[str, str], named: str, scale: float, report: ImportReport, now: str) -> Read:
    kind = _kind(row, named)
    style = row.get("style", "").split(",")[0].split("|")[0].strip().lower()
    tags = tuple(t.strip() for t in re.split(r"[,;|、]", row.get("tags", "")) if t.strip())
    item = HeardItem.named(
        row.get("artist", ""), row.get("title", ""), album=row.get("album", ""), style=style, tags=tags,
        year=_year(row.get("year", "")),
    )  # fmt: skip
    for name in ("artist", "at"):
        if not row.get(name):
            report.missing[name] += 1
    at = _time(row["at"]) if row.get("at") else now
    rating = _rating(row.get("rating", ""), scale) if kind == "rate" else None
    text = row.get("text", "").strip() if kind == "comment" else ""
    if kind == "comment" and not text:
        raise InputError("a comment must have a text, got none")
    if len(text) > MAX_COMMENT_LENGTH:
        report.missing["the end of a long comment"] += 1
        text = text[:MAX_COMMENT_LENGTH]
    event = Event(
        kind, item, rating, text, at, count=_count(row.get("count", "")) if kind == "play" else 1,
        seconds=_seconds(row) if kind in ("play", "skip") else None, place=row.get("place", "").strip(),
    )  # fmt: skip
    report.kinds[kind] += 1
    said = [kind, item.id, event.at if row.get("at") else "", rating, text, event.count, event.seconds, event.place]
    return Read(event, hashlib.sha256(json.dumps(said).encode()).hexdigest()[:24])


def _kind(row: Mapping[str, str], named: str) -> str:
    said = row.get("kind", "").strip().lower()
    if said:
        kind = said if said in KINDS else _KIND_WORDS.get(said, "")
        if not kind:
            raise InputError(f"a kind must be one of {', '.join(KINDS)}, got {said!r}")
        return kind
    if row.get("skipped", "").strip().lower() in _YES:
        return "skip"
    for column, kind in (("text", "comment"), ("rating", "rate")):
        if row.get(column, "").strip():
            return kind
    return named


def _rating_scale(texts: Sequence[str], report: ImportReport) -> float:
    """The top of the file's rating scale, of 5, 10 and 100, and a note of which; 5 where there is no rating."""
    found = [value for text in texts if text.strip() and (value := _number(text)) is not None]
    if not found:
        return float(MAX_RATING)
    top = next((top for top in (5.0, 10.0, 100.0) if max(found) <= top), 0.0)
    report.notes.append(
        f"ratings from {min(found):g} to {max(found):g} were read as out of {top:g}"
        if top
        else f"ratings up to {max(found):g} fit no scale (5, 10, 100)"
    )
    return top


def _rating(text: str, top: float) -> int:
    value = _number(text)
    if value is None or top == 0 or not 0 <= value <= top:
        raise InputError(f"a rating must be a number in 0..{top:g}, got {text!r}")
    if top == MAX_RATING:
        return max(MIN_RATING, round(value))
    return MIN_RATING + round((MAX_RATING - MIN_RATING) * value / top)


def _time(text: str) -> str:
    """A time as ISO 8601, UTC: seconds or milliseconds since 1970, ISO, or as exports write it."""
    plain = text.strip()
    number = _number(plain) if re.fullmatch(r"\d{9,13}(?:\.\d+)?", plain) else None
    try:
        if number is not None:
            moment = datetime.fromtimestamp(number / (1000 if number > 1e11 else 1), UTC)  # noqa: PLR2004 - milliseconds
        else:
            moment = _spelled(plain)
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(f"a time must be a date that we can read, got {text!r}") from error
    if moment < _EARLIEST or moment.year > datetime.now(UTC).year + 1:
        raise InputError(f"a time must be after 1970 and not in the future, got {text!r}")
    return moment.isoformat()


def _spelled(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        for form in _TIMES:
            try:
                moment = datetime.strptime(text, form).replace(tzinfo=UTC)
                break
            except ValueError:
                continue
        else:
            raise
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _seconds(row: Mapping[str, str]) -> float | None:
    for column, unit in (("milliseconds", 1000.0), ("seconds", 1.0)):
        text = row.get(column, "").strip()
        if text:
            value = _number(text)
            if value is None or not 0 <= value / unit <= MAX_SECONDS:
                raise InputError(f"a length heard must be in 0..{MAX_SECONDS:.0f} s, got {text!r} ({column})")
            return value / unit
    return None


def _count(text: str) -> int:
    if not text.strip():
        return 1
    value = _number(text)
    if value is None or value < 1 or value != int(value):
        raise InputError(f"a count of plays must be a whole number from 1, got {text!r}")
    return int(value)


def _year(text: str) -> int | None:
    value = _number(text) if text.strip() else None
    return int(value) if value is not None and 1000 <= value <= 2100 else None  # noqa: PLR2004 - years


def _number(text: str) -> float | None:
    try:
        value = float(text.strip().replace(",", "." if text.count(",") == 1 and "." not in text else ""))
    except ValueError:
        return None
    return value if value == value and abs(value) < 1e15 else None  # noqa: PLR0124, PLR2004 - not NaN, not infinite


def _ours(row: Mapping[str, Any], names: Mapping[str, str | None]) -> dict[str, str]:
    """A row under our names; of two columns of one meaning the first that says something."""
    found: dict[str, str] = {}
    for name, value in row.items():
        known = names[name]
        if known is not None and value is not None and not found.get(known):
            found[known] = str(value).strip()
    return found


def _folded(name: str) -> str:
    return " ".join(re.sub(r"[_\-.]+", " ", name).strip().lower().split())


def _decoded(path: Path) -> tuple[str, str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace"), "utf-16"
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding), encoding.removesuffix("-sig")
        except UnicodeDecodeError:
            continue
    raise FileError(f"{path} must be text in UTF-8, UTF-16 or GBK; it is none of them")


def _rows(text: str, path: Path, report: ImportReport) -> Iterator[Mapping[str, Any]]:
    start = text.lstrip()[:1]
    if "\x00" in text:
        raise FileError(f"{path} must be text, got bytes of 0 in it")
    if path.suffix.lower() == ".jsonl" or (start == "{" and "\n{" in text):
        report.form = "json lines"
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                try:
                    yield _flat(json.loads(line))
                except (ValueError, InputError):
                    report.refused["a line must be a JSON object"] += 1
                    if len(report.examples) < _MOST_EXAMPLES:
                        report.examples.append(f"line {number}: no JSON object")
    elif start in ("[", "{"):
        report.form = "json"
        try:
            for row in _listed(json.loads(text)):
                yield _flat(row)
        except (ValueError, InputError) as error:
            raise FileError(f"{path} must be JSON with a list of events: {error}") from error
    else:
        yield from _table(text, report)


def _listed(value: Any) -> list[Any]:
    """The list of rows in a JSON value: itself, or the one list inside."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        for name in ("listens", "payload", "items", "tracks", "events", "data"):
            if name in value:
                return _listed(value[name])
        if "title" in value or "track_metadata" in value:
            return [value]
    raise InputError("no list of events in it")


def _flat(row: Any) -> dict[str, Any]:
    """A row whose inner objects (``track_metadata`` of ListenBrainz) are lifted out of it."""
    if not isinstance(row, dict):
        raise InputError("a row must be an object")
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            inner = {k: v for k, v in _flat(value).items() if k not in found}
            if name in ("track_metadata", "track", "song", "item"):
                found |= inner
            elif name == "additional_info" and "duration_ms" in inner:
                continue  # the track's own length, not what was heard of it
        elif isinstance(value, list):
            found[name] = ", ".join(str(v.get("name", v)) if isinstance(v, dict) else str(v) for v in value)
        elif isinstance(value, bool):
            found[name] = "true" if value else ""
        else:
            found[name] = value
    return found


def _table(text: str, report: ImportReport) -> Iterator[Mapping[str, Any]]:
    first = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    report.form = "table, " + {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}[delimiter]
    lines = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(cell.strip() for cell in row)]
    if not lines:
        return
    header = [cell.strip() for cell in lines[0]]
    if not any(_BY_NAME.get(_folded(name)) for name in header):
        if len(header) != len(_BARE_LASTFM):
            raise InputError(f"a table must begin with the names of its columns, got {', '.join(header[:6])}")
        header = list(_BARE_LASTFM)
        report.notes.append("no column names; read as artist, album, track, date (Last.fm)")
    else:
        lines = lines[1:]
    for row in lines:
        if len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
            report.refused["a row must not have more cells than the header"] += 1
            continue
        yield dict(zip(header, row, strict=False))
