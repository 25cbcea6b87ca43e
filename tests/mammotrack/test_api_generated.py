"""Requests that nobody thought of, generated from the committed document, against a real server.

A few hundred of them with every run of the tests. For many more, each operation N times:

    MAMMOTRACK_GENERATED_EXAMPLES=N python -m pytest tests/mammotrack/test_api_generated.py
"""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import get_token

from mammotrack.accounts import reauthentication
from mammotrack.accounts.models import Clinic, Role
from tests.factories.accounts import PASSWORD, make_clinic, make_token, make_user
from tests.test_access import keys_of
from tests.web import signed_in

FEW = 3  # of each operation, in every run of the tests
EXAMPLES = int(os.environ.get("MAMMOTRACK_GENERATED_EXAMPLES", str(FEW)))
LONGEST_S = 4 * 3600
DOCUMENT = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"
PATHS = re.findall(r"^  (/api/v1/\S+):$", DOCUMENT.read_text(), flags=re.MULTILINE)

# A value of the right shape may still be refused for what the record says, by 400 where values
# contradict each other (``inconsistent``).
OF_RULES = '[400, 200, 201, 202, 401, 403, 404, 409, 412, 422, "2xx"]'

# Schemathesis, whose threads parse Python: before 3.11.10 two that do so at once fail with
# "SystemError: AST constructor recursion depth mismatch".
SCHEMATHESIS = """
import ast, threading
parse, one_at_a_time = ast.parse, threading.RLock()
def parse_alone(*given, **options):
    with one_at_a_time:
        return parse(*given, **options)
ast.parse = parse_alone
from schemathesis.cli import schemathesis
schemathesis()
"""

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def clinic():
    return make_clinic()


def configuration(folder: Path, keys: dict, clinic: Clinic) -> Path:
    """What stands in addresses and bodies: that of records, so that more than a 404 is met."""
    lines = [
        "[checks]",
        f"positive_data_acceptance.expected-statuses = {OF_RULES}",
        # 412: a tag that was never given out matches no version, whatever the body says.
        "negative_data_rejection.expected-statuses = "
        "[400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429]",
        "missing_required_header.expected-statuses = [400, 401, 403, 406, 415, 422, 428]",
    ]
    known = {
        "body.clinic": [clinic.pk],
        "body.password": [PASSWORD],
        "body.patient": [keys["api:patient"]],
        "body.exam": [keys["api:exam"]],
        "body.mammogram": [keys["api:mammogram"], keys["prior_id"]],
        "body.current": [keys["api:mammogram"]],
        "body.prior": [keys["prior_id"]],
        "body.url": ["https://192.0.2.1/events"],
        "header.If-Match": [f'"{version}"' for version in range(4)],
    }
    for name, values in known.items():
        field = name.partition(".")[2]
        lines += [f"[dictionaries.{field}]", f"values = {json.dumps(list(map(str, values)))}"]
    lines += ["[parameters]"]
    lines += [
        f'"{name}" = {{ dictionary = "{name.partition(".")[2]}", probability = 0.7 }}'
        for name in known
    ]
    for path in PATHS:
        found = re.findall(r"{(\w+)}", path)
        if not found:
            continue
        parts = path.strip("/").split("/")
        kind = parts[len(parts) - 1 - parts[::-1].index("{id}") - 1] if "{id}" in path else ""
        values = {name: str(keys[KINDS[kind] if name == "id" else name]) for name in found}
        lines += ["[[operations]]", f"include-path = {json.dumps(path)}", "[operations.parameters]"]
        lines += [f'"path.{name}" = {json.dumps(value)}' for name, value in values.items()]
    lines += [  # of the right shape, but no picture: 415
        "[[operations]]",
        'include-path = "/api/v1/mammograms/"',
        "[operations.checks]",
        f"positive_data_acceptance.expected-statuses = {OF_RULES.replace('[400', '[400, 415')}",
    ]
    file = folder / "schemathesis.toml"
    file.write_text("\n".join(lines))
    return file


KINDS = {
    "patients": "api:patient",
    "merges": "api:merge",
    "history": "api:history",
    "therapy-courses": "api:course",
    "cycles": "api:cycle",
    "pathology-reports": "api:pathology",
    "exams": "api:exam",
    "exam-results": "api:exam-result",
    "mammograms": "api:mammogram",
    "lesion-marks": "api:lesion-mark",
    "analyses": "api:analysis",
    "predictions": "api:prediction",
    "comparisons": "api:comparison",
    "recommendations": "api:recommendation",
    "decisions": "api:decision",
    "findings": "api:finding",
    "similar-cases": "api:similar-cases",
    "webhooks": "api:webhook",
    "deliveries": "api:webhook-delivery",
    "readings": "api:reading",
    "arbitrations": "api:arbitration",
    "unmatched-files": "api:unmatched-file",
    "emergency-accesses": "api:emergency",
}


