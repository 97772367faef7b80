"""Speed of kernels and whole runs, as ratios measured side by side in one run."""
