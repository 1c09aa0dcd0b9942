"""Where a rotation of authorities stands in the state folder.

authorities/NAME.crt|key           who signs; while a rotation is under way, the old one
authorities/next/NAME.crt|key      the new one, from before any host hears of it until it takes the old one's place
authorities/retired/NAME-ID…       old ones, put aside
rotation.json                      the phase: it alone says which of the two signs, so no step of a swap is half done
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from etcdpilot.model.errors import SpecError
from etcdpilot.model.rotation import Phase, Rotation
from etcdpilot.stores.writing import make_directory, write_private

ROTATION = "rotation.json"
FOLDER, NEXT, RETIRED = "authorities", "authorities/next", "authorities/retired"


def read_rotation(root: Path) -> Rotation | None:
    """None where none is under way; SpecError when the file is damaged: it says whom the members trust."""
    found = noted_rotation(root)
    return None if found is None or found.phase is Phase.SETTLED else found


def ended_rotation(root: Path) -> datetime | None:
    """When the last one came to its end; None where none did since."""
    found = noted_rotation(root)
    return datetime.fromisoformat(found.ended) if found is not None and found.ended else None


def noted_rotation(root: Path) -> Rotation | None:
    path = root / ROTATION
    try:
        found = json.loads(path.read_text())
        names = tuple(str(name) for name in found["names"])
        return Rotation(Phase(found["phase"]), names, str(found["began"]), str(found["ended"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise SpecError(
            f"{path} is damaged.",
            why=f"It does not say how far the rotation of the authorities has come: {error}.",
            remedy="Bring it back from a copy (etcdpilot state import FILE); the cluster itself is not touched.",
        ) from error


def write_rotation(root: Path, rotation: Rotation) -> None:
    document = {
        "phase": rotation.phase.value,
        "names": list(rotation.names),
        "began": rotation.began,
        "ended": rotation.ended,
    }
    make_directory(root)
    write_private(root / ROTATION, json.dumps(document, indent=1).encode())


def signing_place(root: Path, name: str) -> Path:
    """The stem of who signs now, by the phase."""
    new, rotation = next_place(root, name), read_rotation(root)
    turned = rotation is not None and rotation.phase.signs_new and name in rotation.names
    return new if turned and is_there(new) else root / FOLDER / name


def beside_place(root: Path, name: str) -> Path | None:
    """The stem of who is trusted beside the one that signs; None where nobody is."""
    rotation = read_rotation(root)
    if rotation is None or not rotation.phase.trusts_both or name not in rotation.names:
        return None
    other = root / FOLDER / name if rotation.phase.signs_new else next_place(root, name)
    return other if is_there(other) else None


def next_place(root: Path, name: str) -> Path:
    return root / NEXT / name


def is_there(stem: Path) -> bool:
    return stem.with_name(f"{stem.name}.crt").exists() and stem.with_name(f"{stem.name}.key").exists()


def settle(root: Path, name: str, old_id: str) -> None:
    """The new one takes the old one's place, which is kept under its key identifier. Done again it changes nothing."""
    new, old = next_place(root, name), root / FOLDER / name
    if not is_there(new):
        new.with_name(f"{name}.key").unlink(missing_ok=True)  # the certificate went first, and its key did not follow
        return
    aside = root / RETIRED / f"{name}-{old_id[:16]}"
    # By a run that was cut off here half of the old one may be the new one's already, or all of it.
    if is_there(old) and not is_there(aside) and not same_certificate(old, new):
        move(old, aside, keep=True)
    move(new, old, keep=False)


def same_certificate(one: Path, other: Path) -> bool:
    first, second = (stem.with_name(f"{stem.name}.crt").read_bytes() for stem in (one, other))
    return first == second


def move(stem: Path, to: Path, *, keep: bool) -> None:
    """A copy first, the key before its certificate; what is taken away goes in the other order."""
    make_directory(to.parent)
    for suffix in (".key", ".crt"):
        write_private(to.with_name(to.name + suffix), stem.with_name(stem.name + suffix).read_bytes())
    if not keep:
        for suffix in (".crt", ".key"):
            stem.with_name(stem.name + suffix).unlink()
