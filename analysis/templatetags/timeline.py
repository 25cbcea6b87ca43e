"""Lets the patient page show what only this app knows, without ``patients`` knowing of it."""

from django import template
from django.utils import timezone

from analysis import selectors
from analysis.timeline import timeline
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, can
from patients.models import Patient
from patients.selectors import Treatment

register = template.Library()


@register.inclusion_tag("analysis/_timeline.html")
def patient_timeline(patient: Patient, user: User, treatment: Treatment) -> dict[str, object]:
    record = selectors.record_of(patient, user=user, treatment=treatment)
    return {
        "timeline": timeline(record, today=timezone.localdate()),
        "patient": patient,
        "may_compare": can(user, Permission.READ_ANALYSES),
        "shows_pictures": can(user, Permission.READ_SCANS),
        "may_upload": can(user, Permission.UPLOAD_SCANS)
        and patient.pk not in user.emergency_patients,
    }
