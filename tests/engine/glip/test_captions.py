"""Captions, tokens and each class's places in them equal the original's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sdpt_engine.backbones.glip import GlipModel
from sdpt_engine.backbones.glip.captions import (
    class_tokens,
    clean_name,
    demonstration_phrases,
    detection_captions,
    evaluation_phrases,
    positive_map,
    to_tokens,
)
from sdpt_engine.backbones.glip.config import InputSettings
from sdpt_engine.backbones.glip.preprocess import resized_hw
from sdpt_engine.errors import VocabularyError
from sdpt_engine.types import ObjectClass
from tests.engine.glip.reference import Recorded, document


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, Any]:
    return document(folder, "text")


@pytest.fixture(scope="module")
def tokenizer(model: GlipModel) -> Any:
    return model.tokenizer()


def _keyed(labels: dict[str, list[int]]) -> dict[int, tuple[int, ...]]:
    return {int(label): tuple(places) for label, places in labels.items()}


def test_evaluation_captions_equal_the_original(told: dict[str, Any], tokenizer: Any) -> None:
    for example in told["eval_style_examples"]:
        phrases = evaluation_phrases(example["classes"])
        assert phrases.text == example["caption"]
        assert tokenizer(phrases.text)["input_ids"] == example["input_ids"]
        assert positive_map(tokenizer, phrases) == _keyed(example["positive_map"])


def test_demonstration_captions_equal_the_original(told: dict[str, Any], tokenizer: Any) -> None:
    for example in told["demo_style_examples"]:
        phrases = demonstration_phrases(example["classes"])
        assert phrases.text == example["caption"]
        assert [[list(span)] for span in phrases.spans] == example["char_spans"]
        assert positive_map(tokenizer, phrases) == _keyed(example["positive_map"])


def test_the_batch_of_the_reference_is_told_by_its_caption(
    told: dict[str, Any], tokenizer: Any, inputs: Recorded
) -> None:
    phrases = evaluation_phrases(told["main"]["classes"])
    tokens = to_tokens(tokenizer, [phrases.text] * 2, inputs["input_ids"].shape[1])
    inputs.check("input_ids", tokens.input_ids)
    inputs.check("attention_mask", tokens.attention_mask)
    inputs.check("special_tokens_mask", tokens.special_tokens_mask)
    places = positive_map(tokenizer, phrases).values()
    inputs.check("positive_map", class_tokens(list(places), tokens.input_ids.shape[1]))


def test_a_caption_that_is_too_long_is_cut_and_its_last_classes_refused(
    told: dict[str, Any], tokenizer: Any
) -> None:
    example = told["truncation_example"]
    phrases = evaluation_phrases(example["classes"])
    cut = to_tokens(tokenizer, [phrases.text], 256).input_ids[0].tolist()
    assert cut == example["input_ids_truncated"]
    places = positive_map(tokenizer, phrases)
    assert places == _keyed(example["positive_map"])
    with pytest.raises(VocabularyError, match="several captions"):
        class_tokens(list(places.values()), 256)


def test_names_are_cleaned_as_in_the_original(told: dict[str, Any]) -> None:
    for name, cleaned in told["clean_name"].items():
        assert clean_name(name) == cleaned


def test_sizes_equal_the_original(told: dict[str, Any]) -> None:
    small = told["resize_config"]
    limits = InputSettings(min_size_px=small["min"], max_size_px=small["max"])
    for settings, cases in (
        (InputSettings(), told["resize_800_1333"]),
        (limits, small["cases"]),
    ):
        for case in cases:
            assert list(resized_hw(tuple(case["wh"]), settings)) == case["hw_out"]


def test_captions_for_tuning_are_those_of_the_evaluation(
    told: dict[str, Any], tokenizer: Any
) -> None:
    names = told["main"]["classes"]
    classes = [ObjectClass(number, name, name) for number, name in enumerate(names)]
    (caption,) = detection_captions(tokenizer, classes, max_tokens=256)
    phrases = evaluation_phrases(names)
    assert list(caption.input_ids) == tokenizer(phrases.text)["input_ids"]
    assert caption.token_spans == tuple(positive_map(tokenizer, phrases).values())
