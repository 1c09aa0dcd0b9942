"""What cfssl prints, and the files that `cfssljson -bare` makes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One file to be written: `mode` before the first byte, for a key."""

    name: str
    mode: int
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Output:
    """A certificate, its request and its key, as far as there are any; `warnings` are sentences for standard error."""

    certificate: bytes
    request: bytes = b""
    key: bytes = field(default=b"", repr=False)
    warnings: tuple[str, ...] = ()

    def as_json(self) -> str:
        """cfssl's object on one line, ended by a newline."""
        parts = {"cert": self.certificate, "csr": self.request, "key": self.key}
        texts = {name: text.decode() for name, text in parts.items() if text}
        return json.dumps(texts, separators=(",", ":")) + "\n"

    def files(self, name: str) -> tuple[OutputFile, ...]:
        """NAME.pem, NAME.csr and NAME-key.pem, the key first: who sees the certificate finds its key there."""
        files = (
            OutputFile(f"{name}-key.pem", 0o600, self.key),
            OutputFile(f"{name}.csr", 0o644, self.request),
            OutputFile(f"{name}.pem", 0o644, self.certificate),
        )
        return tuple(file for file in files if file.content)
