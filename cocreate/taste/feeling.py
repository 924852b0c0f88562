"""Liking and disliking in a line of text, English or Chinese: words first, then a small trained model.

Conventions:
    A feeling lies in [-1, 1], 0 where nothing is felt. English is read by a lexicon of words with negation and degree.
    Chinese is read by a lexicon and, where that is silent, by a linear model over character n-grams, shipped as
    ``feeling.npz`` (made by `cocreate.evaluate.taste_text`); its say is cut when it is unsure.
"""

from __future__ import annotations

import re
from math import log, tanh

_GOOD = {
    "like": 1, "likes": 1, "liked": 1, "love": 2, "loves": 2, "loved": 2, "adore": 2, "enjoy": 1, "enjoyed": 1,
    "nice": 1, "great": 2, "good": 1, "beautiful": 2, "lovely": 2, "cool": 1, "catchy": 1, "wonderful": 2,
    "excellent": 2, "amazing": 2, "awesome": 2, "perfect": 2, "brilliant": 2, "superb": 2, "gorgeous": 2, "sweet": 1,
    "pretty": 1, "charming": 1, "delightful": 2, "fantastic": 2, "favourite": 2, "favorite": 2, "best": 2, "fun": 1,
    "interesting": 1, "soulful": 1, "tasty": 1, "elegant": 1, "warm": 1, "moving": 1, "touching": 1, "haunting": 1,
    "memorable": 1, "solid": 1, "inspired": 1, "inspiring": 1, "fresh": 1, "groovy": 1, "hooked": 1, "wow": 1,
    "masterpiece": 2, "stunning": 2, "impressive": 1, "pleasant": 1, "works": 1, "yes": 1, "gem": 2,
}  # fmt: skip
_BAD = {
    "dislike": 1, "dislikes": 1, "disliked": 1, "hate": 2, "hates": 2, "hated": 2, "bad": 1, "boring": 2, "bored": 1,
    "ugly": 2, "noisy": 1, "annoying": 2, "awful": 2, "dull": 1, "terrible": 2, "horrible": 2, "worst": 2, "weak": 1,
    "bland": 1, "messy": 1, "muddy": 1, "flat": 1, "cheesy": 1, "repetitive": 1, "monotonous": 1, "lame": 1,
    "poor": 1, "disappointing": 2, "disappointed": 1, "generic": 1, "tedious": 2, "harsh": 1, "grating": 2, "meh": 1,
    "mess": 1, "unpleasant": 1, "clumsy": 1, "lifeless": 1, "hectic": 1, "shrill": 1, "cluttered": 1, "skip": 1,
    "wrong": 1, "stiff": 1, "forgettable": 1, "overdone": 1, "trash": 2, "cannot stand": 2, "can't stand": 2,
}  # fmt: skip
_GOOD_ZH = {
    "喜欢": 1, "好听": 1, "不错": 1, "很棒": 2, "太棒": 2, "真棒": 2, "很美": 2, "优美": 1, "动听": 1, "好美": 2, "赞": 1,
    "悦耳": 1, "经典": 1, "惊艳": 2, "感动": 1, "爱了": 2, "最爱": 2, "完美": 2, "精彩": 2, "舒服": 1, "温暖": 1, "治愈": 1,
    "有趣": 1, "上头": 1, "抓耳": 1, "流畅": 1, "好评": 1, "推荐": 1, "满意": 1, "值得": 1, "漂亮": 1, "出色": 1, "优秀": 1,
    "超值": 1, "方便": 1, "贴心": 1, "热情": 1, "周到": 1, "干净": 1, "实惠": 1, "很好": 1, "挺好": 1, "非常好": 2, "太好": 2,
    "还好": 0.5, "清晰": 1, "好看": 1, "深刻": 1, "受益": 1, "开心": 1, "给力": 1, "惊喜": 1, "享受": 1, "美妙": 2, "爱": 1,
    "棒": 1, "带劲": 1, "有味道": 1, "耐听": 1, "绝了": 2, "牛": 1, "妙": 1,
}  # fmt: skip
_BAD_ZH = {
    "讨厌": 2, "难听": 2, "无聊": 1, "单调": 1, "一般般": 1, "糟糕": 2, "失望": 2, "难受": 1, "乏味": 1, "刺耳": 1, "烦": 1,
    "垃圾": 2, "太差": 2, "很差": 2, "差劲": 2, "较差": 1, "差": 1, "恶心": 2, "后悔": 1, "不值": 1, "上当": 2, "骗": 1,
    "破": 1, "脏": 1, "陈旧": 1, "吵": 1, "噪音": 1, "俗": 1, "生硬": 1, "拖沓": 1, "沉闷": 1, "毛病": 1, "问题": 0.5,
    "死机": 1, "投诉": 1, "麻烦": 1, "郁闷": 1, "晕": 0.5, "遗憾": 0.5, "可惜": 0.5, "缺点": 0.5, "不足": 0.5, "空洞": 1,
    "枯燥": 1, "啰嗦": 1, "肤浅": 1, "错误": 0.5, "贵": 0.5, "太闹": 1, "太乱": 1, "太慢": 1, "太快": 1, "平淡": 1, "廉价": 1,
    "敷衍": 1, "土": 0.5, "腻": 1, "听不下去": 2,
}  # fmt: skip
_NOT_EN = re.compile(r"(?:\bnot|\bnever|\bno|n't|\bdont|\bwithout|\bhardly)\s+(?:\w+\s+){0,2}$")
_NOT_ZH = re.compile(r"(?:不|没有|没|并不|并非|毫不|谈不上|算不上)(?:太|是|很|怎么|那么|够|觉得|算|会|能|什么)?$")
_MUCH_EN = re.compile(r"\b(?:very|really|so|extremely|absolutely)\s+$")
_TOO_EN = re.compile(
    r"\btoo\s+(?:\w+\s+)?(?:fast|slow|busy|loud|long|short|high|low|dense|simple|much|many|sad|thin)\b"
)
_NOT_ENOUGH = re.compile(r"(?:not|n't)\s+\w+\s+enough|不够")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_LONG_ENOUGH = 5  # characters; the trained model reads less as noise
_MARK = 0.6  # logits that a mark of the words is worth beside the trained model
_STEEP = 0.9  # of the curve from marks to a feeling
_UNSURE = 0.15  # a trained feeling below this is none


