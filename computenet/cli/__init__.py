"""The command line: a thin layer over :mod:`computenet.study`."""
