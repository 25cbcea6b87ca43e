"""A program that calls the API: registers a patient, uploads two films, reads what came of them.

    pip install requests
    export MAMMOTRACK_KEY=mt_live_…
    python client.py https://host patient.json earlier.dcm later.dcm

The key needs ``patients:read``, ``patients:write``, ``scans:read``, ``scans:write``,
``analyses:run`` and ``recommendations:read``. ``patient.json`` holds what the registration takes:

    {"medical_record_number": "MT-1", "family_name": "Phantom", "given_name": "Second",
     "birth_date": "1970-05-17", "sex": "F"}

Every request may be cut off and sent again: whoever runs this twice registers nobody twice.
"""

import argparse
import hashlib
import json
import os
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

TIMEOUT_S = 60
TRIES = 5
ASK_AGAIN_S = 1.0


class Problem(Exception):
    """What the platform refused, and why: ``code`` is stable, ``detail`` is for people."""

    def __init__(self, answer: requests.Response) -> None:
        said = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
        self.status = answer.status_code
        self.code = said.get("code", "")
        self.context = said.get("context", {})
        fields = "".join(
            f"\n{each['pointer']}: {each['message']}" for each in said.get("errors", [])
        )
        detail = said.get("detail", answer.reason)
        super().__init__(f"{self.status} {self.code}: {detail}{fields}")


class MammoTrack:
    """The API with one key."""

    def __init__(self, host: str, key: str) -> None:
        self.base = urljoin(host, "/api/v1/")
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"

    def send(self, method: str, path: str, **request: Any) -> requests.Response:
        """Send it, again where the network or the server was not up to it, and check the answer."""
        for waited in range(TRIES):
            try:
                answer = self.session.request(
                    method, urljoin(self.base, path), timeout=TIMEOUT_S, **request
                )
            except requests.ConnectionError:
                time.sleep(2**waited)
                continue
            if answer.status_code not in (429, 503):
                break
            time.sleep(float(answer.headers.get("Retry-After", 2**waited)))
        else:
            raise ConnectionError(f"{self.base} did not take the request in {TRIES} tries.")
        if not answer.ok:
            raise Problem(answer)
        return answer

    def post(self, path: str, *, key: str, **request: Any) -> requests.Response:
        """Do it once: with the same key, a repetition answers what was done."""
        return self.send("POST", path, headers={"Idempotency-Key": key}, **request)

    def rows(self, path: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Every row of a list, page by page."""
        page = self.send("GET", path, params=filters).json()
        while True:
            yield from page["results"]
            if not page["next"]:
                return
            page = self.send("GET", page["next"]).json()

    def register(self, patient: dict[str, str]) -> str:
        """The patient's id; of the one on record, if the number is known."""
        clinic = patient.get("clinic") or next(self.rows("clinics/"))["id"]
        try:
            made = self.post("patients/", key=str(uuid.uuid4()), json={**patient, "clinic": clinic})
        except Problem as problem:
            if problem.code != "duplicate_record_number":
                raise
            known: str = problem.context["patient_id"]
            return known
        new: str = made.json()["id"]
        return new

    def upload(self, film: Path, *, patient: str) -> str:
        """The mammogram's id. The file goes once, however often it is sent."""
        content = film.read_bytes()
        key = str(uuid.uuid5(uuid.UUID(patient), hashlib.sha256(content).hexdigest()))
        stored = self.post(
            "mammograms/", key=key, data={"patient": patient}, files={"file": (film.name, content)}
        )
        mammogram: str = stored.json()["id"]
        return mammogram

    def compare(self, *, prior: str, current: str, within_s: float = 300) -> dict[str, Any]:
        """Ask for the pair, wait until it is analysed, and return the recommendation."""
        asked = self.post(
            "analyses/", key=str(uuid.uuid4()), json={"prior": prior, "current": current}
        )
        until = time.monotonic() + within_s
        seen = {}  # the tag of what was answered last: unchanged, the next answer has no body
        job = asked.json()
        while job["state"] not in ("DONE", "FAILED"):
            if time.monotonic() > until:
                raise TimeoutError(f"Not analysed within {within_s:.0f} s.")
            time.sleep(ASK_AGAIN_S)
            answer = self.send("GET", asked.headers["Location"], headers=seen)
            if answer.status_code != requests.codes.not_modified:
                seen, job = {"If-None-Match": answer.headers["ETag"]}, answer.json()
        if job["state"] == "FAILED":
            raise RuntimeError(f"The analysis failed: {job['error_code']}")
        found: dict[str, Any] = self.send("GET", job["recommendation"]).json()
        return found

    def change_phone(self, patient: str, phone: str) -> int:
        """Change what was read, and nothing newer; returns the version now on record."""
        while True:
            read = self.send("GET", f"patients/{patient}/")
            tag = {"If-Match": read.headers["ETag"]}
            try:
                done = self.send(
                    "PATCH", f"patients/{patient}/", json={"phone": phone}, headers=tag
                )
            except Problem as problem:
                if problem.code != "stale_version":
                    raise
                continue  # somebody was faster: read again, and decide anew
            version: int = done.json()["version"]
            return version


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("host")
    parser.add_argument("patient", type=Path)
    parser.add_argument("earlier", type=Path)
    parser.add_argument("later", type=Path)
    parser.add_argument("--phone", help="a number to put on record")
    given = parser.parse_args()

    api = MammoTrack(given.host, os.environ["MAMMOTRACK_KEY"])
    patient = api.register(json.loads(given.patient.read_text()))
    prior, current = (api.upload(film, patient=patient) for film in (given.earlier, given.later))
    found = api.compare(prior=prior, current=current)
    change = found["comparison"]
    print(f"proposal {found['proposal']} by rule {found['deciding_rule']}")
    print(f"verdict {change['verdict']} by {change['algorithm_version']}, ssim {change['ssim']}")
    for event in api.send("GET", f"patients/{patient}/timeline/").json()["events"]:
        print(event["date"], event["event"], event["label"])
    print(sum(1 for _ in api.rows("mammograms/", patient=patient, page_size=1)), "mammograms")
    if given.phone:
        print("version", api.change_phone(patient, given.phone))


if __name__ == "__main__":
    try:
        main()
    except Problem as problem:
        sys.exit(str(problem))
