"""People are deactivated, never deleted: what they signed keeps its name."""

import pytest
from django.db.models import ProtectedError

from mammotrack.accounts.models import Role, User
from tests.factories.analysis import make_decision

pytestmark = pytest.mark.django_db


def test_A1_six_roles_and_no_way_to_delete_a_signer():
    assert len(Role) == 6
    decision = make_decision()

    with pytest.raises(ProtectedError):
        decision.signed_by.delete()

    assert User.objects.filter(pk=decision.signed_by_id).exists()
