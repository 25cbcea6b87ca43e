"""The commands on files: what scripts read, and what bad input answers."""

import csv
import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests import dicom_files
from tests.phantoms import SPACING_MM, Lesion, phantom

pytestmark = pytest.mark.model

POSITION = ("--laterality", "L", "--view", "CC")


def write_phantom(path: Path, seed: int = 1, **options: Any) -> Path:
    pixels = np.round(phantom(seed, **options).pixels * 255).astype(np.uint8)
    cv2.imwrite(str(path), pixels)
    return path


def run(*arguments: object) -> list[dict[str, Any]]:
    out = StringIO()
    call_command(*map(str, arguments), stdout=out, stderr=StringIO())
    return [json.loads(line) for line in out.getvalue().splitlines()]


def words(*arguments: object) -> str:
    out = StringIO()
    call_command(*map(str, arguments), stdout=out, stderr=StringIO())
    return out.getvalue()


def refusal(*arguments: object) -> str:
    with pytest.raises(CommandError) as error:
        run(*arguments)
    assert error.value.returncode != 0
    return str(error.value)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    return (
        write_phantom(folder / "prior.png"),
        write_phantom(folder / "current.png", shift_mm=(4.0, 2.0), rotation_deg=1.5),
    )


def test_classify_prints_one_object(pair):
    (result,) = run("classify", pair[0], *POSITION, "--json")

    assert set(result) == {
        "file",
        "assessable",
        "reasons",
        "model_version",
        "probabilities",
        "category",
        "abstained",
        "prediction_set",
        "suspicious_probability",
        "heat_outside_share",
        "heat_plausible",
    }
    assert result["assessable"]
    assert list(result["probabilities"]) == ["2", "3", "4", "5", "6"]
    assert sum(result["probabilities"].values()) == pytest.approx(1, abs=1e-6)


def test_classify_writes_where_the_evidence_lies(pair, tmp_path):
    target = tmp_path / "heat.png"

    (result,) = run("classify", pair[0], *POSITION, "--json", "--heatmap", target)

    drawn = cv2.imread(str(target))
    assert drawn.shape == (800, 2 * 640, 3)
    left, right = drawn[:, :640].astype(int), drawn[:, 640:].astype(int)
    assert np.ptp(left, axis=2).max() == 0  # the picture is gray, its map is not
    assert np.ptp(right, axis=2).max() > 50
    assert 0 <= result["heat_outside_share"] <= 1
    assert result["heat_plausible"] == (result["heat_outside_share"] <= 0.2)


def test_compare_prints_one_object(pair, tmp_path):
    figure = tmp_path / "figure.png"

    (result,) = run("compare", *pair, *POSITION, "--figure", figure, "--json")

    assert result["comparable"]
    assert result["reason"] is None
    assert result["verdict"] == "no_detectable_change"
    assert result["ssim"] > result["ssim_baseline"]
    assert result["registration"]["passed"]
    assert set(result["classification"]) == {"prior", "current"}
    fired = [rule["rule"] for rule in result["proposal"]["trace"] if rule.get("decides")]
    assert len(fired) == 1
    assert cv2.imread(str(figure)) is not None


