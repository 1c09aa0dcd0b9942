"""An error with cfssl's code and words, and ours."""

from __future__ import annotations

import json

from etcdpilot.model.errors import SpecError

PARSE_CERTIFICATE = 1002
UNKNOWN_AUTHORITY = 1220
CA_MISMATCH = 1000
PRIVATE_KEY_UNREADABLE = 2003
PRIVATE_KEY_ENCRYPTED = 2100
KEY_MISMATCH = 2300
KEY_GENERATION = 2400
POLICY = 5100
CONFIGURATION = 5200
REQUEST = 5300
REQUEST_UNREADABLE = 9002
REQUEST_INVALID = 9300


class CfsslError(SpecError):
    """What cfssl prints as `{"code": …, "message": …}` before it exits with 1; `why` says more than cfssl does."""

    exit_code = 1

    def __init__(self, code: int, message: str, *, why: str = "", remedy: str = "") -> None:
        super().__init__(message, why=why, remedy=remedy)
        self.code, self.message = code, message

    def as_json(self) -> str:
        """cfssl's own object on one line."""
        return json.dumps({"code": self.code, "message": self.message}, separators=(",", ":"))
