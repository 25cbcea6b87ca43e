"""Imports the stock backend without its search for the geographic library GDAL.

Without GDAL the backend leaves its geographic fields out, but to learn that it runs
compilers and linkers, three times over, which makes every process start more than half
a second later.
"""

import ctypes.util

_find_library = ctypes.util.find_library
ctypes.util.find_library = lambda name: None
try:
    import django_mongodb_backend.base  # noqa: F401
finally:
    ctypes.util.find_library = _find_library
