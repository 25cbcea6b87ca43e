from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from mammotrack.accounts.models import User
from mammotrack.audit.models import Action
from mammotrack.audit.trail import Filters


class PatientForm(forms.Form):
    patient_id = forms.UUIDField(
        label=_("Id of the patient"),
        help_text=_("As it stands in the address of the patient's page."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class TrailForm(forms.Form):
    """What of the trail to show; everything is optional."""

    action = forms.ChoiceField(label=_("What"), required=False)
    actor = forms.ModelChoiceField(
        label=_("Who"), queryset=User.objects.none(), required=False, empty_label=_("Everybody")
    )
    patient = forms.UUIDField(
        label=_("Id of the patient"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    since = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, reader: User, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["action"].choices = [("", _("Everything")), *Action.choices]  # type: ignore[attr-defined]
        colleagues = User.objects.filter(memberships__clinic_id__in=reader.clinic_ids)
        actor = self.fields["actor"]
        actor.queryset = colleagues.distinct().order_by("full_name")  # type: ignore[attr-defined]
        actor.label_from_instance = User.get_full_name  # type: ignore[attr-defined]

    def filters(self) -> Filters:
        """Of a form that is valid, or of none."""
        given = self.cleaned_data if self.is_valid() else {}
        actor = given.get("actor")
        return Filters(
            action=given.get("action", ""),
            actor_id=actor.pk if actor else None,
            patient_id=given.get("patient"),
            since=given.get("since"),
            until=given.get("until"),
        )