def generate(url: str, config: Path, *options: str) -> str:
    """Run it; the failures are the message of the assertion."""
    many = EXAMPLES > FEW
    phases = "examples,coverage,fuzzing,stateful" if many else "fuzzing"
    run = subprocess.run(
        [
            *(sys.executable, "-c", SCHEMATHESIS, "--config-file", str(config)),
            *("run", str(DOCUMENT), "--url", url, "--checks", "all", "--phases", phases),
            *("--max-examples", str(EXAMPLES), "--continue-on-failure", "--no-color"),
            *("--suppress-health-check", "all", "--seed", "1", *options),
        ],
        cwd=config.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_S,
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2000:]
    return run.stdout


def by_key(role: Role, clinic: Clinic, url: str) -> list[str]:
    _, key = make_token(make_user(role, clinics=[clinic]))
    return ["--header", f"Authorization: Bearer {key}"]


def by_browser(role: Role, clinic: Clinic, url: str) -> list[str]:
    """Signed in, with the token against forgery that a page would have sent."""
    browser, forgery = signed_in(make_user(role, clinics=[clinic])), get_token(HttpRequest())
    cookies = {name: each.value for name, each in browser.cookies.items()}
    cookies[settings.CSRF_COOKIE_NAME] = forgery
    sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return [
        *("--exclude-checks", "ignored_auth"),  # it knows the session by its name in production
        *("--header", f"Cookie: {sent}"),
        *("--header", f"X-CSRFToken: {forgery}"),
        *("--header", f"Referer: {url}/"),
    ]


# Who may do it.
PERSONAL = (
    r"/(decision|amendment|countersignature|reader-agreement|decisions/\{id\}"
    r"|unmatched-files|system)/"
)
KEEPING = r"/(webhooks|accesses|audit-chains)/"
WATCHING = r"/emergency-accesses/"
CALLERS = {
    "a doctor's key": (
        *(by_key, Role.DOCTOR),
        *("--exclude-path-regex", f"{PERSONAL}|{KEEPING}|{WATCHING}"),
    ),
    "a doctor at a browser": (by_browser, Role.DOCTOR, "--include-path-regex", PERSONAL),
    "an administrator's key": (by_key, Role.ADMIN, "--include-path-regex", KEEPING),
    "an administrator at a browser": (by_browser, Role.ADMIN, "--include-path-regex", WATCHING),
}
NOT_LET_IN = {401, 403, 405}
GENERATED: dict[str, int] = {}


@pytest.mark.parametrize("caller", CALLERS)
def test_P07_whatever_is_generated_is_answered_as_documented(
    caller, live_server, clinic, tmp_path, store, settings, hints, monkeypatch
):
    settings.API_REQUESTS_A_MINUTE = 10**9
    monkeypatch.setattr(reauthentication, "ATTEMPTS", 10**9)  # of wrong passwords
    config = configuration(tmp_path, keys_of(clinic), clinic)
    sign_in, role, *operations = CALLERS[caller]
    answers = tmp_path / "answers.har"

    said = generate(
        live_server.url,
        config,
        *sign_in(role, clinic, live_server.url),
        *operations,
        *("--report-har-path", str(answers)),
    )

    selected = int(re.search(r"Selected: (\d+)", said)[1])
    GENERATED[caller] = int(re.search(r"(\d+) generated", said)[1])
    sys.stdout.write(
        f"\n{caller}: {GENERATED[caller]} requests generated for {selected} operations; "
        f"{sum(GENERATED.values())} in all\n"
    )
    assert GENERATED[caller] >= selected
    statuses = statuses_in(answers)
    assert [each for each, seen in statuses.items() if seen <= NOT_LET_IN] == []
    if EXAMPLES > FEW:
        assert len(statuses) == selected


def statuses_in(answers: Path) -> dict[str, set[int]]:
    """What each operation of the document was answered."""
    patterns = {path: re.compile(re.sub(r"{\w+}", "[^/]+", path)) for path in PATHS}
    document = yaml.safe_load(DOCUMENT.read_text())["paths"]
    statuses = defaultdict(set)
    for entry in json.loads(answers.read_text())["log"]["entries"]:
        address, method = urlsplit(entry["request"]["url"]).path, entry["request"]["method"]
        for path, pattern in patterns.items():
            exact = path == address or ("{" in path and pattern.fullmatch(address))
            if exact and method.lower() in document[path]:
                statuses[f"{method} {path}"].add(entry["response"]["status"])
    return statuses
