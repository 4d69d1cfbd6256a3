"""The learnt prompt: unified prototype tokens Z per fusion layer, and their inverse projections.

Legend: m shared tokens, C classes, D fusion width, dv / dt image and text widths, T text tokens.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Caption, FusionSite

log = logging.getLogger(__name__)


def pseudo_inverse(weight: Tensor, rcond: float) -> tuple[Tensor, float]:
    """Left inverse J [in, out] of `weight` [out, in] with J W = I, and the condition number of W.

    Worked out in float64: singular values below rcond * largest count as zero.
    """
    exact = weight.detach().cpu().double()
    singular = torch.linalg.svdvals(exact)
    condition = float(singular[0] / singular[-1].clamp_min(torch.finfo(torch.float64).tiny))
    return torch.linalg.pinv(exact, rtol=rcond).to(torch.float32), condition


class LayerPrompt(nn.Module):
    """Z of one fusion layer; the only parameters are `shared` [m, D] and `anchored` [C, D]."""

    image_inverse: Tensor
    text_inverse: Tensor
    image_bias: Tensor
    text_bias: Tensor

    def __init__(self, site: FusionSite, *, num_tokens: int, num_anchored: int, rcond: float):
        super().__init__()
        width = site.image_projection.out_features
        self.shared = nn.Parameter(torch.zeros(num_tokens, width))
        self.anchored = nn.Parameter(torch.zeros(num_anchored, width))
        image_inverse, self.image_condition = pseudo_inverse(site.image_projection.weight, rcond)
        text_inverse, self.text_condition = pseudo_inverse(site.text_projection.weight, rcond)
        buffers = {
            "image_inverse": image_inverse,
            "text_inverse": text_inverse,
            "image_bias": _bias_of(site.image_projection),
            "text_bias": _bias_of(site.text_projection),
        }
        for name, tensor in buffers.items():
            self.register_buffer(name, tensor, persistent=False)

    def image_tokens(self) -> Tensor:
        """Pv = (Z - bv) Jv^T: what the text queries see beside the image, [m, dv]."""
        return (self.shared - self.image_bias) @ self.image_inverse.T

    def text_tokens(self) -> Tensor:
        """Pt = (Z - bt) Jt^T: what the image queries see beside the caption, [m, dt]."""
        return (self.shared - self.text_bias) @ self.text_inverse.T

    def class_offsets(self) -> Tensor:
        """Z_c Jt^T [C, dt]; linear without the bias, so that an untrained class adds nothing."""
        return self.anchored @ self.text_inverse.T


class PromptSet(nn.Module):
    """One `LayerPrompt` per fusion layer, for an ordered list of class ids.

    `logit_bias` is added to the attention logits of shared tokens. A negative value lets tuning
    start near the frozen model: with 8 tokens beside 10 words, plain tokens would take 44 % of the
    attention before they have learnt anything.
    """

    def __init__(
        self,
        sites: Sequence[FusionSite],
        class_ids: Sequence[int],
        *,
        num_tokens: int,
        anchored: bool = True,
        logit_bias: float = 0.0,
        rcond: float = 1e-4,
    ):
        super().__init__()
        self.class_ids = tuple(class_ids)
        self.logit_bias = logit_bias
        self.is_anchored = anchored
        num_anchored = len(self.class_ids) if anchored else 0
        self.layers = nn.ModuleDict()
        for site in sites:
            layer = LayerPrompt(site, num_tokens=num_tokens, num_anchored=num_anchored, rcond=rcond)
            self.layers[str(site.layer)] = layer
            log.info(
                "fusion layer %d: condition of image projection %.1f, of text projection %.1f",
                site.layer,
                layer.image_condition,
                layer.text_condition,
            )

    def layer(self, index: int) -> LayerPrompt | None:
        name = str(index)
        if name not in self.layers:
            return None
        layer = self.layers[name]
        assert isinstance(layer, LayerPrompt)
        return layer

    def start_from_seed(self, seed: int, scale: float = 1.0) -> None:
        """Draws the shared tokens from U(-scale, scale), the paper's initialisation."""
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for layer in self.layers.values():
                assert isinstance(layer, LayerPrompt)
                drawn = torch.rand(layer.shared.shape, generator=generator) * 2 - 1
                layer.shared.copy_(drawn * scale)

    def membership(self, caption: Caption) -> Tensor:
        """[T, C] with 1 where a caption token belongs to a class's own phrase."""
        column = {class_id: index for index, class_id in enumerate(self.class_ids)}
        matrix = torch.zeros(len(caption.input_ids), len(self.class_ids))
        for item, span in zip(caption.classes, caption.token_spans, strict=True):
            if item.id in column:
                matrix[list(span), column[item.id]] = 1.0
        return matrix

    def learnt_tensors(self) -> dict[str, Tensor]:
        """The learnt tensors by name, detached copies on the CPU: what a bundle stores."""
        return {name: value.detach().cpu().clone() for name, value in self.named_parameters()}

    def load_learnt_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        own = dict(self.named_parameters())
        if own.keys() != tensors.keys():
            raise ValueError(
                f"The prompt wants the tensors {sorted(own)}, found {sorted(tensors)}. "
                "Load a bundle that was tuned with the same layers and tokens."
            )
        with torch.no_grad():
            for name, parameter in own.items():
                if parameter.shape != tensors[name].shape:
                    raise ValueError(
                        f"Prompt tensor '{name}' wants the shape {tuple(parameter.shape)}, "
                        f"found {tuple(tensors[name].shape)}. Tune again for these classes."
                    )
                parameter.copy_(tensors[name])

    def num_trainable(self) -> int:
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


def _bias_of(projection: nn.Linear) -> Tensor:
    # nn.Linear declares its bias as a Tensor, though it is None when built without one.
    bias: Tensor | None = projection.bias
    if bias is None:
        return torch.zeros(projection.out_features)
    return bias.detach().cpu().float().clone()
