"""A member's four lists of URLs: who can listen there, and whom it may be told to."""

from __future__ import annotations

from collections.abc import Callable

from etcdpilot.model.addresses import MemberUrl, is_address
from etcdpilot.model.cluster import UNREAD_ADDRESS
from etcdpilot.spec.filling import Document
from etcdpilot.spec.report import Path, Report

EVERY_ADDRESS = ("0.0.0.0", "::")


def check_urls(document: Document, path: Path, member: Document, report: Report) -> None:
    encrypted = document["tls"]["mode"] == "mutual"
    judges: tuple[tuple[str, Callable[[MemberUrl, bool], str]], ...] = (
        ("listen_client_urls", why_not_listened_to_by_clients),
        ("listen_peer_urls", why_not_listened_to_by_peers),
        ("advertise_client_urls", why_not_told),
        ("advertise_peer_urls", why_not_told),
    )
    for key, why_not in judges:
        for place, text in enumerate(member[key]):
            if why := why_not(MemberUrl.parse(text), encrypted):
                report.wrong((*path, key.replace("_", "-"), place), f"{text} {why}")
    if not encrypted and any(not MemberUrl.parse(url).is_loopback for url in member["listen_client_urls"]):
        report.unwise(("tls", "mode"), "whoever reaches these members reads and writes everything; mutual closes them")
    loopback = {MemberUrl.parse(url).is_loopback for url in member["advertise_client_urls"]}
    peers_are_near = all(MemberUrl.parse(url).is_loopback for url in member["advertise_peer_urls"])
    if document["kind"] == "ssh" and True in loopback and not peers_are_near:
        told = "tells clients a loopback address, which only clients on the same host can use; tell the host's own"
        report.wrong((*path, "advertise-client-urls"), told)


def why_not_bound(url: MemberUrl) -> str:
    # etcd: `expected IP in URL for binding`, exit 1. localhost is the one name that it resolves itself.
    if is_address(url.host) or url.host == "localhost" or url.host.endswith(UNREAD_ADDRESS):
        return ""
    return "cannot be listened on: etcd binds addresses, not names; write the address, 0.0.0.0 or [::]"


def why_not_listened_to_by_clients(url: MemberUrl, encrypted: bool) -> str:
    if why := why_not_bound(url):
        return why
    if encrypted and url.scheme == "http" and not url.is_loopback:
        return "would let anybody in without a certificate; write https, or set tls.mode to off"
    return "" if encrypted or url.scheme == "http" else "needs certificates, and tls.mode is off; write http"


def why_not_listened_to_by_peers(url: MemberUrl, encrypted: bool) -> str:
    return why_not_bound(url) or wrong_scheme(url, encrypted)


def why_not_told(url: MemberUrl, encrypted: bool) -> str:
    if url.host in EVERY_ADDRESS:
        return "is no address that anybody can connect to; tell the host's own"
    return wrong_scheme(url, encrypted)


def wrong_scheme(url: MemberUrl, encrypted: bool) -> str:
    if encrypted and url.scheme == "http":
        return "is not encrypted while tls.mode is mutual; write https"
    return "" if encrypted or url.scheme == "http" else "needs certificates, and tls.mode is off; write http"


def clash(one: MemberUrl, other: MemberUrl) -> bool:
    """Whether only one of the two can be bound on one machine."""
    return one.port == other.port and (one.host == other.host or {one.host, other.host} & set(EVERY_ADDRESS) != set())
