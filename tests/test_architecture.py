"""Rules about the code itself that no linter knows."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
APPS = ("mammotrack", "patients", "scans", "analysis")
DOORS = sorted(
    path
    for app in APPS
    for name in ("views.py", "*_views.py", "views/*.py", "api.py", "*_api.py", "api/*.py")
    for path in (ROOT / app).rglob(name)
    if path.parent != ROOT / "mammotrack/api"  # what all doors of the API stand on
)
HEAVY = ("tensorflow", "keras", "openvino", "cv2", "skimage", "imagecodecs")


def test_there_are_doors_to_look_at():
    assert len(DOORS) >= 40


@pytest.mark.parametrize("door", DOORS, ids=lambda path: str(path.relative_to(ROOT)))
def test_doors_leave_the_database_to_selectors_and_services(door):
    tree = ast.parse(door.read_text())
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}

    assert used.isdisjoint({"objects", "save", "delete", "bulk_create"})


def test_the_web_process_loads_no_heavy_library():
    program = (
        "import sys, django; django.setup(); import mammotrack.wsgi;"
        "from django.urls import get_resolver; get_resolver().url_patterns;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "[]"


def test_every_setting_of_the_environment_is_documented():
    readers = re.compile(r'env\.(?:text|boolean|integer|items|path|secret)\(\s*"([A-Z_]+)"')
    read = set(readers.findall((ROOT / "mammotrack/settings.py").read_text()))

    documented = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)

    assert read <= set(documented)
    assert len(read) > 10


def test_no_template_has_inline_script_or_style():
    inline = re.compile(
        r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:", re.IGNORECASE
    )
    templates = [p for p in (ROOT / "templates").rglob("*.html") if "admin" not in p.parts]

    offenders = [str(p.relative_to(ROOT)) for p in templates if inline.search(p.read_text())]

    assert templates
    assert offenders == []


def test_links_of_the_documents_lead_somewhere():
    broken = [
        f"{page.name}: {target}"
        for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []
