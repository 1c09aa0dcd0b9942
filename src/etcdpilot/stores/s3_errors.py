"""What an error of obstore means. Its classes are coarse (a refused listing is a GenericError), so the text is read.

The first paragraph holds the method, the URL, the tries, and S3's own answer in XML; the rest is for its developers.
"""

from __future__ import annotations

import re
from enum import Enum


class S3Trouble(Enum):
    """What stands in the way."""

    REFUSED = "refused"  # the key, its secret, or its rights
    NO_BUCKET = "no bucket"
    NOT_THERE = "not there"
    TAKEN = "taken"
    UNREACHABLE = "unreachable"
    OTHER = "other"


CODE = re.compile(r"<Code>(\w+)</Code>")
MESSAGE = re.compile(r"<Message>([^<]+)</Message>")
SYSTEM = re.compile(r'message: "([^"]+)"')  # of the operating system: Connection refused
STATUS = re.compile(r"non-2xx status code: (\d{3}[^:]*)")
TRIES = re.compile(r"after (\d+) retries")


def judge(error: Exception) -> tuple[S3Trouble, str]:
    """What it is, and the reason as a sentence's end."""
    text = str(error)
    code = _first(CODE, text)
    return _kind(type(error).__name__, code, text), _reason(text)


def _kind(name: str, code: str, text: str) -> S3Trouble:
    match name, code:
        case _, "NoSuchBucket":
            return S3Trouble.NO_BUCKET
        case (("PermissionDeniedError" | "UnauthenticatedError"), _):
            return S3Trouble.REFUSED
        case _, ("AccessDenied" | "SignatureDoesNotMatch" | "InvalidAccessKeyId" | "ExpiredToken" | "InvalidToken"):
            return S3Trouble.REFUSED
        case "AlreadyExistsError", _:
            return S3Trouble.TAKEN
        case (("NotFoundError" | "FileNotFoundError"), _):
            return S3Trouble.NOT_THERE
        case _:
            return S3Trouble.UNREACHABLE if "kind: Connect" in text or "HTTP error" in text else S3Trouble.OTHER


def _reason(text: str) -> str:
    reason = _first(MESSAGE, text) or _first(SYSTEM, text) or _first(STATUS, text)
    if not reason:
        reason = text.partition("\n")[0].rpartition(" - ")[2].strip()
    tries = _first(TRIES, text)
    return f"{reason.rstrip('.')} (after {tries} more tries)." if tries else f"{reason.rstrip('.')}."


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found.group(1).strip() if found else ""
