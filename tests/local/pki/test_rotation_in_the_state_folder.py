"""What the state folder holds while authorities are exchanged: who signs, who is trusted, and no half of a swap."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from etcdpilot.applying.rotation import make_next, settle
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.errors import SpecError
from etcdpilot.model.rotation import Phase, Rotation
from etcdpilot.observing.memory import authority, trusted
from etcdpilot.pki.reading import key_matches
from etcdpilot.stores import rotation as places
from etcdpilot.stores.state import Identity, KeptPair, StateFolder
from etcdpilot.stores.state_export import export_state, import_state, opened_export
from tests.certificate_eyes import CLIENT, PEER, old_authorities
from tests.paper.clusters import cluster

NAMES = (CLIENT, PEER)
NOW = datetime(2030, 1, 1, tzinfo=UTC)
BEGAN = NOW.isoformat()


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    """One with its first authorities and the next ones made, of which nobody has heard yet."""
    found = StateFolder(tmp_path / "state")
    old_authorities(found)
    wanted: ClusterSpec = cluster()
    make_next(NAMES, wanted, found, datetime.now(UTC))
    return found


def pair(state: StateFolder, stem: Path) -> KeptPair:
    found = state.pair_at(stem)
    assert found is not None
    return found


def old_and_new(state: StateFolder) -> tuple[KeptPair, KeptPair]:
    return pair(state, state.root / places.FOLDER / CLIENT), pair(state, places.next_place(state.root, CLIENT))


def in_phase(state: StateFolder, phase: Phase) -> StateFolder:
    places.write_rotation(state.root, Rotation(phase, NAMES, BEGAN))
    return state


@pytest.mark.parametrize(
    ("phase", "signs_new", "trusts"),
    [
        (Phase.TRUSTING, False, "both"),
        (Phase.ISSUING, True, "both"),
        (Phase.DROPPING, True, "new"),
        (Phase.RESCUING, True, "new"),
    ],
)
def test_the_phase_alone_says_who_signs_and_who_is_trusted(
    state: StateFolder, phase: Phase, signs_new: bool, trusts: str
):
    old, new = old_and_new(state)
    assert state.authority(CLIENT) == old and len(trusted(state, CLIENT)) == 1
    in_phase(state, phase)
    assert state.authority(CLIENT) == (new if signs_new else old)
    expected = [old.certificate, new.certificate] if trusts == "both" else [new.certificate]
    assert [each.certificate for each in trusted(state, CLIENT)] == expected


class PowerCut(Exception):
    pass


@pytest.mark.parametrize("at", range(1, 13))
def test_a_swap_that_is_cut_off_at_any_write_leaves_whole_pairs_and_is_finished_by_the_next_run(
    state: StateFolder, at: int, monkeypatch: pytest.MonkeyPatch
):
    old, new = old_and_new(in_phase(state, Phase.DROPPING))
    touches, write, unlink = 0, places.write_private, Path.unlink

    def touched() -> None:
        nonlocal touches
        touches += 1
        if touches == at:
            raise PowerCut

    def written(*words: object, **more: object) -> None:
        touched()
        write(*words, **more)  # type: ignore[arg-type]

    def unlinked(path: Path, missing_ok: bool = False) -> None:
        touched()
        unlink(path, missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(places, "write_private", written)
        patched.setattr(Path, "unlink", unlinked)
        with pytest.raises(PowerCut):
            settle(NAMES, state, BEGAN, NOW)
    for name in NAMES:
        signer = state.authority(name)
        assert signer is not None and key_matches(signer.key.encode(), signer.certificate.encode())
    assert state.authority(CLIENT) == new and state.authorities() == NAMES
    settle(NAMES, state, BEGAN, NOW)
    assert state.authority(CLIENT) == new and state.rotation() is None
    retired = [path.with_suffix("") for path in (state.root / places.RETIRED).glob(f"{CLIENT}-*.crt")]
    assert [pair(state, stem) for stem in retired] == [old]
    assert places.ended_rotation(state.root) == NOW
    assert not list((state.root / places.NEXT).iterdir())


def test_a_state_that_is_exported_in_the_middle_goes_on_elsewhere(state: StateFolder, tmp_path: Path):
    state.write_identity(Identity("prod", "t0k3n", "c1", (), formed=True))
    in_phase(state, Phase.ISSUING)
    second = StateFolder(tmp_path / "second")
    import_state(second, "prod", opened_export(export_state(state, "words"), "words", "file"), "file")
    assert second.rotation() == state.rotation()
    assert second.authority(CLIENT) == state.authority(CLIENT)
    assert trusted(second, PEER) == trusted(state, PEER)
    assert authority(second, PEER) == authority(state, PEER)


def test_a_phase_that_cannot_be_read_is_no_phase_to_go_on_from(state: StateFolder):
    (state.root / places.ROTATION).write_text('{"phase": "halfway"}')
    with pytest.raises(SpecError, match="damaged"):
        state.authority(CLIENT)
