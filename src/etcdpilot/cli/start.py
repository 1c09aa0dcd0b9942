"""The verb that begins a cluster on real hosts: init prints its file."""

from __future__ import annotations

import click

NEWEST_SUPPORTED = "3.5.33"


@click.command()
@click.argument("hosts", nargs=-1, required=True)
@click.option("--name", default="etcd", show_default=True, help="Name of the cluster.")
@click.option("--etcd-version", default=None, help="Which etcd.  [default: that in --etcd-dir, else a recommended one]")
@click.option("--etcd-dir", default="", help="A directory that holds etcd, etcdctl and etcdutl.")
@click.option("--user", default="", help="Who logs in; needs sudo without a password unless it is root.")
@click.option("--identity", default="", help="The SSH key to log in with.")
@click.option("--accept-new-host-keys", is_flag=True, help="Enrol host keys that known_hosts does not have yet.")
def init(
    hosts: tuple[str, ...],
    name: str,
    etcd_version: str | None,
    etcd_dir: str,
    user: str,
    identity: str,
    accept_new_host_keys: bool,
) -> None:
    """Print a complete cluster file for these hosts: etcdpilot init 10.0.1.10 10.0.1.11 10.0.1.12 > cluster.yaml

    A host may be written as NAME=USER@HOST:PORT.
    """
    from etcdpilot.spec.write import init_file
    from etcdpilot.stores.local_binaries import named

    version = etcd_version or (str(named(etcd_dir).version) if etcd_dir else NEWEST_SUPPORTED)
    text = init_file(
        hosts,
        name=name,
        version=version,
        etcd_dir=etcd_dir,
        user=user,
        identity=identity,
        accept_new=accept_new_host_keys,
    )
    click.echo(text, nl=False)
