"""`pki client`: a certificate for whoever uses the cluster."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etcdpilot.cli.choosing import choose, with_file, with_output
from etcdpilot.cli.views.text import clean
from etcdpilot.model.errors import SpecError

if TYPE_CHECKING:
    from etcdpilot.applying.clients import ClientWish
    from etcdpilot.stores.clients import IssuedClient

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
PARTS = ("C", "ST", "L", "O", "OU")


@click.command()
@click.argument("name")
@with_file
@with_output
@click.option("--cn", default=None, help="Its common name: its user, where etcd's own auth is on.  [default: NAME]")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path(), metavar="DIR", help="Where to.  [default: here]"
)
@click.option("--subject", multiple=True, metavar="PART=VALUE", help="O=payments, OU=…, C=…; may be repeated.")
@click.option("--days", type=click.IntRange(1, 36500), default=None, help="How long it holds.  [default: as members']")
@click.option("--force", is_flag=True, help="Write over files that were not issued from here.")
def client(
    name: str,
    file: str | None,
    state: str | None,
    output: str,
    cn: str | None,
    out: Path,
    subject: tuple[str, ...],
    days: int | None,
    force: bool,
) -> None:
    """Issue a client certificate: NAME.crt and NAME.key, and ca.crt with whom the client must trust."""
    from etcdpilot import certifying
    from etcdpilot.applying.clients import ClientWish
    from etcdpilot.observing.clock import SystemClock
    from etcdpilot.stores.state import StateFolder

    if not NAME.fullmatch(name):
        raise SpecError(f"{name!r} cannot name a file.", remedy="Use letters, digits, points, dashes and underlines.")
    chosen = choose(file, state)
    lifetime = timedelta(days=days) if days else None
    wish = ClientWish(name, cn or name, out, tuple(map(part, subject)), lifetime, force)
    issued = certifying.issue_client(chosen.wanted, StateFolder(chosen.state), wish, SystemClock())
    click.echo(as_json(issued, wish) if output == "json" else as_text(issued, wish, chosen.wanted.client_urls))


def part(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if name not in PARTS or not value:
        raise SpecError(
            f"{text!r} is no part of a subject.", remedy=f"Write one of {', '.join(PARTS)} and a value: O=etcd"
        )
    return name, value


def as_text(issued: IssuedClient, wish: ClientWish, urls: tuple[str, ...]) -> str:
    return clean(
        f"{wish.certificate}, {wish.key} and {wish.trusted}: {issued.common_name}, until {issued.not_after[:10]}\n"
        f"Use it:    etcdctl --endpoints {','.join(urls)} \\\n"
        f"    --cacert {wish.trusted} --cert {wish.certificate} --key {wish.key} endpoint health"
    )


def as_json(issued: IssuedClient, wish: ClientWish) -> str:
    document = {
        "name": issued.name,
        "common_name": issued.common_name,
        "certificate": str(wish.certificate),
        "key": str(wish.key),
        "ca": str(wish.trusted),
        "not_before": issued.not_before,
        "not_after": issued.not_after,
        "fingerprint": issued.fingerprint,
    }
    return json.dumps(document, indent=2)
