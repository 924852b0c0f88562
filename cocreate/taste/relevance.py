"""How much each feature of what is liked tells of what else is liked: weights learned on made listeners.

Conventions:
    A weight is what a nat of log-likelihood counts in log-odds (`learned`); features hang together, so all are far
    below 1. Learned by `cocreate.evaluate.taste_relevance` on listeners made of training pieces, each liking two styles
    and a half of one feature, any of them; a feature that no such piece has keeps the usual weight.
"""

from __future__ import annotations

import numpy as np

from cocreate.music.measures import Floats
from cocreate.taste.content import WIDE_NAMES

USUAL = 0.15
_TABLE = """
rising 0.02  turns 0.02  climax 0.108  slope 0.02  arch 0.155  repeated_notes 0.054  semitones 0.213
whole_tones 0.083  minor_thirds 0.229  major_thirds 0.175  fourths 0.02  tritones 0.02  fifths 0.02  sixths 0.029
sevenths 0.02  octaves 0.122  mean_interval 0.11  scale_runs 0.164  broken_chords 0.02  chromatic_runs 0.02
sixteenths 0.02  triplet_eighths 0.02  eighths 0.379  triplet_quarters 0.02  dotted_eighths 0.1  quarters 0.02
dotted_quarters 0.02  halves 0.02  long_notes 0.02  rhythm_entropy 0.02  ratio_3_to_1 0.048  ratio_2_to_1 0.031
ratio_equal 0.04  ratio_1_to_2 0.025  ratio_1_to_3 0.02  on_beat 0.02  half_beat 0.02  triplets 0.02
sixteenth_places 0.036  syncopation 0.02  downbeats 0.072  off_beat_long 0.02  duple_metre 0.05  triple_metre 0.02
compound_metre 0.059  degree_0 0.159  degree_1 0.02  degree_2 0.02  degree_3 0.02  degree_4 0.126  degree_5 0.086
degree_6 0.02  degree_7 0.02  degree_8 0.02  degree_9 0.034  degree_10 0.02  degree_11 0.098  minor_key 0.02
chromatic 0.02  pitch_entropy 0.02  blue_notes 0.02  mean_pitch 0.129  pitch_range 0.02  pitch_spread 0.02
notes_per_beat 0.224  notes_per_second 0.301  tempo 0.484  motif_repeats 0.02  bar_repeats 0.02  rhythm_repeats 0.02
echo_1 0.313  echo_4 0.244  rests 0.02  phrase_beats 0.138  legato 0.117  ends_on_tonic 0.289  ends_long 0.02
minor_chords 0.02  seventh_chords 0.437  dominants 0.02  altered_chords 0.02  open_chords 0.036
chords_per_bar 0.024  chord_tones 0.205  words_love 0.02  words_nature 0.02  words_weather 0.02  words_sea 0.02
words_town 0.02  words_night 0.02  words_home 0.02  words_parting 0.02  words_joy 0.02  words_work 0.02
words_glad 0.02  words_old 0.02  words_own 0.02  words_repeat 0.02  voices 0.245  sounding 0.02
onsets_per_beat 0.02  chordal 0.343  span 0.064  bass_notes 0.046  bass_walks 0.02  bass_leaps 0.095  bass_low 0.254
drums 0.231  drum_backbeat 0.231  swing_drums 0.231  words_per_beat 0.02  form_returns 0.219
"""
_LEARNED = dict(zip(_TABLE.split()[::2], map(float, _TABLE.split()[1::2]), strict=True))
RELEVANCE: Floats = np.array([_LEARNED.get(name, USUAL) for name in WIDE_NAMES])
