"""A doctor's BI-RADS descriptors of a mass to a calibrated probability of malignancy.

Inference is plain numpy, light enough for the web process; scikit-learn and matplotlib serve
training and the card only. ``python -m ml_models.attributes`` trains, measures and writes the card.
"""
