"""Consent: asked for, given, refused and withdrawn."""

from datetime import date

from django.utils import timezone

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from patients.models import Consent, Patient
from patients.services.facts import InvalidDates, add_fact
from patients.signals import consent_recorded


@retry_on_conflict
def record_consent(
    patient: Patient,
    *,
    purpose: str,
    given: bool,
    decided_on: date,
    document_version: str = "",
    recorded_by: User,
) -> Consent:
    """Add what the patient said; it holds from now on. Earlier answers stay on record."""
    require(recorded_by, Permission.RECORD_CONSENT)
    if not patient.birth_date <= decided_on <= timezone.localdate():
        raise InvalidDates("The day lies before birth or in the future.")
    consent = Consent(
        clinic_id=patient.clinic_id,
        patient=patient,
        purpose=purpose,
        given=given,
        decided_on=decided_on,
        document_version=document_version.strip(),
        recorded_by=recorded_by,
    )
    with atomic():
        add_fact(consent, Action.CONSENT_RECORDED, recorded_by, purpose=purpose, given=given)
        consent_recorded.send(sender=Consent, consent=consent)
    return consent
