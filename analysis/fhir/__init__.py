"""FHIR R4 (4.0.1): the record to read, to search and to export. Nothing is written through it."""
