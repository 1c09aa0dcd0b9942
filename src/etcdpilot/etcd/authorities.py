"""The authorities of this machine: gRPC trusts a bundle of its own instead, in which what an administrator added is not."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path

# Where Go programs, etcdctl among them, look.
PLACES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def system_authorities() -> bytes | None:
    """PEM, of the file that OpenSSL reads (the variable SSL_CERT_FILE names another), or the first of those that Go
    reads; None where there is none that can be read."""
    for path in filter(None, (ssl.get_default_verify_paths().cafile, *PLACES)):
        with suppress(OSError):
            return Path(path).read_bytes()
    return None
