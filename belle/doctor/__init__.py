"""What kind of machine this is, and whether everything here works on it: `belle doctor`, and a page of the window.

`report` is what is known; each other module looks at one side of the machine and gives one `Section`. Facts that tell
who someone is or what they do (paths, names of files) are marked private and stay out of the JSON of bug reports.
"""

from belle.doctor.examination import examine
from belle.doctor.report import DoctorReport, Fact, Problem, Section

__all__ = ["DoctorReport", "Fact", "Problem", "Section", "examine"]
