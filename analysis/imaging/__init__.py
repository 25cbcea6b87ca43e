"""Measurements on mammograms as plain arrays: (rows, cols), float32 in [0, 1], bright tissue.

Pure: numpy, OpenCV and scikit-image only. Nothing here knows patients, files of the clinic or
the database.
"""
