"""YAML as recipes are written in it: read safely, and refused where it is nothing that a person writes."""

from __future__ import annotations

from typing import Any

from thermend.errors import MissingDependencyError, UsageError

_DEEPEST, _LARGEST = 40, 100_000
"""Levels of nesting, and values; an alias counts as all that it stands for."""


def yaml_value(text: str) -> Any:
    """What a text says.

    Raises
    ------
    UsageError
        it is not YAML, or is nested without end; the message says why, in one line
    MissingDependencyError
        PyYAML is not installed
    """
    try:
        import yaml
    except ImportError as error:
        raise MissingDependencyError("training needs more packages: pip install 'thermend[train]'") from error
    try:
        _check_depth(yaml, text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return None
        if _size(yaml, node, {}) > _LARGEST:
            raise UsageError("its aliases stand for more than any recipe holds")
        return yaml.safe_load(text)
    except UsageError:
        raise
    except yaml.YAMLError as error:
        raise UsageError(" ".join(str(error).split())) from error
    except (ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError) as error:
        # what PyYAML's constructors raise for tags and numbers that do not fit: !!int x, 0x, dates that are none
        raise UsageError(
            f"a value in it is none ({type(error).__name__}: {' '.join(str(error).split())[:120]})"
        ) from error


def _check_depth(yaml: Any, text: str) -> None:
    """Follow the events, which takes no recursion."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > _DEEPEST:
                raise UsageError("is nested deeper than any recipe")
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1


def _size(yaml: Any, node: Any, known: dict[int, int]) -> int:
    """How many values a node stands for."""
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = _LARGEST + 1  # one that holds itself has no end
    found = 1
    if isinstance(node, yaml.MappingNode):
        found += sum(_size(yaml, key, known) + _size(yaml, value, known) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        found += sum(_size(yaml, item, known) for item in node.value)
    known[id(node)] = found
    return found
