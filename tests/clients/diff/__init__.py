"""The parts of the differential test (`../differential.py`): random programs, both sides, comparing, shrinking."""
