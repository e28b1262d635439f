// Placeholder until the first file of DeviceClient lands.
