"""Sober-Drunk's layout: names, subjects, parts."""

from __future__ import annotations

import pytest

from thermend import UsageError
from thermend.datasets.sober_drunk import VIEWS, parts, recordings


@pytest.fixture
def folder(tmp_path):
    for subject in range(1, 42):
        place = tmp_path / f"{subject:02d}_name"
        place.mkdir()
        for acquisition in (1, 4):
            for letter in "fehr":
                (place / f"{subject:02d}_name_{acquisition}_{letter}_M_24_80__0.tif").touch()
    (tmp_path / "readme.png").touch()
    return tmp_path


def test_a_name_says_who_when_and_what(folder):
    found = recordings(folder, "train")
    names = {r.path.name: r for r in found}
    someone = found[0].subject
    eyes = names[f"{someone:02d}_name_4_e_M_24_80__0.tif"]
    assert (eyes.subject, eyes.acquisition, eyes.view) == (someone, 4, "eyes")
    assert {r.view for r in found} == set(VIEWS)
    assert {r.view for r in recordings(folder, "train", ["hand"])} == {"hand"}


def test_subjects_are_shared_seven_to_two_to_one_and_no_one_twice(folder):
    who = {part: {r.subject for r in recordings(folder, part)} for part in ("train", "val", "test")}
    assert {part: len(subjects) for part, subjects in who.items()} == {"train": 29, "val": 8, "test": 4}
    assert len(set.union(*who.values())) == 41


def test_the_parts_do_not_depend_on_order_and_are_never_empty():
    assert parts([3, 1, 2, 3]) == parts([1, 2, 3])
    assert sorted(len(p) for p in parts([1, 2, 3]).values()) == [1, 1, 1]
    with pytest.raises(UsageError, match="2 subjects"):
        parts([1, 2, 2])


def test_another_folder_is_refused(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(UsageError, match="no file is named as Sober-Drunk"):
        recordings(tmp_path, "train")
