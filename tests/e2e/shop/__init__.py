"""The shop: a SQLAlchemy 2.0 application to be profiled. `python -m shop --help` says what it can do."""
