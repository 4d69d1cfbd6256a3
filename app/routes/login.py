"""The password page that stands in front of a server which other machines can reach."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.security import LOGIN_PATH, Gate

_SLOW_DOWN_S = 0.7

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>sdpt-app</title>
<style>
  :root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
  body {{ display: grid; place-items: center; min-height: 90vh; }}
  form {{ display: grid; gap: .75rem; width: 18rem; }}
  input, button {{ font: inherit; padding: .5rem .75rem; border-radius: .4rem; border: 1px solid #8888; }}
</style>
<form method="post"><h1>sdpt-app</h1><p>{message}</p>
<label for="password">Password</label>
<input id="password" name="password" type="password" autofocus required autocomplete="current-password">
<button>Open</button></form></html>"""


def login_router(gate: Gate) -> APIRouter:
    router = APIRouter()

    @router.get(LOGIN_PATH, include_in_schema=False)
    def show() -> Response:
        return HTMLResponse(_PAGE.format(message="This workspace is protected."))

    @router.post(LOGIN_PATH, include_in_schema=False)
    def check(password: Annotated[str, Form(max_length=1000)]) -> Response:
        if not gate.is_password(password):
            time.sleep(_SLOW_DOWN_S)  # guessing must not be cheap
            return HTMLResponse(_PAGE.format(message="That is not the password."), status_code=401)
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(gate.cookie_name, gate.token, httponly=True, samesite="lax")
        return response

    return router
