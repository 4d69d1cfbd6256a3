"""The learnt prompt: prototype tokens Z per fusion layer, and what each layer sees of them.

Legend: m shared tokens, C classes, D fusion width, dv / dt image and text widths, T text tokens.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sdpt_engine.adaptation import ParameterGroup, copy_tensors
from sdpt_engine.errors import InvalidExampleError
from sdpt_engine.extra_tokens import ExtraTokens, SeenBeside
from sdpt_engine.fusion import beside_pixels, beside_words
from sdpt_engine.inject import LayerChange, installed
from sdpt_engine.projections import bias_of, pseudo_inverse
from sdpt_engine.starting import start_tokens
from sdpt_engine.types import PromptConfig

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import (
        Caption,
        Detector,
        DetectorOutput,
        EncodedText,
        FusionSite,
    )
    from sdpt_engine.data import View

log = logging.getLogger(__name__)

FADE_IN_SHARE = 0.05  # of the steps, as long as the learning rate rises
LEAST_PRESENCE = math.exp(-6)


@dataclass(frozen=True, slots=True)
class FoldedLayer:
    """A layer's prompt as fixed keys, values and offsets: no inverse projection is needed any more."""

    beside: SeenBeside
    class_tokens: ExtraTokens | None  # [C, D], each seen by its own class's words only
    class_offsets: Tensor | None  # [C, dt], added to each class's own words


class LayerPrompt(nn.Module):
    """Z of one fusion layer.

    Parameters: `shared` [m, D] and `anchored` [C, D]; with kind="independent" each has an image part [., dv]
    and a text part [., dt] instead. `bias` [m] and the gates [dv], [dt] exist where the config asks for them.
    """

    image_inverse: Tensor
    text_inverse: Tensor
    image_bias: Tensor
    text_bias: Tensor

    def __init__(self, site: FusionSite, *, num_classes: int, config: PromptConfig) -> None:
        super().__init__()
        self.config = config
        self._outside = (site,)
        for name, tensor in _inverses(site, config.rcond).items():
            self.register_buffer(name, tensor, persistent=False)
        num_anchored = num_classes if config.is_anchored else 0
        width = site.image_projection.out_features
        for name, number in (("shared", config.num_tokens), ("anchored", num_anchored)):
            if config.kind == "independent":
                self._learn(f"{name}_image", torch.zeros(number, site.image_projection.in_features))
                self._learn(f"{name}_text", torch.zeros(number, site.text_projection.in_features))
            else:
                self._learn(name, torch.zeros(number, width))
        if config.learns_bias:
            self._learn("bias", torch.full((config.num_tokens,), config.logit_bias))
        if config.learns_gates:
            self._learn("image_gate", torch.zeros(site.image_output.out_features))
            self._learn("text_gate", torch.zeros(site.text_output.out_features))

    def _learn(self, name: str, start: Tensor) -> None:
        self.register_parameter(name, nn.Parameter(start))

    @property
    def site(self) -> FusionSite:
        return self._outside[0]

    def start(self, prototypes: Tensor) -> None:
        """Take [m, D] as the shared tokens; independent ones start at the same rows in both inputs."""
        with torch.no_grad():
            if self.config.kind == "independent":
                self.get_parameter("shared_image").copy_(self._unproject_image(prototypes))
                self.get_parameter("shared_text").copy_(self._unproject_text(prototypes))
            else:
                self.get_parameter("shared").copy_(prototypes)

    def image_tokens(self) -> Tensor:
        """Pv = (Z - bv) Jv^T: what the text queries see beside the image, [m, dv]."""
        if self.config.kind == "independent":
            return self.get_parameter("shared_image")
        return self._unproject_image(self.get_parameter("shared"))

    def text_tokens(self) -> Tensor:
        """Pt = (Z - bt) Jt^T: what the image queries see beside the caption, [m, dt]."""
        if self.config.kind == "independent":
            return self.get_parameter("shared_text")
        return self._unproject_text(self.get_parameter("shared"))

    def class_offsets(self) -> Tensor:
        """Z_c Jt^T [C, dt]; linear without the bias, so that an untrained class adds nothing."""
        if self.config.kind == "independent":
            return self.get_parameter("anchored_text")
        return self.get_parameter("anchored") @ self.text_inverse.T

    def class_image_tokens(self) -> Tensor:
        """(Z_c - bv) Jv^T [C, dv]."""
        if self.config.kind == "independent":
            return self.get_parameter("anchored_image")
        return self._unproject_image(self.get_parameter("anchored"))

    def fold(self, absence: Tensor | None = None) -> FoldedLayer:
        """What the layer's queries see, differentiable in Z. `absence` is added to the shared tokens' logits."""
        config = self.config
        bias = self._logit_bias(absence)
        by_image, by_text = None, None
        if config.num_tokens and config.paths != "text_only":
            by_image = self._exact(beside_words(self.site, self.text_tokens(), bias))
        if config.num_tokens and config.paths != "image_only":
            by_text = self._exact(beside_pixels(self.site, self.image_tokens(), bias))
        gains: list[Tensor | None] = [None, None]
        if config.learns_gates:
            gains = [1 + self.get_parameter("image_gate"), 1 + self.get_parameter("text_gate")]
        has_class_image = config.is_anchored and config.anchors_image
        return FoldedLayer(
            beside=SeenBeside(by_image, by_text, *gains),
            class_tokens=beside_pixels(self.site, self.class_image_tokens())
            if has_class_image
            else None,
            class_offsets=self.class_offsets() if config.is_anchored else None,
        )

    def _logit_bias(self, absence: Tensor | None) -> Tensor | None:
        config = self.config
        if not config.learns_bias and config.logit_bias == 0.0 and absence is None:
            return None
        fixed = torch.full((config.num_tokens,), config.logit_bias, device=self.image_bias.device)
        bias = self.get_parameter("bias") if config.learns_bias else fixed
        return bias if absence is None else bias + absence

    def _exact(self, extra: ExtraTokens) -> ExtraTokens:
        if self.config.kind != "exact_key":
            return extra
        return ExtraTokens(self.get_parameter("shared"), extra.values, extra.bias)

    def _unproject_image(self, prototypes: Tensor) -> Tensor:
        return (prototypes - self.image_bias) @ self.image_inverse.T

    def _unproject_text(self, prototypes: Tensor) -> Tensor:
        return (prototypes - self.text_bias) @ self.text_inverse.T


