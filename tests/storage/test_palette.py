"""Default colours are told apart by colour-blind eyes too."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from storage.palette import COLORS, next_color

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
EYES = {
    "full sight": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
FLOOR = 7.5  # in hundredths of OKLab; a person with full sight sees a step of about 2


def seen(color: str, eyes: str) -> np.ndarray:
    """The colour in OKLab, as these eyes see it."""
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    cones = TO_CONES @ np.clip(EYES[eyes] @ linear, 0, 1)
    return np.asarray(100 * TO_LAB @ np.cbrt(cones))


@pytest.mark.parametrize("eyes", EYES)
def test_every_two_default_colours_are_far_apart(eyes: str) -> None:
    pairs = combinations(COLORS, 2)
    distance = {(a, b): np.linalg.norm(seen(a, eyes) - seen(b, eyes)) for a, b in pairs}
    closest = min(distance, key=lambda pair: distance[pair])
    assert distance[closest] > FLOOR, closest


def test_a_new_class_gets_a_colour_that_no_other_has() -> None:
    taken: list[str] = []
    for _ in COLORS:
        taken.append(next_color(taken))
    assert sorted(taken) == sorted(COLORS)
    assert next_color(["#009e73", "#E69F00"]) == "#56b4e9"
