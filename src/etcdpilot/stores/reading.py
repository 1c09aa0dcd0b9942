"""Reading a text file that a user named."""

from __future__ import annotations

from pathlib import Path

from etcdpilot.model.errors import SpecError

LARGEST = 4 * 1024 * 1024


def read_text(path: Path) -> str:
    """Its text; SpecError when it cannot be read, is not text, or is too large to be a cluster file."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)  # a device has no size, and no end
        if len(data) > LARGEST:
            raise SpecError(
                f"{path} is too large to be a cluster file.",
                why=f"It has more than {LARGEST // 2**20} MiB.",
                remedy="Name the cluster file with -f.",
            )
        return data.decode("utf-8")
    except OSError as error:
        raise SpecError(
            f"{path} cannot be read.",
            why=f"{error.strerror}.",
            remedy="Name the cluster file with -f, or make one:\n    etcdpilot up\n    etcdpilot init HOST1 HOST2 HOST3",
        ) from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{path} is not a text file.", why=f"Byte {error.start} is not UTF-8.") from error
