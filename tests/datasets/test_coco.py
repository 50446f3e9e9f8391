"""Boxes in COCO's layout."""

from __future__ import annotations

import json

import pytest

import thermend
from thermend.datasets.coco import Box, boxes_of

CONTENT = {
    "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 9, "file_name": "b.jpg"}],
    "categories": [{"id": 1, "name": "Person"}],
    "annotations": [{"image_id": 7, "category_id": 1, "bbox": [3, 4, 10.5, 12]}],
}


def test_boxes_are_found_by_the_images_names(tmp_path):
    (tmp_path / "b.json").write_text(json.dumps(CONTENT))
    assert boxes_of(tmp_path / "b.json") == {"a.jpg": [Box("Person", 3, 4, 10.5, 12)], "b.jpg": []}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"images": 3}', json.dumps(CONTENT | {"annotations": [{}]})])
def test_other_layouts_are_refused_by_name(tmp_path, text):
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(thermend.InputError, match=r"b\.json: holds no boxes"):
        boxes_of(tmp_path / "b.json")


def test_hit_uavs_boxes_are_read(cases):
    boxes = boxes_of(cases / "data/hit-uav/train.json")
    assert sum(map(len, boxes.values())) == 10_786
