"""Boxes in COCO's layout, as HIT-UAV and most detection data sets have them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from thermend.errors import InputError, first_line


@dataclass(frozen=True)
class Box:
    """Where something is in an image.

    Attributes
    ----------
    category : str
        what it is
    left, top, width, height : float
        pixels
    """

    category: str
    left: float
    top: float
    width: float
    height: float


def boxes_of(path: Path) -> dict[str, list[Box]]:
    """The boxes of a file in COCO's layout, by the images' file names.

    Parameters
    ----------
    path : Path
        the JSON file

    Raises
    ------
    InputError
        it cannot be read, or has not that layout
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names = {image["id"]: str(image["file_name"]) for image in content["images"]}
        categories = {category["id"]: str(category["name"]) for category in content["categories"]}
        found: dict[str, list[Box]] = {name: [] for name in names.values()}
        for annotation in content["annotations"]:
            left, top, width, height = (float(value) for value in annotation["bbox"])
            found[names[annotation["image_id"]]].append(
                Box(categories[annotation["category_id"]], left, top, width, height)
            )
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(path, f"holds no boxes in COCO's layout ({first_line(error)})") from error
    return found
