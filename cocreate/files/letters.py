"""Letters of old files: which encoding the words of a file are in when it does not say.

Conventions:
    One answer for a whole file, from all of its words together: UTF-8 where they are that, Shift-JIS where they hold
    kana, GBK where bytes above ASCII come in pairs, else Latin-1 (with Windows' quotation marks).
"""

from __future__ import annotations

import re

UTF_8, SHIFT_JIS, GBK, LATIN_1 = "utf-8", "cp932", "gb18030", "cp1252"
_HIGH = re.compile(rb"[\x80-\xff]+")
_IN_A_WORD = re.compile(rb"(?<=[A-Za-z])([\xa1-\xff]{2})(?=[a-z])")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_CONTROLS = re.compile(rb"[\x80-\x9f]")  # in Latin-1 these are control characters, which no words hold
_MOSTLY = 0.9


def encoding_of(data: bytes) -> str:
    """The encoding that ``data`` (words of one file, joined by line ends) is in, as Python names it."""
    runs = _HIGH.findall(data)
    if not runs or _decodes(data, UTF_8):
        return UTF_8
    japanese = data.decode(SHIFT_JIS, "ignore") if _decodes(data, SHIFT_JIS) else ""
    if _CONTROLS.search(data) and _KANA.search(japanese):
        return SHIFT_JIS
    # letters of GB 2312 are two bytes above 0xA0; an accent of Latin-1 stands alone between ASCII letters
    lone = sum(len(match[1]) for match in _IN_A_WORD.finditer(data))  # "Größe" has a pair too
    paired = sum(len(run) for run in runs if len(run) % 2 == 0 and min(run) > 0xA0) - lone  # noqa: PLR2004 - GB 2312
    if paired >= _MOSTLY * sum(map(len, runs)) and _decodes(data, GBK):
        return GBK
    return LATIN_1


def decoded(data: bytes, encoding: str) -> str:
    """The text of ``data``; a byte that the encoding does not have is read as Latin-1."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