@pytest.fixture(scope="module")
def shrunk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A mass of 26 mm and the same place with 14 mm left; its middle is at column 180, row 420."""
    folder = tmp_path_factory.mktemp("shrunk")
    return (
        write_phantom(folder / "prior.png", 2, lesion=Lesion(diameter_mm=26)),
        write_phantom(
            folder / "current.png", 2, lesion=Lesion(diameter_mm=14), shift_mm=(3.0, 2.0)
        ),
    )


SCALE = ("--prior-spacing-mm", SPACING_MM, "--current-spacing-mm", SPACING_MM)
MARK = ("--lesion", "180,420,52")


def test_compare_measures_a_marked_lesion_in_millimetres(shrunk, tmp_path):
    (result,) = run("compare", *shrunk, *POSITION, *SCALE, *MARK, "--json")

    lesion = result["lesion"]
    assert lesion["prior_mm"] == pytest.approx(26, abs=3)
    assert lesion["current_mm"] == pytest.approx(14, abs=3)
    assert lesion["prior_area_mm2"] > 2 * lesion["current_area_mm2"]
    assert (result["verdict"], result["direction"]) == ("regression", "regression")
    low, high = result["change_interval"]
    assert low <= result["change_probability"] <= high
    directions = [r["inputs"] for r in result["proposal"]["trace"] if r["rule"] == "CHANGE-2"]
    assert directions[0]["lesion_marked"] is True


def test_compare_says_sizes_and_interval_in_words(shrunk):
    said = words("compare", *shrunk, *POSITION, *SCALE, *MARK)

    assert re.search(r"probability of change 0\.99, 95 % interval 0\.\d\d to 0\.99", said)
    assert re.search(r"on the prior: +longest diameter 2[3-9]\.\d mm, area \d{3} mm², contr", said)
    assert re.search(r"on the current: longest diameter 1[1-7]\.\d mm, area \d{3} mm²", said)
    assert re.search(r"current to prior: 0\.\d\d \(0\.\d\d to 0\.\d\d as the mark", said)


def test_without_a_scale_there_are_ratios_and_no_millimetres(shrunk):
    said = words("compare", *shrunk, *POSITION, *MARK)

    assert " mm," not in said
    assert "no millimetres, its scale is unknown" in said
    assert re.search(r"current to prior: 0\.[3-8]\d", said)


def test_compare_without_a_mark_says_what_no_change_is_not(pair):
    said = words("compare", *pair, *POSITION)

    assert "no detectable change (which is not: no lesion)" in said
    assert "lesion on the" not in said


@pytest.mark.parametrize(
    ("mark", "code"),
    [
        ("180,420", "malformed_mark"),
        ("180,420,52,1", "malformed_mark"),
        ("a,b,c", "malformed_mark"),
        ("180,420,0", "mark_radius_out_of_range"),
        ("180,420,-5", "mark_radius_out_of_range"),
        ("180,420,1e9", "mark_radius_out_of_range"),
        ("nan,420,52", "mark_outside_picture"),
        ("180,4200,52", "mark_outside_picture"),
        ("620,20,52", "mark_outside_breast"),
    ],
)
def test_a_mark_that_cannot_be_measured_is_one_clear_line(shrunk, mark, code):
    said = refusal("compare", *shrunk, *POSITION, *SCALE, f"--lesion={mark}")

    assert said.startswith(f"{code}: ")
    assert said.count(code) == 1
    assert "\n" not in said


def test_an_algorithm_that_measures_no_marks_says_so(shrunk):
    said = refusal("compare", *shrunk, *POSITION, *MARK, "--algorithm", "registered-ssim-1")

    assert said.startswith("mark_not_supported: ")


def test_a_table_may_carry_marks(tmp_path, shrunk):
    row = {
        "prior": str(shrunk[0]),
        "current": str(shrunk[1]),
        "laterality": "L",
        "view": "CC",
        "prior_spacing_mm": str(SPACING_MM),
        "current_spacing_mm": str(SPACING_MM),
        "lesion_x": "",
        "lesion_y": "",
        "lesion_r": "",
    }
    marked = {"lesion_x": "180", "lesion_y": "420", "lesion_r": "52"}
    table = tmp_path / "pairs.csv"
    write_table(table, [row, row | marked, row | marked | {"lesion_r": ""}])

    without, measured, half = run("compare", "--pairs", table, "--json")

    assert without["lesion"] is None
    assert measured["lesion"]["prior_mm"] == pytest.approx(26, abs=3)
    assert (half["comparable"], half["reason"]) == (False, "malformed_mark")


def test_compare_by_the_papers_algorithm_gives_the_baseline_score(pair):
    (result,) = run("compare", *pair, *POSITION, "--algorithm", "paper-ssim-150", "--json")

    assert result["algorithm_version"] == "paper-ssim-150"
    assert result["ssim"] == result["ssim_baseline"]


def test_compare_without_a_record_never_shifts_therapy(pair):
    (result,) = run("compare", *pair, *POSITION, "--json")

    assert result["proposal"]["proposal"] != "shift_to_normal_medication"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"this is no picture", "unsupported_file_type"),
        (b"", "empty_file"),
        (dicom_files.black_png(10_000, 10_000), "pixel_limit"),
    ],
)
def test_a_bad_file_is_one_clear_line(pair, tmp_path, content, code):
    bad = tmp_path / "scan.png"
    bad.write_bytes(content)

    for said in (
        refusal("classify", bad, *POSITION),
        refusal("compare", pair[0], bad, *POSITION),
    ):
        assert said.startswith(f"{code}: ")
        assert "\n" not in said


def test_a_truncated_dicom_is_refused(tmp_path):
    whole = dicom_files.write_dicom(tmp_path / "a.dcm", dicom_files.mammogram()).read_bytes()
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(whole[: len(whole) // 2])

    assert refusal("classify", cut).startswith("truncated_file: ")


def test_a_blank_picture_is_not_assessable(tmp_path, pair):
    blank = tmp_path / "blank.png"
    blank.write_bytes(dicom_files.black_png(800, 640))

    assert refusal("classify", blank, *POSITION, "--json").startswith("not assessable: ")
    assert refusal("compare", pair[0], blank, *POSITION) == (
        "not comparable: current_not_assessable"
    )


def test_the_header_wins_and_a_contradiction_is_an_error(tmp_path, pair):
    left = dicom_files.write_dicom(tmp_path / "l.dcm", dicom_files.mammogram())
    right = dicom_files.write_dicom(
        tmp_path / "r.dcm", dicom_files.mammogram(ImageLaterality="R", SOPInstanceUID="2.25.9")
    )
    oblique = dicom_files.write_dicom(
        tmp_path / "o.dcm", dicom_files.mammogram(ViewPosition="MLO", SOPInstanceUID="2.25.8")
    )

    assert refusal("classify", right, *POSITION).startswith("header_conflict: ")
    assert refusal("compare", left, right).startswith("laterality_mismatch: ")
    assert refusal("compare", left, oblique).startswith("view_mismatch: ")
    assert refusal("compare", *pair).startswith("missing_position: ")


def test_opposite_breasts_are_refused_though_both_are_called_left(tmp_path, pair):
    other = write_phantom(tmp_path / "right.png", laterality="R")

    assert refusal("compare", pair[0], other, *POSITION) == "not comparable: laterality_mismatch"


def test_a_table_of_files_goes_on_after_a_bad_one(tmp_path, pair):
    (tmp_path / "bad.png").write_bytes(b"nothing")
    table = tmp_path / "files.csv"
    write_table(
        table,
        [
            {"file": str(pair[0]), "laterality": "L", "view": "CC"},
            {"file": "bad.png", "laterality": "", "view": ""},
            {"file": str(pair[1]), "laterality": "", "view": ""},
        ],
    )

    first, second, third = run("classify", "--files", table, "--json")

    assert (first["file"], first["assessable"]) == (str(pair[0]), True)
    assert (second["file"], second["assessable"], second["reasons"]) == (
        "bad.png",
        False,
        ["unsupported_file_type"],
    )
    assert (third["file"], third["assessable"]) == (str(pair[1]), True)


def test_a_table_of_pairs_goes_on_after_a_bad_one(tmp_path, pair):
    row = {
        "prior": str(pair[0]),
        "current": str(pair[1]),
        "laterality": "L",
        "view": "CC",
        "prior_spacing_mm": "0.25",
        "current_spacing_mm": "0.25",
    }
    table = tmp_path / "pairs.csv"
    write_table(table, [row | {"prior": "missing.png"}, row])

    bad, good = run("compare", "--pairs", table, "--json")

    assert (bad["comparable"], bad["reason"], bad["prior"]) == (
        False,
        "file_not_found",
        "missing.png",
    )
    assert (good["comparable"], good["current"]) == (True, str(pair[1]))


def write_table(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
