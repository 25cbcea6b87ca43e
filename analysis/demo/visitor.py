"""A doctor who signs in over HTTP and looks at the results: the demonstration checks itself."""

import http.cookiejar
import json
import math
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

WAIT_S = 300
POLL_S = 2
EXPECTED_PAIRS = 2


class CheckFailed(Exception):
    """What the visitor saw is not what the demonstration promises."""


class Visitor:
    """A browser session without a browser."""

    def __init__(self, url: str, *, username: str, password: str) -> None:
        self._url = url.rstrip("/")
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)
        page = self._get("/sign-in/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        if not token:
            raise CheckFailed("The sign-in page has no form.")
        form = {"csrfmiddlewaretoken": token[1], "login": username, "password": password}
        self._post("/sign-in/", form)
        if "sign-out" not in self._get("/patients/"):
            raise CheckFailed("The demonstration doctor cannot sign in.")

    def analysed_pairs(self) -> list[dict[str, Any]]:
        """Wait until no job is open, then assert and return one row for each compared pair.

        Raises
        ------
        CheckFailed
            A job failed, the wait was too long, a pair lacks its numbers, there are too few, the
            marked lesion was not measured, or the classifier abstained from every picture.
        """
        self._wait_until_idle()
        rows = [
            self._pair(self._json(f"/api/v1/recommendations/{recommendation['id']}/"))
            for recommendation in self._all("/api/v1/recommendations/")
            if recommendation["prior"]
        ]
        if len(rows) < EXPECTED_PAIRS:
            raise CheckFailed(f"Expected {EXPECTED_PAIRS} analysed pairs, found {len(rows)}.")
        if not any(row["lesion_size_ratio"] for row in rows):
            raise CheckFailed("No lesion was measured at its mark.")
        if all(prediction["abstained"] for prediction in self._all("/api/v1/predictions/")):
            raise CheckFailed("The classifier abstained from every picture.")
        return rows

    def _wait_until_idle(self) -> None:
        deadline = time.monotonic() + WAIT_S
        while True:
            jobs = self._all("/api/v1/analyses/")
            if failed := [job for job in jobs if job["state"] == "FAILED"]:
                raise CheckFailed(f"{len(failed)} analyses failed: {failed[0]['error_code']}.")
            if jobs and all(job["state"] == "DONE" for job in jobs):
                return
            if time.monotonic() > deadline:
                raise CheckFailed(f"The analyses were not done after {WAIT_S} seconds.")
            time.sleep(POLL_S)

    def _pair(self, recommendation: dict[str, Any]) -> dict[str, Any]:
        comparison = recommendation["comparison"]
        prediction = recommendation["current_prediction"]
        mammogram = self._json(f"/api/v1/mammograms/{recommendation['current']}/")
        if comparison["comparable"] and not -1 <= float(comparison["ssim"]) <= 1:
            raise CheckFailed("A similarity lies outside [-1, 1].")
        total = sum(float(value) for value in prediction["probabilities"].values())
        if prediction["assessable"] and not math.isclose(total, 1, abs_tol=1e-3):
            raise CheckFailed(f"The class probabilities sum to {total}.")
        if not any(rule["fired"] for rule in recommendation["trace"]):
            raise CheckFailed("A proposal has no rule behind it.")
        return {
            "position": mammogram["laterality"] + mammogram["view"],
            "exam_date": mammogram["exam_date"],
            "simulated": mammogram["origin"] == "SIMULATED",
            "comparable": comparison["comparable"],
            "reason": comparison["reason"],
            "ssim": comparison["ssim"],
            "ssim_baseline": comparison["ssim_baseline"],
            "verdict": comparison["verdict"],
            "lesion_size_ratio": (comparison["lesion"] or {}).get("size_ratio"),
            "probabilities": prediction["probabilities"],
            "proposal": recommendation["proposal"],
            "deciding_rule": recommendation["deciding_rule"],
        }

    def _all(self, path: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        following: str | None = f"{path}?page_size=100"
        while following:
            page = self._json(following)
            rows += page["results"]
            following = page["next"] and page["next"].removeprefix(self._url)
        return rows

    def _json(self, path: str) -> Any:
        return json.loads(self._get(path))

    def _get(self, path: str) -> str:
        return self._open(urllib.request.Request(self._url + path))  # noqa: S310 -- our own server

    def _post(self, path: str, form: dict[str, str]) -> str:
        body = urllib.parse.urlencode(form).encode()
        headers = {"Referer": self._url + path}
        return self._open(urllib.request.Request(self._url + path, body, headers))  # noqa: S310

    def _open(self, request: urllib.request.Request) -> str:
        try:
            with self._opener.open(request, timeout=30) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            raise CheckFailed(f"{request.full_url} answered {error.code}.") from error
