"""The original's nested settings (yacs names), told in the words of our own config.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdpt_engine.errors import BackboneUnavailableError

# What is built here. A model with another value would load, and compute something else.
_BUILT: dict[str, Any] = {
    "MODEL.BACKBONE.CONV_BODY": "SWINT-FPN-RETINANET",
    "MODEL.SWINT.VERSION": "v1",
    "MODEL.SWINT.APE": False,
    "MODEL.SWINT.OUT_NORM": True,
    "MODEL.SWINT.LAYER_SCALE": 0,
    "MODEL.FPN.USE_GN": False,
    "MODEL.FPN.USE_RELU": False,
    "MODEL.FPN.USE_DYRELU": False,
    "MODEL.FPN.USE_DYHEAD": False,
    "MODEL.FPN.USE_SPP": False,
    "MODEL.FPN.USE_PAN": False,
    "MODEL.RETINANET.USE_C5": False,
    "MODEL.LANGUAGE_BACKBONE.N_LAYERS": 1,
    "MODEL.RPN_ARCHITECTURE": "VLDYHEAD",
    "MODEL.RPN.ASPECT_RATIOS": [1.0],
    "MODEL.RPN.SCALES_PER_OCTAVE": 1,
    "MODEL.RPN.USE_RELATIVE_SIZE": False,
    "MODEL.DYHEAD.GROUPS": 1,
    "MODEL.DYHEAD.COSINE_SCALE": -1.0,
    "MODEL.DYHEAD.USE_GN": True,
    "MODEL.DYHEAD.USE_DFCONV": True,
    "MODEL.DYHEAD.USE_DYFUSE": True,
    "MODEL.DYHEAD.USE_DYRELU": True,
    "MODEL.DYHEAD.FUSE_CONFIG.EARLY_FUSE_ON": True,
    "MODEL.DYHEAD.FUSE_CONFIG.TYPE": "MHA-B",
    "MODEL.DYHEAD.FUSE_CONFIG.USE_FUSED_FEATURES_DOT_PRODUCT": True,
    "MODEL.DYHEAD.FUSE_CONFIG.USE_DOT_PRODUCT_TOKEN_LOSS": True,
    "MODEL.DYHEAD.FUSE_CONFIG.USE_LAYER_SCALE": True,
    "MODEL.DYHEAD.FUSE_CONFIG.SEPARATE_BIDIRECTIONAL": False,
    "MODEL.DYHEAD.FUSE_CONFIG.STABLE_SOFTMAX_2D": False,
    "MODEL.DYHEAD.FUSE_CONFIG.ADD_LINEAR_LAYER": False,
    "INPUT.TO_BGR255": True,
    "INPUT.FIX_RES": False,
}
_AGGREGATIONS = ("MEAN", "MAX")

_BERT_SIZES = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
    "layer_norm_eps",
)


def from_original_settings(document: Mapping[str, Any]) -> dict[str, Any]:
    """Raises BackboneUnavailableError naming the first setting that is not built here."""
    for name, wanted in _BUILT.items():
        found = _at(document, name, wanted)
        if found != wanted:
            raise BackboneUnavailableError(
                f"This GLIP model has {name} = {found!r}; only {wanted!r} is built here. "
                "Use GLIP-T or GLIP-L with deep fusion."
            )
    model = document["MODEL"]
    hard_coded = document.get("hard_coded_in_original", {})
    return {
        "swin": _swin(model["SWINT"]),
        "bert": _bert(document.get("bert_config", {})),
        "channels": model["DYHEAD"]["CHANNELS"],
        "num_fusion_layers": model["DYHEAD"]["NUM_CONVS"],
        "fusion_width": hard_coded.get("VLFuse.embed_dim", 2048),
        "fusion_heads": hard_coded.get("VLFuse.n_head", 8),
        "num_groups": model["GROUP_NORM"]["NUM_GROUPS"],
        "num_class_slots": model["DYHEAD"]["NUM_CLASSES"] - 1,
        "relu_reduction": hard_coded.get("DYReLU.reduction", 4),
        "anchor_sizes_px": model["RPN"]["ANCHOR_SIZES"],
        "strides_px": model["RPN"]["ANCHOR_STRIDE"],
        "inputs": _inputs(document),
        "detection": _detection(model),
        "loss": _loss(model),
    }


def _at(document: Mapping[str, Any], dotted: str, default: Any) -> Any:
    found: Any = document
    for name in dotted.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return default
        found = found[name]
    return found


def _swin(swin: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "embed_dim": swin["EMBED_DIM"],
        "depths": swin["DEPTHS"],
        "num_heads": swin["NUM_HEADS"],
        "window_size": swin["WINDOW_SIZE"],
        "mlp_ratio": float(swin["MLP_RATIO"]),
    }


def _bert(bert: Mapping[str, Any]) -> dict[str, Any]:
    activation = bert.get("hidden_act", "gelu")
    if activation != "gelu":
        raise BackboneUnavailableError(
            f"The text encoder's activation is '{activation}'; only 'gelu' is built here."
        )
    return {name: bert[name] for name in _BERT_SIZES if name in bert}


def _inputs(document: Mapping[str, Any]) -> dict[str, Any]:
    language = document["MODEL"]["LANGUAGE_BACKBONE"]
    return {
        "min_size_px": document["INPUT"]["MIN_SIZE_TEST"],
        "max_size_px": document["INPUT"]["MAX_SIZE_TEST"],
        "size_divisor": _at(document, "DATALOADER.SIZE_DIVISIBILITY", 32),
        "pixel_mean_bgr": document["INPUT"]["PIXEL_MEAN"],
        "pixel_std_bgr": document["INPUT"]["PIXEL_STD"],
        "max_text_tokens": language["MAX_QUERY_LEN"],
        "separator": _at(document, "DATASETS.SEPARATION_TOKENS", ". "),
        "hides_special_tokens": language["MASK_SPECIAL"],
    }


def _detection(model: Mapping[str, Any]) -> dict[str, Any]:
    aggregation = model["DYHEAD"]["SCORE_AGG"]
    if aggregation not in _AGGREGATIONS:
        raise BackboneUnavailableError(
            f"A class's score is the '{aggregation}' of its tokens; only {' and '.join(_AGGREGATIONS)} are built here."
        )
    return {
        "score_threshold": model["ATSS"]["INFERENCE_TH"],
        "candidates_per_level": model["ATSS"]["PRE_NMS_TOP_N"],
        "nms_iou": model["ATSS"]["NMS_TH"],
        "max_detections": model["ATSS"]["DETECTIONS_PER_IMG"],
        "aggregation": aggregation,
    }


def _loss(model: Mapping[str, Any]) -> dict[str, Any]:
    fuse = model["DYHEAD"]["FUSE_CONFIG"]
    return {
        "candidates_per_box": model["ATSS"]["TOPK"],
        "focal_alpha": fuse["TOKEN_ALPHA"],
        "focal_gamma": fuse["TOKEN_GAMMA"],
        "token_weight": fuse["DOT_PRODUCT_TOKEN_LOSS_WEIGHT"],
        "box_weight": model["ATSS"]["REG_LOSS_WEIGHT"],
    }
