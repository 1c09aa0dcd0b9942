"""The JSON schema of the cluster file, for editors: what may stand where, what it means, and nothing else."""

from __future__ import annotations

from typing import Any

from etcdpilot.spec.schema import ClusterFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAMED = {"source": ["wheel", "found"], "bootstrap": ["static"]}  # sections that one word may stand for


def json_schema() -> dict[str, Any]:
    """Draft 2020-12; every section refuses keys that it does not know."""
    document = without_null(ClusterFile.model_json_schema())
    for section in (document, *document["$defs"].values()):
        for key, words in NAMED.items():
            if key in section.get("properties", {}):
                section["properties"][key] = {"anyOf": [{"enum": words}, section["properties"][key]]}
    shorter_forms(document["$defs"])
    return {"$schema": DIALECT, **document, "title": "etcdpilot cluster file"}


def shorter_forms(sections: dict[str, Any]) -> None:
    """A single digest may stand for a map of them, and one package's name for the list."""
    source = sections["Source"]["properties"]
    for key in ("sha256", "package"):
        said = {"description": text} if (text := source[key].pop("description", "")) else {}
        source[key] = {**said, "anyOf": [{"type": "string"}, source[key]]}


def without_null(node: Any) -> Any:
    """What may be left out is left out: `null` and titles are noise in an editor."""
    if isinstance(node, list):
        return [without_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: without_null(value) for key, value in node.items() if not is_noise(key, value)}
    choices = [choice for choice in kept.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1 and "anyOf" in kept:
        del kept["anyOf"]
        return {**choices[0], **kept}
    return kept


def is_noise(key: str, value: Any) -> bool:
    return (key == "title" and isinstance(value, str)) or (key == "default" and value is None)