class FoldedPrompt:
    """A prompt as fixed keys and values per layer, for prediction; what `export_kv` gives."""

    def __init__(self, layers: Mapping[int, FoldedLayer], class_ids: Sequence[int]) -> None:
        self.layers = dict(layers)
        self.class_ids = tuple(class_ids)

    @property
    def first_layer(self) -> int:
        return min(self.layers)

    @property
    def can_recompute(self) -> bool:
        return True

    @contextmanager
    def attached(self, detector: Detector, text: EncodedText) -> Iterator[EncodedText]:
        member = membership(text.caption, self.class_ids).to(detector.device)
        changes = {index: _change(layer, member) for index, layer in self.layers.items()}
        with installed(detector, changes):
            yield text

    def move_to(self, step: int, total_steps: int) -> None:
        """Nothing moves: it is fixed."""

    def adjusted(self, output: DetectorOutput, caption: Caption) -> DetectorOutput:
        return output

    def prepare(
        self, detector: Detector, views: Sequence[View], texts: Sequence[EncodedText]
    ) -> None:
        """Nothing to prepare: it is fixed."""

    def parameter_groups(self) -> list[ParameterGroup]:
        return []

    def learnt_tensors(self) -> dict[str, Tensor]:
        return {}

    def load_learnt_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        copy_tensors({}, tensors)


