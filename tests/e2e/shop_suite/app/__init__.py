"""The application: each function in views.py answers one route with plain values."""
