"""Side by side with other tools; each needs the tool installed beside computenet."""
