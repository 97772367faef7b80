"""What a run leaves behind: tables, summary, audit, and the directory they live in."""

from computenet.results.audit import Audit
from computenet.results.run import Results
from computenet.results.storage import load_run, save_run

__all__ = ["Audit", "Results", "load_run", "save_run"]
