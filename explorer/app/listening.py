"""How handlers answer: our sentences as messages, one heavy computation at a time."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from html import escape
from typing import Any, ParamSpec, TypeVar

import gradio as gr

from explorer.extraction import ExtractionCancelledError
from explorer.markup import parts_html
from explorer.view import Cloud, View

P = ParamSpec("P")
R = TypeVar("R")

HEAVY: dict[str, Any] = {
    "concurrency_id": "model", "concurrency_limit": 1, "api_visibility": "private",
}  # fmt: skip
"""Listeners that compute: they wait for each other."""

LIGHT: dict[str, Any] = {
    "concurrency_id": "page", "concurrency_limit": 8, "api_visibility": "private",
    "show_progress": "hidden",
}  # fmt: skip
"""Listeners that only look something up."""

FAILED = "Something went wrong here; the terminal that the explorer runs in says what."
READ_S = 15.0  # that a message stays


def told(handler: Callable[P, R]) -> Callable[P, R]:
    """What a handler raises as ValueError is shown as it is, and the page stays as it was.

    Of anything else the log tells.
    """

    @functools.wraps(handler)
    def answered(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            return handler(*args, **kwargs)
        except ExtractionCancelledError:
            gr.Info("Stopped; nothing was kept.", title="Stopped")
        except ValueError as error:
            text = escape(str(error), quote=False)  # messages are shown as HTML
            gr.Warning(text, title="Not possible", duration=READ_S)
        except Exception:
            logging.getLogger(__name__).exception("A handler of the explorer failed.")
            gr.Warning(FAILED, title="Error", duration=READ_S)
        return gr.skip()

    return answered


def shown(view: View) -> str:
    """A view for the page, without what plotly draws."""
    return f'<div class="jx">{parts_html(view.parts, clouds=False)}</div>'


def sentence(text: str) -> str:
    """What a view shows, above it."""
    return f'<p class="lead-text">{escape(text)}</p>'


def cloud_json(view: View) -> str:
    """The figure of a view's first cloud for the browser; empty where it has none."""
    clouds = [part.figure for part in view.parts if isinstance(part, Cloud)]
    return clouds[0].to_json() if clouds else ""


def waiting(text: str) -> str:
    """What stands where a view will be."""
    return f'<div class="jx"><p class="wait">{text}</p></div>'
