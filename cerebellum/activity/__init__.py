"""What any engine leaves: spikes or rates of populations, and the statistics of both."""
