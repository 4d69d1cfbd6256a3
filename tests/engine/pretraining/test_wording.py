"""Captions ask for what is there, for what is not, and for both in other words."""

from __future__ import annotations

import random

from sdpt_engine.pretraining.lexicon import ANYTHING, KINDS, SYNONYMS
from sdpt_engine.pretraining.wording import Vocabulary, Wording, draw_wording

NAMES = ("cat", "cat face", "dog face", "banana", "lemon", "pear", "hammer", "bus", "taxi", "rose")
VOCABULARY = Vocabulary.of(NAMES)


def wordings(shown: tuple[str, ...], number: int = 200) -> list[Wording]:
    draw = random.Random(0)
    return [draw_wording(draw, shown, VOCABULARY, max_phrases=8) for _ in range(number)]


def test_no_phrase_stands_twice_and_none_too_many() -> None:
    for wording in wordings(("cat face", "banana", "lemon")):
        assert len(set(wording.phrases)) == len(wording.phrases) <= 8
        assert set(wording.phrase_of.values()) <= set(range(len(wording.phrases)))


def test_what_is_shown_goes_by_its_name_a_synonym_or_its_kind() -> None:
    for wording in wordings(("banana",)):
        phrase = wording.phrases[wording.phrase_of["banana"]] if wording.phrase_of else "banana"
        known = {"banana", *SYNONYMS["banana"], *ANYTHING, "fruit"}
        assert phrase in known or phrase.endswith(" banana")


def test_a_kind_speaks_for_all_of_its_members_that_are_shown() -> None:
    asked = [w for w in wordings(("banana", "lemon", "bus")) if "fruit" in w.phrases]
    assert asked
    for wording in asked:
        fruit = wording.phrases.index("fruit")
        assert wording.phrase_of["banana"] == wording.phrase_of["lemon"] == fruit
        assert not {"pear", "lemon", "banana"} & set(wording.phrases)


def test_siblings_share_their_last_word() -> None:
    assert VOCABULARY.siblings["cat face"] == ("dog face",)
    assert VOCABULARY.siblings["cat"] == ()


def test_a_scene_without_objects_gets_a_caption_too() -> None:
    for wording in wordings(()):
        assert not wording.phrase_of
        assert not set(wording.phrases) & set(ANYTHING)
    assert all(members for members in KINDS.values())
