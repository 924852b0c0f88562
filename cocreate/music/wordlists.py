"""Words to keep away from: slurs, profanity, worn-out phrases, and old-fashioned diction.

Conventions:
    Whole words, lower case; nothing is searched inside words, so *cocoon*, *Scunthorpe* and *cockcrow* are innocent.
    ``BLOCKED`` is never written; ``STRONG`` only where it is asked for; clichés and archaic words cost nats. The words
    of ``BLOCKED`` stand here reversed, so that nobody meets them by reading the source.
"""

from __future__ import annotations

BLOCKED = frozenset(
    word[::-1]
    for word in """reggin sreggin aggin saggin ykrad seikrad yekrad syekrad nooc snooc ekik sekik cips scips knihc
    sknihc pow spow paj spaj koog skoog daehgar daehlewot toggaf stoggaf gaf sgaf ekyd sekyd ynnart seinnart drater
    sdrater dedrater tnuc stnuc epar depar separ gnipar tsipar elihpodep wauqs swauqs ynninakcip seinninakcip
    ynninaccip obmas niksder sniksder ottalum seottalum orgen seorgen ssergen ogad sogad kcabtew nehtaeh
    snehtaeh segavas ymmam eikrad""".split()
)
STRONG = frozenset(
    """fuck fucks fucking fucked fucker shit shits shitty bullshit bitch bitches bastard bastards whore whores slut
    sluts piss pissed pissing arse asshole assholes damned goddamn tits wanker twat bugger
    harlot harlots strumpet""".split()
)
CLICHES = frozenset(
    """neon echo echoes echoing shadows whisper whispers whispering whispered shimmer shimmering tapestry kaleidoscope
    symphony labyrinth ethereal crimson velvet silhouette silhouettes unspoken untold bittersweet serenade embers
    destiny soulmate starlit moonlit teardrop teardrops heartstrings angel angels dream dreams dreaming shattered
    bosom breast lute lyre rapture raptures fragrant azure dell glade blithe dreary balmy celestial bower bowers
    sweetest fairest dearest maiden maidens""".split()
)
CLICHE_PHRASES = (
    ("heart", "on", "fire"), ("dance", "in", "the"), ("dancing", "in", "the"), ("stand", "the", "test"),
    ("lost", "in", "your"), ("hold", "me", "tight"), ("end", "of", "time"), ("wings", "of"), ("sands", "of", "time"),
    ("deep", "inside"), ("from", "above"), ("stars", "above"), ("heaven", "above"), ("skies", "above"),
    ("day", "by", "day"), ("night", "and", "day"), ("heart", "and", "soul"), ("evermore",), ("forevermore",),
)  # fmt: skip
WORN_RHYMES = tuple(  # any two of a group rhyme in every second song
    frozenset(group.split())
    for group in (
        "day away way say stay today play", "night light bright sight right", "sky die high fly cry by",
        "heart apart start", "fire desire higher", "love above of", "eyes skies cries lies", "rain pain again",
        "sea me free be see", "know go ago so", "alone home gone", "mind find kind", "true you blue", "hand land sand",
    )
)  # fmt: skip
QUAINT = frozenset(
    """bade dwell dwells dwelt abode abide abides ere eve morn yonder nigh hither thither whither thence whence hence
    hark lo alas behold beheld amid amidst midst upon unto betwixt beneath o'er maid maids maiden lad lass lads lasses
    knight knights steed steeds sire foe foes hath doth thee thou thy thine ye fain gay gaily gayly mirth woe woes
    bliss bosom bosoms brow brows tis 'tis 'twas 'twere 'twill oft slumber slumbers slumbering weep weeps wept weeping
    bid bids bidding shalt wilt art yea nay dame dames lord lords king kings queen queens sword swords spear spears
    throne throne's crown crowns realm realms kingdom holy christ heaven heaven's god's divine immortal eternal mortal
    mortals muse thereof wherein whereof therein thereon whereon wherefore therefore thus doom dost nymph nymphs
    chariot shepherd shepherds flock vale vales glen dale hath'st o lest forth beauteous wondrous gleaming fount verdant
    warriors warrior savage toil toils perchance mayhap cease ceased cometh whilst till quoth spake methinks naught
    aught alack jehovah zion israel satan saviour messiah amen hosts cannon bugle bugles regiment trench captain
    sergeant soldiers soldier fray battle battle's valor valour gallant heroes hero chieftain slave slaves servant
    servants masters shilling shillings pence guinea guineas squire lordship carriage coachman plough scythe
    thro' tho' oer e'er ne'er ev'ry heav'n pow'r flow'r th' poesy sward lea mead strand billow billows zephyr""".split()
)
BAD_ENDINGS = frozenset(
    """a an the and or but nor of to at by for from with into upon onto unto than if as that this these those my your
    his her our their its whose which what who whom when while where because though although until till i'm i'll i've
    i'd you're you'll you've he's he'll she's she'll we're we'll they're they'll it's that's there's isn't don't
    won't can't wouldn't couldn't shouldn't didn't doesn't aren't wasn't weren't is are was were be been am will
    would shall should can could may might must has have had do does did so very too just even every each some any
    no such like about between among against toward towards upon during without within behind beneath beside beyond
    let let's oh o or and's very much many more most less own other another same not ever quite rather its whose
    how why or's i he she we they who's""".split()
)
# what songs are about: words that tell of it, for the taste features and for themes
TOPICS: dict[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "love": "love loved lover lovers kiss kissed kisses heart hearts dear darling sweetheart arms bride wedding"
        " tender honey baby embrace adore beloved 爱 情 心 君 郎 妾 鸳 鸯",
        "nature": "tree trees leaf leaves flower flowers rose roses grass bird birds wood woods field fields meadow"
        " spring summer autumn garden bloom green hill hills 花 草 树 春 秋 山 林 鸟 柳 竹",
        "weather": "rain rains raining wind winds storm storms snow cloud clouds sun sunshine mist fog thunder sky"
        " skies cold frost ice 雨 风 雪 云 雷 霜 露 寒",
        "sea": "sea seas ocean wave waves ship ships boat boats shore sail sails tide tides harbour harbor island beach"
        " sailor anchor river water 海 江 河 舟 船 浪 波 潮 帆",
        "town": "street streets city town train trains car cars road highway shop window windows crowd light lights"
        " station bus door wall corner bridge 城 街 楼 门 路 桥 市",
        "night": "night nights moon star stars dark darkness midnight evening dusk sleep dream dreams shadow shadows"
        " lamp morning dawn 夜 月 星 梦 灯 晚 晓",
        "home": "home house mother father child children brother sister room kitchen table bread fire family cradle"
        " door village 家 乡 母 父 儿 屋 归",
        "parting": "goodbye farewell gone leave leaving left lost alone lonely miss missed far away grave death dead"
        " die tears cry cried weep sorrow 别 离 愁 泪 恨 悲 断 死",
        "joy": "laugh laughed laughing dance dancing sing singing song songs play glad happy merry smile smiling joy"
        " fun wine cheer 笑 歌 舞 酒 乐 喜 欢",
        "work": "work working money pay job boss dollar dollars trade factory mine plough hands tired labour labor poor"
        " rich bank 钱 工 田 耕 贫 富",
    }.items()
}