def feeling(text: str) -> float:
    """The feeling of a line, -1 to 1."""
    lower = text.lower()
    marks = words_say(lower)
    found = tanh(_STEEP * marks)
    if _HAN.search(lower):
        from cocreate.taste.feeling_model import chance_of_liking

        chance = chance_of_liking(lower)
        if chance is not None and (marks != 0 or len(lower) >= _LONG_ENOUGH):
            logit = log(chance / (1 - chance)) * (1.0 if marks == 0 else 0.5)
            found = tanh((logit + 2 * _MARK * marks) / 2)
    return 0.0 if abs(found) < _UNSURE else found


def words_say(lower: str) -> float:
    """The sum over the words of a line that the lexicons know, turned round by a "not" before them."""
    score = 0.0
    for word in re.finditer(r"[a-z']+", lower):
        value = _GOOD.get(word[0], 0) - _BAD.get(word[0], 0)
        if value:
            before = lower[: word.start()]
            if word[0] == "like" and re.search(r"(?:sounds?|feels?|looks?|more|just|something)\s+$", before):
                continue  # "sounds like" compares
            if word[0] == "pretty" and re.match(r"\s+\w+", lower[word.end() :]):
                continue  # "pretty dull"
            much = 1.5 if _MUCH_EN.search(before) else 1.0
            score += -value if _NOT_EN.search(before) else value * much
    score -= len(_TOO_EN.findall(lower))
    score -= len(_NOT_ENOUGH.findall(lower))
    taken: set[int] = set()
    for table, sign in ((_GOOD_ZH, 1), (_BAD_ZH, -1)):
        for word_zh in sorted(table, key=len, reverse=True):
            for found in re.finditer(re.escape(word_zh), lower):
                places = set(range(found.start(), found.end()))
                if places & taken:
                    continue
                taken |= places
                score += sign * table[word_zh] * (-1 if _NOT_ZH.search(lower[: found.start()]) else 1)
    return score
