"""A bundle survives the disk whole, or says what is wrong with it."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sdpt_engine.backbones.base import Detector
from sdpt_engine.bundle import PromptBundle, load_bundle
from sdpt_engine.errors import BundleDamagedError, BundleTooNewError, ForeignBackboneError
from sdpt_engine.second_look.edges.finder import EdgeFinder
from sdpt_engine.second_look.names.namer import NUM_FEATURES
from sdpt_engine.types import ObjectClass, PromptConfig, TuneConfig
from tests.engine.test_prompt import make_prompts


@pytest.fixture
def bundle(tiny_detector: Detector, classes: tuple[ObjectClass, ...]) -> PromptBundle:
    return PromptBundle(
        backbone=tiny_detector.name,
        backbone_digest=tiny_detector.digest,
        categories=classes,
        prompts=(make_prompts(tiny_detector, classes, num_tokens=8).learnt_tensors(),),
        thresholds={7: 0.25, 3: 0.5},
        config=dataclasses.asdict(TuneConfig(prompt=PromptConfig(num_tokens=8))),
        metrics={"tuned": {"ap": 0.5}},
        train_digest="ab" * 32,
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


def test_saved_bundle_loads_as_it_was(bundle: PromptBundle, tmp_path: Path) -> None:
    loaded = load_bundle(bundle.save(tmp_path / "b"))
    for field in dataclasses.fields(bundle):
        if field.name != "prompts":
            assert getattr(loaded, field.name) == getattr(bundle, field.name)
    assert all(torch.equal(loaded.prompts[0][name], t) for name, t in bundle.prompts[0].items())


def test_each_of_several_prompts_has_a_file(bundle: PromptBundle, tmp_path: Path) -> None:
    (first,) = bundle.prompts
    second = {name: tensor + 1 for name, tensor in first.items()}
    folder = dataclasses.replace(bundle, prompts=(first, second)).save(tmp_path / "b")
    assert (folder / "prompt-2.safetensors").is_file()
    again = load_bundle(folder).prompts
    assert [float(p["presence"]) for p in again] == [float(first["presence"] + n) for n in (0, 1)]
    (folder / "prompt-2.safetensors").unlink()
    with pytest.raises(BundleDamagedError, match=r"prompt-2\.safetensors"):
        load_bundle(folder)


def test_bundle_of_an_earlier_format_has_one_prompt(bundle: PromptBundle, tmp_path: Path) -> None:
    folder = dataclasses.replace(bundle, format_version=2).save(tmp_path / "b")
    manifest = json.loads((folder / "bundle.json").read_text())
    del manifest["num_prompts"]
    (folder / "bundle.json").write_text(json.dumps(manifest))
    assert len(load_bundle(folder).prompts) == 1


def test_file_holds_the_learnt_tensors_and_nothing_else(
    bundle: PromptBundle, tmp_path: Path
) -> None:
    stored = load_file(bundle.save(tmp_path / "b") / "prompt.safetensors")
    expected = {f"layers.{n}.{kind}" for n in (0, 1) for kind in ("shared", "anchored")}
    expected.add("presence")
    assert set(stored) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b"]


def test_saving_again_replaces_the_older_one(bundle: PromptBundle, tmp_path: Path) -> None:
    bundle.save(tmp_path / "b")
    dataclasses.replace(bundle, thresholds={7: 0.1}).save(tmp_path / "b")
    assert load_bundle(tmp_path / "b").thresholds == {7: 0.1}


def test_loaded_prompt_acts_like_the_live_one(
    bundle: PromptBundle,
    tiny_detector: Detector,
    classes: tuple[ObjectClass, ...],
    tmp_path: Path,
) -> None:
    live = make_prompts(tiny_detector, classes, num_tokens=8)
    (loaded,) = load_bundle(bundle.save(tmp_path / "b")).prompts_for(tiny_detector)
    for layer in (0, 1):
        mine, theirs = loaded.layer(layer), live.layer(layer)
        assert mine is not None
        assert theirs is not None
        assert torch.equal(mine.text_tokens(), theirs.text_tokens())


def test_foreign_backbone_is_refused(bundle: PromptBundle, tiny_detector: Detector) -> None:
    foreign = dataclasses.replace(bundle, backbone="glip-t", backbone_digest="0" * 64)
    with pytest.raises(ForeignBackboneError, match=r"tuned on 'glip-t'.*'tiny'"):
        foreign.prompts_for(tiny_detector)


def test_newer_format_is_refused(bundle: PromptBundle, tmp_path: Path) -> None:
    newer = dataclasses.replace(bundle, format_version=99)
    with pytest.raises(BundleTooNewError, match="format 99"):
        load_bundle(newer.save(tmp_path / "b"))


@pytest.mark.parametrize("name", ["prompt.safetensors", "bundle.json"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_broken_file_is_named(bundle: PromptBundle, tmp_path: Path, name: str, damage: str) -> None:
    path = bundle.save(tmp_path / "b") / name
    content = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleDamagedError, match=name):
        load_bundle(tmp_path / "b")


def test_missing_field_is_named(bundle: PromptBundle, tmp_path: Path) -> None:
    path = bundle.save(tmp_path / "b") / "bundle.json"
    manifest = json.loads(path.read_text())
    del manifest["train_digest"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(BundleDamagedError, match="train_digest"):
        load_bundle(tmp_path / "b")


def test_edges_survive_the_disk_with_the_prompt(bundle: PromptBundle, tmp_path: Path) -> None:
    edges = EdgeFinder.shipped(torch.device("cpu")).tensors
    loaded = load_bundle(dataclasses.replace(bundle, edges=edges).save(tmp_path / "b"))
    assert loaded.edges is not None
    assert all(torch.equal(loaded.edges[name], tensor) for name, tensor in edges.items())
    assert loaded.second_look(torch.device("cpu"), loaded.categories) is not None


def test_edges_that_are_gone_are_said_to_be(bundle: PromptBundle, tmp_path: Path) -> None:
    edges = EdgeFinder.shipped(torch.device("cpu")).tensors
    folder = dataclasses.replace(bundle, edges=edges).save(tmp_path / "b")
    (folder / "edges.safetensors").unlink()
    with pytest.raises(BundleDamagedError, match=r"edges\.safetensors' cannot be read"):
        load_bundle(folder)


def test_edges_of_another_network_are_refused(bundle: PromptBundle) -> None:
    foreign = dataclasses.replace(bundle, edges={"elsewhere": torch.zeros(1)})
    with pytest.raises(BundleDamagedError, match="second look does not fit"):
        foreign.second_look(torch.device("cpu"), foreign.categories)


def _names() -> dict[str, torch.Tensor]:
    weight, bias = torch.rand(2, NUM_FEATURES), torch.rand(2)
    return {"weight": weight, "bias": bias, "class_ids": torch.tensor([7])}


def test_names_survive_the_disk_with_the_prompt(bundle: PromptBundle, tmp_path: Path) -> None:
    names = _names()
    loaded = load_bundle(dataclasses.replace(bundle, names=names).save(tmp_path / "b"))
    assert loaded.names is not None
    assert all(torch.equal(loaded.names[name], tensor) for name, tensor in names.items())


def test_a_loaded_bundle_can_still_look_as_it_was_judged(
    bundle: PromptBundle, tmp_path: Path
) -> None:
    before, after = _names(), _names()
    taught = dataclasses.replace(
        bundle, names=after, judged_names=before, prompts=bundle.prompts * 2, num_judged=1
    )
    loaded = load_bundle(taught.save(tmp_path / "b"))
    assert (len(loaded.prompts), len(loaded.as_judged.prompts)) == (2, 1)
    assert loaded.names is not None
    assert loaded.as_judged.names is not None
    assert torch.equal(loaded.names["weight"], after["weight"])
    assert torch.equal(loaded.as_judged.names["weight"], before["weight"])
    assert load_bundle(bundle.save(tmp_path / "c")).as_judged.names is None


def test_names_of_another_size_are_refused(bundle: PromptBundle) -> None:
    foreign = dataclasses.replace(bundle, names={"weight": torch.zeros(2, 3)})
    with pytest.raises(BundleDamagedError, match="second look does not fit"):
        foreign.second_look(torch.device("cpu"), foreign.categories)
