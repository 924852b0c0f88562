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
    "好极了": 2, "超好": 2, "物美价廉": 2, "物超所值": 2, "性价比高": 2, "无可挑剔": 2, "爱不释手": 2, "百看不厌": 2,
    "百听不厌": 2, "引人入胜": 2, "一流": 2, "耳目一新": 2, "单曲循环": 2, "天籁": 2, "好喜欢": 2, "绝佳": 2,
    "好用": 1, "好吃": 1, "好玩": 1, "真好": 1, "最好": 1, "较好": 1, "良好": 1, "美好": 1, "友好": 1, "良心": 1,
    "到位": 1, "精致": 1, "精美": 1, "精巧": 1, "精辟": 1, "精品": 1, "细腻": 1, "细致": 1, "生动": 1, "透彻": 1,
    "有用": 1, "实用": 1, "受用": 1, "启发": 1, "启迪": 1, "收获": 1, "感人": 1, "震撼": 1, "共鸣": 1, "温馨": 1,
    "舒适": 1, "宽敞": 1, "明亮": 1, "整洁": 1, "便利": 1, "快捷": 1, "划算": 1, "愉快": 1, "高兴": 1, "快乐": 1,
    "幸福": 1, "幽默": 1, "放心": 1, "称赞": 1, "赞叹": 1, "佩服": 1, "欣赏": 1, "崇拜": 1, "信赖": 1, "难忘": 1,
    "回味": 1, "大气": 1, "帅": 1, "酷": 1, "强大": 1, "热心": 1, "礼貌": 1, "耐心": 1, "细心": 1, "亲切": 1,
    "体贴": 1, "没话说": 1, "没得说": 1, "首选": 1, "不愧": 1, "过瘾": 1, "动人": 1, "迷人": 1, "清新": 1, "悠扬": 1,
    "朗朗上口": 1, "神曲": 1, "感触": 0.5, "安静": 0.5, "便宜": 0.5, "合理": 0.5, "轻松": 0.5, "支持": 0.5,
    "期待": 0.5, "稳定": 0.5, "时尚": 0.5, "豪华": 0.5, "专业": 0.5, "完善": 0.5, "深入": 0.5, "抒情": 0.5,
    "通俗易懂": 2, "超赞": 2, "唯美": 2, "没问题": 1, "满足": 1, "喜爱": 1, "赞赏": 1, "靠谱": 1, "齐全": 1,
    "好多了": 1, "美观": 1, "小巧": 1, "轻便": 1, "灵敏": 1, "易懂": 1, "丰富": 1, "独到": 1, "独特": 1, "新颖": 1,
    "睿智": 1, "智慧": 1, "真诚": 1, "朴实": 1, "优雅": 1, "一如既往": 1, "受欢迎": 1, "爽": 1, "飞快": 1, "地道": 1,
    "正宗": 1, "可口": 1, "美味": 1, "感谢": 1, "够用": 0.5, "清楚": 0.5, "详细": 0.5, "全面": 0.5, "真实": 0.5,
    "还会": 0.5,
}  # fmt: skip
_BAD_ZH = {
    "讨厌": 2, "难听": 2, "无聊": 1, "单调": 1, "一般般": 1, "糟糕": 2, "失望": 2, "难受": 1, "乏味": 1, "刺耳": 1, "烦": 1,
    "垃圾": 2, "太差": 2, "很差": 2, "差劲": 2, "较差": 1, "差": 1, "恶心": 2, "后悔": 1, "不值": 1, "上当": 2, "骗": 1,
    "破": 1, "脏": 1, "陈旧": 1, "吵": 1, "噪音": 1, "俗": 1, "生硬": 1, "拖沓": 1, "沉闷": 1, "毛病": 1, "问题": 0.5,
    "死机": 1, "投诉": 1, "麻烦": 1, "郁闷": 1, "晕": 0.5, "遗憾": 0.5, "可惜": 0.5, "缺点": 0.5, "不足": 0.5, "空洞": 1,
    "枯燥": 1, "啰嗦": 1, "肤浅": 1, "错误": 0.5, "贵": 0.5, "太闹": 1, "太乱": 1, "太慢": 1, "太快": 1, "平淡": 1, "廉价": 1,
    "敷衍": 1, "土": 0.5, "腻": 1, "听不下去": 2,
    "劣质": 2, "低劣": 2, "恶劣": 2, "肮脏": 2, "欺骗": 2, "骗人": 2, "浪费": 2, "可恶": 2, "气愤": 2, "厌恶": 2,
    "盗版": 2, "无病呻吟": 2, "看不下去": 2, "读不下去": 2, "偷工减料": 2, "差评": 2, "最差": 2, "糟透": 2, "烂": 2,
    "难用": 2, "难吃": 2, "难以忍受": 2, "忍无可忍": 2, "跑调": 2, "走音": 2, "不好": 1, "不行": 1, "不佳": 1,
    "不满": 1, "不爽": 1, "不建议": 1, "不如": 1, "无语": 1, "失败": 1, "低级": 1, "粗糙": 1, "简陋": 1, "破旧": 1,
    "臭": 1, "异味": 1, "霉": 1, "冷漠": 1, "冷淡": 1, "忽悠": 1, "误导": 1, "虚假": 1, "坑": 1, "退货": 1, "返修": 1,
    "坏": 1, "故障": 1, "蓝屏": 1, "烫": 1, "嘈杂": 1, "狭小": 1, "冤枉": 1, "可笑": 1, "可气": 1, "生气": 1,
    "愤怒": 1, "恼火": 1, "怒": 1, "痛苦": 1, "头疼": 1, "头痛": 1, "崩溃": 1, "恐怖": 1, "反感": 1, "厌倦": 1,
    "罗嗦": 1, "冗长": 1, "繁琐": 1, "混乱": 1, "凌乱": 1, "杂乱": 1, "错别字": 1, "错字": 1, "缺页": 1, "抄袭": 1,
    "拼凑": 1, "浅薄": 1, "空泛": 1, "牵强": 1, "做作": 1, "矫情": 1, "幼稚": 1, "低俗": 1, "庸俗": 1, "鸡肋": 1,
    "马虎": 1, "缩水": 1, "难看": 1, "受不了": 1, "败笔": 1, "聒噪": 1, "呆板": 1, "尴尬": 1, "油腻": 1, "无奈": 0.5,
    "老旧": 0.5, "潮湿": 0.5, "假": 0.5, "维修": 0.5, "卡": 0.5, "发热": 0.5, "拥挤": 0.5, "昂贵": 0.5, "漏": 0.5,
    "凑合": 0.5, "勉强": 0.5, "将就": 0.5, "一般": 0.5, "难懂": 0.5, "弱": 0.5, "闷": 0.5,
    "不怎么样": 2, "不敢恭维": 2, "名不副实": 2, "言过其实": 2, "废话": 2, "狗屁": 2, "白痴": 2, "不耐烦": 2,
    "再也不": 2, "不会再": 2, "别买": 2, "最烂": 2, "言之无物": 2, "没用": 1, "没意思": 1, "没劲": 1, "无趣": 1,
    "不咋": 1, "欠缺": 1, "欠佳": 1, "缺陷": 1, "瑕疵": 1, "漏洞": 1, "噪声": 1, "划痕": 1, "掉漆": 1, "松动": 1,
    "异响": 1, "死板": 1, "生涩": 1, "晦涩": 1, "堆砌": 1, "炒作": 1, "噱头": 1, "胡说": 1, "弱智": 1, "傻": 1,
    "蠢": 1, "闹心": 1, "糟心": 1, "心寒": 1, "寒酸": 1, "脱落": 1, "破损": 1, "损坏": 1, "漏水": 1, "推诿": 1,
    "不理": 1, "慎重": 1, "警惕": 1, "慢": 0.5, "重复": 0.5, "谨慎": 0.5, "可怜": 0.5,
}  # fmt: skip
_NOT_EN = re.compile(r"(?:\bnot|\bnever|\bno|n't|\bdont|\bwithout|\bhardly)\s+(?:\w+\s+){0,2}$")
_NOT_ZH = re.compile(
    r"(?:不|没有|没|并不|并非|毫不|毫无|缺乏|缺少|谈不上|算不上|说不上|称不上)(?:太|是很|是|很|怎么|那么|够|觉得|算|会|能|什么|多大|有)?$"
)
_MUCH_EN = re.compile(r"\b(?:very|really|so|extremely|absolutely)\s+$")
_TOO_EN = re.compile(
    r"\btoo\s+(?:\w+\s+)?(?:fast|slow|busy|loud|long|short|high|low|dense|simple|much|many|sad|thin)\b"
)
_NOT_ENOUGH = re.compile(r"(?:not|n't)\s+\w+\s+enough|不够")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_LONG_ENOUGH = 5  # characters; the trained model reads less as noise
_MARK = 1.0  # logits that a mark of the words is worth beside the trained model
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
            steep = 0.5 if marks == 0 else _STEEP  # half the log-odds: the chance itself, from -1 to 1
            found = tanh(steep * (log(chance / (1 - chance)) + _MARK * marks))
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
        for word_zh in sorted((word for word in table if word in lower), key=len, reverse=True):
            for found in re.finditer(re.escape(word_zh), lower):
                places = set(range(found.start(), found.end()))
                if places & taken:
                    continue
                taken |= places
                score += sign * table[word_zh] * (-1 if _NOT_ZH.search(lower[: found.start()]) else 1)
    return score
