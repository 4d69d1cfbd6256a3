"""SDPT prompt tuning inside frozen, fusion-based vision-language detectors.

    detector = load_detector("nano")
    result = tune(detector, train, val, usual_config("nano"), categories=classes)
    proposals = Predictor(detector, classes, result.bundle).predict([path])

The names below are loaded when they are first used, so that the error and record types cost no import of torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sdpt_engine.types import (
    FEW_IMAGES,
    CategoryMetrics,
    Example,
    Metrics,
    ObjectClass,
    Prediction,
    PromptConfig,
    StepReport,
    TuneConfig,
    UsualSize,
)

if TYPE_CHECKING:
    from sdpt_engine.backbones import load_detector
    from sdpt_engine.bundle import PromptBundle, pointer_of
    from sdpt_engine.checkpoint import CHECKPOINT_NAME, CHECKPOINT_PATTERN
    from sdpt_engine.data import load_image_upright
    from sdpt_engine.interchange import from_detections, to_detections
    from sdpt_engine.metrics import evaluate
    from sdpt_engine.predictor import Predictor
    from sdpt_engine.second_look.learning import (
        LEAST_BOXES_THAT_JUDGE,
        judged_by_the_same,
        learn_edges,
        learn_names,
        start_helps,
        start_of_edges,
        with_look_of,
    )
    from sdpt_engine.second_look.pointing import Pointer, Surroundings
    from sdpt_engine.streaming import predict_each
    from sdpt_engine.tuning import Judged, TuneResult, measured, num_boxes_of, tune
    from sdpt_engine.usual import fewest_to_hold_out, usual_config
    from sdpt_engine.verdict import is_better, may_find_as_much

__all__ = [
    "CHECKPOINT_NAME",
    "CHECKPOINT_PATTERN",
    "FEW_IMAGES",
    "LEAST_BOXES_THAT_JUDGE",
    "CategoryMetrics",
    "Example",
    "Judged",
    "Metrics",
    "ObjectClass",
    "Pointer",
    "Prediction",
    "Predictor",
    "PromptBundle",
    "PromptConfig",
    "StepReport",
    "Surroundings",
    "TuneConfig",
    "TuneResult",
    "UsualSize",
    "evaluate",
    "fewest_to_hold_out",
    "from_detections",
    "is_better",
    "judged_by_the_same",
    "learn_edges",
    "learn_names",
    "load_detector",
    "load_image_upright",
    "may_find_as_much",
    "measured",
    "num_boxes_of",
    "pointer_of",
    "predict_each",
    "start_helps",
    "start_of_edges",
    "to_detections",
    "tune",
    "usual_config",
    "with_look_of",
]

_WHERE = {
    "CHECKPOINT_NAME": "sdpt_engine.checkpoint",
    "CHECKPOINT_PATTERN": "sdpt_engine.checkpoint",
    "Judged": "sdpt_engine.tuning",
    "measured": "sdpt_engine.tuning",
    "num_boxes_of": "sdpt_engine.tuning",
    "load_image_upright": "sdpt_engine.data",
    "predict_each": "sdpt_engine.streaming",
    "LEAST_BOXES_THAT_JUDGE": "sdpt_engine.second_look.learning",
    "learn_edges": "sdpt_engine.second_look.learning",
    "learn_names": "sdpt_engine.second_look.learning",
    "judged_by_the_same": "sdpt_engine.second_look.learning",
    "with_look_of": "sdpt_engine.second_look.learning",
    "start_helps": "sdpt_engine.second_look.learning",
    "start_of_edges": "sdpt_engine.second_look.learning",
    "load_detector": "sdpt_engine.backbones",
    "PromptBundle": "sdpt_engine.bundle",
    "pointer_of": "sdpt_engine.bundle",
    "Surroundings": "sdpt_engine.second_look.pointing",
    "Pointer": "sdpt_engine.second_look.pointing",
    "evaluate": "sdpt_engine.metrics",
    "from_detections": "sdpt_engine.interchange",
    "to_detections": "sdpt_engine.interchange",
    "may_find_as_much": "sdpt_engine.verdict",
    "is_better": "sdpt_engine.verdict",
    "Predictor": "sdpt_engine.predictor",
    "TuneResult": "sdpt_engine.tuning",
    "tune": "sdpt_engine.tuning",
    "fewest_to_hold_out": "sdpt_engine.usual",
    "usual_config": "sdpt_engine.usual",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'sdpt_engine' has no attribute '{name}'")
    return getattr(importlib.import_module(_WHERE[name]), name)
