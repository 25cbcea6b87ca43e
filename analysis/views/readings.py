"""Pages of a clinic that reads blind: what waits for a reading, the reading, who agrees."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from analysis import selectors
from analysis.agreement import agreements
from analysis.blinding import opened_pictures, reads_blind
from analysis.forms import ArbitrationForm, ReadingForm
from analysis.presenters.moments import moment_of
from analysis.services.readings import arbitrate, record_reading
from mammotrack.accounts.policy import Permission, require
from mammotrack.errors import Conflict, NotFound, Rejected
from mammotrack.middleware import status_of
from mammotrack.web import Request, page_of, show_refusal
from patients.presenters import banner
from scans.choices import Laterality
from scans.models import Exam
from scans.selectors import exam_visible_to, mammograms_of_exam


@require_safe
def to_read(request: Request) -> HttpResponse:
    require(request.user, Permission.RECORD_READINGS)
    context = {
        "page": page_of(selectors.exams_to_read(request.user), request.GET.get("page")),
        "to_settle": selectors.breasts_to_settle(request.user),
        "reads_blind": reads_blind(request.user),
    }
    return render(request, "analysis/to_read.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def reading(request: Request, exam_id: UUID) -> HttpResponse:
    """The exam's pictures alone, until the doctor has said what they show."""
    require(request.user, Permission.RECORD_READINGS)
    exam = exam_visible_to(request.user, exam_id)
    if request.method != "POST":
        return _page(request, exam)
    breasts = sorted({picture.laterality for picture in mammograms_of_exam(exam)})
    form = ReadingForm(request.POST, breasts=breasts)
    status = 422
    if form.is_valid():
        try:
            record_reading(
                exam,
                categories=form.categories,
                pictures=form.cleaned_data["pictures"],
                reader=request.user,
            )
        except (Rejected, Conflict) as error:
            show_refusal(form, error)
            status = status_of(error)
        else:
            messages.success(request, _("Your reading is on record."))
            return redirect("analysis:reading", exam.pk)
    return _page(request, exam, form, status=status)


@require_POST
def settle(request: Request, exam_id: UUID, laterality: str) -> HttpResponse:
    """A third doctor's category where two readers differ."""
    require(request.user, Permission.RECORD_READINGS)
    exam = exam_visible_to(request.user, exam_id)
    if laterality not in Laterality.values:
        raise NotFound("There is no such breast.")
    form = ArbitrationForm(request.POST)
    status = 422
    if form.is_valid():
        try:
            arbitrate(exam, laterality=laterality, **form.cleaned_data, arbiter=request.user)
        except (Rejected, Conflict) as error:
            show_refusal(form, error)
            status = status_of(error)
        else:
            messages.success(request, _("The readings are settled."))
            return redirect("analysis:reading", exam.pk)
    return _page(request, exam, settling=form, status=status)


@require_safe
def agreement(request: Request) -> HttpResponse:
    return render(request, "analysis/agreement.html", {"rows": agreements(request.user)})


def _page(
    request: Request,
    exam: Exam,
    form: ReadingForm | None = None,
    *,
    settling: ArbitrationForm | None = None,
    status: int = 200,
) -> HttpResponse:
    pictures = list(mammograms_of_exam(exam))
    is_due = exam.clinic_id in request.user.blind_clinics and not {
        picture.pk for picture in pictures
    } <= set(opened_pictures(request.user, of=[exam.patient_id]))
    earlier = selectors.earlier_pictures(exam)
    context = {
        "exam": exam,
        "patient": exam.patient,
        "banner": banner(exam.patient, today=timezone.localdate()),
        "moment": moment_of(exam.patient, exam.exam_date),
        "rows": [(picture, earlier.get(picture.position)) for picture in pictures],
        "is_due": is_due,
        "form": form or _fresh_form(pictures),
        "breasts": selectors.breasts_read(exam, user=request.user),
        "settling": settling or ArbitrationForm(),
        "jobs": [] if is_due else selectors.jobs_of_exam(request.user, exam),
    }
    return render(request, "analysis/reading.html", context, status=status)


def _fresh_form(pictures: list) -> ReadingForm:
    seen = " ".join(picture.pk.hex for picture in pictures)
    breasts = sorted({picture.laterality for picture in pictures})
    return ReadingForm(breasts=breasts, initial={"pictures": seen})
