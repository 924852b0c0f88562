#!/bin/sh
# Writes every song of this folder again: sh samples/lyrics/make.sh
set -e
rm -f samples/lyrics/01_*
write() { python -m cocreate.cli lyrics "$@" -n 1 --profile nobody --out samples/lyrics --force; }
write --theme "train station goodbye" --mood lonely --form V,C,V,C --seed 12
write --theme "rain on the harbour" --mood wistful --form V,C,V,C --title "Harbour Light" --rhyme ABAB --seed 11
write samples/07_hymn.mid --theme "evening home light" --mood calm --rhyme ABAB --seed 21
write --theme "street city night walking" --mood tense --form V,C,V,C --syllables 8,8,8,8 --rhyme AABB --seed 15
write --theme "mother kitchen bread table" --mood tender --form V,V --syllables 8,6,8,6 --rhyme ABCB --seed 16
write --theme "road horse morning" --mood hopeful --form V,C,V,C --title "Down The Road" --rhyme ABCB --seed 17
write --theme "dance fiddle party" --mood happy --form V,C,V --syllables 7,7,7,7 --metre trochaic --rhyme AABB --seed 18
write samples/03_folk_d_minor.mid --theme "sea ship sailor" --mood dark --rhyme AABB --seed 22
write --theme "letter window autumn" --mood wistful --form V,C,B,C --rhyme ABAB --seed 19
write --theme "money work boss" --mood angry --form V,C,V,C --rhyme ABCB --syllables 8,6,8,6 --seed 14
write --lang zh --theme 雨夜 --rhyme AABA --syllables 7,7,7,7 --form V,V --seed 3
write --lang zh --theme 江舟 --rhyme ABCB --syllables 5,5,5,5 --form V,V --seed 5
