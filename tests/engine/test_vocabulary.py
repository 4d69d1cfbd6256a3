"""Classes become captions whose words are found by token id."""

import pytest
from transformers import BertTokenizer

from sdpt_engine.backbones import nano_folder
from sdpt_engine.errors import VocabularyError
from sdpt_engine.types import ObjectClass
from sdpt_engine.vocabulary import make_captions


@pytest.fixture(scope="module")
def tokenizer() -> BertTokenizer:
    return BertTokenizer(str(nano_folder() / "vocab.txt"))


def _classes(*texts: str) -> list[ObjectClass]:
    return [ObjectClass(i + 1, text, text) for i, text in enumerate(texts)]


def test_classes_that_share_a_word_keep_their_own_tokens(tokenizer: BertTokenizer) -> None:
    (caption,) = make_captions(tokenizer, _classes("nut", "bolt nut set"), max_tokens=64)
    words = [
        [tokenizer.convert_ids_to_tokens(caption.input_ids[i]) for i in span]
        for span in caption.token_spans
    ]
    assert words == [["nut"], ["bolt", "nut", "set"]]


@pytest.mark.parametrize("text", ["no. 7 screw", "really?", "a...b"])
def test_a_full_stop_inside_a_name_does_not_split_the_phrase(
    tokenizer: BertTokenizer, text: str
) -> None:
    (caption,) = make_captions(tokenizer, _classes(text, "cat"), max_tokens=64)
    inside = {caption.input_ids[i] for span in caption.token_spans for i in span}
    assert not inside & set(tokenizer.convert_tokens_to_ids([".", "?"]))


def test_two_hundred_classes_are_cut_into_captions_that_fit(tokenizer: BertTokenizer) -> None:
    captions = make_captions(
        tokenizer, _classes(*(f"kind {i}" for i in range(200))), max_tokens=128
    )
    assert [c.id for caption in captions for c in caption.classes] == list(range(1, 201))
    assert max(len(caption.input_ids) for caption in captions) <= 128


@pytest.mark.parametrize("text", ["", " . ", "?", "🦊", "ቡና", "猫", "ネジ"])
def test_a_class_without_a_word_is_refused(tokenizer: BertTokenizer, text: str) -> None:
    with pytest.raises(VocabularyError, match="no word"):
        make_captions(tokenizer, [ObjectClass(1, "odd", text)], max_tokens=64)


def test_a_text_that_fills_more_than_a_caption_is_refused(tokenizer: BertTokenizer) -> None:
    with pytest.raises(VocabularyError, match="at most 13"):
        make_captions(tokenizer, _classes("word " * 40), max_tokens=16)


@pytest.mark.parametrize("text", ["кошка", "café", "señal roja", "Größe"])
def test_names_in_other_scripts_are_read_piece_by_piece(
    tokenizer: BertTokenizer, text: str
) -> None:
    (caption,) = make_captions(tokenizer, _classes(text, "cat"), max_tokens=64)
    mine = [caption.input_ids[i] for i in caption.token_spans[0]]
    assert mine
    assert tokenizer.unk_token_id not in mine


@pytest.mark.parametrize("text", ["m8x20-bolt (zinc)", "left/right", "'quoted'", "50% grey", "a_b"])
def test_punctuation_stays_in_its_own_phrase(tokenizer: BertTokenizer, text: str) -> None:
    (caption,) = make_captions(tokenizer, _classes(text, "cat"), max_tokens=64)
    first, second = caption.token_spans
    assert len(first) == len(tokenizer(text, add_special_tokens=False)["input_ids"])
    assert set(first).isdisjoint(second)
