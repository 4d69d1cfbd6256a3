"""Drawings are found by name, trimmed, and asked for in one sentence when they are not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdpt_engine.errors import MaterialMissingError
from sdpt_engine.pretraining.material import NOTO, SOURCES, EmojiMaterial, trim


def test_a_drawing_is_trimmed_to_what_can_be_seen() -> None:
    pixels = np.zeros((20, 30, 4), np.uint8)
    pixels[5:9, 10:17] = 255
    assert trim(pixels).shape == (4, 7, 4)
    assert trim(pixels[:5]).size == 0


def test_a_missing_source_says_how_to_fetch_it(tmp_path: Path) -> None:
    with pytest.raises(MaterialMissingError, match="apt-get download fonts-noto-color-emoji"):
        EmojiMaterial(["snail"], font=tmp_path / "none.ttf", fluent=tmp_path)
    assert all(source.licence and source.fetch for source in SOURCES)
    assert NOTO.package.startswith("fonts-noto-color-emoji")
