"""EfficientNet-Lite0 (Apache-2.0), the frozen image encoder of nano, down to its feature maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_BN_EPS = 1e-3


@dataclass(frozen=True, slots=True)
class _Stage:
    expansion: int
    channels: int
    repeats: int
    stride: int
    kernel: int


_STAGES = (
    _Stage(1, 16, 1, 1, 3),
    _Stage(6, 24, 2, 2, 3),
    _Stage(6, 40, 2, 2, 5),
    _Stage(6, 80, 3, 2, 3),
    _Stage(6, 112, 3, 1, 5),
    _Stage(6, 192, 4, 2, 5),
    _Stage(6, 320, 1, 1, 3),
)
_TAPPED_STAGES = (2, 4, 6)  # strides 8, 16, 32 with 40, 112, 320 channels


def _convolution(
    channels_in: int, channels_out: int, kernel: int, *, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    padding = (kernel - 1) // 2
    return [
        nn.Conv2d(channels_in, channels_out, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(channels_out, eps=_BN_EPS),
    ]


class _InvertedBottleneck(nn.Module):
    def __init__(self, channels_in: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        width = channels_in * stage.expansion
        layers: list[nn.Module] = []
        if stage.expansion > 1:
            layers += [*_convolution(channels_in, width, 1), nn.ReLU6()]
        layers += [*_convolution(width, width, stage.kernel, stride=stride, groups=width)]
        layers += [nn.ReLU6(), *_convolution(width, stage.channels, 1)]
        self.layers = nn.Sequential(*layers)
        self.has_shortcut = stride == 1 and channels_in == stage.channels

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.layers(images)
        return images + out if self.has_shortcut else out


class EfficientNetLite0(nn.Module):
    """[B, 3, H, W] with values (x - 127) / 128 to maps at strides 8, 16, 32 with 40, 112, 320 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_convolution(3, 32, 3, stride=2), nn.ReLU6())
        self.stages = nn.ModuleList()
        channels = 32
        for stage in _STAGES:
            blocks = []
            for repeat in range(stage.repeats):
                blocks.append(
                    _InvertedBottleneck(channels, stage, stage.stride if repeat == 0 else 1)
                )
                channels = stage.channels
            self.stages.append(nn.Sequential(*blocks))

    def forward(self, images: Tensor) -> list[Tensor]:
        return self.maps(images, _TAPPED_STAGES)

    def maps(self, images: Tensor, tapped: Sequence[int]) -> list[Tensor]:
        """What the stages of these numbers, from 0 and ascending, give; those behind the last one do not run."""
        found = []
        hidden = self.stem(images.contiguous(memory_format=torch.channels_last))
        for number, stage in enumerate(self.stages[: tapped[-1] + 1]):
            hidden = stage(hidden)
            if number in tapped:
                found.append(hidden)
        return found


class _FoldedConvolution(nn.Module):
    """A convolution that has taken in its batch norm, and the ReLU6 behind it if there is one."""

    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d, *, has_relu: bool) -> None:
        super().__init__()
        self.convolution = fuse_conv_bn_eval(convolution, norm)
        self.has_relu = has_relu

    def forward(self, images: Tensor) -> Tensor:
        if torch.is_grad_enabled() or not _has_fused_kernel(images):
            out: Tensor = self.convolution(images)
            return nn.functional.relu6(out, inplace=True) if self.has_relu else out
        # What torch compiles a convolution with its activation into on a CPU: one pass over memory, not three.
        layer = self.convolution
        places = [layer.padding, layer.stride, layer.dilation]
        activation = ("hardtanh", [0.0, 6.0]) if self.has_relu else ("none", [])
        fused: Tensor = torch.ops.mkldnn._convolution_pointwise(
            images, layer.weight, layer.bias, *places, layer.groups, *activation, ""
        )
        return fused


def _has_fused_kernel(images: Tensor) -> bool:
    is_plain = images.device.type == "cpu" and images.dtype == torch.float32
    return is_plain and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


@torch.no_grad()
def fold_batch_norms(network: EfficientNetLite0) -> None:
    """Multiply each frozen batch norm into the convolution before it; the network must be in eval mode."""
    for block in [m for m in network.modules() if isinstance(m, nn.Sequential)]:
        layers = [*block, None]
        for place, layer in enumerate(block):
            norm = layers[place + 1]
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                has_relu = isinstance(layers[min(place + 2, len(block))], nn.ReLU6)
                block[place] = _FoldedConvolution(layer, norm, has_relu=has_relu)
                block[place + 1] = nn.Identity()
                if has_relu:
                    block[place + 2] = nn.Identity()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def load_folded(path: Path) -> EfficientNetLite0:
    """The network of a shard, in eval mode and full precision, its batch norms folded."""
    network = EfficientNetLite0()
    network.load_state_dict(in_full_precision(load_file(path)))
    fold_batch_norms(network.eval())
    return network


def in_full_precision(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Stored weights as they are computed with; whole numbers stay what they are."""
    return {key: t.float() if t.is_floating_point() else t for key, t in tensors.items()}


def from_published_weights(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the published tensors, which stand in the same order as ours, and drop the classifier."""
    ours = EfficientNetLite0().state_dict()
    theirs = [
        tensor for name, tensor in published.items() if not name.startswith(("_conv_head", "_fc"))
    ]
    theirs = theirs[: len(ours)]  # what follows is the classifier's own batch norm
    renamed = dict(zip(ours, theirs, strict=True))
    for name, tensor in renamed.items():
        if tensor.shape != ours[name].shape:
            raise ValueError(
                f"{name}: expected {list(ours[name].shape)}, found {list(tensor.shape)}"
            )
    return renamed
