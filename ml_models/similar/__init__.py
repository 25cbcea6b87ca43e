"""Reference pictures that look like a mammogram: the set, the search, and what it is worth.

``python -m ml_models.similar.build`` makes the reference set; ``python -m
ml_models.similar.measure`` prints whether neighbours carry information. The set is read with numpy
alone; embedding a picture loads OpenVINO.
"""
