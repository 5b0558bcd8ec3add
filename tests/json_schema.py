"""A few lines that check a document against a JSON Schema."""

import json
import re
from pathlib import Path

import videopose
from videopose.io.result import header_facts
from videopose.io.results import read_result

SCHEMA = json.loads((Path(videopose.__file__).parent / "io" / "schema.json").read_text())


def document_of(path):
    """Return a result as the JSON document it is, whatever its suffix."""
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    result = read_result(path)
    frames = [
        {
            "index": record.frame.index,
            "time": record.frame.time,
            "people": [
                {"track_id": i, "score": s, "box": b, "keypoints": k}
                for i, s, b, k in zip(
                    *(column.tolist() for column in (
                        record.poses.track_id, record.poses.score, record.poses.xyxy, record.poses.keypoints)),
                    strict=True,
                )
            ],
        }
        for record in result
    ]  # fmt: skip
    return {**header_facts(result.header), "frames": frames}


def result_complaints(path):
    """Check a result file of any suffix against the schema of results."""
    return complaints(document_of(path), SCHEMA, path.name)


def complaints(value, schema, where):
    """Check the few keywords of JSON Schema that ours uses."""
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "null": type(None)}
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names and (isinstance(value, bool) or not any(isinstance(value, kinds[name]) for name in names)):
        return [f"{where}: not {names}"]
    found = []
    if isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        found.append(f"{where}: {value} is out of range")
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        found.append(f"{where}: {value!r} is not {schema['pattern']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{where}: not {schema['const']}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: not one of {schema['enum']}")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        found += [f"{where}: no {key}" for key in schema.get("required", []) if key not in value]
        if schema.get("additionalProperties") is False:
            found += [f"{where}: {key} is unknown" for key in value if key not in properties]
        for key in value.keys() & properties.keys():
            found += complaints(value[key], properties[key], f"{where}.{key}")
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            found.append(f"{where}: {len(value)} items")
        if schema.get("uniqueItems") and len({str(item) for item in value}) < len(value):
            found.append(f"{where}: repeats itself")
        for position, item in enumerate(value):
            found += complaints(item, schema.get("items", {}), f"{where}[{position}]")
    return found
