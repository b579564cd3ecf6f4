"""Estimates before a run is started: samples, parameters, memory, time."""
