"""From activity to what it says: microzones, readers of a memory, and how well they agree."""
