"""Words learn what free vectors know of the objects in scenes, and other words stay as they were."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sdpt_engine.backbones import load_detector, nano_folder
from sdpt_engine.backbones.nano import WORDS_NAME, load_nano
from sdpt_engine.pretraining.alignment import Regions, name_features
from sdpt_engine.pretraining.beginning import write_grown
from sdpt_engine.pretraining.feature_pool import COMPOSED, ShardKey, write_shard
from sdpt_engine.pretraining.nano_model import NanoInTraining
from sdpt_engine.pretraining.produce import encode_scenes
from sdpt_engine.pretraining.scenes import compose_for_training
from sdpt_engine.pretraining.teach_words import TeachSettings, fitted_vectors, look, teach
from sdpt_engine.pretraining.train_nano import BatchSource
from sdpt_engine.pretraining.word_rows import WordRows
from sdpt_engine.pretraining.wording import Vocabulary
from tests.engine.pretraining.drawings import drawn_material

NAMES = ("ball", "box", "plate")
FEW = TeachSettings(looks=2, batch=2, steps=25, phrases=6)


@pytest.fixture(scope="module")
def nano() -> NanoInTraining:
    return NanoInTraining(nano_folder())


@pytest.fixture
def taught(tmp_path: Path, nano: NanoInTraining) -> Path:
    """A nano folder whose word "plate" has moved."""
    folder = tmp_path / "taught"
    shutil.copytree(nano_folder(), folder)
    known = load_file(folder / WORDS_NAME)
    moved = (known["ids"] == WordRows(nano, ("plate",)).ids)[:, None]
    vectors = torch.where(moved, known["vectors"].roll(1, 1), known["vectors"])
    save_file({"ids": known["ids"], "vectors": vectors}, folder / WORDS_NAME)
    return folder


def said(folder: Path, phrase: str) -> torch.Tensor:
    with torch.no_grad():
        return name_features(NanoInTraining(folder), [phrase])


def test_rows_begin_as_what_the_text_encoder_says(nano: NanoInTraining) -> None:
    phrases = [*NAMES, "photo of a plate", "red apple"]
    with torch.no_grad():
        found = WordRows(nano, NAMES)(phrases)
        torch.testing.assert_close(found, name_features(nano, phrases), atol=1e-4, rtol=1e-4)


def test_articles_and_the_full_stop_never_move(nano: NanoInTraining) -> None:
    rows = WordRows(nano, ("photo of a plate",))
    (token,) = nano.detector.tokenizer("plate", add_special_tokens=False)["input_ids"]
    assert rows.ids.tolist() == [token]


def test_objects_that_words_confuse_are_told_apart_by_fitted_vectors() -> None:
    draw = torch.Generator().manual_seed(0)
    names = [NAMES[number % 3] for number in range(300)]
    shown = torch.eye(3, 8) * 6
    features = shown.repeat(100, 1) + torch.randn(300, 8, generator=draw)
    words = torch.ones(3, 8)
    settings = TeachSettings(passes=60, vector_rate=0.05)
    vectors = fitted_vectors(Regions(features, names, torch.ones(300)), NAMES, words, settings)
    named = (features @ vectors.T).argmax(1)
    assert (named == torch.arange(300) % 3).float().mean() > 0.95


def test_words_learn_to_say_the_vectors_and_kinds_stay() -> None:
    nano = NanoInTraining(nano_folder())
    with torch.no_grad():
        wanted = name_features(nano, NAMES).roll(1, 0)
        kind = name_features(nano, ["animal"])
        rows = WordRows(nano, NAMES)
    losses = list(teach(rows, nano, NAMES, wanted, FEW))
    assert losses[-1] < 0.5 * losses[0]
    with torch.no_grad():
        moved, stayed = rows(NAMES) - wanted, rows(["animal"]) - kind
    assert stayed.norm() < 0.2 * moved.norm(dim=1).mean()


def test_a_nano_finds_regions_to_learn_from(tmp_path: Path, nano: NanoInTraining) -> None:
    composed = [
        compose_for_training(drawn_material(), NAMES * 2, seed=0, index=i, size_wh=(320, 256))
        for i in range(4)
    ]
    encoder = nano.model.model.backbone.conv_encoder
    scenes = encode_scenes(encoder, composed, longest_px=320, family=COMPOSED)
    write_shard(tmp_path, ShardKey(0, (320, 256)), scenes)
    regions = look(nano, BatchSource(tmp_path, Vocabulary.of(NAMES), nano, 0), FEW)
    assert len(regions.names) == len(regions.features) == len(regions.shares) > 0
    assert set(regions.names) <= set(NAMES)


def test_a_folder_with_taught_words_reads_only_those_anew(taught: Path) -> None:
    assert not torch.allclose(said(taught, "plate"), said(nano_folder(), "plate"), atol=1e-2)
    torch.testing.assert_close(said(taught, "hammer"), said(nano_folder(), "hammer"))


def test_taught_words_go_along_when_a_nano_grows(taught: Path, tmp_path: Path) -> None:
    write_grown(taught, tmp_path / "grown", decoder_layers=3, num_queries=100, gate=0.3)
    grown = load_nano(tmp_path / "grown", torch.device("cpu")).model.model.text_backbone
    small = load_nano(taught, torch.device("cpu")).model.model.text_backbone
    plain = load_detector("nano", device="cpu").model.model.text_backbone  # type: ignore[union-attr]
    words = [m.get_input_embeddings().weight for m in (grown, small, plain)]
    assert torch.equal(words[0], words[1])
    assert not torch.equal(words[0], words[2])
