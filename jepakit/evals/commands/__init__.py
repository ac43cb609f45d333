"""Commands of ``evaluate.py``, one a file; what is slow to import waits until one runs."""
