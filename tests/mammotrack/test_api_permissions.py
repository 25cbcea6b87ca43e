"""Who may call what: every route of the API is walked, so a new one cannot be forgotten."""

import uuid

import pytest
from django.urls import URLPattern, reverse
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

from mammotrack.accounts.models import Role, User
from mammotrack.accounts.policy import GRANTS, SCOPE_OF, Permission, Scope
from mammotrack.api.permissions import DenyByDefault
from mammotrack.api.router import urlpatterns
from mammotrack.api.viewsets import ApiViewSet
from tests.api import Program, assert_problem
from tests.factories.accounts import make_user

PUBLIC = {"schema", "docs"}  # say what can be called and hold no data
OF_SEVERAL_SCOPES = {"timeline-list"}  # tells what lies in three
METHODS = {"get", "post", "put", "patch", "delete"}


def actions_of(route: URLPattern) -> dict[str, str]:
    return {m: a for m, a in route.callback.actions.items() if m in METHODS}


ROUTES = [route for route in urlpatterns if route.name not in PUBLIC]
CALLS = [
    (route, method, action) for route in ROUTES for method, action in actions_of(route).items()
]
NAMES = [f"{route.name} {action}" for route, _, action in CALLS]


def address(route: URLPattern) -> str:
    return reverse(f"api:{route.name}", args=[uuid.uuid4()] * len(route.pattern.converters))


@pytest.mark.parametrize(("route", "method", "action"), CALLS, ids=NAMES)
def test_every_action_declares_its_permission(route, method, action):
    view = route.callback.cls

    assert issubclass(view, ApiViewSet)
    assert view.permission_classes == [DenyByDefault]
    assert isinstance(view.permissions[action], Permission)
    assert SCOPE_OF[view.permissions[action]] in {*Scope, None}


def test_I2_every_permission_says_which_scope_a_key_needs():
    assert set(SCOPE_OF) == set(Permission)
    assert {scope for scope in SCOPE_OF.values() if scope} == set(Scope)
    never = {permission for permission, scope in SCOPE_OF.items() if scope is None}
    assert never == {
        Permission.MATCH_FILES,
        Permission.SEE_SYSTEM,
        Permission.LOAD_SAMPLES,
        Permission.BREAK_GLASS,
        Permission.SIGN_DECISIONS,
        Permission.JUDGE_MODELS,
        Permission.ACTIVATE_MODELS,
        Permission.ERASE_PATIENTS,
    }


def test_only_the_description_is_public():
    public = {r.name for r in urlpatterns if r.callback.cls.permission_classes == [AllowAny]}

    assert public == PUBLIC


def test_permissions_name_no_action_that_does_not_exist():
    declared = {
        (view, name) for view in {r.callback.cls for r in ROUTES} for name in view.permissions
    }

    assert declared == {(route.callback.cls, action) for route, _, action in CALLS}


def test_action_that_is_not_declared_is_denied(rf):
    class Forgotten(APIView):
        action = "list"

    request = rf.get("/")
    request.user, request.auth = make_unsaved(Role.DOCTOR), None

    assert DenyByDefault().has_permission(request, Forgotten()) is False
    Forgotten.permissions = {"retrieve": Permission.READ_PATIENTS}
    assert DenyByDefault().has_permission(request, Forgotten()) is False
    Forgotten.permissions = {"list": Permission.READ_PATIENTS}
    assert DenyByDefault().has_permission(request, Forgotten()) is True


def make_unsaved(role: str) -> User:
    return User(username="x", role=role)


@pytest.mark.django_db
@pytest.mark.parametrize("role", Role.values)
def test_each_role_meets_exactly_what_it_is_granted(role):
    """Over every route: without the permission 403; with it, an unknown id or an empty
    body is what stops the call."""
    program = Program(make_user(role), browser=True)

    for route, method, action in CALLS:
        response = getattr(program.client, method)(address(route))
        granted = route.callback.cls.permissions[action] in GRANTS[role]
        if granted:
            assert response.status_code in {200, 400, 404, 415}, (route.name, action)
        else:
            assert_problem(response, 403, "forbidden")


@pytest.mark.django_db
def test_nobody_gets_401_everywhere():
    for route, method, _ in CALLS:
        response = getattr(Program().client, method)(address(route))
        assert_problem(response, 401, "not_authenticated")


@pytest.mark.django_db
@pytest.mark.parametrize("scope", Scope.values)
def test_I2_Z11_each_scope_opens_exactly_its_permissions(scope):
    """Over every route, with the key of a doctor who may do nearly all."""
    program = Program(make_user(Role.DOCTOR), scopes=[scope])

    for route, method, action in CALLS:
        permission = route.callback.cls.permissions[action]
        response = getattr(program.client, method)(address(route))
        if permission not in GRANTS[Role.DOCTOR]:
            assert_problem(response, 403, "forbidden")
        elif SCOPE_OF[permission] == scope and route.name not in OF_SEVERAL_SCOPES:
            assert response.status_code in {200, 400, 404, 415, 428}, (route.name, action)
        else:
            assert_problem(response, 403, "insufficient_scope")
