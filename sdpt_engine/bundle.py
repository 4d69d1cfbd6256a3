"""Tuned prompts on disk: their tensors, `bundle.json`, and perhaps what a second look needs."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sdpt_engine.device import resolve_device
from sdpt_engine.errors import BundleDamagedError, BundleTooNewError, ForeignBackboneError
from sdpt_engine.prompt import PromptSet
from sdpt_engine.second_look.edges.finder import EdgeFinder, shipped_edges
from sdpt_engine.second_look.encoder import load_encoder
from sdpt_engine.second_look.look import SecondLook
from sdpt_engine.second_look.names.namer import Namer
from sdpt_engine.second_look.pointing import Pointer
from sdpt_engine.types import ObjectClass, PromptConfig

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector

FORMAT_VERSION = 4
MANIFEST_NAME = "bundle.json"
EDGES_NAME, NAMES_NAME = "edges.safetensors", "names.safetensors"
_SECOND_LOOK_FILES = {
    "edges": EDGES_NAME,
    "names": NAMES_NAME,
    "judged_edges": "judged_edges.safetensors",
    "judged_names": "judged_names.safetensors",
}


@dataclass(frozen=True, slots=True)
class PromptBundle:
    """Everything needed to use tuned prompts again on the same backbone.

    `prompts` are the tensors of each; of several, what they find is merged: see `sdpt_engine.ensemble`.
    `thresholds` maps class id to a score in 0..1. `config` holds the TuneConfig's fields, `metrics` what was measured
    on the held-out examples.
    """

    backbone: str
    backbone_digest: str
    categories: tuple[ObjectClass, ...]
    prompts: tuple[Mapping[str, Tensor], ...]
    thresholds: Mapping[int, float]
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    train_digest: str
    created_at: datetime
    format_version: int = FORMAT_VERSION
    edges: Mapping[str, Tensor] | None = None
    """What was learnt of where this person's boxes end, if that was of use: see `sdpt_engine.second_look`."""
    names: Mapping[str, Tensor] | None = None
    """What was learnt of how this person's classes look, likewise."""
    judged_edges: Mapping[str, Tensor] | None = None
    """The edges before they learnt from the images that judged them too, where they have."""
    judged_names: Mapping[str, Tensor] | None = None
    """The names, likewise."""
    num_judged: int | None = None
    """So many of the prompts, the first ones, have learnt nothing from the images that judged them; None: all."""

    @property
    def as_judged(self) -> PromptBundle:
        """Without what the held-out images taught it, so that they can judge it again."""
        return replace(
            self,
            prompts=self.prompts[: self.num_judged],
            edges=self.judged_edges or self.edges,
            names=self.judged_names or self.names,
            judged_edges=None,
            judged_names=None,
            num_judged=None,
        )

    def with_look_of(self, other: PromptBundle | None) -> PromptBundle:
        """The same prompts with all that another learnt for a second look; with none of it for None."""
        learnt: dict[str, Any] = {
            field: None if other is None else getattr(other, field) for field in _SECOND_LOOK_FILES
        }
        return replace(self, **learnt)

    @property
    def num_parameters(self) -> int:
        return sum(tensor.numel() for prompt in self.prompts for tensor in prompt.values())

    def prompts_for(self, detector: Detector) -> list[PromptSet]:
        """The prompts, ready for `detector.detect`; refused on a foreign backbone."""
        self.check_backbone(detector)
        return [self._prompt_for(detector, tensors) for tensors in self.prompts]

    def _prompt_for(self, detector: Detector, tensors: Mapping[str, Tensor]) -> PromptSet:
        prompts = PromptSet(
            detector.fusion_sites(),
            [item.id for item in self.categories],
            self._prompt_config(),
        )
        try:
            # Format 1 knew no fade-in: its shared tokens are there as a whole.
            prompts.load_learnt_tensors({"presence": torch.ones(()), **tensors})
        except ValueError as error:
            raise BundleDamagedError(f"The bundle does not fit itself: {error}") from error
        return prompts.to(detector.device).requires_grad_(False)

    def second_look(
        self, device: torch.device, classes: Sequence[ObjectClass]
    ) -> SecondLook | None:
        """What looks at found boxes of `classes` again; None where nothing was learnt of that."""
        if self.edges is None and self.names is None:
            return None
        encoder = load_encoder(device)
        try:
            return SecondLook(
                [item.id for item in classes],
                edges=None if self.edges is None else EdgeFinder(self.edges, encoder),
                namer=None if self.names is None else Namer(self.names, encoder),
            )
        except ValueError as error:
            raise BundleDamagedError(f"The bundle's second look does not fit: {error}") from error

    def _prompt_config(self) -> PromptConfig:
        # Format 1 had the prompt's settings among those of the run, and fewer of them.
        saved = self.config.get("prompt", self.config)
        known = {f.name for f in fields(PromptConfig)}
        return PromptConfig(**{name: value for name, value in saved.items() if name in known})

    @staticmethod
    def load(folder: Path) -> PromptBundle:
        return load_bundle(folder)

    def check_backbone(self, detector: Detector) -> None:
        if self.backbone_digest != detector.digest:
            raise ForeignBackboneError(
                f"The bundle was tuned on '{self.backbone}' ({self.backbone_digest[:12]}), but the "
                f"loaded backbone is '{detector.name}' ({detector.digest[:12]}). "
                "Load the matching backbone or tune again."
            )

    def save(self, folder: Path) -> Path:
        """Writes the folder in one rename. An older bundle of that name is replaced."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
        unfinished.mkdir()
        try:
            for number, prompt in enumerate(self.prompts, start=1):
                contiguous = {name: value.contiguous() for name, value in prompt.items()}
                save_file(contiguous, unfinished / prompt_file(number))
            for field, name in _SECOND_LOOK_FILES.items():
                learnt = getattr(self, field)
                if learnt is not None:
                    save_file(dict(learnt), unfinished / name)
            _write_durably(unfinished / MANIFEST_NAME, json.dumps(self._manifest(), indent=1))
            if folder.exists():
                shutil.rmtree(folder)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        return folder

    def _manifest(self) -> dict[str, Any]:
        return {
            "format_version": self.format_version,
            "backbone": self.backbone,
            "backbone_digest": self.backbone_digest,
            "categories": [
                {"id": item.id, "name": item.name, "prompt_text": item.prompt_text}
                for item in self.categories
            ],
            "thresholds": {str(key): value for key, value in self.thresholds.items()},
            "config": dict(self.config),
            "metrics": dict(self.metrics),
            "num_prompts": len(self.prompts),
            "num_judged": self.num_judged,
            "train_digest": self.train_digest,
            "created_at": self.created_at.astimezone(UTC).isoformat(),
            **{f"has_{field}": getattr(self, field) is not None for field in _SECOND_LOOK_FILES},
        }


def prompt_file(number: int) -> str:
    """The name of the file of the first prompt, of the second and so on; earlier formats knew one."""
    return "prompt.safetensors" if number == 1 else f"prompt-{number}.safetensors"


def load_bundle(folder: Path) -> PromptBundle:
    """Reads a saved bundle; says whether it is too new, or what about it is broken."""
    manifest = _read_manifest(folder)
    version = manifest.get("format_version")
    if not isinstance(version, int):
        raise BundleDamagedError(f"Bundle '{folder}' names no format version. Tune again.")
    if version > FORMAT_VERSION:
        raise BundleTooNewError(
            f"Bundle '{folder}' has format {version}, but this version reads up to "
            f"{FORMAT_VERSION}. Upgrade sdpt-app."
        )
    try:
        return PromptBundle(
            backbone=manifest["backbone"],
            backbone_digest=manifest["backbone_digest"],
            categories=tuple(ObjectClass(**item) for item in manifest["categories"]),
            prompts=tuple(
                _read_tensors(folder / prompt_file(number))
                for number in range(1, int(manifest.get("num_prompts", 1)) + 1)
            ),
            **{
                learnt: _read_tensors(folder / name)
                for learnt, name in _SECOND_LOOK_FILES.items()
                if manifest.get(f"has_{learnt}")
            },
            num_judged=manifest.get("num_judged"),  # formats 1 to 3: all
            thresholds={int(key): float(v) for key, v in manifest["thresholds"].items()},
            config=manifest["config"],
            metrics=manifest["metrics"],
            train_digest=manifest["train_digest"],
            created_at=datetime.fromisoformat(manifest["created_at"]),
            format_version=version,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleDamagedError(
            f"'{folder / MANIFEST_NAME}' is incomplete: {error!r}. Tune again."
        ) from error


def pointer_of(folder: Path | None, device: str) -> Pointer:
    """What a saved bundle learnt of edges and names; the start and no names, where it learnt none or none is given.

    Raises BundleDamagedError.
    """
    learnt = {
        name: _read_tensors(folder / name)
        for name in (EDGES_NAME, NAMES_NAME)
        if folder is not None and (folder / name).exists()
    }
    encoder = load_encoder(resolve_device(device))
    names = learnt.get(NAMES_NAME)
    try:
        edges = EdgeFinder(learnt.get(EDGES_NAME) or shipped_edges(), encoder)
        return Pointer(edges, None if names is None else Namer(names, encoder))
    except ValueError as error:
        raise BundleDamagedError(
            f"The second look in '{folder}' does not fit: {error}. Tune again."
        ) from error


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST_NAME
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleDamagedError(f"'{path}' cannot be read: {error}. Tune again.") from error
    if not isinstance(manifest, dict):
        raise BundleDamagedError(f"'{path}' holds no object. Tune again.")
    return manifest


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise BundleDamagedError(f"'{path}' cannot be read: {error}. Tune again.") from error
    return tensors


def _write_durably(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
