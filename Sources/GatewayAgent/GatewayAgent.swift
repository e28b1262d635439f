// Placeholder until the first file of GatewayAgent lands.
