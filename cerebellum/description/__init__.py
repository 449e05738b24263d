"""What model and protocol files say, checked: circuits and experiments as immutable data, free of any engine."""
