"""Reports on paper: made from the record as it stands, and known again by their hash."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils import translation

from analysis import selectors
from analysis.blinding import READ_FIRST, ReadingDue, exam_to_read_first
from analysis.models import Recommendation
from analysis.reports.content import CODE_NAME, record_code, record_sha256, report_content
from analysis.reports.typesetting import typeset
from analysis.services.jobs import check_one_patient
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action, AuditEntry
from mammotrack.models import now
from scans.media import read_picture
from scans.models import Mammogram
from scans.services import object_store

MARK = re.compile(rb"mammotrack-report-([0-9a-f]{32})")


@dataclass(frozen=True)
class Report:
    """A PDF; its name tells nothing about anybody."""

    content: bytes
    sha256: str
    name: str


@dataclass(frozen=True)
class IssuedReport:
    """What the trail says of one report that was handed out."""

    sha256: str
    issued_at: datetime
    issued_by: str
    decision_version: int | None  # None for a draft
    record_sha256: str
    is_current: bool  # nothing was signed since


@translation.override(settings.LANGUAGE_CODE)  # whoever asks: it is read by others
def issue_report(recommendation: Recommendation, *, issued_by: User) -> Report:
    """Make the PDF and write down its hash. Until a decision is in force it is a draft."""
    require(issued_by, Permission.READ_ANALYSES)
    check_one_patient(recommendation.job)
    if exam_to_read_first(issued_by, recommendation.job):
        raise ReadingDue(READ_FIRST)
    decisions = selectors.decisions_on(recommendation)
    moment = now()
    content = report_content(recommendation, decisions, printed_by=issued_by, printed_at=moment) | {
        "mark": f"mammotrack-report-{recommendation.pk.hex}"
    }
    pictures = {
        f"{each.pk}.jpg": _display(each)
        for each in (recommendation.prior, recommendation.current)
        if each
    }
    latest = decisions[0] if decisions else None
    pictures[CODE_NAME] = record_code(record_sha256(recommendation, latest))
    made = typeset(content, pictures, made_at=moment)
    sha256 = hashlib.sha256(made).hexdigest()
    audit.record(
        Action.REPORT_ISSUED,
        subject=recommendation,
        clinic_id=recommendation.clinic_id,
        patient_id=recommendation.patient_id,
        actor=issued_by,
        sha256=sha256,
        signatures=recommendation.signature_count,
        decision_version=latest.version if latest and not content["draft"] else None,
        record_sha256=record_sha256(recommendation, latest),
    )
    return Report(made, sha256, f"report-{sha256[:16]}.pdf")


def issued_reports(recommendation: Recommendation) -> list[IssuedReport]:
    """Every report of this proposal that was handed out, newest first."""
    entries = AuditEntry.objects.filter(
        object_id=recommendation.pk, action=Action.REPORT_ISSUED
    ).select_related("actor")
    return [
        IssuedReport(
            sha256=entry.detail["sha256"],
            issued_at=entry.created_at,
            issued_by=entry.actor.full_name if entry.actor else "",
            decision_version=entry.detail["decision_version"],
            record_sha256=entry.detail["record_sha256"],
            is_current=entry.detail["signatures"] == recommendation.signature_count,
        )
        for entry in entries.order_by("-created_at", "-seq")
    ]


def find_report(content: bytes) -> IssuedReport | None:
    """The issued report that this file is, byte for byte."""
    mark = MARK.search(content)
    recommendation = (
        Recommendation.objects.filter(pk=UUID(mark[1].decode())).first() if mark else None
    )
    if recommendation is None:
        return None
    sha256 = hashlib.sha256(content).hexdigest()
    same = (each for each in issued_reports(recommendation) if each.sha256 == sha256)
    return next(same, None)


def _display(mammogram: Mammogram) -> bytes:
    return read_picture(object_store().derived_path(mammogram.sha256, "display.jpg"))
