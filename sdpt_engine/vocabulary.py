"""From class texts to captions, by token id: no phrase is ever found again by decoding text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sdpt_engine.backbones.base import Caption
from sdpt_engine.errors import VocabularyError
from sdpt_engine.types import ObjectClass

# Grounding DINO cuts a caption into phrases at these, so they cannot stand inside a class's text.
_PHRASE_ENDS = re.compile(r"[.?]+")
_FRAME_TOKENS = 2  # [CLS] and [SEP]


@dataclass(frozen=True, slots=True)
class _Phrase:
    owner: ObjectClass
    ids: tuple[int, ...]


def make_captions(
    tokenizer: Any, classes: Sequence[ObjectClass], *, max_tokens: int
) -> list[Caption]:
    """Captions that hold every class once, in order, each at most `max_tokens` long.

    `tokenizer` is a Hugging Face BERT tokenizer. Raises VocabularyError when there is no class, or one whose
    text is empty, unknown to the tokenizer as a whole, or too long for a caption of its own.
    """
    if not classes:
        raise VocabularyError("There is no class to look for. Add one first.")
    captions: list[Caption] = []
    pending: list[_Phrase] = []
    for phrase in (_phrase(tokenizer, item, max_tokens) for item in classes):
        if pending and _length([*pending, phrase]) > max_tokens:
            captions.append(_caption(tokenizer, pending))
            pending = []
        pending.append(phrase)
    return [*captions, _caption(tokenizer, pending)]


def _phrase(tokenizer: Any, item: ObjectClass, max_tokens: int) -> _Phrase:
    text = " ".join(_PHRASE_ENDS.sub(" ", item.prompt_text).split())
    ids = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
    phrase = _Phrase(item, ids)
    # Several classes of unknown signs would all read [UNK], and could not be told apart.
    if all(token == tokenizer.unk_token_id for token in ids):
        raise VocabularyError(
            f"Class '{item.name}' has the prompt text '{item.prompt_text}', in which the model finds "
            "no word that it knows. Give it a prompt text in words of its language, most often English."
        )
    if _length([phrase]) > max_tokens:
        raise VocabularyError(
            f"Class '{item.name}' has a prompt text of {len(ids)} tokens; the model reads at most "
            f"{max_tokens - _FRAME_TOKENS - 1}. Shorten the prompt text."
        )
    return phrase


def _length(phrases: Sequence[_Phrase]) -> int:
    return _FRAME_TOKENS + sum(len(phrase.ids) + 1 for phrase in phrases)


def _caption(tokenizer: Any, phrases: Sequence[_Phrase]) -> Caption:
    full_stop = tokenizer.convert_tokens_to_ids(".")
    ids = [tokenizer.cls_token_id]
    spans = []
    for phrase in phrases:
        spans.append(tuple(range(len(ids), len(ids) + len(phrase.ids))))
        ids += [*phrase.ids, full_stop]
    ids.append(tokenizer.sep_token_id)
    return Caption(tuple(phrase.owner for phrase in phrases), tuple(ids), tuple(spans))
