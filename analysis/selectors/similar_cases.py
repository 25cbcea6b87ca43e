"""Pictures like this one."""

from typing import Any

from analysis.choices import OWN_CASES
from analysis.models import SimilarCases
from analysis.selectors.visible import similar_cases_visible_to
from mammotrack.accounts.models import User
from patients.consents import patients_with_research_consent
from scans.models import Mammogram


def similar_cases_of(mammogram: Mammogram, *, user: User) -> SimilarCases | None:
    """The newest search for pictures like this one."""
    found = similar_cases_visible_to(user).filter(mammogram=mammogram)
    return found.order_by("-created_at", "-pk").first()


def shown_cases(found: SimilarCases) -> list[dict[str, Any]]:
    """What was found, less the clinic's own cases whose patients have changed their mind since.

    Nor is a case shown that has turned out to be of the same woman, by a merge of two records.
    """
    own = [case["case"] for case in found.cases if case["dataset"] == OWN_CASES]
    if not own:
        return found.cases
    willing = patients_with_research_consent([found.clinic_id]) - {found.patient_id}
    still = Mammogram.objects.filter(pk__in=own, patient_id__in=willing)
    shown = {str(pk) for pk in still.values_list("pk", flat=True)}
    return [each for each in found.cases if each["dataset"] != OWN_CASES or each["case"] in shown]
