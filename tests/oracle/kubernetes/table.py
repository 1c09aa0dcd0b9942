"""Writes the tables of Kubernetes' types and the example objects anew: `python -m tests.oracle.kubernetes.table`.

Needs Go and the Go module proxy; the normal run of the tests needs neither.
"""

from __future__ import annotations

import subprocess
import tempfile
import textwrap
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TABLES = ROOT / "src/etcdpilot/rendering/kubernetes/tables.py"
OBJECTS = ROOT / "tests/data/kubernetes/objects.jsonl"
ROUNDS = 6

HEAD = '''"""The fields of Kubernetes' types, as its public API numbers them (v1.31). Data: `tests/oracle/kubernetes` writes it.

`Type = number name kind, …` with `-` for a name where JSON has the fields inline (`<`). Kinds: ^ a pointer, [] a list,
{} a map from strings, then a word or a type; ? is left out of JSON where empty.
"""

from __future__ import annotations

'''


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/kubernetes"
        subprocess.run(["go", "build", "-o", program, "."], cwd=HERE, check=True)
        lines = subprocess.run([program, "tables"], capture_output=True, text=True, check=True).stdout.splitlines()
        objects = subprocess.run([program, "objects", str(ROUNDS)], capture_output=True, check=True).stdout
    kinds = [line.removeprefix("kind ") for line in lines if line.startswith("kind ")]
    types = [line.removeprefix("type ") for line in lines if line.startswith("type ")]
    text = HEAD + block("KINDS", kinds) + "\n" + block("TYPES", types)
    TABLES.write_text(text)
    OBJECTS.write_bytes(objects)


def block(name: str, lines: list[str]) -> str:
    wrapped = "\n".join(
        textwrap.fill(line, 118, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for line in lines
    )
    return f'{name} = """\n{wrapped}\n"""\n'


if __name__ == "__main__":
    main()
