"""Classes as the detector is asked for them: as few captions as hold them all, encoded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sdpt_engine.types import ObjectClass

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector, EncodedText


@dataclass(frozen=True, slots=True)
class Asked:
    """One encoded caption; `places` say which of all classes its classes are, in its order."""

    text: EncodedText
    places: tuple[int, ...]


def ask(detector: Detector, classes: Sequence[ObjectClass]) -> tuple[Asked, ...]:
    """Every class once, in order. Raises VocabularyError for a class that cannot be put into words."""
    place = {item.id: index for index, item in enumerate(classes)}
    return tuple(
        Asked(detector.encode_text(caption), tuple(place[item.id] for item in caption.classes))
        for caption in detector.captions(classes)
    )
