"""The small GLIP of the reference, and what it makes of the reference's images and captions."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from sdpt_engine.backbones.glip import GlipModel
from sdpt_engine.backbones.glip.head import HeadOutput
from sdpt_engine.backbones.glip.preprocess import to_batch, to_input
from tests.engine.glip.drawn_weights import DRAWN_NAME, draw
from tests.engine.glip.reference import Recorded, recorded, reference_folder
from tests.engine.glip.taps import Taps, head_output, tapped_pass


@pytest.fixture(scope="session")
def folder() -> Path:
    return reference_folder()


@pytest.fixture(scope="session")
def model_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """config.json, vocab.txt and the original's weights.safetensors."""
    if not (folder / DRAWN_NAME).is_file():
        return folder
    complete = tmp_path_factory.mktemp("glip")
    for name in ("config.json", "vocab.txt"):
        shutil.copyfile(folder / name, complete / name)
    save_file(draw(folder), complete / "weights.safetensors")
    return complete


@pytest.fixture(scope="session")
def model(model_folder: Path) -> GlipModel:
    return GlipModel.from_pretrained(model_folder)


@pytest.fixture(scope="session")
def inputs(folder: Path) -> Recorded:
    return recorded(folder, "inputs")


@pytest.fixture(scope="session")
def prepared(folder: Path, model: GlipModel) -> list[Tensor]:
    """The two images of the reference as the model takes them, [3, h, w] each."""
    paths = [folder / f"image_{number}.png" for number in (0, 1)]
    images = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    return [to_input(image, model.config.inputs) for image in images]


@pytest.fixture(scope="session")
def pixels(prepared: list[Tensor], model: GlipModel) -> Tensor:
    """Both in one batch, padded."""
    return to_batch(prepared, model.config.inputs)


@pytest.fixture(scope="session")
def taps(model: GlipModel, pixels: Tensor, inputs: Recorded) -> Taps:
    return tapped_pass(model, pixels, inputs["input_ids"], inputs["attention_mask"])


@pytest.fixture(scope="session")
def output(model: GlipModel, taps: Taps) -> HeadOutput:
    return head_output(taps, levels=len(model.config.strides_px))
