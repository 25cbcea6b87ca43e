"""What the drawing and the table say alike."""

from django.utils.translation import gettext as _

from analysis.selectors import PatientRecord
from patients.choices import PathologyResult
from patients.models import PathologyReport, TherapyCourse
from patients.therapy_place import therapy_place
from scans.models import Mammogram


def course_text(course: TherapyCourse) -> str:
    return f"{course.get_kind_display()} {course.regimen}"


def pathology_text(report: PathologyReport) -> str:
    words = {
        "side": report.get_laterality_display(),
        "result": PathologyResult(report.result).label.lower(),
    }
    return _("%(side)s breast %(result)s") % words


def place_of(record: PatientRecord, mammogram: Mammogram) -> str:
    place = therapy_place(record.courses, record.cycles, mammogram.exam_date)
    return place.label if place else ""


def position_text(mammogram: Mammogram) -> str:
    return f"{mammogram.laterality} {mammogram.view}"
