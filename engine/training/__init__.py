"""The epoch loop, the step, SAM, optimisers, objectives, and what goes wrong in them."""
