"""cfssl's verbs with cfssl's flags: `-initca`, `-ca=ca.pem`, `-profile server`; two dashes work as well.

The JSON goes to standard output, as cfssl's does, or with `--bare NAME` straight into the files of `cfssljson -bare`.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etcdpilot.cli.views.text import clean
from etcdpilot.model.errors import SpecError

if TYPE_CHECKING:
    from etcdpilot.pki.cfssl.building import Signer
    from etcdpilot.pki.cfssl.output import Output

Command = Callable[..., Any]


class CommandFailed(SpecError):
    """cfssl ends with 1 where the other verbs end with 2."""

    exit_code = 1


def with_options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def wrap(command: Command) -> Command:
        return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)

    return wrap


def in_cfssls_words(command: Command) -> Command:
    """An error that cfssl has a code for is its JSON object on standard error, then what we know besides. Exit 1."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        from etcdpilot.pki.cfssl.errors import CfsslError

        try:
            return command(*arguments, **options)
        except CfsslError as error:
            click.echo(error.as_json(), err=True)
            for line in (error.why, error.remedy):
                if line:
                    click.echo(f"  {clean(line)}", err=True)
            sys.exit(error.exit_code)

    return wrapped


def text_option(name: str, words: str) -> Callable[[Command], Command]:
    return click.option(f"-{name}", f"--{name}", name.replace("-", "_"), default="", help=words)


CA = with_options(
    text_option("ca", "The CA's certificate."),
    text_option("ca-key", "The CA's key."),
    click.option("--passphrase-file", type=click.Path(), default="", help="Holds the passphrase of the CA's key."),
)
POLICY = with_options(text_option("config", "The signing configuration."), text_option("profile", "A profile of it."))
HOSTNAME = text_option("hostname", "Hosts, with commas between them, in the place of those in the request.")
BARE = click.option("-bare", "--bare", "bare", default="", help="Write NAME.pem, NAME-key.pem and NAME.csr.")
LOGLEVEL = click.option("-loglevel", "--loglevel", "loglevel", type=int, default=1, hidden=True, expose_value=False)


@click.command()
@click.option("-initca", "--initca", "initca", is_flag=True, help="Make a new CA; with -ca-key, of an old key.")
@click.option("-renewca", "--renewca", "renewca", is_flag=True, help="The CA's certificate anew, for as long again.")
@with_options(CA, POLICY, HOSTNAME, BARE, LOGLEVEL)
@click.argument("request", default="")
@in_cfssls_words
def gencert(
    initca: bool,
    renewca: bool,
    ca: str,
    ca_key: str,
    passphrase_file: str,
    config: str,
    profile: str,
    hostname: str,
    bare: str,
    request: str,
) -> None:
    """A key and its certificate from a JSON request ('-': standard input).

    \b
    etcdpilot pki gencert -initca ca-csr.json --bare ca
    etcdpilot pki gencert -ca=ca.pem -ca-key=ca-key.pem -config=ca-config.json -profile=server server.json --bare server
    """
    from etcdpilot.pki.cfssl import issuing

    now, passphrase = datetime.now(UTC), read_passphrase(passphrase_file)
    if renewca:
        made = issuing.renew_authority(*read_pair(ca, ca_key), now, passphrase)
    elif initca:
        key = read(ca_key) if ca_key else None
        text, policy = read_argument(request), read_or_none(config)
        made = issuing.init_authority(text, now, key_pem=key, passphrase=passphrase, configuration=policy)
    else:
        text = read_argument(request)
        signer = load_signer(ca, ca_key, passphrase_file, config, profile)
        made = issuing.generate(text, signer, now, hostname=hostname)
    hand_out(made, bare)


@click.command()
@with_options(CA, POLICY, HOSTNAME, BARE, LOGLEVEL)
@text_option("csr", "The request, as a file's name.")
@click.argument("request", default="")
@click.argument("subject", default="")
@in_cfssls_words
def sign(
    ca: str,
    ca_key: str,
    passphrase_file: str,
    config: str,
    profile: str,
    hostname: str,
    bare: str,
    csr: str,
    request: str,
    subject: str,
) -> None:
    """A certificate for the key of a PEM request; SUBJECT is a JSON file whose names take the place of its own."""
    from etcdpilot.pki.cfssl import issuing

    text = read_argument(csr or request)
    signer = load_signer(ca, ca_key, passphrase_file, config, profile)
    made = issuing.sign(text, signer, datetime.now(UTC), hostname=hostname, subject_text=read_or_none(subject))
    hand_out(made, bare)


