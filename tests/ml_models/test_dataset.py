from dataclasses import replace

import numpy as np
import pytest

from ml_models.dataset import (
    check_disjoint,
    data_manifest,
    one_hot,
    parse_category,
    patient_folds,
    read_class_folders,
    read_research_data,
    read_table,
)
from ml_models.errors import ModelError

HEADER = "file,patient_id,laterality,view,birads,mm_per_px_here\n"


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


def test_table_reads_nulls_and_leaves_out_unlabelled_rows(tmp_path, write_picture):
    for name in ("a", "b", "c"):
        write_picture(tmp_path / f"{name}.png", seed=ord(name))
    table = tmp_path / "labels.csv"
    table.write_text(HEADER + "a.png,p1,L,CC,4b,0.2\nb.png,p2,?,NA,2,\nc.png,p3,R,MLO,,0.1\n")

    first, second = read_table(table, source="set")

    assert (first.patient, first.category, first.laterality, first.view, first.spacing_mm) == (
        "set/p1",
        "4",
        "L",
        "CC",
        0.2,
    )
    assert (second.category, second.laterality, second.view, second.spacing_mm) == (
        "2",
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("file,birads\na.png,2\n", "missing_column"),
        (HEADER + ",p1,L,CC,2,\n", "missing_value"),
        (HEADER + "a.png,,L,CC,2,\n", "missing_value"),
        (HEADER + "a.png,p1,L,CC,7,\n", "unknown_category"),
        (HEADER + "a.png,p1,L,CC,2,wide\n", "invalid_number"),
        (HEADER + "elsewhere.png,p1,L,CC,2,\n", "data_missing"),
    ],
)
def test_table_refuses(tmp_path, write_picture, text, code):
    write_picture(tmp_path / "a.png", seed=1)
    table = tmp_path / "labels.csv"
    table.write_text(text)
    with pytest.raises(ModelError) as refusal:
        read_table(table, source="set")
    assert refusal.value.code == code


def test_class_folders_take_category_from_the_folder_and_patient_from_the_name(
    tmp_path, write_picture
):
    for path, seed in (("Birad2/7_LCC.png", 1), ("Birad2/7_LMLO.png", 2), ("Birad6/9_RCC.jpg", 3)):
        write_picture(tmp_path / path, seed=seed)
    (tmp_path / "Birad6" / "notes.txt").write_text("not a picture")
    (tmp_path / "other").mkdir()

    samples = read_class_folders(tmp_path)

    root = tmp_path.name
    assert [(s.category, s.patient) for s in samples] == [
        ("2", f"{root}/7"),
        ("2", f"{root}/7"),
        ("6", f"{root}/9"),
    ]


def test_class_folders_refuse_a_folder_without_classes(tmp_path):
    with pytest.raises(ModelError) as refusal:
        read_class_folders(tmp_path)
    assert refusal.value.code == "data_missing"


def test_research_data_refuses_an_empty_folder(tmp_path):
    with pytest.raises(ModelError) as refusal:
        read_research_data(tmp_path)
    assert refusal.value.code == "data_missing"


@pytest.mark.parametrize("text", ["4", "4a", "4C", "Birad4", "BI-RADS 4", "birads_4"])
def test_category_is_read_as_people_write_it(text):
    assert parse_category(text) == "4"


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
