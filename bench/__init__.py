"""bench: the ECG representation-learning benchmark."""

import os

# Before torch is imported: by default its threads spin while they wait, and one busy neighbour on the machine then makes
# small steps ten times slower (measured on 2 cores: 2.3 s a step against 0.25 s with waiting threads asleep).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
