"""The verbs about discovery: a service of one's own, and tokens anywhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from etcdpilot.cli.groups import Verbs
from etcdpilot.model.addresses import MemberUrl, bracketed
from etcdpilot.model.errors import SpecError


@click.group(cls=Verbs)
def discovery() -> None:
    """A discovery service of your own, and tokens for bootstrapping through one."""


@discovery.command()
@click.option("--listen", default="127.0.0.1:2381", show_default=True, help="ADDRESS:PORT")
@click.option("--data", default=None, help="Where tokens are kept.  [default: ./discovery.sqlite3]")
@click.option("--cert", default="", help="Serve over TLS with this certificate.")
@click.option("--key", default="", help="Its key.")
@click.option("--public", default="", help="The address that members reach it at, when it is another one.")
@click.option("--forget-days", default=30.0, show_default=True, help="Drop tokens that nobody used for so long.")
@click.option("--poll-seconds", default=60.0, hidden=True)  # how long a member is kept waiting; tests shorten it
def serve(
    listen: str, data: str | None, cert: str, key: str, public: str, forget_days: float, poll_seconds: float
) -> None:
    """Serve the v2 discovery protocol, as etcd up to 3.6 uses it; tokens survive a restart in the middle."""
    from etcdpilot.serving.discovery.service import Settings
    from etcdpilot.serving.discovery.service import serve as serve_it

    if bool(cert) != bool(key):
        raise SpecError("--cert and --key belong together.", remedy="Give both, or neither.")
    host, port = address(listen)
    if not public and host in ("0.0.0.0", "::"):
        raise SpecError(
            f"{host} is no address that members could be told.",
            why="A token is a URL, and each member asks that very URL.",
            remedy=f"Add the one they reach this machine at, such as --public http://discovery.example.com:{port}",
        )
    place = Path(data or "discovery.sqlite3").absolute()
    settings = Settings(host, port, place, cert, key, public, forget_days, poll_seconds)
    click.echo(f"discovery on {settings.base}    a token for three: curl {settings.base}/new?size=3    kept in {place}")
    asyncio.run(serve_it(settings))


@discovery.command()
@click.option("--size", type=click.IntRange(1, 64), default=3, show_default=True, help="How many members.")
@click.option("--url", default=None, help="A service's address; its /new is asked.")
@click.option("--v2", "v2_keys", default=None, help="An etcd with the v2 API: the URL of a key directory on it.")
@click.option("--endpoints", default=None, help="An ordinary etcd, for the v3 protocol (etcd 3.6 and newer).")
@click.option("--cacert", default=None, help="Whom to trust there.")
@click.option("--cert", default=None, help="The client certificate for --endpoints.")
@click.option("--key", default=None, help="Its key.")
def new(
    size: int,
    url: str | None,
    v2_keys: str | None,
    endpoints: str | None,
    cacert: str | None,
    cert: str | None,
    key: str | None,
) -> None:
    """Make a token, and print what etcd is started with."""
    from etcdpilot.applying import discovery as making

    asked = [each for each in (url, v2_keys, endpoints) if each]
    if len(asked) != 1:
        raise SpecError("Say where the token is to be made.", remedy="One of --url, --v2 or --endpoints.")
    if url:
        click.echo(asyncio.run(making.new_at_service(url, size, cacert)))
    elif v2_keys:
        click.echo(asyncio.run(making.new_in_v2_keys(v2_keys, size, cacert)))
    else:
        places = tuple(each.strip() for each in (endpoints or "").split(","))
        token = asyncio.run(making.new_in_etcd(places, size, cacert, cert, key))
        click.echo(f"--discovery-token={token} --discovery-endpoints={','.join(places)}")


def address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    try:
        parsed = MemberUrl.parse(f"http://{bracketed(host.strip('[]') or '127.0.0.1')}:{port}")
    except ValueError as error:
        raise SpecError(f"{text} is no ADDRESS:PORT.", remedy="Write it as 127.0.0.1:2381 or [::1]:2381.") from error
    return parsed.host, parsed.port
