"""What others may hear of the trail."""

from django.dispatch import Signal

# An act is recorded, in the transaction of the act: action, clinic_id, object_type, object_id
# and patient_id.
recorded = Signal()
