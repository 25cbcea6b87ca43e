"""Compare two mammogram files of one breast and view. Needs no database."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analysis.errors import FileRefused
from analysis.imaging.errors import ImagingError
from analysis.imaging.versions import ALGORITHMS, DEFAULT_ALGORITHM
from analysis.management.commands.classify import UNUSABLE_MODEL
from analysis.management.progress import tracked
from analysis.mark_limits import MarkRefused
from ml_models.errors import ModelError
from scans.choices import Laterality, View

TABLE_COLUMNS = (
    "prior",
    "current",
    "laterality",
    "view",
    "prior_spacing_mm",
    "current_spacing_mm",
)
LESION_COLUMNS = ("lesion_x", "lesion_y", "lesion_r")


class Command(BaseCommand):
    help = "What changed between two mammograms, and what the rules would propose."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("prior", nargs="?", type=Path)
        parser.add_argument("current", nargs="?", type=Path)
        parser.add_argument(
            "--pairs",
            type=Path,
            metavar="CSV",
            help=f"columns {', '.join(TABLE_COLUMNS)} and, if wanted, {', '.join(LESION_COLUMNS)}",
        )
        parser.add_argument("--laterality", choices=Laterality.values)
        parser.add_argument("--view", choices=View.values)
        parser.add_argument("--prior-spacing-mm", type=float)
        parser.add_argument("--current-spacing-mm", type=float)
        parser.add_argument("--algorithm", choices=ALGORITHMS, default=DEFAULT_ALGORITHM)
        parser.add_argument(
            "--lesion",
            metavar="X,Y,R",
            help="a mass on the prior: column and row of its centre and its radius, in pixels",
        )
        parser.add_argument("--figure", type=Path, metavar="PNG", help="write the picture of it")
        parser.add_argument("--json", action="store_true", help="one JSON object a pair")

    def handle(self, **options: Any) -> None:
        if bool(options["pairs"]) == bool(options["current"]):
            raise CommandError("Give either PRIOR and CURRENT, or --pairs CSV.")
        try:
            if options["pairs"]:
                self._compare_table(options["pairs"], options["algorithm"])
                return
            result = compare_files(
                options["prior"],
                options["current"],
                laterality=options["laterality"],
                view=options["view"],
                prior_spacing_mm=options["prior_spacing_mm"],
                current_spacing_mm=options["current_spacing_mm"],
                algorithm=options["algorithm"],
                lesion=_mark((options["lesion"] or "").split(",")),
                figure=options["figure"],
            )
        except (FileRefused, ImagingError, MarkRefused) as error:
            raise CommandError(f"{_code(error)}: {_detail(error)}") from error
        except ModelError as error:
            raise CommandError(f"{error.code}: {error}", returncode=UNUSABLE_MODEL) from error
        self.stdout.write(json.dumps(result) if options["json"] else _in_words(result))
        if not result["comparable"]:
            raise CommandError(f"not comparable: {result['reason']}")

    def _compare_table(self, table: Path, algorithm: str) -> None:
        from analysis.files import beside, table_rows  # noqa: PLC0415 -- OpenCV

        for row in tracked(table_rows(table, columns=TABLE_COLUMNS), self.stderr):
            try:
                result = compare_files(
                    beside(table, row["prior"]),
                    beside(table, row["current"]),
                    laterality=row["laterality"] or None,
                    view=row["view"] or None,
                    prior_spacing_mm=_number(row["prior_spacing_mm"]),
                    current_spacing_mm=_number(row["current_spacing_mm"]),
                    algorithm=algorithm,
                    lesion=_mark([row.get(name) or "" for name in LESION_COLUMNS]),
                )
            except (FileRefused, ImagingError, MarkRefused) as error:
                result = _refused(_code(error), algorithm)
            named = {"prior": row["prior"], "current": row["current"]}
            self.stdout.write(json.dumps({**result, **named}))


def compare_files(
    prior: Path,
    current: Path,
    *,
    laterality: str | None,
    view: str | None,
    prior_spacing_mm: float | None,
    current_spacing_mm: float | None,
    algorithm: str,
    lesion: tuple[float, float, float] | None = None,
    figure: Path | None = None,
) -> dict[str, Any]:
    """Analyse both files as the worker would, without a patient's record.

    ``lesion``: column, row and radius of a mass marked on the prior, in its pixels as given.

    Raises
    ------
    FileRefused
        A file cannot be read, or does not show what the caller or the other file says.
    MarkRefused
        The mark lies outside the picture, or is too small or too large.
    ImagingError
        ``mark_outside_breast``, or the algorithm measures no marks.
    """
    from analysis.files import opened_pair  # noqa: PLC0415 -- OpenCV
    from analysis.imaging.figure import comparison_figure  # noqa: PLC0415 -- OpenCV
    from analysis.imaging.mark import Mark  # noqa: PLC0415 -- OpenCV
    from analysis.inference import classifier  # noqa: PLC0415 -- OpenVINO
    from analysis.pipeline import analyse_pair  # noqa: PLC0415 -- OpenCV and OpenVINO

    with opened_pair(
        prior,
        current,
        laterality=laterality,
        view=view,
        prior_spacing_mm=prior_spacing_mm,
        current_spacing_mm=current_spacing_mm,
    ) as (before, after):
        for name in ("laterality", "view"):
            values = getattr(before, name), getattr(after, name)
            if None in values:
                raise FileRefused(
                    "missing_position", f"The {name} is neither in the files nor given."
                )
            if values[0] != values[1]:
                raise FileRefused(
                    f"{name}_mismatch", f"The prior shows {values[0]}, the current {values[1]}."
                )
        findings, against = analyse_pair(
            prior=before,
            current=after,
            model=classifier(),
            algorithm=algorithm,
            lesion=Mark(*lesion) if lesion else None,
        )
    if figure:
        figure.write_bytes(
            comparison_figure(
                prior=against.prepared, current=findings.prepared, change=against.change
            )
        )
    return {
        "prior": str(prior),
        "current": str(current),
        **against.change.as_dict(),
        "classification": {
            "prior": against.classification.as_dict(),
            "current": findings.classification.as_dict(),
        },
        "proposal": findings.outcome(record=None).as_dict(),
    }


def _refused(code: str, algorithm: str) -> dict[str, Any]:
    return {
        "comparable": False,
        "reason": code,
        "algorithm_version": algorithm,
        "ssim": None,
        "ssim_baseline": None,
        "change_probability": None,
        "change_interval": None,
        "lesion": None,
        "attention": [],
        "direction": "indeterminate",
        "verdict": "not_comparable",
        "registration": {"passed": False},
        "classification": {"prior": None, "current": None},
        "proposal": None,
    }


def _detail(error: FileRefused | ImagingError | MarkRefused) -> str:
    return error.detail if isinstance(error, ImagingError) else str(error)


def _code(error: FileRefused | ImagingError | MarkRefused) -> str:
    return error.problem_code if isinstance(error, MarkRefused) else error.code


def _mark(parts: list[str]) -> tuple[float, float, float] | None:
    """Column, row and radius; None when nothing is given."""
    if not any(parts):
        return None
    try:
        x, y, radius = (float(part) for part in parts)
    except ValueError:
        raise FileRefused(
            "malformed_mark", f"Expected X,Y,R in pixels; {','.join(parts)!r} arrived."
        ) from None
    return x, y, radius


def _number(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise FileRefused("invalid_table", f"{text!r} is not a number of millimetres.") from None


def _in_words(result: dict[str, Any]) -> str:
    lines = [f"{result['prior']} -> {result['current']}  ({result['algorithm_version']})"]
    if result["comparable"]:
        lines.append(f"  verdict: {result['verdict'].replace('_', ' ')}{_caveat(result)}")
        lines.append(f"  {_probability(result)}")
        lines.append(
            f"  SSIM {result['ssim']:.3f}   (plain, 150 x 150: {result['ssim_baseline']:.3f})"
        )
        lines += [f"  {line}" for line in _lesion_lines(result["lesion"])]
    for when in ("prior", "current"):
        found = result["classification"][when]
        chances = "  ".join(f"{k}: {v:.3f}" for k, v in found["probabilities"].items())
        lines.append(f"  {when}: {chances or 'not assessable, ' + ', '.join(found['reasons'])}")
    lines.append(f"  proposal, for a doctor to decide: {result['proposal']['proposal']}")
    lines += [
        f"    {entry['rule']}: {entry['statement']}"
        for entry in result["proposal"]["trace"]
        if entry["fired"]
    ]
    return "\n".join(lines)


def _caveat(result: dict[str, Any]) -> str:
    return " (which is not: no lesion)" if result["verdict"] == "no_detectable_change" else ""


def _probability(result: dict[str, Any]) -> str:
    text = f"probability of change {_chance(result['change_probability'])}"
    if result["change_interval"] is None:
        return text
    low, high = map(_chance, result["change_interval"])
    return f"{text}, 95 % interval {low} to {high}, change and no change held equally likely"


def _chance(value: float) -> str:
    """Two decimals; the ends are never rounded to certainty."""
    return f"{min(max(value, 0.01), 0.99):.2f}" if 0 < value < 1 else f"{value:.0f}"


def _lesion_lines(lesion: dict[str, Any] | None) -> list[str]:
    if lesion is None:
        return []
    lines = [f"lesion on the prior:   {_measured(lesion, 'prior')}"]
    if not lesion["still_visible"]:
        lines.append("lesion on the current: not visible at the mark, which is no proof of its end")
        return lines
    low, high = lesion["size_ratio_range"]
    return [
        *lines,
        f"lesion on the current: {_measured(lesion, 'current')}",
        f"longest diameter, current to prior: {lesion['size_ratio']:.2f}"
        f" ({low:.2f} to {high:.2f} as the mark is placed anew)",
    ]


def _measured(lesion: dict[str, Any], when: str) -> str:
    contrast = f"contrast {lesion[f'{when}_contrast']:.2f}"
    if lesion[f"{when}_mm"] is None:
        return f"{contrast}; no millimetres, its scale is unknown"
    return (
        f"longest diameter {lesion[f'{when}_mm']:.1f} mm, "
        f"area {lesion[f'{when}_area_mm2']:.0f} mm², {contrast}"
    )
