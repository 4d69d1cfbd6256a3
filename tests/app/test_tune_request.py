"""What is asked of Tune counts; the rest is as usual for the detector."""

from __future__ import annotations

import pytest

from app.tuning import TuneRequest
from sdpt_engine import usual_config
from sdpt_engine.types import PLAIN_PROMPT, TuneConfig

LARGE = "IDEA-Research/grounding-dino-tiny"


@pytest.mark.parametrize("backbone", ["nano", LARGE])
def test_what_is_not_asked_is_as_usual_for_the_detector(backbone: str) -> None:
    assert TuneRequest().config(backbone) == usual_config(backbone)


def test_what_is_asked_counts_on_any_detector() -> None:
    asked = TuneRequest(steps=40, num_tokens=8, seed=3)
    for backbone in ("nano", LARGE):
        config = asked.config(backbone)
        assert (config.steps, config.prompt.num_tokens, config.seed) == (40, 8, 3)
        assert config.num_prompts == usual_config(backbone).num_prompts


def test_the_published_method_is_the_same_for_every_detector() -> None:
    for backbone in ("nano", LARGE):
        assert TuneRequest(is_plain=True).config(backbone) == TuneConfig(prompt=PLAIN_PROMPT)
