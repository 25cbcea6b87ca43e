"""The commands on files: what scripts read, and what bad input answers."""

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests import dicom_files
from tests.phantoms import phantom

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
    }
    assert result["assessable"]
    assert list(result["probabilities"]) == ["2", "3", "4", "5", "6"]
    assert sum(result["probabilities"].values()) == pytest.approx(1, abs=1e-6)


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
