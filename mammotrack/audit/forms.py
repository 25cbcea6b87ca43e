from django import forms


class PatientForm(forms.Form):
    patient_id = forms.UUIDField(
        label="Id of the patient",
        help_text="As it stands in the address of the patient's page.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
