"""Every method of the comparison by name, with the learning rates that `bench choose` tries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sdpt_engine.adaptation import Adaptation
from sdpt_engine.asking import ask
from sdpt_engine.baselines.context import ContextTokens
from sdpt_engine.baselines.exemplar import Exemplars
from sdpt_engine.baselines.lora import FusionLora
from sdpt_engine.baselines.plain import PlainAdaptation
from sdpt_engine.baselines.text_offsets import TextOffsets
from sdpt_engine.baselines.weights import full_tuning, heads_only
from sdpt_engine.prompt import PromptSet
from sdpt_engine.types import PLAIN_PROMPT, ObjectClass, PromptConfig

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector

Builder = Callable[["Detector", Sequence[ObjectClass], float, int], Adaptation]


@dataclass(frozen=True, slots=True)
class Method:
    """A way to adapt a detector. `rates` are tried, in order, when one is chosen; `rate` is the chosen one."""

    label: str
    build: Builder  # (detector, classes, learning rate, seed)
    rate: float
    rates: tuple[float, ...]
    is_trained: bool = True
    enters_late: bool = False  # tune on cached states of the first fusion layer it touches


def make_adaptation(
    name: str,
    detector: Detector,
    classes: Sequence[ObjectClass],
    *,
    rate: float | None = None,
    seed: int = 0,
) -> Adaptation:
    """Build method `name`, untrained. Raises KeyError for a name that METHODS does not know."""
    method = METHODS[name]
    return method.build(detector, classes, method.rate if rate is None else rate, seed)


def prompts(config: PromptConfig) -> Builder:
    """SDPT with `config`; the learning rate is put in for shared and anchored tokens alike."""

    def build(
        detector: Detector, classes: Sequence[ObjectClass], rate: float, seed: int
    ) -> Adaptation:
        chosen = replace(config, learning_rate=rate, anchor_learning_rate=rate)
        made = PromptSet(detector.fusion_sites(), [item.id for item in classes], chosen, seed=seed)
        return made.to(detector.device)

    return build


def _nothing(
    _detector: Detector, _classes: Sequence[ObjectClass], _rate: float, _seed: int
) -> Adaptation:
    return PlainAdaptation({}, 0.0)


def _exemplars(
    detector: Detector, classes: Sequence[ObjectClass], _rate: float, _seed: int
) -> Adaptation:
    return Exemplars([item.id for item in classes], detector.width)


def _text_offsets(
    detector: Detector, classes: Sequence[ObjectClass], rate: float, _seed: int
) -> Adaptation:
    asked = ask(detector, classes)
    return TextOffsets(asked, asked[0].text.features.shape[1], detector.device, rate)


def _context(
    detector: Detector, _classes: Sequence[ObjectClass], rate: float, seed: int
) -> Adaptation:
    return ContextTokens(detector.word_width, detector.device, seed=seed, learning_rate=rate)


def _lora(
    detector: Detector, _classes: Sequence[ObjectClass], rate: float, seed: int
) -> Adaptation:
    return FusionLora(detector, seed=seed, learning_rate=rate)


def _heads(
    detector: Detector, _classes: Sequence[ObjectClass], rate: float, _seed: int
) -> Adaptation:
    return heads_only(detector, rate)


def _full(
    detector: Detector, _classes: Sequence[ObjectClass], rate: float, _seed: int
) -> Adaptation:
    return full_tuning(detector, rate)


METHODS: Mapping[str, Method] = {
    "zero-shot": Method("zero-shot", _nothing, 0.0, (0.0,), is_trained=False),
    "exemplar": Method("visual exemplars", _exemplars, 0.0, (0.0,), is_trained=False),
    "sdpt": Method("SDPT as shipped", prompts(PromptConfig()), 0.3, (0.1, 0.3, 1.0)),
    "sdpt-plain": Method(
        "SDPT, plain", prompts(PLAIN_PROMPT), PLAIN_PROMPT.learning_rate, (0.3, 1.0, 3.0)
    ),
    "independent": Method(
        "independent dual prompts",
        prompts(replace(PLAIN_PROMPT, kind="independent")),
        1.0,
        (0.3, 1.0, 3.0),
    ),
    "image-only": Method(
        "visual prompts only",
        prompts(replace(PLAIN_PROMPT, paths="image_only")),
        1.0,
        (0.3, 1.0, 3.0),
    ),
    "text-offsets": Method("text-embedding offsets", _text_offsets, 0.03, (0.01, 0.03, 0.1)),
    "context": Method("context tokens (CoOp)", _context, 0.01, (0.003, 0.01, 0.03)),
    "lora": Method("LoRA r=8 in fusion", _lora, 1e-2, (3e-3, 1e-2, 3e-2)),
    "heads": Method("heads only", _heads, 1e-3, (1e-4, 3e-4, 1e-3)),
    "full": Method("full fine-tuning", _full, 1e-3, (3e-4, 1e-3, 3e-3)),
}
