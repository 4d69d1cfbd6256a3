"""What the page says when something goes wrong: our own errors in their words, the rest in the log."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from html import escape
from typing import ParamSpec, TypeVar

import gradio as gr

from app.errors import AppError
from sdpt_engine.errors import EngineError
from storage.errors import StorageError

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

_SHOWN_S = 10


def telling(action: Callable[P, R]) -> Callable[P, R]:
    """Show an error as a message on the page; what the page shows otherwise stays as it is."""

    @functools.wraps(action)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return action(*args, **kwargs)
        except (AppError, EngineError, StorageError) as error:
            raise gr.Error(escape(str(error)), duration=_SHOWN_S, print_exception=False) from error
        except gr.Error:
            raise
        except Exception as error:  # the page's boundary: the server goes on
            log.exception("%s failed", action.__qualname__)
            text = f"{type(error).__name__}: the server's log says more. Nothing was changed."
            raise gr.Error(text, duration=_SHOWN_S, print_exception=False) from error

    return told


def announce(kind: str) -> str:
    """JavaScript that tells the canvases of the page what has changed."""
    return (
        "() => { window.dispatchEvent(new CustomEvent('sdpt:changed', "
        f"{{ detail: {{ source: 'page', kinds: ['{kind}'] }} }})); }}"
    )