@click.command()
@with_options(text_option("cert", "A certificate."), text_option("ca", "The certificate of a signer."), POLICY)
@click.argument("file", default="")
@in_cfssls_words
def info(cert: str, ca: str, config: str, profile: str, file: str) -> None:
    """What a certificate says, as JSON; with -ca, what a signer would sign with."""
    from etcdpilot.pki.cfssl import looking

    if ca:
        click.echo(looking.signer_info(read(ca), read_or_none(config), profile), nl=False)
    else:
        click.echo(looking.certificate_info(read_argument(cert or file)), nl=False)


@click.command()
@with_options(
    text_option("cert", "The certificate."),
    text_option("key", "Its key."),
    text_option("ca-bundle", "The roots that are trusted."),
    text_option("int-bundle", "Intermediate certificates."),
    click.option("-flavor", "--flavor", "flavor", default="", hidden=True, expose_value=False),
    BARE,
    LOGLEVEL,
)
@in_cfssls_words
def bundle(cert: str, key: str, ca_bundle: str, int_bundle: str, bare: str) -> None:
    """A certificate with all that lies between it and a trusted root, as JSON; --bare NAME writes NAME-bundle.pem."""
    from etcdpilot.pki.cfssl import bundling
    from etcdpilot.pki.cfssl.output import OutputFile

    if not cert or not ca_bundle:
        raise CommandFailed("Must specify the certificate with -cert and the trusted roots with -ca-bundle.")
    key_pem = read(key) if key else b""
    made = bundling.bundle(read(cert), read(ca_bundle), read(int_bundle) if int_bundle else b"", key_pem=key_pem)
    if bare:
        write_files([OutputFile(f"{bare}-bundle.pem", 0o644, bundling.bundle_pem(made))])
    else:
        click.echo(made, nl=False)


@click.command("print-defaults")
@click.argument("kind", default="list")
def print_defaults(kind: str) -> None:
    """A configuration (config) or a request (csr) to begin with."""
    from etcdpilot.pki.cfssl import defaults

    try:
        click.echo(defaults.print_defaults(kind), nl=False)
    except SpecError as error:
        raise CommandFailed(error.what, remedy=error.remedy) from None


def load_signer(ca: str, ca_key: str, passphrase_file: str, config: str, profile: str) -> Signer:
    from etcdpilot.pki.cfssl import issuing

    passphrase = read_passphrase(passphrase_file)
    return issuing.load_signer(*read_pair(ca, ca_key), read_or_none(config), profile, passphrase)


def hand_out(made: Output, bare: str) -> None:
    """Warnings to standard error; the rest as JSON, or into files."""
    for warning in made.warnings:
        click.secho(f"! {warning}", fg="yellow", err=True)
    if bare:
        write_files(made.files(bare))
    else:
        click.echo(made.as_json(), nl=False)


def write_files(files: Any) -> None:
    from etcdpilot.stores.writing import write_private

    for file in files:
        try:
            write_private(Path(file.name), file.content, file.mode)
        except OSError as error:
            raise CommandFailed(f"{file.name} cannot be written.", why=str(error)) from None


def read_pair(ca: str, ca_key: str) -> tuple[bytes, bytes]:
    if not ca:
        raise CommandFailed("need a CA certificate (provide one with -ca)")
    if not ca_key:
        raise CommandFailed("need a CA key (provide one with -ca-key)")
    return read(ca), read(ca_key)


def read_argument(name: str) -> bytes:
    if not name:
        raise CommandFailed("not enough arguments are supplied", remedy="Name the request, or '-' for standard input.")
    return sys.stdin.buffer.read() if name == "-" else read(name)


def read_or_none(name: str) -> bytes | None:
    return read(name) if name else None


def read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CommandFailed(f"open {name}: {(error.strerror or str(error)).lower()}") from None


def read_passphrase(name: str) -> bytes | None:
    """From a file, $ETCDPILOT_CA_PASSPHRASE or $ETCDPILOT_PASSPHRASE, never from the command line, which every user of the
    machine can read."""
    if name:
        return read(name).rstrip(b"\r\n")
    return os.environb.get(b"ETCDPILOT_CA_PASSPHRASE") or os.environb.get(b"ETCDPILOT_PASSPHRASE") or None
