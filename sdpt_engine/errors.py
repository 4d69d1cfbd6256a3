"""What can go wrong in the engine.

EngineError
├── InvalidExampleError        an example, prediction or setting breaks its own rules
├── ImageUnreadableError       a picture cannot be decoded
├── VocabularyError            a class cannot be put into words the model reads
├── BackboneUnavailableError   the detector is neither here nor to be had
│   └── ForeignWeightsError    a checkpoint is not the model's, or would have to run code
├── BundleError
│   ├── ForeignBackboneError   the bundle was tuned on another detector
│   ├── BundleTooNewError      the bundle was written by a newer version
│   └── BundleDamagedError     the bundle's files are missing or broken
├── CheckpointError            a run cannot go on from the checkpoint it found
├── MaterialMissingError       the drawings that scenes are composed of are not there
├── NonFiniteLossError         training left the real numbers; the checkpoint is kept
└── TuneInterrupted            tuning was asked to stop; the checkpoint is kept
"""

from __future__ import annotations


class EngineError(Exception):
    """Base of all engine errors; its text is one sentence for a person."""


class InvalidExampleError(EngineError):
    """An example, prediction or setting breaks its own rules."""


class ImageUnreadableError(EngineError):
    """A picture cannot be decoded."""


class VocabularyError(EngineError):
    """A class cannot be put into words that the model reads."""


class BackboneUnavailableError(EngineError):
    """The detector is neither on this machine nor can it be downloaded."""


class ForeignWeightsError(BackboneUnavailableError):
    """A checkpoint holds other tensors than the model, or can only be read by running code."""


class BundleError(EngineError):
    """A prompt bundle cannot be used."""


class ForeignBackboneError(BundleError):
    """The bundle was tuned on another detector."""


class BundleTooNewError(BundleError):
    """The bundle was written by a newer version of the engine."""


class BundleDamagedError(BundleError):
    """The bundle's files are missing or broken."""


class CheckpointError(EngineError):
    """The checkpoint is damaged or belongs to another run."""


class MaterialMissingError(EngineError):
    """The drawings that scenes are composed of are not there."""


class NonFiniteLossError(EngineError):
    """The loss is no finite number any more; the last checkpoint is kept."""


class TuneInterrupted(EngineError):  # noqa: N818  (an outcome more than an error)
    """Tuning was asked to stop. `step` steps are done and in the checkpoint."""

    def __init__(self, step: int) -> None:
        super().__init__(f"Tuning was stopped after {step} steps; the checkpoint is kept.")
        self.step = step
