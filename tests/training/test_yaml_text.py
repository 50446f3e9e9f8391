"""YAML that no person writes is refused with a line."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("yaml", reason="needs the train extra")

import thermend
from thermend.training.recipe import read_recipe
from thermend.training.yaml_text import yaml_value

BOMB = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{n}: &a{n} [{', '.join(f'*a{n - 1}' for _ in range(9))}]\n" for n in range(1, 12)
)
ODD = {
    "aliases": BOMB,
    "itself": "a: &a [*a]",
    "deep": "a: " + "[" * 5000 + "]" * 5000,
    "deep mappings": "a: " + "{b: " * 3000 + "1" + "}" * 3000,
    "binary": "a: 0b_",
    "hexadecimal": "a: 0x_",
    "digits": "a: " + "9" * 5000,
    "integer": "a: !!int x",
    "float": "a: !!float x",
    "boolean": "a: !!bool x",
    "time": "a: 2026-99-99",
    "tagged time": "a: !!timestamp x",
    "sexagesimal": "a: !!int 1:x",
    "object": "a: !!python/object/apply:os.system [echo]",
    "no key": "{[a]: 1}",
    "binary data": "a: !!binary x",
    "a null byte": "a: \0",
    "a surrogate": 'a: "\\ud800',
    "open": "a: [1, 2",
    "tab": "a:\n\t- b",
    "a set": "a: !!set [x]",
    "pairs": "a: !!pairs [x]",
    "an omap": "a: !!omap 3",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_odd_text_is_one_line(tmp_path, text):
    begun = time.monotonic()
    with pytest.raises(thermend.UsageError) as found:
        yaml_value(text)
    assert "\n" not in str(found.value)
    path = tmp_path / "r.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(thermend.InputError, match=r"r\.yaml: is not YAML"):
        read_recipe(path)
    path.write_text("method: deal\n")
    with pytest.raises(thermend.UsageError):
        read_recipe(path, [f"a={text.removeprefix('a: ')}"] if text.startswith("a: ") else [f"a={text}"])
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("[1, a]", [1, "a"]),
        ("{a: {b: 1e-3}}", {"a": {"b": "1e-3"}}),
        ("", None),
        ("a: &b [1]\nc: *b", {"a": [1], "c": [1]}),
    ],
)
def test_what_people_write_is_read(text, value):
    assert yaml_value(text) == value
