"""What a run will cost before it is begun: samples, parameters, memory, time."""