class PromptSet(nn.Module):
    """SDPT: one `LayerPrompt` per prompted fusion layer, for an ordered list of class ids.

    While tuning begins, the shared tokens fade in: at step 0 their share of the attention is next to nothing, so
    that the start is zero-shot, and after a twentieth of the steps it is the method's own. A fixed negative logit
    bias would start as softly, but starves the tokens of gradient (the ablations show what that costs).
    """

    presence: Tensor

    def __init__(
        self,
        sites: Sequence[FusionSite],
        class_ids: Sequence[int],
        config: PromptConfig | None = None,
        *,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.config = config or PromptConfig()
        self.class_ids = tuple(class_ids)
        self.seed = seed
        self.register_buffer("presence", torch.ones(()))
        chosen = prompted_layers(self.config.layers, len(sites))
        self.layers = nn.ModuleDict(
            {
                str(site.layer): LayerPrompt(
                    site, num_classes=len(self.class_ids), config=self.config
                )
                for site in sites
                if site.layer in chosen
            }
        )

    @property
    def first_layer(self) -> int:
        return min(int(name) for name in self.layers)

    def layer(self, index: int) -> LayerPrompt | None:
        name = str(index)
        if name not in self.layers:
            return None
        layer = self.layers[name]
        assert isinstance(layer, LayerPrompt)
        return layer

    def each_layer(self) -> Iterator[tuple[int, LayerPrompt]]:
        """Prompted layers with their numbers, in order."""
        for name, layer in self.layers.items():
            assert isinstance(layer, LayerPrompt)
            yield int(name), layer

    def prepare(
        self, detector: Detector, views: Sequence[View], texts: Sequence[EncodedText]
    ) -> None:
        """Start the shared tokens as the config says; class tokens start at zero, which changes nothing."""
        start_tokens(self, detector, views, texts)

    @property
    def can_recompute(self) -> bool:
        return True

    @contextmanager
    def attached(self, detector: Detector, text: EncodedText) -> Iterator[EncodedText]:
        with self._folded().attached(detector, text) as seen:
            yield seen

    def move_to(self, step: int, total_steps: int) -> None:
        """Let the shared tokens be there as far as the fade-in has come."""
        fade = max(1, round(total_steps * FADE_IN_SHARE)) if self.config.fades_in else 1
        self.presence.fill_(min(1.0, step / fade) if self.config.fades_in else 1.0)

    def adjusted(self, output: DetectorOutput, caption: Caption) -> DetectorOutput:
        return output

    def _folded(self) -> FoldedPrompt:
        absence = self.presence.clamp_min(LEAST_PRESENCE).log() if self.presence < 1 else None
        layers = {index: layer.fold(absence) for index, layer in self.each_layer()}
        return FoldedPrompt(layers, self.class_ids)

    @torch.no_grad()
    def export_kv(self) -> FoldedPrompt:
        """The same prompt as fixed keys and values; gives the same results without any inverse."""
        return self._folded()

    def parameter_groups(self) -> list[ParameterGroup]:
        rates = {
            "anchored": self.config.anchor_learning_rate,
            "image_gate": self.config.gate_learning_rate,
            "text_gate": self.config.gate_learning_rate,
        }
        groups: list[ParameterGroup] = []
        for name, parameter in self.named_parameters():
            kind = name.rsplit(".", 1)[-1]
            own = rates.get(kind.removesuffix("_image").removesuffix("_text"), rates.get(kind))
            rate = self.config.learning_rate if own is None else own
            groups.append({"params": [parameter], "peak_lr": rate})
        return groups

    def learnt_tensors(self) -> dict[str, Tensor]:
        """The learnt tensors by name, detached copies on the CPU: what a bundle stores."""
        return {name: value.detach().cpu().clone() for name, value in self._own().items()}

    def load_learnt_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        copy_tensors(self._own(), tensors)

    def _own(self) -> dict[str, Tensor]:
        return {**dict(self.named_parameters()), "presence": self.presence}

    def num_trainable(self) -> int:
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


def prompted_layers(choice: str, num_layers: int) -> frozenset[int]:
    """Layer numbers meant by all | first-K | last-K | 0,2. Numbers that do not exist are refused."""
    if choice == "all":
        return frozenset(range(num_layers))
    if "-" in choice:
        side, number = choice.split("-")
        count = min(int(number), num_layers)
        first = 0 if side == "first" else num_layers - count
        return frozenset(range(first, first + count))
    chosen = frozenset(int(number) for number in choice.split(","))
    if max(chosen) >= num_layers:
        raise InvalidExampleError(
            f"Fusion layer {max(chosen)} was asked for, but this detector has {num_layers}, "
            f"numbered from 0. Choose among 0 to {num_layers - 1}."
        )
    return chosen


def membership(caption: Caption, class_ids: Sequence[int]) -> Tensor:
    """[T, C] with 1 where a caption token belongs to a class's own phrase."""
    column = {class_id: index for index, class_id in enumerate(class_ids)}
    matrix = torch.zeros(len(caption.input_ids), len(class_ids))
    for item, span in zip(caption.classes, caption.token_spans, strict=True):
        if item.id in column:
            matrix[list(span), column[item.id]] = 1.0
    return matrix


def _change(layer: FoldedLayer, member: Tensor) -> LayerChange:
    offsets = None if layer.class_offsets is None else member @ layer.class_offsets  # [T, dt]
    if layer.class_tokens is None:
        return LayerChange(layer.beside, offsets)
    by_text = _joined(layer.beside.by_text, layer.class_tokens, member)
    beside = layer.beside
    return LayerChange(
        SeenBeside(beside.by_image, by_text, beside.image_gain, beside.text_gain), offsets
    )


def _joined(shared: ExtraTokens | None, owned: ExtraTokens, member: Tensor) -> ExtraTokens:
    """Shared tokens, which every word sees, and owned ones, which only their class's words see."""
    hidden = torch.zeros_like(member).masked_fill(member == 0, -math.inf)  # [T, C]
    if shared is None:
        return ExtraTokens(owned.keys, owned.values, hidden)
    common = hidden.new_zeros(len(shared)) if shared.bias is None else shared.bias
    bias = torch.cat([common.expand(len(member), -1), hidden], dim=1)
    keys = torch.cat([shared.keys, owned.keys])
    return ExtraTokens(keys, torch.cat([shared.values, owned.values]), bias)


def _inverses(site: FusionSite, rcond: float) -> dict[str, Tensor]:
    image, image_condition = pseudo_inverse(site.image_projection.weight, rcond)
    text, text_condition = pseudo_inverse(site.text_projection.weight, rcond)
    log.info(
        "fusion layer %d: condition number of the image projection %.1f, of the text projection %.1f",
        site.layer,
        image_condition,
        text_condition,
    )
    return {
        "image_inverse": image,
        "text_inverse": text,
        "image_bias": bias_of(site.image_projection),
        "text_bias": bias_of(site.text_projection),
    }
