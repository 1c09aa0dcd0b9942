"""Certificates of somebody else's making, and authorities of somebody else's: what goes together in the `tls` section."""

from __future__ import annotations

from collections.abc import Iterator

from etcdpilot.spec import schema
from etcdpilot.spec.filling import Document
from etcdpilot.spec.report import Path, Report

TLS: Path = ("tls",)
# What is decided by whoever makes the certificates.
NOT_OURS = {
    "given": ("profile", "authorities", "authority_name", "key", "authority_key", "lifetime", "authority_passphrase"),
    "requested": ("authorities", "authority_name", "authority_key", "lifetime", "authority_passphrase"),
}


def check_certificates(file: schema.ClusterFile, document: Document, report: Report) -> None:
    tls = file.tls
    if tls is None or document["tls"]["mode"] == "off":
        return
    maker = tls.certificates or ("given" if tls.given else "own")
    for path, what in wrong_together(tls, maker):
        report.wrong(path, what)
    for key in NOT_OURS.get(maker, ()):
        if key in tls.model_fields_set:
            report.unwise((*TLS, schema.hyphened(key)), "has no effect: whoever makes the certificates decides it")
    if maker == "requested" and tls.profile == "shared":
        report.wrong((*TLS, "profile"), "each member asks for certificates of its own; leave it out")
    if tls.given:
        check_given(tls, tls.given, document, report)


def wrong_together(tls: schema.Tls, maker: str) -> Iterator[tuple[Path, str]]:
    if maker == "given" and not tls.given:
        yield (*TLS, "given"), "is missing; name the files there, such as server-cert: pki/{name}.crt"
    if tls.given and maker != "given":
        yield (*TLS, "given"), f"goes with certificates: given, not with {maker}; keep one of the two"
    if tls.signer and maker != "own":
        yield (*TLS, "signer"), "signs certificates that are made here; remove it, or certificates: and given:"
    if tls.signer and tls.authorities == "separate":
        yield (*TLS, "authorities"), "one signer signs for peers and clients alike; write single, or leave it out"


def check_given(tls: schema.Tls, given: schema.Given, document: Document, report: Report) -> None:
    path: Path = (*TLS, "given")
    if (given.peer_cert is None) != (given.peer_key is None):
        report.wrong(path, "gives one of peer-cert and peer-key; give both, or neither")
    sources, files = document["tls"]["given"], document["tls"]["files"]
    for role, other in (("peer_cert", "server_cert"), ("peer_key", "server_key"), ("peer_ca", "client_ca")):
        if files[role] == files[other] and sources[role] != sources[other]:
            named = schema.hyphened(other)
            clash = f"would be installed as {files[role]}, and so would {named}; name two files in tls.files"
            report.wrong((*path, schema.hyphened(role)), clash)
    if "{name}" not in given.server_key and len(document["members"]) > 1:
        told = "whoever reads the one key on any host can be every member; {name} in the path gives each its own"
        report.unwise((*path, "server-key"), told)
    if sources["peer_ca"] == sources["client_ca"] and not document["tls"]["subject"]["common_name"]:
        told = "any client's certificate opens the peer port under one authority"
        report.unwise((*path, "peer-ca"), f"{told}; give peers their own, or the one CN of all members in tls.subject")
