// Placeholder until the first file of MuranoSandbox lands.
