"""What a change of the record means for analyses.

A stored mammogram is analysed at once, against its neighbours in time.
"""

from functools import partial
from typing import Any

from django.dispatch import receiver

from analysis import selectors
from analysis.models import AnalysisJob
from analysis.services.jobs import enqueue
from analysis.services.superseding import settle_proposals
from mammotrack.accounts.models import User
from mammotrack.db import on_commit
from patients.choices import ConsentPurpose
from patients.consents import consent_state
from patients.models import Consent, PatientMerge
from patients.signals import consent_recorded, merge_undone
from scans.models import Mammogram
from scans.selectors import mammograms_of
from scans.signals import mammogram_stored


@receiver(mammogram_stored)
def analyse_stored_mammogram(mammogram: Mammogram, stored_by: User, **_: Any) -> None:
    """Queue the analyses now, so they stand or fall with the record, and look again afterwards.

    Two pictures stored at the same moment do not see each other inside their transactions;
    after the commit the later one does. Asking twice for the same analysis makes one job.
    """
    _enqueue_with_neighbours(mammogram, stored_by)
    on_commit(partial(_enqueue_with_neighbours, mammogram, stored_by))


def _enqueue_with_neighbours(mammogram: Mammogram, stored_by: User) -> None:
    """Compare with the prior, and with each earlier picture that has a lesion marked.

    A picture that arrives late is also the new prior of the next. Nothing is queued while the
    patient does not allow it.
    """
    if not consent_state(mammogram.patient_id, ConsentPurpose.AI).allowed:
        return
    prior = Mammogram.objects.prior_to(mammogram)
    enqueue(current=mammogram, prior=prior, requested_by=stored_by)
    later = Mammogram.objects.next_after(mammogram)
    if later:
        enqueue(current=later, prior=mammogram, requested_by=stored_by)
    for mark in selectors.marks_followed_to(mammogram):
        enqueue(current=mammogram, prior=mark.mammogram, mark=mark, requested_by=stored_by)


@receiver(consent_recorded)
def analyse_what_was_left_out(consent: Consent, **_: Any) -> None:
    """Once the patient allows it, queue what was stored meanwhile. What is done stays as it is."""
    if consent.purpose == ConsentPurpose.AI and consent.given:
        for mammogram in mammograms_of(consent.patient):
            on_commit(partial(_enqueue_with_neighbours, mammogram, consent.recorded_by))


@receiver(merge_undone)
def settle_what_was_superseded(merge: PatientMerge, **_: Any) -> None:
    """A comparison of two people's pictures is void: what it had superseded stands again."""
    records = (merge.survivor_id, merge.merged_id)
    jobs = AnalysisJob.objects.filter(patient_id__in=records)
    for current_id in set(jobs.values_list("current_id", flat=True)):
        settle_proposals(current_id)
