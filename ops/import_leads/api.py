"""The API as the import uses it: asked again while it is busy or unreachable, and errors in one line."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from chalicelib.foundation.json_codec import dumps, loads
from ops.cli import StageError

_TRIES, _FIRST_WAIT, _LONGEST_WAIT = 7, 0.5, 20.0
_RETRYABLE_STATUSES = (429, 500, 502, 503, 504)
READ, WRITE, BULK = "wholesale:read", "wholesale:write", "wholesale:bulk"


class Answer:
    """An answer of the API: its status, and its body (a problem where it is an error)."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self._response = response

    @property
    def body(self) -> Any:
        """The decoded body, with exact numbers."""
        return loads(self._response.text)

    @property
    def detail(self) -> str:
        """Why a request was refused."""
        try:
            return str(self._response.json()["detail"])
        except (ValueError, KeyError, TypeError):
            return self._response.reason_phrase or "without a reason"


class Api:
    """Requests, each safe to repeat. Used by several threads at once."""

    def __init__(self, client: httpx.Client, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client, self._sleep = client, sleep

    def check(self, *needed: str) -> None:
        """Raise StageError, at once, where the API can't be reached or the caller lacks one of the permissions."""
        url = str(self._client.base_url).rstrip("/")
        try:
            response = self._client.get("/auth/me")
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise StageError(f"The API at {url} can't be reached: {error}.") from None
        answer = Answer(response)
        if answer.status == 401:
            raise StageError(f"The API at {url} doesn't accept the token: {answer.detail}")
        if answer.status in _RETRYABLE_STATUSES:
            return  # it is there, and busy: requests wait for it
        try:
            permissions = answer.body["permissions"]
        except (ValueError, KeyError, TypeError):
            raise StageError(f"{url} is not the URL of the API: it answers /auth/me with {answer.status}.") from None
        if missing := [permission for permission in needed if permission not in permissions]:
            raise StageError(f"The token is not allowed to do this: it lacks {', '.join(missing)}.")

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, str] | None = None,
        if_match: int | None = None,
        accept: tuple[int, ...] = (),
    ) -> Answer:
        """The answer with a status below 300 or in `accept`; raises StageError for any other one, and where there is none."""
        headers = {"Content-Type": "application/json"} | ({"If-Match": f'"{if_match}"'} if if_match is not None else {})
        content = None if body is None else dumps(body).encode()
        for attempt in range(_TRIES):
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt)
            try:
                response = self._client.request(method, path, params=params, content=content, headers=headers)
            except httpx.TransportError as error:
                error_text = f"The API is unreachable: {error}."
            else:
                answer = Answer(response)
                if answer.status < 300 or answer.status in accept:
                    return answer
                error_text = f"The API answers {answer.status}: {answer.detail}"
                if answer.status not in _RETRYABLE_STATUSES:
                    break
                wait = float(response.headers.get("Retry-After") or wait)
            if attempt + 1 < _TRIES:
                self._sleep(wait)
        raise StageError(f"{error_text} Run the same command again: what was done is recognised.")
