"""Whether what a method is tested on was in what it was pretrained on: by declaration, by ids, and by the waveform."""
