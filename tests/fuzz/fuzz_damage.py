"""Damage as it happens to files: bits, blocks and ends of bytes, and values of documents. All of it from a seed."""

import copy
import json
import math

ODD_VALUES = [
    None, True, False, -1, 0, 1, 1.5, 1e308, -1e308, math.nan, math.inf, 2**31, 2**63, -(2**63), 2**70, 10**400, "",
    "x", "1", "1e5", "\ud800", "\x00", "\x1b[31m", "../../x", "a" * 5000, [], {}, [[]], [1, 2, 3],
    {"a": 1}, [None] * 17,
]  # fmt: skip


def damaged_bytes(rng, data):
    """Return bytes with one to three of: bits flipped, a block zeroed, cut out, doubled, moved or cut off."""
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        if not data:
            break
        first = int(rng.integers(0, len(data)))
        size = int(min(len(data) - first, 2 ** rng.integers(0, 12)))
        kind = rng.choice(["bit", "bit", "zero", "noise", "out", "double", "move", "end", "insert"])
        block = data[first : first + size]
        if kind == "bit":
            data[first] ^= 1 << int(rng.integers(0, 8))
        elif kind == "zero":
            data[first : first + size] = bytes(size)
        elif kind == "noise":
            data[first : first + size] = rng.integers(0, 256, size, dtype="uint8").tobytes()
        elif kind == "end":
            del data[first:]
        elif kind == "insert":
            data[first:first] = rng.integers(0, 256, size, dtype="uint8").tobytes()
        else:
            if kind != "double":
                del data[first : first + size]
            if kind != "out":
                place = int(rng.integers(0, len(data) + 1))
                data[place:place] = block
    return bytes(data)


def changed_document(rng, document):
    """Return a document with one to three values replaced by odd ones, left out, doubled or put elsewhere."""
    document = copy.deepcopy(document)
    for _ in range(int(rng.integers(1, 4))):
        places = list(_places(document))
        if not places:
            break
        holder, key = places[int(rng.integers(0, len(places)))]
        kind = rng.choice(["odd", "odd", "odd", "out", "double", "other", "wrap"])
        if kind == "odd":
            holder[key] = copy.deepcopy(ODD_VALUES[int(rng.integers(0, len(ODD_VALUES)))])
        elif kind == "out":
            del holder[key]
        elif kind == "double" and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif kind == "wrap":
            holder[key] = [holder[key]]
        else:
            other, name = places[int(rng.integers(0, len(places)))]
            holder[key] = copy.deepcopy(other[name])
    return document


def _places(document):
    """List containers with each of their keys, so that rare keys near the root are met as often as common ones."""
    found = []
    level = [document]
    while level:
        mine = [(each, key) for each in level for key in (each if isinstance(each, dict) else range(len(each)))]
        found += mine[:40]
        level = [each[key] for each, key in mine[:40] if isinstance(each[key], dict | list)]
    return found


def damaged_json(rng, data):
    """Return a JSON text changed by value, by byte, or with one of the things that only texts can have."""
    choice = rng.random()
    if choice < 0.65:
        return json.dumps(changed_document(rng, json.loads(data))).encode()
    if choice < 0.85:
        return damaged_bytes(rng, data)
    whole = [
        b"\xef\xbb\xbf" + data, b"", b" ", b"null", b"[]", b"{}", b"3", b'"x"', b"[" * 100_000, b'{"a":' * 50_000,
        data.decode().encode("utf-16"), data.replace(b"1", b"1" * 5000, 1), data + data, data.replace(b'"', b"'"),
        b"\xff\xfe" + data,
    ]  # fmt: skip
    return whole[int(rng.integers(0, len(whole)))]


def damaged_lines(rng, data):
    """Return a text of rows and columns with fields replaced, rows doubled, moved and left out."""
    if rng.random() < 0.3:
        return damaged_bytes(rng, data)
    rows = [line.split(b",") for line in data.splitlines()]
    fields = [
        b"",
        b"nan",
        b"inf",
        b"-1",
        b"1e400",
        b"9" * 5000,
        b"x",
        b"\xff",
        b"\x00",
        b'"',
        b"0x10",
        b"1_0",
        "\uff11".encode(),
    ]
    for _ in range(int(rng.integers(1, 5))):
        row = int(rng.integers(0, len(rows)))
        kind = rng.choice(["field", "field", "out", "double", "longer", "shorter"])
        if kind == "field":
            rows[row][int(rng.integers(0, len(rows[row]) or 1))] = fields[int(rng.integers(0, len(fields)))]
        elif kind == "longer":
            rows[row].append(b"1")
        elif kind == "shorter" and len(rows[row]) > 1:
            rows[row].pop()
        elif kind == "double":
            rows.insert(row, list(rows[row]))
        elif len(rows) > 1:
            del rows[row]
    ends = [b"\n", b"\r\n", b"\r", b"\n\n"]
    return ends[int(rng.integers(0, len(ends)))].join(b",".join(row) for row in rows)
