"""Requests that nobody thought of, generated from the committed document, against a real server.

A few hundred of them with every run of the tests. For many more, each operation N times:

    MAMMOTRACK_GENERATED_EXAMPLES=N python -m pytest tests/mammotrack/test_api_generated.py
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from mammotrack.accounts.models import Role
from tests.factories.accounts import make_clinic, make_token, make_user
from tests.test_access import keys_of

FEW = 2  # of each operation, in every run of the tests
EXAMPLES = int(os.environ.get("MAMMOTRACK_GENERATED_EXAMPLES", str(FEW)))
SHORT_S, LONGEST_S = 50, 4 * 3600
DOCUMENT = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"

# A value of the right shape may still be refused for what the record says, by 400 where values
# contradict each other (``inconsistent``).
OF_RULES = '[400, 200, 201, 202, 401, 403, 404, 409, 412, 422, "2xx"]'

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def clinic():
    return make_clinic()


def configuration(folder: Path, keys: dict) -> Path:
    """The keys that stand in addresses: those of records, so that more than a 404 is met."""
    lines = [
        "[checks]",
        f"positive_data_acceptance.expected-statuses = {OF_RULES}",
        # 412: a tag that was never given out matches no version, whatever the body says.
        "negative_data_rejection.expected-statuses = "
        "[400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429]",
    ]
    names = re.findall(r"^  (/api/v1/\S+):$", DOCUMENT.read_text(), flags=re.MULTILINE)
    for path in names:
        found = re.findall(r"{(\w+)}", path)
        if not found:
            continue
        parts = path.strip("/").split("/")
        kind = (
            parts[[i for i, p in enumerate(parts) if p == "{id}"][-1] - 1] if "{id}" in path else ""
        )
        values = {name: str(keys[KINDS[kind] if name == "id" else name]) for name in found}
        lines += ["[[operations]]", f"include-path = {json.dumps(path)}", "[operations.parameters]"]
        lines += [f'"path.{name}" = {json.dumps(value)}' for name, value in values.items()]
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
}


def generate(url: str, config: Path, *options: str) -> str:
    """Run it; the failures are the message of the assertion."""
    many = EXAMPLES > FEW
    phases = "examples,coverage,fuzzing,stateful" if many else "fuzzing"
    bound = [] if many else ["--max-time", str(SHORT_S)]
    run = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
            *("run", str(DOCUMENT), "--url", url, "--checks", "all"),
            *("--max-examples", str(EXAMPLES), "--continue-on-failure", "--no-color"),
            *(
                "--phases",
                phases,
                "--suppress-health-check",
                "all",
                "--seed",
                "1",
                *bound,
                *options,
            ),
        ],
        cwd=config.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_S,
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2000:]
    return run.stdout


def test_P07_whatever_is_generated_is_answered_as_documented(
    live_server, clinic, tmp_path, store, settings, hints
):
    settings.API_REQUESTS_A_MINUTE = 10**9
    config = configuration(tmp_path, keys_of(clinic))
    _, key = make_token(make_user(Role.DOCTOR, clinics=[clinic]))

    said = generate(live_server.url, config, "--header", f"Authorization: Bearer {key}")

    assert int(re.search(r"(\d+) generated", said)[1]) >= 20 * EXAMPLES
