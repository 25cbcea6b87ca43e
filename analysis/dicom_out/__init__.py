"""Results as DICOM objects, for a PACS and for viewers that know nothing of MammoTrack."""
