"""A report of what an account did: one HTML page and one PDF, from the same sections, tables and pictures."""

from gamma.report.document import document
from gamma.report.form import Picture, Section, Table
from gamma.report.page import page
from gamma.report.sections import sections
from gamma.report.subject import Subject

__all__ = ["Picture", "Section", "Subject", "Table", "document", "page", "sections"]
