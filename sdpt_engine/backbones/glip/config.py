"""Sizes and settings of a GLIP model, as its folder's config.json holds them.

Two layouts are read: our own, and the nested names of the original's settings ("MODEL", "INPUT", ...).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from sdpt_engine.backbones.glip.original_settings import from_original_settings
from sdpt_engine.errors import BackboneUnavailableError

CONFIG_NAME = "config.json"
MODEL_TYPE = "glip"
NUM_LEVELS, NUM_STAGES = 5, 4  # of the pyramid, and of Swin

Aggregation = Literal["MEAN", "MAX"]


@dataclass(frozen=True, slots=True)
class SwinSizes:
    """The image encoder. Widths double from stage to stage; patches are 4 x 4 pixels."""

    embed_dim: int = 96
    depths: tuple[int, ...] = (2, 2, 6, 2)
    num_heads: tuple[int, ...] = (3, 6, 12, 24)
    window_size: int = 7
    mlp_ratio: float = 4.0


@dataclass(frozen=True, slots=True)
class BertSizes:
    """The text encoder; the layers in the head have the same sizes."""

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12


@dataclass(frozen=True, slots=True)
class InputSettings:
    """How pictures and class texts become the model's input."""

    min_size_px: int = 800
    max_size_px: int = 1333
    size_divisor: int = 32
    pixel_mean_bgr: tuple[float, float, float] = (103.53, 116.28, 123.675)
    pixel_std_bgr: tuple[float, float, float] = (57.375, 57.12, 58.395)
    max_text_tokens: int = 256
    separator: str = ". "
    hides_special_tokens: bool = False  # whether the head sees no [CLS] and [SEP]


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """What becomes a detection: see `postprocess`."""

    score_threshold: float = 0.05  # on the class probability, before centerness
    candidates_per_level: int = 1000
    nms_iou: float = 0.6
    max_detections: int = 100
    aggregation: Aggregation = "MEAN"  # of a class's token probabilities


@dataclass(frozen=True, slots=True)
class LossSettings:
    candidates_per_box: int = 9  # anchors per level that ATSS looks at
    focal_alpha: float = 0.25
    focal_gamma: float = 2.0
    token_weight: float = 1.0
    box_weight: float = 2.0


@dataclass(frozen=True, slots=True)
class GlipConfig:
    """The defaults are those of the released GLIP-T."""

    swin: SwinSizes = field(default_factory=SwinSizes)
    bert: BertSizes = field(default_factory=BertSizes)
    channels: int = 256  # of each pyramid level
    num_fusion_layers: int = 6
    fusion_width: int = 2048
    fusion_heads: int = 8
    num_groups: int = 16  # of each GroupNorm
    num_class_slots: int = 80  # channels of the unused class head
    relu_reduction: int = 4
    anchor_sizes_px: tuple[int, ...] = (64, 128, 256, 512, 1024)
    strides_px: tuple[int, ...] = (8, 16, 32, 64, 128)
    inputs: InputSettings = field(default_factory=InputSettings)
    detection: DetectionSettings = field(default_factory=DetectionSettings)
    loss: LossSettings = field(default_factory=LossSettings)

    def __post_init__(self) -> None:
        """Raises BackboneUnavailableError naming the first size that does not go with another."""
        for complaint in self._complaints():
            raise BackboneUnavailableError(
                f"GLIP's {complaint}. Correct the sizes in its {CONFIG_NAME}."
            )

    def _complaints(self) -> Iterator[str]:
        for what, whole, parts, whom in (
            ("text width", self.bert.hidden_size, self.bert.num_attention_heads, "heads"),
            ("fusion width", self.fusion_width, self.fusion_heads, "heads"),
            ("number of channels", self.channels, self.num_groups, "groups"),
            *(
                (f"width of Swin stage {stage}", self.swin.embed_dim * 2**stage, heads, "heads")
                for stage, heads in enumerate(self.swin.num_heads)
            ),
        ):
            if parts < 1 or whole % parts:
                yield f"{what}, {whole}, cannot be shared among {parts} {whom}"
        for what, found, wanted in (
            ("levels have an anchor size each", self.anchor_sizes_px, NUM_LEVELS),
            ("levels have a stride each", self.strides_px, NUM_LEVELS),
            ("stages of Swin have a depth each", self.swin.depths, NUM_STAGES),
            ("stages of Swin have a number of heads each", self.swin.num_heads, NUM_STAGES),
        ):
            if len(found) != wanted:
                yield f"{wanted} {what}, found {list(found)}"
        limit, longest = self.inputs.max_text_tokens, self.bert.max_position_embeddings
        if limit > longest:
            yield f"captions have up to {limit} tokens, but its text encoder reads {longest}"

    @classmethod
    def from_folder(cls, folder: Path) -> GlipConfig:
        """Raises BackboneUnavailableError where config.json is missing or means another model."""
        path = folder / CONFIG_NAME
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            kind = MODEL_TYPE if "MODEL" in document else document.get("model_type")
            if kind == MODEL_TYPE:
                return cls._from_either(document)
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise BackboneUnavailableError(
                f"'{path}' cannot be read as a GLIP configuration ({error}). Convert the checkpoint again."
            ) from error
        raise BackboneUnavailableError(f"'{path}' describes a '{kind}' model, not '{MODEL_TYPE}'.")

    @classmethod
    def _from_either(cls, document: Mapping[str, Any]) -> GlipConfig:
        is_original = "MODEL" in document
        return cls.from_document(from_original_settings(document) if is_original else document)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> GlipConfig:
        """The config that `to_document` wrote; what is left out keeps its default."""
        own = {key: _frozen(value) for key, value in document.items() if key != "model_type"}
        for name, kind in _PARTS.items():
            if name in own:
                own[name] = kind(**{key: _frozen(value) for key, value in own[name].items()})
        return cls(**own)

    def to_document(self) -> dict[str, Any]:
        return {"model_type": MODEL_TYPE, **asdict(self)}

    def save(self, folder: Path) -> None:
        text = json.dumps(self.to_document(), indent=1)
        (folder / CONFIG_NAME).write_text(text + "\n", encoding="utf-8")


def is_glip_folder(folder: Path) -> bool:
    """Whether its config.json, in either layout, says that a GLIP lies there."""
    try:
        document = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    is_object = isinstance(document, dict)
    return is_object and ("MODEL" in document or document.get("model_type") == MODEL_TYPE)


_PARTS: dict[str, Any] = {
    "swin": SwinSizes,
    "bert": BertSizes,
    "inputs": InputSettings,
    "detection": DetectionSettings,
    "loss": LossSettings,
}


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
