"""`print-defaults`: a configuration and a request to begin with, as cfssl 1.2 prints them."""

from __future__ import annotations

import json
from typing import Any

from etcdpilot.model.errors import SpecError

_LEAF_USAGES = ["signing", "key encipherment"]

DEFAULTS: dict[str, dict[str, Any]] = {
    "config": {
        "signing": {
            "default": {"expiry": "168h"},
            "profiles": {
                "www": {"expiry": "8760h", "usages": [*_LEAF_USAGES, "server auth"]},
                "client": {"expiry": "8760h", "usages": [*_LEAF_USAGES, "client auth"]},
            },
        }
    },
    "csr": {
        "CN": "example.net",
        "hosts": ["example.net", "www.example.net"],
        "key": {"algo": "ecdsa", "size": 256},
        "names": [{"C": "US", "ST": "CA", "L": "San Francisco"}],
    },
}


def print_defaults(kind: str) -> str:
    """The text for `config` or `csr`, or for `list` the names of the two; SpecError for another word."""
    if kind == "list":
        return "Default configurations are available for:\n" + "".join(f"\t{name}\n" for name in sorted(DEFAULTS))
    if kind not in DEFAULTS:
        raise SpecError(f"There are no defaults for {kind!r}.", remedy=f"There are some for {', '.join(DEFAULTS)}.")
    return json.dumps(DEFAULTS[kind], indent=4) + "\n\n"
