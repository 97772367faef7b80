"""Seeded demand that behaves like the real thing: requests and jobs."""
