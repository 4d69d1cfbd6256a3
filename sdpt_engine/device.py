"""The one place that decides where tensors live."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from sdpt_engine.errors import BackboneUnavailableError


def resolve_device(wanted: str) -> torch.device:
    """auto: the first GPU if there is one, else the CPU; cpu, cuda or cuda:N as asked."""
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise BackboneUnavailableError(
            f"Device '{wanted}' was asked for, which is none of auto, cpu, cuda, cuda:N."
        ) from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BackboneUnavailableError(
            f"Device '{wanted}' was asked for, but {torch.cuda.device_count()} CUDA devices are "
            "here. Use --device cpu or --device auto."
        )
    return device


def precision(device: torch.device) -> AbstractContextManager[object]:
    """In which the frozen part runs: half precision where a GPU gains by it, as it is on the CPU.

    What is learnt stays in full precision. Gradients of float16 would vanish without scaling the loss, so a
    GPU without bfloat16 uses half precision only where no gradient is asked for.
    """
    if device.type != "cuda":
        return nullcontext()
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.autocast("cuda", dtype=torch.bfloat16)
    if torch.is_grad_enabled():
        return nullcontext()
    return torch.autocast("cuda", dtype=torch.float16)
