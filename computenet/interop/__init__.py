"""Other tools' formats: PyPSA, NetCDF, Standard Workload Format, GeoJSON; candidate sites."""

from computenet.interop.candidates import CandidateTemplate, candidate_template, layout_from_sites
from computenet.interop.exporting import FORMATS, export

__all__ = ["FORMATS", "CandidateTemplate", "candidate_template", "export", "layout_from_sites"]
