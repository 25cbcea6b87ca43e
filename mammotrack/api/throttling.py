"""How often one caller may ask, and the headers that say what is left of it."""

import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from mammotrack.accounts.models import ApiToken

WINDOW_S = 60
POLICY = "default"


@dataclass(frozen=True)
class Rate:
    """What a caller has left (draft-ietf-httpapi-ratelimit-headers)."""

    limit: int
    used: int
    reset_s: int

    def add_to(self, response: HttpResponse) -> None:
        response["RateLimit-Policy"] = f'"{POLICY}";q={self.limit};w={WINDOW_S}'
        left = max(0, self.limit - self.used)
        response["RateLimit"] = f'"{POLICY}";r={left};t={self.reset_s}'


class CallerThrottle(BaseThrottle):
    """So many requests a minute for each key, and for each person at a browser."""

    def allow_request(self, request: Request, view: Any) -> bool:
        window, passed = divmod(int(time.time()), WINDOW_S)
        counter = f"api-rate:{_caller(request)}:{window}"
        rates = caches["rates"]
        rates.add(counter, 0, 2 * WINDOW_S)
        try:
            used = rates.incr(counter)
        except ValueError:  # dropped in between
            used = 1
        rate = Rate(settings.API_REQUESTS_A_MINUTE, used, WINDOW_S - passed)
        view.rate = rate
        return rate.used <= rate.limit

    def wait(self) -> float:
        return WINDOW_S - time.time() % WINDOW_S


def _caller(request: Request) -> str:
    if isinstance(request.auth, ApiToken):
        return request.auth.pk.hex
    if request.user.is_authenticated:
        return request.user.pk.hex
    return request.META.get("REMOTE_ADDR", "")
