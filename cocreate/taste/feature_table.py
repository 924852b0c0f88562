"""The list of features: name, family, the words for much and little of it, and the usual centre and spread.

Conventions:
    The order is fixed: stored profiles depend on it, so a new feature goes to the end and none is taken out. Centre
    and spread are the trimmed mean and standard deviation over 960 excerpts (8 to 16 bars) of training pieces: jazz
    solos, fiddle tunes, hymns and pop songs, a quarter each; a checkpoint may carry its own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature; ``high`` and ``low`` are what a musician calls much and little of it."""

    name: str
    group: str
    high: str
    low: str
    centre: float
    spread: float


_TABLE = """
rising | contour | rising lines | falling lines | 0.472 | 0.066
turns | contour | lines that turn often | lines that keep their direction | 0.505 | 0.111
climax | contour | a late climax | an early climax | 0.426 | 0.254
slope | contour | an upward drift | a downward drift | 0.0385 | 0.305
arch | contour | arched phrases | bowl-shaped phrases | 0.0362 | 2.35
repeated_notes | intervals | repeated notes | few repeated notes | 0.136 | 0.112
semitones | intervals | semitone steps | few semitone steps | 0.166 | 0.107
whole_tones | intervals | whole-tone steps | few whole-tone steps | 0.345 | 0.118
minor_thirds | intervals | minor thirds | few minor thirds | 0.142 | 0.0776
major_thirds | intervals | major thirds | few major thirds | 0.0698 | 0.0579
fourths | intervals | fourths | few fourths | 0.0653 | 0.0472
tritones | intervals | tritones | no tritones | 0.00429 | 0.02
fifths | intervals | fifths | few fifths | 0.0281 | 0.0318
sixths | intervals | sixths | few sixths | 0.0196 | 0.0281
sevenths | intervals | leaps of a seventh | no leaps of a seventh | 0.00492 | 0.02
octaves | intervals | octave leaps | no octave leaps | 0.00813 | 0.02
mean_interval | intervals | wide leaps | small steps | 2.46 | 0.558
scale_runs | intervals | scale runs | few scale runs | 0.202 | 0.123
broken_chords | intervals | broken chords | few broken chords | 0.0442 | 0.0486
chromatic_runs | intervals | chromatic runs | no chromatic runs | 0.0145 | 0.034
sixteenths | rhythm | sixteenths | few sixteenths | 0.196 | 0.262
triplet_eighths | rhythm | triplet eighths | no triplet eighths | 0.0334 | 0.0631
eighths | rhythm | steady eighths | few eighths | 0.371 | 0.285
triplet_quarters | rhythm | swung lengths | no swung lengths | 0.0143 | 0.033
dotted_eighths | rhythm | dotted eighths | no dotted eighths | 0.0351 | 0.0536
quarters | rhythm | quarter notes | few quarter notes | 0.218 | 0.254
dotted_quarters | rhythm | dotted quarters | few dotted quarters | 0.0331 | 0.0431
halves | rhythm | half notes | few half notes | 0.0496 | 0.0827
long_notes | rhythm | long notes | few long notes | 0.0354 | 0.0415
rhythm_entropy | rhythm | varied rhythm | plain rhythm | 1.61 | 0.724
ratio_3_to_1 | rhythm | dotted rhythm | little dotted rhythm | 0.0497 | 0.0657
ratio_2_to_1 | rhythm | long-short pairs | few long-short pairs | 0.111 | 0.0728
ratio_equal | rhythm | even notes | uneven notes | 0.512 | 0.216
ratio_1_to_2 | rhythm | short-long pairs | few short-long pairs | 0.112 | 0.0669
ratio_1_to_3 | rhythm | snapped rhythm | no snapped rhythm | 0.0379 | 0.0453
on_beat | metre | notes on the beat | notes off the beat | 0.507 | 0.251
half_beat | metre | off-beat eighths | few off-beat eighths | 0.269 | 0.16
triplets | metre | triplets and swing | straight time | 0.0408 | 0.0722
sixteenth_places | metre | sixteenth off-beats | no sixteenth off-beats | 0.126 | 0.147
syncopation | metre | syncopation | little syncopation | 0.292 | 0.336
downbeats | metre | clear downbeats | bars that skip the downbeat | 0.797 | 0.236
off_beat_long | metre | long notes off the beat | long notes on the beat | 0.438 | 0.26
duple_metre | metre | duple metre | no duple metre | 0.839 | 0.367
triple_metre | metre | triple metre (3/4) | no triple metre | 0.074 | 0.261
compound_metre | metre | compound metre (6/8) | no compound metre | 0.0875 | 0.283
degree_0 | scale | much tonic | little tonic | 0.24 | 0.0895
degree_1 | scale | flat seconds | no flat seconds | 0.0134 | 0.0287
degree_2 | scale | much second degree | little second degree | 0.122 | 0.0717
degree_3 | scale | the minor third of the scale | no minor third of the scale | 0.0511 | 0.0746
degree_4 | scale | the major third of the scale | no major third of the scale | 0.114 | 0.092
degree_5 | scale | much fourth degree | little fourth degree | 0.093 | 0.0649
degree_6 | scale | sharp fourths | no sharp fourths | 0.0124 | 0.0251
degree_7 | scale | much fifth degree | little fifth degree | 0.159 | 0.0779
degree_8 | scale | flat sixths | no flat sixths | 0.0204 | 0.0367
degree_9 | scale | much sixth degree | little sixth degree | 0.0775 | 0.0639
degree_10 | scale | flat sevenths | no flat sevenths | 0.0443 | 0.0609
degree_11 | scale | leading notes | few leading notes | 0.0433 | 0.0464
minor_key | scale | minor keys | major keys | 0.298 | 0.457
chromatic | scale | chromatic notes | notes of the key only | 0.0643 | 0.103
pitch_entropy | scale | many different notes | few different notes | 2.63 | 0.358
blue_notes | scale | blue notes | no blue notes | 0.0315 | 0.0665
mean_pitch | register | a high register | a low register | 69.7 | 4.36
pitch_range | register | a wide range | a narrow range | 15.1 | 4.58
pitch_spread | register | notes spread wide | notes close together | 3.88 | 1.06
notes_per_beat | density | dense | sparse | 1.69 | 0.913
notes_per_second | density | many notes a second | few notes a second | 3.09 | 1.74
tempo | tempo | fast | slow | 6.86 | 0.585
motif_repeats | repetition | repeated motifs | ever new motifs | 0.0997 | 0.109
bar_repeats | repetition | repeated bars | few repeated bars | 0.0742 | 0.113
rhythm_repeats | repetition | repeated bar rhythms | ever new bar rhythms | 0.314 | 0.28
echo_1 | repetition | bars alike in rhythm | bars unlike in rhythm | 0.492 | 0.237
echo_4 | repetition | four-bar phrases that answer | no four-bar answers | 0.152 | 0.182
rests | phrases | many rests | few rests | 0.141 | 0.156
phrase_beats | phrases | long phrases | short phrases | 9.66 | 6.03
legato | phrases | legato | detached notes | 0.933 | 0.0912
ends_on_tonic | phrases | endings on the tonic | open endings | 0.371 | 0.416
ends_long | phrases | long last notes | short last notes | 1.05 | 0.965
minor_chords | chords | minor chords | few minor chords | 0.345 | 0.21
seventh_chords | chords | seventh chords | plain triads | 0.457 | 0.422
dominants | chords | dominant sevenths | few dominant sevenths | 0.236 | 0.3
altered_chords | chords | altered chords | no altered chords | 0.0466 | 0.0964
open_chords | chords | sus and power chords | no sus chords | 0.0363 | 0.0773
chords_per_bar | chords | quick chord changes | slow chord changes | 1.34 | 0.501
chord_tones | chords | chord tones on the beat | non-chord tones on the beat | 0.62 | 0.16
words_love | words | words of love | no words of love | 0.03 | 0.03
words_nature | words | words of nature | no words of nature | 0.03 | 0.03
words_weather | words | words of weather | no words of weather | 0.02 | 0.025
words_sea | words | words of the sea | no words of the sea | 0.015 | 0.025
words_town | words | words of the town | no words of the town | 0.015 | 0.02
words_night | words | words of the night | no words of the night | 0.025 | 0.025
words_home | words | words of home | no words of home | 0.015 | 0.02
words_parting | words | words of parting | no words of parting | 0.03 | 0.03
words_joy | words | words of joy | no words of joy | 0.015 | 0.02
words_work | words | words of work | no words of work | 0.01 | 0.015
words_glad | words | glad words | sad words | 0.15 | 0.35
words_old | words | old-fashioned words | plain modern words | 0.02 | 0.03
words_own | words | songs that say I | songs without an I | 0.05 | 0.04
words_repeat | words | refrains and repeats | ever new words | 0.2 | 0.15
"""


def _read() -> tuple[Feature, ...]:
    rows = [[cell.strip() for cell in line.split("|")] for line in _TABLE.strip().splitlines()]
    return tuple(Feature(row[0], row[1], row[2], row[3], float(row[4]), float(row[5])) for row in rows)


FEATURES = _read()
FEATURE_NAMES = tuple(feature.name for feature in FEATURES)
