"""Front's OAuth (https://dev.frontapp.com/docs/oauth): one app's token endpoint, and which access tokens are good."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qsl

from integration_tests.sandbox.behaviour import Behaviour

ROUTE = "/oauth/token"
GRACE_S = 1.0
"""Front's clock decides: a token that was good when a request left is so when it arrives."""


class Tokens:
    """What Front knows of an app that a company's admin authorized."""

    client_id = "app-0d5a4c"
    client_secret = "7f3c/Zy+odd=chars"

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._issued = 1
        self._ends: dict[str, float] = {}
        self.refresh_token = "refresh-1-9e1b"
        """The good one; empty: none is, until an admin authorizes the app anew."""
        self.secrets = {self.client_id, self.client_secret, self.refresh_token, self._basic()}
        """Everything that no output may hold."""

    def credentials(self, **over: str) -> dict[str, str]:
        """The form's part of an authorized app."""
        app = {"client_id": self.client_id, "client_secret": self.client_secret, "refresh_token": self.refresh_token}
        return {"auth_type": "oauth2.0"} | app | over

    def issue(self, now: float) -> tuple[str, int]:
        """A new access token, and when it ends."""
        self._issued += 1
        token, end = f"access-{self._issued}-c40d", int(now + self._behaviour.access_token_lifetime_s)
        self._ends[token] = end
        self.secrets.add(token)
        return token, end

    def revoke_access(self) -> None:
        self._ends.clear()

    def accepts(self, authorization: str, now: float) -> bool:
        return now < self._ends.get(authorization.removeprefix("Bearer "), 0.0) + GRACE_S

    def answer(self, headers: dict[str, str], body: bytes, now: float) -> tuple[int, bytes]:
        """Status and body of a request to the token endpoint."""
        if headers.get("authorization") != f"Basic {self._basic()}":
            return 401, _error("invalid_client")
        text = body.decode()
        asked = json.loads(text) if "json" in headers.get("content-type", "") else dict(parse_qsl(text))
        if asked.get("grant_type") != "refresh_token":
            return 400, _error("unsupported_grant_type")
        if not self.refresh_token or asked.get("refresh_token") != self.refresh_token:
            return self._behaviour.dead_refresh_status, _error("invalid_grant")
        if self._behaviour.refresh_revokes_access:
            self.revoke_access()
        token, end = self.issue(now)
        answer = {"access_token": token, "expires_at": end, "token_type": "Bearer"}
        if self._behaviour.expires_at_is_text:
            answer["expires_at"] = str(end)
        if self._behaviour.refresh_token == "rotated":
            self.refresh_token = f"refresh-{self._issued}-9e1b"
            self.secrets.add(self.refresh_token)
        if self._behaviour.refresh_token != "left out":
            answer["refresh_token"] = self.refresh_token
        return 200, json.dumps(answer).encode()

    def _basic(self) -> str:
        return base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()


def _error(code: str) -> bytes:
    return json.dumps({"error": code, "error_description": f"The request is refused: {code}"}).encode()
