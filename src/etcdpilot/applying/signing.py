"""The authorities that sign: taken over from somebody else, kept under a passphrase, opened when they are to sign."""

from __future__ import annotations

from pathlib import Path

from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.errors import SpecError
from etcdpilot.model.files import LeafCertificate
from etcdpilot.model.given import Signer
from etcdpilot.model.plans import Plan
from etcdpilot.model.steps import IssueOperator, MakeAuthorities, Step, TurnAuthorities, WriteFiles
from etcdpilot.stores.passphrases import ca_passphrase, is_sealed
from etcdpilot.stores.state import KeptPair, StateFolder


def opened(pair: KeptPair) -> bytes | None:
    """The passphrase that this authority's key wants; None for a key that wants none."""
    return ca_passphrase() if is_sealed(pair.key) else None


def kept_key(key_pem: str, wanted: ClusterSpec) -> str:
    """The text of a key as it is to be kept: sealed where the file says so, and as it came otherwise."""
    if not wanted.tls.sealed or is_sealed(key_pem):
        return key_pem
    from etcdpilot.pki import keys

    key = keys.load_key(key_pem.encode(), source="The authority's key")
    return keys.key_pem(key, ca_passphrase(new=True)).decode()


def signer_pair(signer: Signer, wanted: ClusterSpec) -> KeptPair:
    """Somebody else's authority as the state folder keeps it; SpecError where it could not sign."""
    from etcdpilot.pki.authority import load_authority
    from etcdpilot.pki.reading import pem

    pair = KeptPair(*(read(path).decode(errors="replace") for path in (signer.certificate, signer.key)))
    authority = load_authority(pair.certificate.encode(), pair.key.encode(), opened(pair))
    chain = b"".join(pem(each) for each in (authority.certificate, *authority.parents))
    return KeptPair(chain.decode(), kept_key(pair.key, wanted))


def seal(name: str, wanted: ClusterSpec, state: StateFolder) -> None:
    pair = state.authority(name)
    if pair is not None and not is_sealed(pair.key):
        state.write_authority(name, KeptPair(pair.certificate, kept_key(pair.key, wanted)))


def unlock(agreed: Plan, wanted: ClusterSpec, state: StateFolder) -> None:
    """Before anything is touched: the passphrase, where this plan signs something; SpecError where it opens nothing."""
    if not any(signs(each.step) for each in agreed.steps):
        return
    from etcdpilot.pki.keys import load_key

    kept = {name: pair for name in state.authorities() if (pair := state.authority(name))}
    for name, pair in kept.items():
        if is_sealed(pair.key):
            load_key(pair.key.encode(), ca_passphrase(), source=f"The key of {name}")
    if (wanted.tls.sealed and not all(is_sealed(pair.key) for pair in kept.values())) or (
        wanted.tls.sealed and not kept
    ):
        ca_passphrase(new=True)
    signer = wanted.tls.signer
    if signer and not kept and is_sealed(key := read(signer.key).decode(errors="replace")):
        load_key(key.encode(), ca_passphrase(), source=signer.key)


def signs(step: Step) -> bool:
    match step:
        case MakeAuthorities(names):
            return bool(names)
        case IssueOperator() | TurnAuthorities():
            return True
        case WriteFiles(files):
            return any(isinstance(file.content, LeafCertificate) for _, each in files for file in each)
        case _:
            return False


def read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SpecError(f"{path} cannot be read.", why=f"{error.strerror}.") from None
