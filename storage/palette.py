"""The colours that classes get by default.

The first seven are those of Okabe and Ito ("Color Universal Design", 2008), chosen for every common kind of
colour blindness; their eighth, black, is lost on dark images. The other five were found by search: each is the
sRGB colour (in steps of 15, OKLab lightness 45 to 97) that is farthest from all before it, in the worst of four
eyes: full sight, and protanopia, deuteranopia and tritanopia as simulated by Machado, Oliveira and Fernandes
(2009). `tests/storage/test_palette.py` holds the distances.

From the thirteenth class on a colour comes back: its boxes then have a second, later a third frame inside, and its
button another edge. That tells 36 classes apart by their looks; of more, two can look alike, and the name that is
written at each box and button tells them.
"""

from collections import Counter
from collections.abc import Sequence

COLORS = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
    "#96ffff",
    "#962d00",
    "#b4c3a5",
    "#a569ff",
    "#694b69",
)


def next_color(taken: Sequence[str]) -> str:
    """The first colour that the fewest classes have."""
    number = Counter(color.lower() for color in taken)
    return min(COLORS, key=lambda color: number[color])
