"""log/<run>/report.html: what a run did and how well, in one file that loads nothing.

statistics: intervals and calibration; selection: which images are shown; timing: what an epoch costs; facts: what ran;
figures, sections: the charts and the texts of the page; faces, thumbnails: its images; page: all of it, from records and
predictions, laid out by page.html; run_page: the one thing that a run holds.
"""
