"""What a user starts: train, evaluate, predict, a series of seeds."""
