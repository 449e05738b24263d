"""Figures. Every draw_ function takes and returns axes; only this folder imports matplotlib."""
