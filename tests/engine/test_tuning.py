"""Tuning on the shipped blood smears with nano: few steps, the whole loop."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from sdpt_engine.asking import ask
from sdpt_engine.backbones.base import Detector
from sdpt_engine.checkpoint import load_checkpoint
from sdpt_engine.data import ViewCache
from sdpt_engine.errors import (
    CheckpointError,
    InvalidExampleError,
    NonFiniteLossError,
    TuneInterrupted,
)
from sdpt_engine.predictor import Predictor
from sdpt_engine.prompt import PromptSet
from sdpt_engine.schedule import learning_rate_factor, one_cycle
from sdpt_engine.thresholds import best_thresholds, true_positives
from sdpt_engine.tuning import TuneResult, tune
from sdpt_engine.types import (
    Example,
    ObjectClass,
    Prediction,
    PromptConfig,
    StepReport,
    TuneConfig,
)
from sdpt_engine.usual import usual_config

FEW = PromptConfig(num_tokens=4)
QUICK = TuneConfig(steps=6, batch_size=2, eval_every=2, prompt=FEW)
TWO_PROMPTS = dataclasses.replace(QUICK, steps=25, eval_every=25, num_prompts=2, num_pastes=1)
Run = Callable[..., TuneResult]


@dataclasses.dataclass(frozen=True)
class Smears:
    categories: tuple[ObjectClass, ...]
    train: list[Example]
    val: list[Example]


@pytest.fixture(scope="module")
def smears(sample_folder: Path) -> Smears:
    document = json.loads((sample_folder / "train.json").read_text())
    classes = [ObjectClass(c["id"], c["name"], c["name"]) for c in document["categories"]]
    place = {item.id: index for index, item in enumerate(classes)}
    examples = []
    for image in document["images"][:5]:
        mine = [a for a in document["annotations"] if a["image_id"] == image["id"]]
        boxes = np.array([a["bbox"] for a in mine], np.float32)
        boxes[:, 2:] += boxes[:, :2]
        labels = np.array([place[a["category_id"]] for a in mine], np.int64)
        examples.append(Example(sample_folder / "images" / image["file_name"], boxes, labels))
    return Smears(tuple(classes), examples[:3], examples[3:])


@pytest.fixture
def run(nano: Detector, smears: Smears) -> Run:
    def tuned(config: TuneConfig = QUICK, **options: object) -> TuneResult:
        chosen = {"categories": smears.categories, **options}
        return tune(nano, smears.train, smears.val, config, **chosen)  # type: ignore[arg-type]

    return tuned


@pytest.fixture(scope="module")
def whole(nano: Detector, smears: Smears) -> TuneResult:
    """What a run gives that nobody interrupts."""
    return tune(nano, smears.train, smears.val, QUICK, categories=smears.categories)


@dataclasses.dataclass(frozen=True)
class Reported:
    result: TuneResult
    steps: list[StepReport]


@pytest.fixture(scope="module")
def folded(nano: Detector, smears: Smears) -> Reported:
    """The same without a held-out image: the few judge each other."""
    steps: list[StepReport] = []
    result = tune(nano, smears.train, [], QUICK, categories=smears.categories, on_step=steps.append)
    return Reported(result, steps)


def same_tensors(left: TuneResult, right: TuneResult) -> bool:
    pairs = zip(left.bundle.prompts, right.bundle.prompts, strict=True)
    return all(
        mine.keys() == theirs.keys() and all(torch.equal(mine[n], theirs[n]) for n in mine)
        for mine, theirs in pairs
    )


def stop_after(num_steps: int) -> Callable[[], bool]:
    asked = iter(range(1_000))
    return lambda: next(asked) >= num_steps


def test_tuning_lowers_the_loss_and_beats_zero_shot(run: Run) -> None:
    losses: list[float] = []
    config = dataclasses.replace(QUICK, steps=20, eval_every=10)
    result = run(config, on_step=lambda report: losses.append(report.loss))
    assert np.mean(losses[-4:]) < np.mean(losses[:4])
    assert result.tuned.ap > result.zero_shot.ap


def test_a_detector_that_ships_affords_more_than_another() -> None:
    small, large = usual_config("nano"), usual_config("IDEA-Research/grounding-dino-tiny")
    assert large == TuneConfig()
    assert small.num_prompts == 2
    assert small.num_pastes > 0
    assert small.steps > large.steps


def test_prompts_of_other_chances_find_more_together(
    run: Run, nano: Detector, smears: Smears
) -> None:
    steps: list[int] = []
    one = dataclasses.replace(TWO_PROMPTS, num_prompts=1)
    result = run(TWO_PROMPTS, on_step=lambda report: steps.append(report.step))
    alone = run(one)
    first, second = result.bundle.prompts
    assert all(torch.equal(first[name], tensor) for name, tensor in alone.bundle.prompts[0].items())
    assert not torch.equal(first["layers.0.anchored"], second["layers.0.anchored"])
    assert steps == list(range(1, 2 * one.steps + 1))
    assert result.trainable_parameters == 2 * alone.trainable_parameters
    paths = [example.image_path for example in smears.val]
    judged = result.bundle.as_judged
    assert len(judged.prompts) == 1
    found = Predictor(nano, smears.categories, judged, min_score=0.01).predict(paths)
    for mine, pair in zip(found, result.judged, strict=True):
        assert np.allclose(mine.boxes, pair.prediction.boxes, atol=0.1)
        assert np.allclose(mine.scores, pair.prediction.scores, atol=1e-3)


def test_the_second_prompt_learns_from_the_images_that_judged_the_first(
    run: Run, nano: Detector, smears: Smears
) -> None:
    judge, last = smears.val
    wider = dataclasses.replace(last, boxes=last.boxes + np.array([-1, -1, 1, 1], np.float32))
    other = tune(nano, smears.train, [judge, wider], TWO_PROMPTS, categories=smears.categories)
    (first, second), (same, differs) = run(TWO_PROMPTS).bundle.prompts, other.bundle.prompts
    name = "layers.0.anchored"
    assert torch.equal(first[name], same[name])
    assert not torch.equal(second[name], differs[name])


def test_killed_run_of_two_prompts_goes_on_in_the_second(run: Run, tmp_path: Path) -> None:
    with pytest.raises(TuneInterrupted):
        run(TWO_PROMPTS, checkpoint_dir=tmp_path, should_stop=stop_after(TWO_PROMPTS.steps + 3))
    steps: list[int] = []
    resumed = run(
        TWO_PROMPTS, checkpoint_dir=tmp_path, on_step=lambda report: steps.append(report.step)
    )
    assert steps[0] > TWO_PROMPTS.steps
    assert same_tensors(resumed, run(TWO_PROMPTS))


def test_every_step_is_reported_and_held_out_figures_on_time(run: Run) -> None:
    reports: list[StepReport] = []
    run(on_step=reports.append)
    assert [r.step for r in reports] == [1, 2, 3, 4, 5, 6]
    assert [r.step for r in reports if r.val is not None] == [2, 4, 6]


def test_same_seed_gives_the_same_bundle(run: Run, whole: TuneResult) -> None:
    assert same_tensors(run(), whole)


def test_another_seed_gives_another_bundle(run: Run, whole: TuneResult) -> None:
    assert not same_tensors(run(dataclasses.replace(QUICK, seed=1)), whole)


@pytest.mark.parametrize("num_steps", [0, 3, 4])
def test_resumed_run_equals_an_uninterrupted_one(
    run: Run, whole: TuneResult, tmp_path: Path, num_steps: int
) -> None:
    with pytest.raises(TuneInterrupted) as stopped:
        run(checkpoint_dir=tmp_path, should_stop=stop_after(num_steps))
    assert stopped.value.step == num_steps
    resumed = run(checkpoint_dir=tmp_path)
    assert same_tensors(resumed, whole)
    assert (resumed.tuned, resumed.zero_shot) == (whole.tuned, whole.zero_shot)


def test_killed_run_goes_on_from_its_last_checkpoint(
    run: Run, whole: TuneResult, tmp_path: Path
) -> None:
    def die(report: StepReport) -> None:
        if report.step == 5:  # the last checkpoint is of step 4
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(checkpoint_dir=tmp_path, on_step=die)
    assert same_tensors(run(checkpoint_dir=tmp_path), whole)


def test_checkpoint_of_another_run_is_refused(run: Run, tmp_path: Path) -> None:
    run(checkpoint_dir=tmp_path)
    with pytest.raises(CheckpointError, match="other labels or settings"):
        run(dataclasses.replace(QUICK, seed=9), checkpoint_dir=tmp_path)


def test_cut_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt"):
        load_checkpoint(tmp_path / "checkpoint.pt", "digest")


def test_infinite_rate_ends_in_a_clear_error_and_keeps_the_checkpoint(
    run: Run, tmp_path: Path
) -> None:
    wild = dataclasses.replace(QUICK, prompt=PromptConfig(learning_rate=float("inf")))
    with pytest.raises(NonFiniteLossError, match="last checkpoint is kept"):
        run(wild, checkpoint_dir=tmp_path)
    assert (tmp_path / "checkpoint.pt").is_file()


def test_only_the_prompt_trains(run: Run, nano: Detector) -> None:
    before = nano.digest, [s.attention.state_dict() for s in nano.fusion_sites()]
    result = run()
    sizes = [t.numel() for name, t in result.bundle.prompts[0].items() if name != "presence"]
    assert result.trainable_parameters == sum(sizes) == 3 * (4 + 3) * 256
    for old, site in zip(before[1], nano.fusion_sites(), strict=True):
        assert all(torch.equal(old[k], v) for k, v in site.attention.state_dict().items())


def test_run_stops_early_when_nothing_gets_better(run: Run) -> None:
    frozen = PromptConfig(learning_rate=0.0, anchor_learning_rate=0.0, fades_in=False)
    still = dataclasses.replace(QUICK, steps=40, eval_every=1, patience=2, prompt=frozen)
    result = run(still)
    assert (result.steps, result.stopped_early) == (2, True)
    assert result.tuned == result.step0


def test_bundle_predicts_as_well_after_a_round_trip(
    whole: TuneResult, nano: Detector, smears: Smears, tmp_path: Path
) -> None:
    bundle = whole.bundle
    paths = [example.image_path for example in smears.val]
    loaded = bundle.load(bundle.save(tmp_path / "b"))
    live, again = (Predictor(nano, smears.categories, b).predict(paths) for b in (bundle, loaded))
    assert all(np.array_equal(a.boxes, b.boxes) for a, b in zip(live, again, strict=True))


def test_few_images_judge_each_other_and_then_all_are_learnt_from(
    folded: Reported, smears: Smears
) -> None:
    result = folded.result
    assert len(result.judged) == result.tuned.num_images == 3
    assert {pair.example.image_path for pair in result.judged} == {
        example.image_path for example in smears.train
    }
    assert folded.steps[-1].step == 3 * QUICK.steps + result.steps
    assert result.bundle.metrics["best_step"] == result.steps


def test_killed_run_over_folds_goes_on_as_if_nothing_had_happened(
    nano: Detector, smears: Smears, folded: Reported, tmp_path: Path
) -> None:
    def run(**options: object) -> TuneResult:
        given = {"categories": smears.categories, **options}
        return tune(nano, smears.train, [], QUICK, **given)  # type: ignore[arg-type]

    with pytest.raises(TuneInterrupted):
        run(checkpoint_dir=tmp_path, should_stop=stop_after(9))  # in the second of three folds
    assert same_tensors(run(checkpoint_dir=tmp_path), folded.result)


def test_entry_states_of_later_layers_change_no_result(nano: Detector, smears: Smears) -> None:
    prompts = PromptConfig(num_tokens=4, layers="last-1")
    asked = ask(nano, smears.categories)
    made = PromptSet(nano.fusion_sites(), [c.id for c in smears.categories], prompts)
    made.prepare(nano, [], [])
    plain = ViewCache(nano, smears.val, asked)
    entered = ViewCache(nano, smears.val, asked, layer=made.first_layer)
    outputs = [nano.detect(cache.view(0).images, asked[0].text, made) for cache in (plain, entered)]
    assert entered.view(0).images[0].layer == 2
    assert torch.allclose(outputs[0].proposal_logits, outputs[1].proposal_logits, atol=1e-4)


def test_tuning_works_with_one_image_and_none_held_out(nano: Detector, smears: Smears) -> None:
    result = tune(nano, smears.train[:1], [], QUICK, categories=smears.categories)
    assert result.steps == 6
    assert result.tuned.num_images == 0


def test_image_without_boxes_can_be_learnt_from(nano: Detector, smears: Smears) -> None:
    none = Example(smears.train[0].image_path, np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    result = tune(nano, [none], smears.val, QUICK, categories=smears.categories)
    assert result.steps == 6


def test_boxes_of_one_class_only_can_be_learnt_from(nano: Detector, smears: Smears) -> None:
    train = []
    for example in smears.train:
        mine = example.labels == 1
        train.append(
            dataclasses.replace(example, boxes=example.boxes[mine], labels=example.labels[mine])
        )
    result = tune(nano, train, smears.val, QUICK, categories=smears.categories)
    assert result.steps == 6
    assert all(torch.isfinite(tensor).all() for tensor in result.bundle.prompts[0].values())


def test_tuning_on_two_captions_reaches_the_classes_of_both(
    nano: Detector, smears: Smears, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nano.model.config, "max_text_len", 8)
    assert len(nano.captions(smears.categories)) > 1
    result = tune(nano, smears.train, smears.val, QUICK, categories=smears.categories)
    anchored = result.bundle.prompts[0]["layers.0.anchored"]
    assert (anchored.abs().amax(1) > 0).all()


def test_numbers_that_make_no_sense_are_refused() -> None:
    for name in ("seed", "steps", "num_pastes"):
        with pytest.raises(InvalidExampleError, match=f"{name} must be at least 0, found -1"):
            dataclasses.replace(QUICK, **{name: -1})  # type: ignore[arg-type]


def test_no_images_are_refused(nano: Detector, smears: Smears) -> None:
    with pytest.raises(InvalidExampleError, match="at least one labelled image"):
        tune(nano, [], smears.val, QUICK, categories=smears.categories)


def test_rate_rises_then_falls_to_a_tenth() -> None:
    factors = [learning_rate_factor(step, 100) for step in range(100)]
    assert max(factors) == factors[4] == 1.0
    assert factors[-1] == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(("steps", "warm_up"), [(1, 0.1), (10, 0.1), (20, 0.05), (150, 0.1)])
def test_a_cycle_of_the_rate_may_rise_for_one_step_only(steps: int, warm_up: float) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
    cycle = one_cycle(optimizer, 1.0, steps=steps, warm_up=warm_up)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        cycle.step()
    assert 0.0 < min(rates) <= max(rates) <= 1.0


def test_threshold_lies_where_the_f1_is_best() -> None:
    boxes = np.array([[0, 0, 10, 10], [20, 0, 30, 10], [50, 50, 60, 60]], np.float32)
    labels = np.zeros(3, np.int64)
    scores = np.array([0.9, 0.6, 0.2], np.float32)
    found = Prediction(boxes, scores, labels, (100, 100))
    truth = Example(Path("a.png"), boxes[:2], labels[:2])
    (best,) = best_thresholds([found], [truth], 1)
    assert best.score == pytest.approx(0.4)
    assert (best.precision, best.recall) == (1.0, 1.0)


def test_a_class_without_held_out_box_takes_what_is_best_for_all() -> None:
    boxes = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], np.float32)
    found = Prediction(boxes, np.array([0.9, 0.2], np.float32), np.zeros(2, np.int64), (100, 100))
    truth = Example(Path("a.png"), boxes[:1], np.zeros(1, np.int64))
    measured, unmeasured = best_thresholds([found], [truth], 2)
    assert unmeasured.score == measured.score == pytest.approx(0.55)
    assert np.isnan(unmeasured.precision)


def test_second_proposal_of_the_same_object_is_no_hit() -> None:
    box = np.array([[0, 0, 10, 10]], np.float32)
    assert true_positives(np.repeat(box, 2, axis=0), box).tolist() == [True, False]
