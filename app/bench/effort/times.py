"""What each thing that an annotator does costs in seconds, and who measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from app.errors import SettingsError

CROWD_DRAW_S = 25.5
CROWD_CHECKED_DRAW_S = 34.5
PUBLISHED_VERDICT_S = 1.6
KEYSTROKE_PRESS_S = 2.7
"""A thought of 1.35 s, pointing at a button 1.1 s, a click .2 s (Card et al. 1983)."""

_EXTREME = (
    "Papadopoulos et al., Extreme clicking for efficient object annotation, ICCV 2017: 7 s a box by "
    "extreme clicking"
)
_CROWD = (
    "Su, Deng, Fei-Fei, Crowdsourcing annotations for visual object detection, HCOMP 2012, as cited there: "
    "25.5 s to drag a box, 34.5 s with its check by a second person (medians of a crowd)"
)
_VERDICT = (
    "our assumption for one key on a box that is looked at already; the published figure for a yes or no on "
    "one box is 1.6 s (Papadopoulos et al., We don't need no bounding-boxes, CVPR 2016)"
)
SOURCES: Mapping[str, str] = {
    "look_s": "our assumption: an image comes up and is taken in, once a visit",
    "draw_s": f"{_EXTREME}; {_CROWD}",
    "accept_s": _VERDICT,
    "reject_s": _VERDICT,
    "swept_s": (
        "one key turns down all that is left when what was right has been taken: each beyond the first costs no key; "
        "as much as the first in a column of its own"
    ),
    "point_s": (
        "Papadopoulos et al., Training object class detectors with click supervision, CVPR 2017: 1.9 s to find an "
        "object and click on its middle; whatever shows then costs a verdict on top, or a correction: a box is taken, "
        "or a key brings the next guess or clears the wrong one away"
    ),
    "rename_s": (
        "a verdict, one thought of 1.35 s and one key of .28 s by the keystroke-level model (Card et al. 1983): "
        "the box is right, its class is not, and a digit gives it another"
    ),
    "edge_s": (
        "a quarter of a drawing, as cited above: one of its four clicks; it comes on top of a verdict, where one edge "
        "of a box is wrong and is brought to the pointer"
    ),
    "press_s": "for each Tune and each Pre-label; nought in what was promised, so it has a column of its own",
    "fix_s": "our assumption: two edges and perhaps the class; more than a verdict, less than a new box",
}


@dataclass(frozen=True, slots=True)
class TimeModel:
    """Seconds per action. Where each default comes from stands in `SOURCES`."""

    look_s: float = 1.5
    draw_s: float = 7.0
    accept_s: float = 1.0
    reject_s: float = 1.0
    fix_s: float = 4.0
    rename_s: float = 2.6
    point_s: float = 1.9
    edge_s: float = 1.75
    swept_s: float = 0.0
    press_s: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0.0 <= value < 3600.0:
                raise SettingsError(
                    f"'{field.name}' must be seconds from 0 to an hour; found {value}. "
                    f"{field.default} is the default."
                )

    @property
    def one_edge_s(self) -> float:
        """A verdict, and one edge brought to its place."""
        return self.accept_s + self.edge_s


@dataclass(frozen=True, slots=True)
class Actions:
    """How often a person did what. Objects that were overlooked cost nothing and are in none of these."""

    looks: int = 0
    draws: int = 0
    accepts: int = 0
    fixes: int = 0
    edges: int = 0
    """Proposals of which one edge was brought to its place."""
    renames: int = 0
    rejects: int = 0
    """Keys that turned proposals down: one (Shift X) is enough for all that is left on an image."""
    swept: int = 0
    """Proposals beyond the first that such a key turned down."""
    points: int = 0
    taken: int = 0
    """Of the points: where the box that showed was taken as it was."""
    mended: int = 0
    """Of the points: where it was taken and corrected."""
    edged: int = 0
    """Of the points: where it was taken and one edge of it brought to its place."""
    agains: int = 0
    """Of the points: where the first box was wrong and a key brought the next guess."""
    presses: int = 0
    """Of Tune and of Pre-label."""

    def __add__(self, other: Actions) -> Actions:
        return Actions(
            *(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)),
        )

    def __sub__(self, other: Actions) -> Actions:
        return Actions(
            *(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)),
        )

    @property
    def boxes(self) -> int:
        """Boxes that these actions left behind."""
        return self.draws + self.accepts + self.corrected + self.pointed

    @property
    def corrected(self) -> int:
        """Proposals that were taken after a change."""
        return self.fixes + self.edges + self.renames

    @property
    def pointed(self) -> int:
        """Boxes that a click found."""
        return self.taken + self.mended + self.edged

    @property
    def in_vain(self) -> int:
        """Of the points: where no guess was of use, and the last one was cleared away."""
        return self.points - self.pointed

    @property
    def turned_down(self) -> int:
        """Proposals, by however few keys."""
        return self.rejects + self.swept

    @property
    def untouched(self) -> float:
        """The share of the boxes that were accepted as proposed, 0..1."""
        return self.accepts / self.boxes if self.boxes else 0.0

    def seconds(self, times: TimeModel) -> float:
        return (
            self.looks * times.look_s
            + self.draws * times.draw_s
            + self.accepts * times.accept_s
            + self.fixes * times.fix_s
            + self.renames * times.rename_s
            + (self.rejects + self.agains + self.in_vain) * times.reject_s
            + self.swept * times.swept_s
            + self.points * times.point_s
            + self.taken * times.accept_s
            + self.mended * times.fix_s
            + (self.edges + self.edged) * times.one_edge_s
            + self.presses * times.press_s
        )
