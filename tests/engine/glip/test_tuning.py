"""Words that a small trained GLIP was never taught get their meaning by tuning."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sdpt_engine import Predictor, load_detector
from sdpt_engine.asking import ask
from sdpt_engine.backbones.base import Detector
from sdpt_engine.baselines import METHODS, make_adaptation
from sdpt_engine.bench.few_shot import Plan, run_set
from sdpt_engine.bundle import PromptBundle
from sdpt_engine.data import ViewCache
from sdpt_engine.errors import ForeignBackboneError, TuneInterrupted
from sdpt_engine.fitting import Fit, Material
from sdpt_engine.metrics import evaluate
from sdpt_engine.tuning import TuneResult, tune
from sdpt_engine.types import Example, Metrics, PromptConfig, TuneConfig
from tests.engine.glip.scenes import CLASSES, NAMES, TINY_GLIP, write_coco, write_scenes

CONFIG = TuneConfig(steps=60, eval_every=30, num_folds=0)
QUICK = dataclasses.replace(CONFIG, steps=4, eval_every=2)


@dataclass(frozen=True)
class Scenes:
    train: list[Example]
    test: list[Example]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector(str(TINY_GLIP), device="cpu")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    folder = tmp_path_factory.mktemp("scenes")
    return Scenes(write_scenes(folder, 6, seed=1), write_scenes(folder, 20, seed=2))


def judged(detector: Detector, examples: list[Example], bundle: PromptBundle | None) -> Metrics:
    predictor = Predictor(detector, CLASSES, bundle, min_score=0.01)
    found = predictor.predict([example.image_path for example in examples])
    return evaluate(found, [(e.boxes, e.labels) for e in examples], list(NAMES))


def test_tuning_beats_zero_shot_on_scenes_that_it_never_saw(
    detector: Detector, scenes: Scenes, tmp_path: Path
) -> None:
    bundle = tune(detector, scenes.train, [], CONFIG, categories=CLASSES).bundle
    before, after = (judged(detector, scenes.test, b) for b in (None, bundle))
    assert after.ap50 > before.ap50 + 0.4
    assert after.ap > before.ap
    loaded = PromptBundle.load(bundle.save(tmp_path / "bundle"))
    assert judged(detector, scenes.test, loaded) == after


def test_a_prompt_of_glip_is_refused_by_another_detector(
    detector: Detector, scenes: Scenes, nano: Detector
) -> None:
    bundle = tune(detector, scenes.train[:1], [], QUICK, categories=CLASSES).bundle
    with pytest.raises(ForeignBackboneError, match="tiny_glip"):
        bundle.prompts_for(nano)


def same(left: TuneResult, right: TuneResult) -> bool:
    (mine,), (theirs,) = left.bundle.prompts, right.bundle.prompts
    return all(np.array_equal(mine[name].numpy(), theirs[name].numpy()) for name in mine)


def test_killed_run_ends_as_if_nothing_had_happened(
    detector: Detector, scenes: Scenes, tmp_path: Path
) -> None:
    def run(**options: object) -> TuneResult:
        given = {"categories": CLASSES, **options}
        return tune(detector, scenes.train[:3], scenes.train[3:], QUICK, **given)  # type: ignore[arg-type]

    asked = iter(range(100))
    with pytest.raises(TuneInterrupted):
        run(checkpoint_dir=tmp_path, should_stop=lambda: next(asked) >= 3)
    assert same(run(checkpoint_dir=tmp_path), run())


def test_tuning_later_layers_only_starts_from_kept_states(
    detector: Detector, scenes: Scenes
) -> None:
    config = dataclasses.replace(QUICK, prompt=PromptConfig(layers="last-1", init="data"))
    result = tune(detector, scenes.train[:3], [], config, categories=CLASSES)
    assert set(result.bundle.prompts[0]) == {"layers.1.shared", "layers.1.anchored", "presence"}
    assert result.steps == QUICK.steps


@pytest.mark.parametrize("name", list(METHODS))
def test_every_rival_goes_through_the_loop(detector: Detector, scenes: Scenes, name: str) -> None:
    asked = ask(detector, CLASSES)
    train = ViewCache(detector, scenes.train[:2], asked)
    none = ViewCache(detector, [], asked)
    config = dataclasses.replace(QUICK, steps=2 if METHODS[name].is_trained else 0)
    fit = Fit(
        detector,
        make_adaptation(name, detector, CLASSES),
        Material(train, none, (), CLASSES),
        config,
    )
    losses: list[float] = []
    fit.run(on_step=lambda report: losses.append(report.loss))
    assert all(math.isfinite(loss) and loss > 0 for loss in losses)
    assert len(fit.predict(train, fit.adaptation)) == 2


def test_the_few_shot_benchmark_takes_the_folder_as_its_backbone(tmp_path: Path) -> None:
    folder = tmp_path / "shapes"
    for part, number in (("train", 6), ("test", 4)):
        examples = write_scenes(folder / "images", number, seed=len(part))
        write_coco(folder / f"{part}.json", examples)
    methods = ("zero-shot", "sdpt", "tune")
    plan = Plan((folder,), methods, shots=(1,), seeds=(0,), steps=2, backbone=str(TINY_GLIP))
    rows = list(run_set(plan, folder, 0, frozenset()))
    assert [row.method for row in rows] == list(methods)
    assert all(0 <= row.ap50 <= 1 for row in rows)
    assert rows[1].trained == 2 * (16 + 3) * 128
