# make .venv: the Python environment. make test: the tests. make test-full: the long tests, those with the marker `full`.
# make demo: train and test POSTER V2 on drawn faces.
PYTHON ?= python3
RUN := demo_$(shell date +%Y-%m-%d_%H-%M-%S)
PYTEST := OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: .venv test test-full demo

.venv: .venv/.installed

# the stamp is written last: an installation that broke off is done again
.venv/.installed: requirements.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet -r requirements.txt
	touch $@

.venv/.tested: .venv/.installed tests/requirements.txt requirements-extras.txt requirements-faces.txt requirements-retinaface.txt
	.venv/bin/python -m pip install --quiet -r tests/requirements.txt
	.venv/bin/python -m pip install --quiet --no-deps -r requirements-retinaface.txt
	touch $@

test: .venv/.tested
	$(PYTEST) -m "not full"

test-full: .venv/.tested
	$(PYTEST) -m full

demo: .venv/.installed
	.venv/bin/python main.py --run $(RUN)
	.venv/bin/python main.py --evaluate checkpoint/$(RUN)/best.pth --run $(RUN)_test
