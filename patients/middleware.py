"""The patients whom a request may read beyond its user's clinics."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, can
from mammotrack.audit import trace
from patients.selectors import open_emergencies

READS = ("GET", "HEAD")


class EmergencyAccessMiddleware:
    """Widens the scope of a browser's reads, and says so on every page.

    A change finds such a patient no more than before, and a program's token opens nothing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if isinstance(user, User) and can(user, Permission.BREAK_GLASS):
            emergencies = open_emergencies(user)
            request.emergencies = emergencies  # type: ignore[attr-defined]  # for every page
            if emergencies and request.method in READS:
                user.emergency_patients = {each.patient_id for each in emergencies}
                if traced := trace.current():
                    traced.emergencies = user.emergency_patients
        return self.get_response(request)
