"""What a caption asks for: present and absent concepts, close siblings, kinds such as "fruit", or just "object"."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sdpt_engine.pretraining.lexicon import ANYTHING, KINDS, SYNONYMS

_MODES = ("all", "few", "kinds", "anything")
_MODE_SHARES = (0.5, 0.3, 0.12, 0.08)
_SIBLING_SHARE = 0.35
_OTHER_WORDING_SHARE = 0.3
BEFORE = ("photo of a", "photo of an", "a", "an", "the")
"""What may stand before any phrase."""


@dataclass(frozen=True, slots=True)
class Wording:
    """Phrases in the order of the caption, and which phrase each concept goes by; others are not asked for."""

    phrases: tuple[str, ...]
    phrase_of: Mapping[str, int]
    is_anything: bool


@dataclass(frozen=True)
class Vocabulary:
    """Names that may be asked for as absent, with those that share their last word side by side."""

    names: tuple[str, ...]
    siblings: Mapping[str, tuple[str, ...]] = field(repr=False)

    @classmethod
    def of(cls, names: Sequence[str]) -> Vocabulary:
        groups: dict[str, list[str]] = {}
        for name in names:
            groups.setdefault(name.split()[-1], []).append(name)
        siblings = {n: tuple(m for m in groups[n.split()[-1]] if m != n) for n in names}
        return cls(tuple(names), siblings)


def draw_wording(
    draw: random.Random, shown: Sequence[str], vocabulary: Vocabulary, *, max_phrases: int = 40
) -> Wording:
    """A caption's words for scenes that show `shown` (distinct names)."""
    mode = draw.choices(_MODES, _MODE_SHARES)[0]
    if mode == "anything" and shown:
        return Wording((draw.choice(ANYTHING),), dict.fromkeys(shown, 0), is_anything=True)
    names = list(shown)
    draw.shuffle(names)
    if mode == "few":
        names = names[: draw.randint(1, 4)]
        num_absent = draw.randint(0, 6)
    else:
        num_absent = max(2, draw.randint(8, max_phrases) - len(names))
    kinds = _kinds_for(draw, names) if mode == "kinds" else {}
    covered = {name for kind in kinds.values() for name in kind}
    asked: list[tuple[str, tuple[str, ...]]] = [
        (kind, tuple(n for n in shown if n in members)) for kind, members in kinds.items()
    ]
    asked += [(_worded(draw, name), (name,)) for name in names if name not in covered]
    absent = _absent(draw, set(shown) | covered, vocabulary, names, num_absent)
    asked += [(_worded(draw, name), ()) for name in absent]
    asked = _distinct(asked)[:max_phrases]
    draw.shuffle(asked)
    phrase_of = {name: place for place, (_, names) in enumerate(asked) for name in names}
    return Wording(tuple(phrase for phrase, _ in asked), phrase_of, is_anything=False)


def _kinds_for(draw: random.Random, names: Sequence[str]) -> dict[str, frozenset[str]]:
    fitting = [kind for kind, members in KINDS.items() if any(n in members for n in names)]
    chosen = draw.sample(fitting, min(len(fitting), draw.randint(1, 3)))
    others = [kind for kind in KINDS if kind not in fitting]
    chosen += draw.sample(others, min(len(others), draw.randint(0, 2)))
    return {kind: KINDS[kind] for kind in chosen}


def _absent(
    draw: random.Random,
    present: set[str],
    vocabulary: Vocabulary,
    names: Sequence[str],
    number: int,
) -> list[str]:
    close = [s for name in names for s in vocabulary.siblings.get(name, ()) if s not in present]
    wanted = sum(draw.random() < _SIBLING_SHARE for _ in range(number))
    found = draw.sample(close, min(wanted, len(close)))
    others = draw.sample(vocabulary.names, min(len(vocabulary.names), number))
    found += [name for name in others if name not in present]
    return found[:number]


def _worded(draw: random.Random, name: str) -> str:
    if draw.random() >= _OTHER_WORDING_SHARE:
        return name
    if name in SYNONYMS and draw.random() < 0.7:
        return draw.choice(SYNONYMS[name])
    article = "an" if name[0] in "aeiou" else "a"
    return draw.choice((f"{article} {name}", f"the {name}", f"photo of {article} {name}"))


def _distinct(asked: Sequence[tuple[str, tuple[str, ...]]]) -> list[tuple[str, tuple[str, ...]]]:
    """The first of equal phrases; those that stand for something shown come first."""
    ordered = sorted(asked, key=lambda item: not item[1])
    return list({phrase: (phrase, names) for phrase, names in reversed(ordered)}.values())[::-1]
