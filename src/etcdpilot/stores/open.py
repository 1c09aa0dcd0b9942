"""From the URL in a cluster file to the place it names: a directory (`file:///…` or a path), or `s3://bucket/prefix`."""

from __future__ import annotations

import configparser
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from etcdpilot.model.errors import SpecError
from etcdpilot.stores.directory import DirectoryStore
from etcdpilot.stores.object_store import ObjectStore, ObjectStoreOptions
from etcdpilot.stores.port import SnapshotStore

IN_QUERY = ("endpoint", "region")  # what is no secret may stand in the URL


def open_store(url: str, options: Mapping[str, str] | None = None, *, relative_to: Path | None = None) -> SnapshotStore:
    """The place; nothing is asked of it yet. SpecError when the URL or an option is wrong.

    Options of an object store: `endpoint`, `region`, `ca-file`, `access-key-id`, `secret-access-key`, `session-token`
    and `credentials-file`, a file of the AWS tools' form (`[default]`, `aws_access_key_id`, …) that others may not read.
    """
    parts = urlsplit(url)
    match parts.scheme:
        case "s3":
            return _object_store(url, {**_query(url, parts.query), **(options or {})})
        case "file" if parts.netloc in ("", "localhost"):
            return DirectoryStore(Path(unquote(parts.path)))
        case "":
            return DirectoryStore((relative_to or Path()) / Path(url).expanduser())
        case scheme:
            raise SpecError(
                f"{url!r} is no place for backups: {scheme!r} is not known.",
                remedy="Write a directory, as /var/backups/etcd, or s3://bucket/prefix.",
            )


def _object_store(url: str, given: dict[str, str]) -> ObjectStore:
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise SpecError(f"The URL of the bucket {parts.hostname} holds credentials.", remedy=WHERE_CREDENTIALS_GO)
    if not parts.netloc or parts.fragment:
        raise SpecError(f"{url!r} names no bucket.", remedy="Write it as s3://bucket/prefix.")
    settings = ObjectStoreOptions()
    if file := given.pop("credentials-file", None):
        settings = read_credentials(Path(file))
    if ca_file := given.pop("ca-file", None):
        settings = replace(settings, ca_file=Path(ca_file))
    known = {name.replace("_", "-") for name in ("endpoint", "region", *CREDENTIAL_FIELDS)}
    if unknown := sorted(set(given) - known):
        raise SpecError(f"{unknown[0]!r} is no option of an object store; known: {', '.join(sorted(known))}.")
    texts: dict[str, Any] = {name.replace("-", "_"): value for name, value in given.items()}
    settings = replace(settings, **texts)
    return ObjectStore(parts.netloc, unquote(parts.path), settings)


CREDENTIAL_FIELDS = ("access_key_id", "secret_access_key", "session_token")
WHERE_CREDENTIALS_GO = "Put them into a file of 0600 named by `credentials-file`, or into AWS_ACCESS_KEY_ID and so on."


def _query(url: str, query: str) -> dict[str, str]:
    given = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    if unknown := sorted(set(given) - set(IN_QUERY)):
        raise SpecError(f"{unknown[0]!r} cannot stand in the URL of a store.", remedy=WHERE_CREDENTIALS_GO)
    return given


def read_credentials(path: Path) -> ObjectStoreOptions:
    """The section `default` of a credentials file. SpecError when others may read it, or it does not parse."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SpecError(f"Others may read the credentials in {path}.", remedy=f"Run:\n    chmod 600 {path}")
        parser.read_string(path.read_text(encoding="utf-8"))
        section = parser["default"]
    except OSError as error:
        raise SpecError(f"The credentials in {path} could not be read.", why=error.strerror or str(error)) from None
    except (configparser.Error, KeyError, UnicodeDecodeError):
        # The parser's own words would show a line of the file, and so perhaps a secret.
        raise SpecError(f"{path} is not a credentials file.", remedy="It begins with a line `[default]`.") from None
    fields: dict[str, Any] = {name: section.get(f"aws_{name}", "") for name in CREDENTIAL_FIELDS}
    return ObjectStoreOptions(**fields)
