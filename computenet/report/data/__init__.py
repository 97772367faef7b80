"""Simplified borders of China for the report's map, and the script that makes them."""
