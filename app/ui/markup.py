"""Small pieces of HTML. Every text of a user passes through `escape` here (and in `conflict_view`) and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

IN_USE = ' class="in-use"'
NUMBER = ' class="number"'


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    in_use: Sequence[int] = (),
) -> str:
    """A table of escaped cells. `numbers`: columns set flush right; `in_use`: rows set bold."""
    head = "".join(_cell("th", text, index in numbers) for index, text in enumerate(headers))
    body = "".join(
        f"<tr{IN_USE if place in in_use else ''}>"
        + "".join(_cell("td", text, index in numbers) for index, text in enumerate(row))
        + "</tr>"
        for place, row in enumerate(rows)
    )
    return f'<table class="sdpt-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def figures(named: Sequence[tuple[str, int]]) -> str:
    """Large numbers with a small name below each."""
    cells = "".join(f"<div><b>{n:,}</b><span>{escape(name)}</span></div>" for name, n in named)
    return f'<div class="sdpt-numbers">{cells}</div>'


def progress(
    text: str, aside: str = "", *, share: float | None = None, is_bad: bool = False
) -> str:
    """A sentence, a bar (`share` in 0..1) and a smaller second sentence."""
    kind = ' class="sdpt-bad"' if is_bad else ""
    bar = ""
    if share is not None:
        bar = (
            f'<div class="sdpt-bar"><div style="width:{min(max(share, 0.0), 1.0):.1%}"></div></div>'
        )
    return (
        f'<div class="sdpt-job"><div{kind}>{escape(text)}</div>{bar}'
        f'<div class="sdpt-aside">{escape(aside)}</div></div>'
    )


def link(url: str, text: str) -> str:
    """A link that opens beside the page, dressed as a button."""
    return f'<a class="sdpt-link" href="{escape(url)}" target="_blank" rel="noopener">{escape(text)}</a>'


def _cell(tag: str, text: str, is_number: bool) -> str:
    return f"<{tag}{NUMBER if is_number else ''}>{escape(text)}</{tag}>"
