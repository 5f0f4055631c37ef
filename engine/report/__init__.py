"""log/<run>/report.html: what a run did and how well, in one file that loads nothing.

statistics: intervals and calibration; selection: which pictures are shown; timing: what an epoch costs; facts: what ran;
figures, confusion, sections: the parts of the page; thumbnails: its pictures; page: all of it, from records and
predictions; run_page: the one thing that a run holds.
"""
