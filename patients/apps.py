from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "patients"

    def ready(self) -> None:
        from mammotrack.audit.links import expect
        from mammotrack.audit.models import Action
        from patients.models import PathologyReport, Patient, TherapyCourse, TherapyCycle

        expect(Patient, Action.PATIENT_REGISTERED)
        expect(TherapyCourse, Action.THERAPY_RECORDED)
        expect(TherapyCycle, Action.CYCLE_RECORDED)
        expect(PathologyReport, Action.PATHOLOGY_RECORDED)
