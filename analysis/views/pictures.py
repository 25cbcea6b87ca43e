"""The pictures of an analysis, for those who may see the analysis."""

from uuid import UUID

from django.http import FileResponse
from django.views.decorators.http import require_safe

from analysis import selectors
from analysis.pictures import (
    correspondence_path,
    heat_map_path,
    picture_path,
    reference_picture_path,
)
from mammotrack.accounts.policy import Permission, require
from mammotrack.web import Request
from scans.media import picture_response, stored_picture


@require_safe
def picture(request: Request, job_id: UUID, name: str) -> FileResponse:
    job = selectors.job_visible_to(request.user, job_id)
    recommendation = selectors.recommendation_of(job, user=request.user)
    comparison = recommendation.comparison if recommendation else None
    return stored_picture(picture_path(comparison, name), name=f"{job.pk}-{name}")


@require_safe
def correspondence(request: Request, job_id: UUID) -> FileResponse:
    """Where each place of the current picture lies on the prior, for the viewer."""
    job = selectors.job_visible_to(request.user, job_id)
    recommendation = selectors.recommendation_of(job, user=request.user)
    path = correspondence_path(recommendation.comparison if recommendation else None)
    return stored_picture(path, name=f"{job.pk}-correspondence")


@require_safe
def heat_map(request: Request, job_id: UUID, which: str) -> FileResponse:
    """Where the model saw evidence for suspicion, to lie over the current or prior picture."""
    job = selectors.job_visible_to(request.user, job_id)
    recommendation = selectors.recommendation_of(job, user=request.user)
    prediction = None
    if recommendation and which in {"current", "prior"}:
        prediction = getattr(recommendation, f"{which}_prediction")
    path = heat_map_path(prediction)
    return stored_picture(path, name=f"{job.pk}-{which}-heat-map")


@require_safe
def reference_picture(request: Request, name: str) -> FileResponse:
    """A picture of the shipped reference set: of nobody who is treated here."""
    require(request.user, Permission.READ_ANALYSES)
    path = reference_picture_path(name)
    return picture_response(path.read_bytes(), name=path.name)
