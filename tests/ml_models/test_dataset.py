from dataclasses import replace

import numpy as np
import pytest

from ml_models.dataset import (
    check_disjoint,
    data_manifest,
    one_hot,
    other_breast,
    patient_folds,
)
from ml_models.errors import ModelError
from ml_models.readers import read_class_folders


def labels_of(samples):
    return np.array([int(sample.category) for sample in samples])


def test_folds_hold_every_image_out_once_and_share_no_patient(samples):
    folds = patient_folds(samples, labels_of(samples), folds=3, seed=5)

    assert sorted(np.concatenate([held_out for _, held_out in folds])) == list(range(24))
    for train, held_out in folds:
        assert sorted([*train, *held_out]) == list(range(24))
        assert {samples[i].patient for i in train} & {samples[i].patient for i in held_out} == set()


def test_folds_keep_the_classes_even(samples):
    for _, held_out in patient_folds(samples, labels_of(samples), folds=3, seed=5):
        assert np.bincount(labels_of(samples)[held_out], minlength=6).tolist() == [0, 0, 2, 2, 2, 2]


def test_same_seed_gives_the_same_folds(samples):
    first, second = (patient_folds(samples, labels_of(samples), folds=3, seed=5) for _ in range(2))
    for (a, b), (c, d) in zip(first, second, strict=True):
        assert a.tolist() == c.tolist()
        assert b.tolist() == d.tolist()


def test_patient_on_two_sides_is_refused(samples):
    with pytest.raises(ModelError) as refusal:
        check_disjoint(samples[:1], samples[1:])
    assert refusal.value.code == "patient_on_two_sides"


def test_same_pixels_of_two_patients_on_two_sides_are_refused(samples):
    twin = replace(samples[2], pixel_sha256=samples[0].pixel_sha256)
    with pytest.raises(ModelError) as refusal:
        check_disjoint(samples[:2], [twin])
    assert refusal.value.code == "pixels_on_two_sides"


def test_folds_refuse_a_picture_filed_under_every_patient(samples):
    copies = [replace(sample, pixel_sha256="one picture") for sample in samples]
    with pytest.raises(ModelError) as refusal:
        patient_folds(copies, labels_of(copies), folds=3, seed=5)
    assert refusal.value.code == "pixels_on_two_sides"


def test_views_of_a_breast_in_one_exam_belong_together(samples):
    cc, mlo = samples[:2]
    right = replace(cc, laterality="R")
    assert cc.breast == mlo.breast
    assert other_breast(cc.breast) == right.breast
    assert cc.breast != replace(cc, exam="2").breast


def test_picture_without_a_side_is_a_breast_of_its_own(samples):
    cc, mlo = (replace(sample, laterality=None) for sample in samples[:2])
    assert cc.breast != mlo.breast
    assert other_breast(cc.breast) is None


def test_manifest_does_not_depend_on_order_and_changes_with_a_pixel(samples):
    whole = data_manifest(samples)
    changed = [replace(samples[0], pixel_sha256="another"), *samples[1:]]

    assert data_manifest(samples[::-1]) == whole
    assert (whole["images"], whole["patients"], len(whole["files"])) == (24, 12, 24)
    assert data_manifest(changed)["sha256"] != whole["sha256"]


def test_same_picture_saved_twice_has_one_pixel_hash(tmp_path, write_picture):
    first = write_picture(tmp_path / "Birad2" / "1_a.png", seed=4)
    copy = tmp_path / "Birad2" / "2_b.png"
    copy.write_bytes(first.read_bytes())
    a, b = read_class_folders(tmp_path)
    assert a.pixel_sha256 == b.pixel_sha256


def test_one_hot():
    assert one_hot(np.array([2, 0]), classes=3).tolist() == [[0, 0, 1], [1, 0, 0]]
