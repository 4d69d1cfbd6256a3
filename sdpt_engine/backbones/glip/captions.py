"""Class names to one caption, and each class's own tokens in it.

The evaluation's caption is "a. b. c" (no '.' at the end), the demonstration's "a . b . c . ".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sdpt_engine.backbones.base import Caption
from sdpt_engine.errors import BackboneUnavailableError, VocabularyError
from sdpt_engine.types import ObjectClass
from sdpt_engine.vocabulary import make_captions

_DEMO_SEPARATOR = " . "
_LOOKS_INWARD = 3  # characters tried from either end of a name, for a token that covers it


@dataclass(frozen=True, slots=True)
class Phrases:
    """A caption as text, and where each class's name stands in it: (begin, end) in characters."""

    text: str
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Captions as tokens, int64 [B, T] each; 1 is a real token, 1 is [CLS], [SEP] or padding."""

    input_ids: Tensor
    attention_mask: Tensor
    special_tokens_mask: Tensor


def clean_name(name: str) -> str:
    """A class name of a data set as the evaluation reads it: "stop_sign (red)" is "stop sign ".

    From the first '(' to the last ')' all is dropped.
    """
    return re.sub(r"\(.*\)", "", name).replace("_", " ").replace("  ", " ")


def evaluation_phrases(names: Sequence[str], separator: str = ". ") -> Phrases:
    """All names in one caption, as the evaluation puts them."""
    cleaned = [clean_name(name) for name in names]
    return Phrases(separator.join(cleaned), _spans(cleaned, len(separator)))


def demonstration_phrases(names: Sequence[str]) -> Phrases:
    """All names in one caption, as the demonstration puts a list of names."""
    text = "".join(name + _DEMO_SEPARATOR for name in names)
    return Phrases(text, _spans(names, len(_DEMO_SEPARATOR)))


def _spans(names: Sequence[str], gap: int) -> tuple[tuple[int, int], ...]:
    spans, begin = [], 0
    for name in names:
        spans.append((begin, begin + len(name)))
        begin += len(name) + gap
    return tuple(spans)


def positive_map(tokenizer: Any, phrases: Phrases) -> dict[int, tuple[int, ...]]:
    """Label (the first is 1) to token places, of the caption before any truncation.

    A label without any token is left out.
    """
    encoded = tokenizer(phrases.text)
    found = {}
    for label, (begin, end) in enumerate(phrases.spans, start=1):
        first = _first_token(encoded, [begin + step for step in range(_LOOKS_INWARD)])
        last = _first_token(encoded, [end - 1 - step for step in range(_LOOKS_INWARD)])
        if first is not None and last is not None:
            found[label] = tuple(range(first, last + 1))
    return found


def _first_token(encoded: Any, places: Sequence[int]) -> int | None:
    for place in places:
        token: int | None = encoded.char_to_token(place) if place >= 0 else None
        if token is not None:
            return token
    return None


def to_tokens(tokenizer: Any, texts: Sequence[str], max_tokens: int) -> TokenBatch:
    """Captions cut and padded to `max_tokens`."""
    encoded = tokenizer(
        list(texts),
        max_length=max_tokens,
        padding="max_length",
        truncation=True,
        return_special_tokens_mask=True,
    )
    names = ("input_ids", "attention_mask", "special_tokens_mask")
    return TokenBatch(*(torch.tensor(encoded[name]) for name in names))


def class_tokens(spans: Sequence[Sequence[int]], num_tokens: int) -> Tensor:
    """float [C, T] with 1 on each class's own tokens. Raises VocabularyError beyond `num_tokens`."""
    rows = torch.zeros(len(spans), num_tokens)
    for row, span in zip(rows, spans, strict=True):
        if span and max(span) >= num_tokens:
            raise VocabularyError(
                f"A class stands at token {max(span)} of the caption; the model reads {num_tokens}. "
                "Spread the classes over several captions."
            )
        row[list(span)] = 1.0
    return rows


def detection_captions(
    tokenizer: Any, classes: Sequence[ObjectClass], *, max_tokens: int, separator: str = ". "
) -> list[Caption]:
    """`make_captions` in the evaluation's manner: no separator after the last class.

    Raises BackboneUnavailableError for a separator of several tokens.
    """
    between = tokenizer(separator, add_special_tokens=False)["input_ids"]
    if len(between) != 1:
        raise BackboneUnavailableError(
            f"The model's classes are separated by '{separator}', {len(between)} tokens; only one is built here."
        )
    captions = make_captions(tokenizer, classes, max_tokens=max_tokens)
    return [_separated(caption, between[0]) for caption in captions]


def _separated(caption: Caption, between: int) -> Caption:
    """With the token `between` for '.', and nothing before [SEP]."""
    own = {place for span in caption.token_spans for place in span}
    first, *words, _, last = caption.input_ids
    ids = [word if place in own else between for place, word in enumerate(words, start=1)]
    return replace(caption, input_ids=(first, *ids, last))
