"""Released checkpoints become folders: every tensor used or explained, and nothing in a file is run."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sdpt_engine.backbones import nano_folder
from sdpt_engine.backbones.glip import GlipConfig, GlipModel
from sdpt_engine.backbones.glip.config import BertSizes, SwinSizes
from sdpt_engine.backbones.glip.convert import (
    Conversion,
    config_of,
    convert_checkpoint,
    read_checkpoint,
    required_tensors,
)
from sdpt_engine.backbones.glip.keys import explanation
from sdpt_engine.backbones.glip.model import empty_model
from sdpt_engine.backbones.sites import attention_site
from sdpt_engine.errors import BackboneUnavailableError, ForeignWeightsError
from tests.engine.glip.released import (
    released,
    released_count,
    save_short_vocabulary,
    save_small_checkpoint,
)

_TOLERATED = {
    "language_backbone.body.model.embeddings.position_ids": [1, 512],
    "language_backbone.body.model.pooler.dense.weight": [768, 768],
    "language_backbone.body.model.pooler.dense.bias": [768],
}
VOCABULARY = nano_folder() / "vocab.txt"
BERT_UNCASED_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"


@pytest.fixture(scope="module")
def small_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_checkpoint(tmp_path_factory.mktemp("checkpoint") / "small.pth")


@pytest.fixture(scope="module")
def short_vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_short_vocabulary(tmp_path_factory.mktemp("words") / "vocab.txt", VOCABULARY)


@pytest.fixture(scope="module")
def converted(
    small_checkpoint: Path, short_vocabulary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Conversion:
    folder = tmp_path_factory.mktemp("converted") / "glip"
    return convert_checkpoint(small_checkpoint, folder, vocabulary=short_vocabulary)


def test_the_sizes_of_glip_t_are_the_defaults() -> None:
    assert config_of(released("t"), source="glip-t") == GlipConfig()


def test_the_sizes_of_glip_l_are_read_off_its_tensors() -> None:
    found = config_of(released("l"), source="glip-l")
    assert found.swin == SwinSizes(192, (2, 2, 18, 2), (6, 12, 24, 48), window_size=12)
    assert (found.bert, found.num_fusion_layers) == (BertSizes(), 8)


@pytest.mark.parametrize("size", ["t", "l"])
def test_every_released_tensor_is_used_or_explained(size: str) -> None:
    stored = released(size)
    stored |= {name: torch.empty(shape, device="meta") for name, shape in _TOLERATED.items()}
    kept = required_tensors(stored, config_of(stored, source=size), source=size)
    left = stored.keys() - kept.keys()
    assert all(explanation(name) for name in left)
    assert not any("relative_position_index" in name for name in kept)
    assert left.issuperset(_TOLERATED)


@pytest.mark.parametrize("size", ["t", "l"])
def test_a_released_checkpoint_has_as_many_numbers_as_were_published(size: str) -> None:
    stored = released(size)
    kept = required_tensors(stored, config_of(stored, source=size), source=size)
    assert sum(tensor.numel() for tensor in kept.values()) == released_count(size)


def test_missing_and_surplus_tensors_are_named() -> None:
    stored = released("t")
    config = config_of(stored, source="x.pth")
    stored["rpn.head.tunable_linear.weight"] = torch.empty(1, device="meta")
    with pytest.raises(ForeignWeightsError, match=r"x\.pth.*tunable_linear"):
        required_tensors(stored, config, source="x.pth")
    del stored["rpn.head.bias_lang"]
    with pytest.raises(ForeignWeightsError, match=r"lacks.*rpn\.head\.bias_lang"):
        required_tensors(stored, config, source="x.pth")


def test_a_tensor_of_another_shape_is_named() -> None:
    stored = released("t")
    stored["rpn.head.centerness.weight"] = torch.empty(1, 7, 1, 1, device="meta")
    with pytest.raises(ForeignWeightsError, match=r"another shape.*centerness\.weight \[1, 7"):
        required_tensors(stored, config_of(stored, source="x"), source="x")


def test_a_glip_without_fusion_is_refused_for_having_no_place_for_a_prompt() -> None:
    stored = {name: t for name, t in released("t").items() if "b_attn" not in name}
    with pytest.raises(ForeignWeightsError, match="no place for a prompt"):
        config_of(stored, source="glip_a.pth")


def test_a_converted_checkpoint_loads_and_detects(
    converted: Conversion, small_checkpoint: Path
) -> None:
    model = GlipModel.from_pretrained(converted.folder)
    ids, mask = torch.tensor([[101, 7, 102]]), torch.ones(1, 3, dtype=torch.long)
    with torch.no_grad():
        levels = model.encode_images(torch.randn(1, 3, 64, 64))
        output = model.detect(levels, model.encode_text(ids, mask), mask)
    assert [tuple(logits.shape) for logits in output.logits[:2]] == [(1, 64, 3), (1, 16, 3)]
    assert all(logits.isfinite().all() for logits in output.logits)


def test_a_folder_keeps_every_number_under_the_original_names(
    converted: Conversion, small_checkpoint: Path
) -> None:
    original = read_checkpoint(small_checkpoint)
    stored = load_file(converted.folder / "model.safetensors")
    assert len(stored) == converted.num_tensors
    assert all(torch.equal(tensor, original[name]) for name, tensor in stored.items())
    assert sum(converted.left_out.values()) == len(original) - len(stored)


def test_saving_and_loading_again_changes_nothing(converted: Conversion, tmp_path: Path) -> None:
    model = GlipModel.from_pretrained(converted.folder)
    model.save_pretrained(tmp_path / "again")
    for name in ("config.json", "vocab.txt"):
        assert (tmp_path / "again" / name).read_bytes() == (converted.folder / name).read_bytes()
    again = GlipModel.from_pretrained(tmp_path / "again")
    own = again.state_dict()
    assert all(torch.equal(tensor, own[name]) for name, tensor in model.state_dict().items())


class _RunsCode:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1 + 1",)


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_file_that_needs_code_is_refused_with_advice(tmp_path: Path, is_zip: bool) -> None:
    path = tmp_path / "code.pth"
    torch.save({"model": _RunsCode()}, path, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(ForeignWeightsError, match=r"eval.*never done here.*weights anew"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"hello, no checkpoint", b"PK\x03\x04 half a file"])
def test_a_damaged_file_is_told_as_such(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.pth"
    path.write_bytes(content)
    with pytest.raises(ForeignWeightsError, match="damaged or no PyTorch file"):
        read_checkpoint(path)


def test_a_vocabulary_of_another_length_is_refused(small_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(BackboneUnavailableError, match="30522 words, the model 1000"):
        convert_checkpoint(small_checkpoint, tmp_path / "out", vocabulary=VOCABULARY)
    assert not (tmp_path / "out").exists()


def test_the_shipped_vocabulary_is_that_of_bert_uncased() -> None:
    assert hashlib.sha256(VOCABULARY.read_bytes()).hexdigest() == BERT_UNCASED_SHA256


def test_another_model_in_config_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(BackboneUnavailableError, match="'bert' model, not 'glip'"):
        GlipModel.from_pretrained(tmp_path)


@pytest.mark.parametrize("text", ["[]", "{", '{"model_type": "glip", "colour": 3}'])
def test_a_broken_configuration_is_told_as_such(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(BackboneUnavailableError, match="cannot be read as a GLIP configuration"):
        GlipConfig.from_folder(tmp_path)


def test_damaged_weights_are_told_as_such(converted: Conversion, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(converted.folder, folder)
    (folder / "model.safetensors").write_bytes(b"half")
    with pytest.raises(ForeignWeightsError, match="Convert the checkpoint again"):
        GlipModel.from_pretrained(folder)


def test_original_settings_that_mean_another_model_are_refused(
    folder: Path, tmp_path: Path
) -> None:
    settings = json.loads((folder / "config.json").read_text())
    settings["MODEL"]["DYHEAD"]["FUSE_CONFIG"]["EARLY_FUSE_ON"] = False
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(BackboneUnavailableError, match="EARLY_FUSE_ON = False"):
        GlipConfig.from_folder(tmp_path)


@pytest.mark.parametrize(("part", "name"), [("FPN", "USE_RELU"), ("FPN", "USE_PAN")])
def test_a_setting_without_tensors_of_its_own_is_looked_at_too(
    folder: Path, tmp_path: Path, part: str, name: str
) -> None:
    settings = json.loads((folder / "config.json").read_text())
    settings["MODEL"][part][name] = True
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(BackboneUnavailableError, match=f"{name} = True"):
        GlipConfig.from_folder(tmp_path)


@pytest.mark.parametrize(("size", "num_layers"), [("t", 6), ("l", 8)])
def test_a_released_model_has_the_fusion_layers_that_prompts_are_made_for(
    size: str, num_layers: int
) -> None:
    tower = empty_model(config_of(released(size), source=size)).tower
    assert len(tower) == num_layers
    for number, layer in enumerate(tower):
        site = attention_site(number, layer.fusion.attention, layer.fusion.norm_text)
        assert tuple(site.image_projection.weight.shape) == (2048, 256)
        assert tuple(site.text_projection.weight.shape) == (2048, 768)
        assert site.num_heads == 8
