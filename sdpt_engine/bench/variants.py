"""SDPT with some settings changed, by a name that says which: `sdpt:num_tokens=4,paths=image_only`.

`rate` is the learning rate; `cache=entry` tunes on cached states of the first prompted layer.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from sdpt_engine.baselines.registry import METHODS, Method, prompts
from sdpt_engine.errors import InvalidExampleError
from sdpt_engine.types import PromptConfig


def variant(name: str) -> Method:
    """Raises InvalidExampleError for an unknown method or setting."""
    base, _, changes = name.partition(":")
    if base != "sdpt" or not changes:
        known = ", ".join(METHODS)
        raise InvalidExampleError(
            f"Method '{name}' is not known. Choose among {known}, tune, or sdpt:SETTING=VALUE."
        )
    try:
        return _changed(name, dict(change.split("=", 1) for change in changes.split(",")))
    except ValueError as error:
        raise InvalidExampleError(
            f"Method '{name}' is no SETTING=VALUE joined by commas: {error}. Write sdpt:num_tokens=4."
        ) from error


def _changed(name: str, pairs: dict[str, str]) -> Method:
    rate = float(pairs.pop("rate", METHODS["sdpt"].rate))
    enters_late = pairs.pop("cache", "") == "entry"
    config = replace(PromptConfig(), **{key: _value(key, text) for key, text in pairs.items()})
    return Method(name, prompts(config), rate, METHODS["sdpt"].rates, enters_late=enters_late)


def _value(key: str, text: str) -> Any:
    kinds = {
        field.name: type(getattr(PromptConfig(), field.name)) for field in fields(PromptConfig)
    }
    if key not in kinds:
        raise InvalidExampleError(
            f"'{key}' is no setting of the prompt. Known: {', '.join(kinds)}."
        )
    if kinds[key] is bool:
        return text.lower() in ("1", "true", "yes")
    # A layer list holds commas itself, so its numbers are joined by + in a name.
    return kinds[key](text.replace("+", ","))
