"""Tests with real servers and a real browser: `make test-live`."""
