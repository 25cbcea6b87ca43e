import pytest

from ml_models.errors import ModelError
from ml_models.readers import (
    parse_category,
    read_class_folders,
    read_clinic_export,
    read_research_data,
    read_table,
)

HEADER = "file,patient_id,laterality,view,birads,mm_per_px_here\n"


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


def test_table_reads_exam_density_and_device(tmp_path, write_picture):
    for name in ("a", "b"):
        write_picture(tmp_path / f"{name}.png", seed=ord(name))
    table = tmp_path / "labels.csv"
    table.write_text(
        "file,patient_id,birads,acquisition,density,device,orig_width,orig_height\n"
        "a.png,p1,2,201001,C,,2560,3328\nb.png,p1,2,201001,2,Acme One,,\n"
    )
    first, second = read_table(table, source="set")
    assert (first.exam, first.density, first.device) == ("201001", "3", "2560x3328")
    assert (second.exam, second.density, second.device) == ("201001", "2", "Acme One")


CLINIC = "file,patient_id,birads,consent\n"


def test_clinic_export_is_read_where_everybody_consented(tmp_path, write_picture):
    write_picture(tmp_path / "a.png", seed=1)
    (tmp_path / "labels.csv").write_text(CLINIC + "a.png,p1,4,yes\n")
    (sample,) = read_clinic_export(tmp_path)
    assert (sample.category, sample.source) == ("4", tmp_path.name)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (CLINIC + "a.png,p1,4,yes\na.png,p2,4,no\n", "consent_missing"),
        (CLINIC + "a.png,p1,4,\n", "consent_missing"),
        ("file,patient_id,birads\na.png,p1,4\n", "missing_column"),
    ],
)
def test_clinic_export_is_refused_whole_without_consent(tmp_path, write_picture, text, code):
    write_picture(tmp_path / "a.png", seed=1)
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(ModelError) as refusal:
        read_clinic_export(tmp_path)
    assert refusal.value.code == code


def test_clinic_export_refuses_a_folder_without_a_table(tmp_path):
    with pytest.raises(ModelError) as refusal:
        read_clinic_export(tmp_path)
    assert refusal.value.code == "data_missing"
