"""Sample patients, asked for on the page of the system, which then tells how far they are."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from analysis.services.samples import ask_for_samples
from mammotrack.web import Request


@require_POST
def load(request: Request) -> HttpResponse:
    ask_for_samples(request.user)
    return redirect("system")
