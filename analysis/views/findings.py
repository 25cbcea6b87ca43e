"""The description of a mass."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from analysis import selectors
from analysis.blinding import require_read
from analysis.forms import FindingForm
from analysis.presenters.findings import DESCRIPTORS
from analysis.services.findings import record_finding
from mammotrack.accounts.policy import Permission, require
from mammotrack.errors import Conflict, NotFound, Rejected
from mammotrack.middleware import status_of
from mammotrack.web import Request, show_refusal
from patients.partial_dates import age_on
from patients.presenters import banner
from scans.selectors import mammogram_visible_to


@require_http_methods(["GET", "HEAD", "POST"])
def describe(request: Request, mammogram_id: UUID, lesion: int) -> HttpResponse:
    """Describe a mass of a picture, or describe it anew."""
    require(request.user, Permission.RECORD_FINDINGS)
    mammogram = mammogram_visible_to(request.user, mammogram_id)
    require_read(request.user, [mammogram])
    lesions = selectors.lesions_of(mammogram, user=request.user)
    before = next((each.current for each in lesions if each.number == lesion), None)
    if before is None and lesion != len(lesions) + 1:
        raise NotFound("There is no such lesion.")
    stored = {"supersedes": before.revision if before else 0}
    if before:
        stored |= {name: getattr(before, name) for name in DESCRIPTORS}
    form = FindingForm(request.POST or None, initial=stored)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                record_finding(
                    mammogram, lesion=lesion, **form.cleaned_data, recorded_by=request.user
                )
            except (Rejected, Conflict) as error:
                show_refusal(form, error)
                status = status_of(error)
            else:
                messages.success(request, _("The finding is on record."))
                job = selectors.latest_job_of(mammogram)
                if job is None:
                    return redirect("patients:detail", mammogram.patient_id)
                return redirect(f"{reverse('analysis:detail', args=[job.pk])}#findings")
    context = {
        "patient": mammogram.patient,
        "banner": banner(mammogram.patient, today=timezone.localdate()),
        "mammogram": mammogram,
        "job": selectors.latest_job_of(mammogram),
        "lesion": lesion,
        "before": before,
        "age": age_on(mammogram.patient.born, mammogram.exam_date),
        "form": form,
    }
    return render(request, "analysis/describe.html", context, status=status)
