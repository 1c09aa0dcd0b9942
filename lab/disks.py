"""Small disks of their own for a machine: an ext4 image on a loop device, mounted beside the machine's root and bound
into it at every boot, so that it fills with an honest ENOSPC and keeps its files over a power cut."""

from __future__ import annotations

from pathlib import Path

from lab.commands import run, succeeds


def disks(folder: Path) -> list[tuple[Path, str]]:
    """(where the box mounts it, path in the machine) of every disk of the machine that lives in `folder`."""
    return [(made.parent / "mount", made.read_text(encoding="utf-8")) for made in sorted(folder.glob("disks/*/at"))]


def add_disk(folder: Path, path: str, megabytes: int) -> None:
    """An empty disk that the machine has at `path` from its next boot on."""
    disk = folder / "disks" / str(len(disks(folder)))
    (disk / "mount").mkdir(parents=True)
    image = disk / "image"
    with image.open("wb") as blank:
        blank.truncate(megabytes * 1024 * 1024)
    # No reserve for root: the last byte is everybody's, or root would never see the disk full.
    run(["mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", str(image)])
    run(["mount", "-o", "loop", str(image), str(disk / "mount")])
    (disk / "mount" / "lost+found").rmdir()
    (disk / "at").write_text(path, encoding="utf-8")


def remove_disks(folder: Path) -> None:
    """Unmounts them; their loop devices go with the mounts."""
    for mount, _ in disks(folder):
        succeeds(["umount", "--lazy", str(mount)])
