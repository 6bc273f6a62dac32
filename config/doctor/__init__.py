"""`manage.py doctor`: what is wrong with an installation, each thing with its fix. It changes nothing.

A check is one function that returns a Finding, or several; see `registry`. It never waits longer than its
deadline, runs even if earlier ones failed, and is skipped only when something it needs is missing.
"""
