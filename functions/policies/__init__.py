"""Policies and the questions of auditors, answered from the settings in force."""
