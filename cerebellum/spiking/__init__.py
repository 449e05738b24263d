"""The spiking engine: a circuit as a Brian2 network. Only this folder imports brian2."""
