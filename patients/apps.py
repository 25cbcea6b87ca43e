from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "patients"

    def ready(self) -> None:
        from mammotrack.audit.links import expect
        from mammotrack.audit.models import Action
        from patients.models import (
            Consent,
            EmergencyAccess,
            HistoryEntry,
            PathologyReport,
            Patient,
            PatientMerge,
            TherapyCourse,
            TherapyCycle,
        )

        was_set = {"$ne": None}
        expect(Patient, Action.PATIENT_REGISTERED)
        expect(Patient, Action.PATIENT_ARCHIVED, archived_at=was_set)
        expect(Patient, Action.HOLD_PLACED, hold_reason={"$ne": ""})
        expect(Patient, Action.PATIENT_ERASED, erased_at=was_set)
        expect(PatientMerge, Action.PATIENT_MERGED)
        expect(PatientMerge, Action.PATIENT_UNMERGED, undone_at=was_set)
        expect(Consent, Action.CONSENT_RECORDED, stated=("purpose", "given"))
        expect(EmergencyAccess, Action.GLASS_BROKEN)
        expect(EmergencyAccess, Action.GLASS_ENDED, ended_at=was_set)
        expect(EmergencyAccess, Action.GLASS_REVIEWED, reviewed_at=was_set)
        expect(HistoryEntry, Action.HISTORY_RECORDED)
        expect(HistoryEntry, Action.HISTORY_RETRACTED, retracted_at=was_set)
        for fact, action in (
            (TherapyCourse, Action.THERAPY_RECORDED),
            (TherapyCycle, Action.CYCLE_RECORDED),
            (PathologyReport, Action.PATHOLOGY_RECORDED),
        ):
            expect(fact, action)
            expect(fact, Action.FACT_AMENDED, version={"$gt": 1})
