"""DICOMweb (DICOM PS3.18): store, search and retrieve over the mammograms on record."""
