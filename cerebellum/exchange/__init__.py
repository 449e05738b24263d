"""What other tools open: networks and spikes in SONATA files, and those networks on NEST."""

from cerebellum.exchange.export import EXPORT, export, left_out
from cerebellum.exchange.sonata_reader import read_sonata
from cerebellum.exchange.sonata_spikes import read_spikes, write_spikes

__all__ = ["EXPORT", "export", "left_out", "read_sonata", "read_spikes", "write_spikes"]
