"""The state in one file: what opens it, what it restores, and what it is kept from writing."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcdpilot.model.errors import Refused, SpecError
from etcdpilot.stores.state import Identity, KeptPair, StateFolder
from etcdpilot.stores.state_export import MAGIC, cipher, export_state, import_state, opened_export

IDENTITY = Identity("prod", "token", "ab", (("a", "01"),), formed=True)


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    made = StateFolder(tmp_path / "one")
    made.write_identity(IDENTITY)
    made.write_authority("peer-ca", KeptPair("certificate", "key of the authority"))
    made.write_operator(KeptPair("own", "own key"), "trusted")
    made.note_keys((("fingerprint", "hash"),))
    made.write_addresses({"a": ("eth0", "10.0.0.1")})
    (made.root / "lock").touch()
    (made.root / "members").mkdir()
    (made.root / "members" / "data").write_text("not part of it")
    return made


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_what_is_exported_is_there_again_after_the_import(state: StateFolder, tmp_path: Path) -> None:
    sealed = export_state(state, "pässphrase")
    assert b"key of the authority" not in sealed and b"prod" not in sealed
    other = StateFolder(tmp_path / "two")
    import_state(other, "prod", opened_export(sealed, "pässphrase", "file"), "file")
    there = contents(state.root)
    del there["lock"], there["members/data"]
    assert contents(other.root) == there
    assert other.identity() == IDENTITY and other.authority("peer-ca") == state.authority("peer-ca")
    assert all(path.stat().st_mode & 0o077 == 0 for path in other.root.rglob("*.key"))


def test_two_exports_of_one_state_share_no_bytes(state: StateFolder) -> None:
    one, two = export_state(state, "p"), export_state(state, "p")
    assert one[len(MAGIC) : 60] != two[len(MAGIC) : 60]


@pytest.mark.parametrize("place", [0, len(MAGIC) + 1, len(MAGIC) + 17, -1])
def test_a_changed_byte_anywhere_is_noticed(state: StateFolder, place: int) -> None:
    sealed = bytearray(export_state(state, "p"))
    sealed[place] ^= 1
    with pytest.raises(SpecError):
        opened_export(bytes(sealed), "p", "file")


def test_another_passphrase_does_not_open_it(state: StateFolder) -> None:
    with pytest.raises(SpecError, match="passphrase"):
        opened_export(export_state(state, "p"), "q", "file")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "authorities/../../x.key", "cluster.yaml"])
def test_an_import_writes_nothing_but_a_state(name: str) -> None:
    head, nonce = MAGIC + bytes(16), bytes(12)
    payload = b'{"identity.json": "e30=", "%s": "e30="}' % name.encode()
    with pytest.raises(SpecError, match="no part of a state"):
        opened_export(head + nonce + cipher("p", head).encrypt(nonce, payload, head), "p", "file")


def test_nothing_is_no_state(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no state"):
        export_state(StateFolder(tmp_path), "p")


def test_the_state_of_another_cluster_is_never_written_over(state: StateFolder, tmp_path: Path) -> None:
    found = opened_export(export_state(state, "p"), "p", "file")
    with pytest.raises(SpecError, match="prod"):
        import_state(StateFolder(tmp_path / "two"), "dev", found, "file")
    other = StateFolder(tmp_path / "two")
    other.write_identity(Identity("prod", "another token", "cd", (), formed=False))
    import_state(other, "prod", found, "file")  # only planned, nothing made: nothing is lost
    assert other.identity() == IDENTITY
    third = StateFolder(tmp_path / "three")
    third.write_identity(Identity("prod", "another token", "cd", (), formed=True))
    with pytest.raises(Refused):
        import_state(third, "prod", found, "file")
