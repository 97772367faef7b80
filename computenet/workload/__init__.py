"""Demand: columnar tables, trace readers, generators, replay."""
