"""computenet: simulate and plan a national network of computing hubs."""
